"""Counts what ran, and fails when anything failed, nothing ran, or something was skipped.

It needs no more than a Python 3.9 with nothing installed, as it has to tell of a set-up that failed, too.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

Tally = tuple[int, int, int]


def robot(path: Path) -> Tally:
    """Passed, failed and skipped tests of a Robot Framework output.xml."""
    stat = ET.parse(path).getroot().find("statistics/total/stat")  # noqa: S314 our own file
    if stat is None:
        raise ValueError("there are no statistics in it")
    return int(stat.attrib["pass"]), int(stat.attrib["fail"]), int(stat.attrib["skip"])


def pytest(path: Path) -> Tally:
    """Passed, failed and skipped tests of a JUnit file."""
    suites = list(ET.parse(path).getroot().iter("testsuite"))  # noqa: S314 our own file
    total, bad, skipped = (
        sum(int(suite.attrib[name]) for suite in suites for name in names)
        for names in (["tests"], ["failures", "errors"], ["skipped"])
    )
    return total - bad - skipped, bad, skipped


def lane(path: Path) -> Tally:
    """Defects that were killed and those that were not; what the budget left out did not have to run."""
    told = json.loads(path.read_text(encoding="utf-8"))
    passed, bad = told["killed"], told["total"] - told["killed"] + len(told["clean_alarms"])
    return passed, bad + bool(told["interrupted"]), 0


def soak(path: Path) -> Tally:
    """Executions on the sound platform: those that passed, and all others."""
    told = json.loads(path.read_text(encoding="utf-8"))
    return told["passed"], told["executions"] - told["passed"], 0


def counted(count: Callable[[Path], Tally], path: Path) -> tuple[Tally, str]:
    """Counts one file; one that is missing or cut off is a failure, as nobody knows what it would have held."""
    if not path.exists():
        return (0, 1, 0), " (it is not there)"
    try:
        return count(path), ""
    except (ET.ParseError, KeyError, ValueError) as error:
        return (0, 1, 0), f" (it is not whole: {error})"


def main() -> int:
    """Prints the closing line; the exit status says whether all that should run ran and passed."""
    failed_before, *files = sys.argv[1:]
    passed = failed = skipped = 0
    all_of_them = []
    for count, name in zip((robot, pytest, lane, soak, robot), files):  # noqa: B905 - Python 3.9 knows no `strict`
        tally, why = counted(count, Path(name))
        print(f"{name}: {tally[0]} passed, {tally[1]} failed, {tally[2]} skipped{why}")
        all_of_them.append(tally)
        passed, failed, skipped = passed + tally[0], failed + tally[1], skipped + tally[2]
    if failed_before != "0" and not failed:
        failed = 1
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return int(bool(failed or skipped or any(tally[0] == 0 for tally in all_of_them)))


if __name__ == "__main__":
    sys.exit(main())
