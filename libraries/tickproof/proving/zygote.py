"""A process that has loaded all that a run needs and forks for each: `python -m tickproof.proving.zygote`.

Loading Robot, Arrow and the keyword libraries takes longer than most tests of the lane. A fork has them at once and
shares nothing else with the runs before it. Orders come as lines of JSON on standard input, answers go to standard
output:

    {"argv": [...], "log": "/path"}  ->  {"pid": 17}, and when it is over {"code": 1}
"""

import contextlib
import importlib
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from tickproof.stack.processes import die_with_parent

FOREIGN = ("RequestsLibrary", "duckdb", "pyiceberg.catalog.sql")
BROKE_OFF = 255


def main() -> None:
    """Serve until standard input ends."""
    import robot.run  # type: ignore[import-untyped] # noqa: F401, PLC0415 - loaded once, for all runs

    kit = Path(__file__).parents[1]
    libraries = [path.stem for path in kit.glob("*.py") if "\n@library(" in path.read_text(encoding="utf-8")]
    for name in (*FOREIGN, *(f"tickproof.{library}" for library in libraries), "tickproof.proving.smoke"):
        importlib.import_module(name)
    _tell({"ready": os.getpid()})
    for line in sys.stdin:
        order, tie = json.loads(line), die_with_parent()
        child = os.fork()
        if not child:
            if tie:
                tie()
            _run(order)
        _tell({"pid": child})
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        _tell({"code": code if code >= 0 else BROKE_OFF})


def _run(order: dict[str, Any]) -> None:
    """Be the run; never return."""
    code = BROKE_OFF
    try:
        # A run must not read the orders of the others, nor write among the answers.
        nothing = os.open(os.devnull, os.O_RDONLY)
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        for source, place in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(source, place)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        from robot.run import run_cli  # noqa: PLC0415 - loaded long since

        code = run_cli(order["argv"], exit=False)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else BROKE_OFF
    except BaseException:  # noqa: BLE001 - whatever it was stands in the run's log, and the run counts as broken off
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _tell(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    main()
