"""What the documents say is what the code does."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tickproof.exchange.garbage import KINDS, Treatment

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = sorted(
    f"tickproof.{path.stem}"
    for path in ROOT.glob("libraries/tickproof/*.py")
    if re.search(r"^@library", path.read_text(), re.MULTILINE)
)
RESOURCES = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("resources/*.resource"))
DOES = {
    Treatment.QUARANTINE: "sets it aside as a dead letter with this reason; its neighbours are stored",
    Treatment.ACCEPT: "stores the trade",
    Treatment.RECONNECT: "reconnects, and repairs what it missed from the venue's history",
}


def garbage_page() -> str:
    rows = "\n".join(
        f"| `{k.name}` | {k.looks} | {DOES[k.treatment]} | {k.because} |" for k in KINDS.values()
    )
    return (
        "# Garbage\n\n"
        "What the simulated exchange can send instead of a proper trade frame, and what a good platform does with it.\n"
        "`suites/pipeline/garbage_is_set_aside.robot` judges each row.\n\n"
        "| kind | how it looks | a good platform | because |\n|---|---|---|---|\n"
        f"{rows}\n"
    )


def test_the_page_of_garbage_lists_every_kind() -> None:
    page = ROOT / "docs" / "garbage.md"
    assert page.read_text() == garbage_page(), "write garbage_page() into docs/garbage.md"


def test_every_link_of_the_readme_leads_somewhere() -> None:
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")]:
        for link in re.findall(r"\]\((?!https?://)([^)#]+)", path.read_text()):
            assert (path.parent / link).exists(), f"{path.name} links to {link}"


def test_the_readme_names_only_files_and_targets_that_exist() -> None:
    text = (ROOT / "README.md").read_text()
    for path in re.findall(r"`?((?:suites|resources|variables|docs)/[\w/.-]*\w)`?", text):
        assert (ROOT / path).exists() or path == "suites/examples/mine.robot" or "libdoc" in path, path
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"make ([a-z0-9-]+)", text):
        name = re.sub(r"^e2e-.*", "e2e-%", target)
        assert re.search(rf"^{re.escape(name)}:", makefile, re.MULTILINE), target


def test_make_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z0-9%-]+):(?!=)", makefile, re.MULTILINE))
    shown = subprocess.run(
        ["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for target in targets:
        assert re.search(rf"^  {re.escape(target.replace('%', '<category>'))} ", shown, re.MULTILINE), target


@pytest.mark.parametrize("documented", [*LIBRARIES, *RESOURCES])
def test_every_keyword_library_and_resource_has_its_page(documented: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    libdoc = [sys.executable, "-m", "robot.libdoc", documented, str(page)]
    done = subprocess.run(libdoc, check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == "", "a page with errors in it"
    assert '"keywords": [{' in page.read_text()


def test_the_pages_are_those_of_make_docs() -> None:
    would = subprocess.run(
        ["make", "-n", "docs"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    (listed,) = re.findall(r"for library in (.*?);", would)
    assert [f"tickproof.{name}" for name in listed.split()] == LIBRARIES
