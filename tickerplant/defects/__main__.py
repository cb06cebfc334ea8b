"""Run a service with a seeded defect: python -m tickerplant.defects <service> <id>; or --list, or --json.

`stack <id>` reads a compose document as JSON from standard input and writes the defective one.
"""

import argparse
import json
import os
import sys

from tickerplant.defects.binding import BindingError
from tickerplant.defects.catalog import every, files_of, find
from tickerplant.defects.model import SERVICES, STACK, Reached
from tickerplant.defects.services import assemble
from tickerplant.defects.stack import change
from tickerplant.service import Environment, Log, SettingsError, Stop, main


def _list() -> None:
    defects = list(every())
    for defect in defects:
        print(f"{defect.id:<46} {defect.family:<14} {defect.incident}")
    families = len({defect.family for defect in defects})
    print(f"{len(defects)} defects of {families} families.")


def _tell() -> None:
    """Tell in JSON what a lane has to know of each defect."""
    print(
        json.dumps(
            [
                {
                    "id": defect.id,
                    "family": defect.family,
                    "incident": defect.incident,
                    "service": defect.service,
                    "kills": defect.kills,
                    "says": defect.says,
                    "before": defect.before,
                    "own_stack": defect.needs_own_stack,
                    "files": files_of(defect),
                }
                for defect in every()
            ]
        )
    )


def _run(service: str, identity: str) -> int:
    def body(environment: Environment, log: Log, stop: Stop) -> None:
        defect = find(service, identity)
        run = assemble(defect, environment, log, stop, Reached.of(os.environ, defect.id))
        log.warning("defective", defect=defect.id, part=defect.part)
        run()

    return main(service, body)


def _change(identity: str) -> int:
    try:
        changed = change(find(STACK, identity), json.load(sys.stdin), Reached.of(os.environ, identity))
    except (SettingsError, BindingError) as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(changed))
    return 0


parser = argparse.ArgumentParser(prog="python -m tickerplant.defects", description=__doc__)
parser.add_argument("service", nargs="?", help=", ".join(SERVICES))
parser.add_argument("id", nargs="?", help="the defect")
parser.add_argument("--list", action="store_true", help="name all defects")
parser.add_argument("--json", action="store_true", help="tell all that there is to know of them")
asked = parser.parse_args()
if asked.list:
    _list()
elif asked.json:
    _tell()
elif asked.id is None:
    parser.error("name a service and a defect, or ask for the --list")
else:
    sys.exit(_change(asked.id) if asked.service == STACK else _run(asked.service, asked.id))
