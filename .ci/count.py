"""Counts what ran, and fails when anything failed, nothing ran, or something was skipped.

It needs no more than a Python 3.9 with nothing installed, as it has to tell of a set-up that failed, too.
"""

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
    lanes = []
    for count, name in zip((robot, pytest), files):  # noqa: B905 - Python 3.9 knows no `strict`
        lane, why = counted(count, Path(name))
        print(f"{name}: {lane[0]} passed, {lane[1]} failed, {lane[2]} skipped{why}")
        lanes.append(lane)
        passed, failed, skipped = passed + lane[0], failed + lane[1], skipped + lane[2]
    if failed_before != "0" and not failed:
        failed = 1
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return int(bool(failed or skipped or any(lane[0] == 0 for lane in lanes)))


if __name__ == "__main__":
    sys.exit(main())
