"""Counts what ran, and fails when anything failed, nothing ran, or something was skipped."""

import sys
from pathlib import Path
from xml.etree import ElementTree as ET


def robot(path: Path) -> tuple[int, int, int]:
    """Passed, failed and skipped tests of a Robot Framework output.xml."""
    stat = ET.parse(path).getroot().find("statistics/total/stat")  # noqa: S314 our own file
    if stat is None:
        return 0, 1, 0
    return int(stat.attrib["pass"]), int(stat.attrib["fail"]), int(stat.attrib["skip"])


def pytest(path: Path) -> tuple[int, int, int]:
    """Passed, failed and skipped tests of a JUnit file."""
    suites = list(ET.parse(path).getroot().iter("testsuite"))  # noqa: S314 our own file
    total, bad, skipped = (
        sum(int(suite.attrib[name]) for suite in suites for name in names)
        for names in (["tests"], ["failures", "errors"], ["skipped"])
    )
    return total - bad - skipped, bad, skipped


def main() -> int:
    """Prints the closing line; the exit status says whether all that should run ran and passed."""
    failed_before, *files = sys.argv[1:]
    passed = failed = skipped = 0
    lanes = []
    for count, name in zip((robot, pytest), files, strict=True):
        path = Path(name)
        lane = count(path) if path.exists() else (0, 1, 0)
        print(f"{name}: {lane[0]} passed, {lane[1]} failed, {lane[2]} skipped")
        lanes.append(lane)
        passed, failed, skipped = passed + lane[0], failed + lane[1], skipped + lane[2]
    if failed_before != "0" and not failed:
        failed = 1
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return int(bool(failed or skipped or any(lane[0] == 0 for lane in lanes)))


if __name__ == "__main__":
    sys.exit(main())
