"""What the commands that prove something read and write: the suites' folder, and their reports."""

from pathlib import Path

from tickproof.stack import StackInputError


def check_suites(folder: Path) -> None:
    """See that a folder holds suites.

    Raises:
        StackInputError: It does not.
    """
    if not (folder / "pipeline").is_dir():
        raise StackInputError(f"There are no suites in {folder}; name their folder with --suites.")


def write(path: Path, text: str) -> None:
    """Write a report so that nobody ever reads half of it."""
    scratch = path.with_name(f"{path.name}.new")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(path)
