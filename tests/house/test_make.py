"""What `make` says while it sets up the venv, and when it cannot: with a Python that only pretends."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from messages.approved import approve

ROOT = Path(__file__).resolve().parents[2]

# Answers what the Makefile asks of a Python; its venv holds itself, and programs that tell their arguments.
PRETENDER = """\
#!/bin/bash
case "$*" in
  -V) echo "Python ${VERSION:-3.11.2}" ;;
  "-c import sys"*) [ -z "${VERSION:-}" ] ;;
  "-c import ensurepip, venv") [ -z "${NO_VENV:-}" ] ;;
  "-c print(open("*) cat .venv/.ready ;;
  "-m venv --clear .venv")
    [ -z "${NO_SPACE:-}" ] || { echo "Error: [Errno 28] No space left on device" >&2; exit 1; }
    rm -rf .venv; mkdir -p .venv/bin; cp "$0" .venv/bin/python
    for name in robot tickproof; do printf '#!/bin/bash\\necho $(basename $0) $*\\n' > .venv/bin/$name; done
    chmod +x .venv/bin/* ;;
  "-m pip install "*)
    [ -z "${NO_INDEX:-}" ] || { echo "ERROR: No matching distribution found for confluent-kafka>=2.16" >&2; exit 1; }
    echo "  Installing build dependencies: started"
    for n in {1..21}; do
      echo "Collecting package$n"; echo "  Downloading package$n-1-py3-none-any.whl.metadata (1 kB)"
    done
    for n in {1..10}; do echo "Downloading package$n-1-py3-none-any.whl (1 kB)"; done
    for n in {11..21}; do echo "  Using cached package$n-1-py3-none-any.whl (1 kB)"; done
    echo "Installing collected packages: package1"; echo "Successfully installed package1-1" ;;
  *) echo "the pretended Python was asked: $*" >&2; exit 70 ;;
esac
"""


class Checkout:
    """A folder with our Makefile, in which `make` meets a pretended Python."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "checkout"
        self.programs = folder / "programs"
        self.programs.mkdir()
        self.pretender = self.programs / "python3"
        self.pretender.write_text(PRETENDER)
        self.pretender.chmod(0o755)
        for category in ("journeys", "pipeline"):
            (self.folder / "suites" / category).mkdir(parents=True)
        for name in ("Makefile", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, self.folder / name)

    def make(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        # Nothing of our own environment: this test may run below another make.
        return subprocess.run(
            ["make", *arguments],
            cwd=self.folder,
            env={"PATH": f"{self.programs}:/usr/bin:/bin", "LC_ALL": "C", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def approve(self, name: str, said: str) -> None:
        approve(f"make-{name}", re.sub(r"Makefile:\d+", "Makefile:N", said))


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.mark.parametrize(
    ("name", "environment"),
    [
        ("no-such-python", {"PYTHON": "nopython"}),
        ("python-is-old", {"VERSION": "3.9.2"}),
        ("no-venv-module", {"NO_VENV": "1"}),
        ("no-space", {"NO_SPACE": "1"}),
        ("no-package-index", {"NO_INDEX": "1"}),
    ],
)
def test_what_is_missing_is_told_and_nothing_counts_as_set_up(
    checkout: Checkout, name: str, environment: dict[str, str]
) -> None:
    made = checkout.make("e2e", **environment)
    assert made.returncode == 2
    assert not (checkout.folder / ".venv" / ".ready").exists()
    checkout.approve(name, made.stdout)


def test_an_unknown_category_is_refused_before_anything_is_set_up(checkout: Checkout) -> None:
    made = checkout.make("e2e-nosuch")
    assert made.returncode == 2
    assert not (checkout.folder / ".venv").exists()
    checkout.approve("unknown-category", made.stdout)


def test_the_first_set_up_tells_how_far_it_is_and_the_second_is_none(checkout: Checkout) -> None:
    first = checkout.make("-s", "e2e-pipeline")
    assert first.returncode == 0, first.stdout
    checkout.approve("first-set-up", first.stdout)
    again = checkout.make("-s", "e2e-pipeline")
    assert again.stdout == (
        "tickproof prepare --target embedded\nrobot -d results -v TARGET:embedded -v FORM:quick suites/pipeline\n"
    )


def test_nothing_of_an_old_venv_is_left_when_the_pins_change(checkout: Checkout) -> None:
    checkout.make("up")
    stray = checkout.folder / ".venv" / "stray"
    stray.touch()
    os.utime(checkout.folder / ".venv" / ".ready", (0, 0))  # so that the pins are the newer ones
    assert checkout.make("up").returncode == 0
    assert not stray.exists()


def test_a_venv_whose_python_is_gone_is_made_anew(checkout: Checkout) -> None:
    checkout.make("up")
    python = checkout.folder / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to(checkout.folder / "gone")
    made = checkout.make("-s", "up")
    assert made.returncode == 0, made.stdout
    checkout.approve("venv-made-anew", made.stdout)


def test_a_venv_that_was_moved_is_made_anew(checkout: Checkout) -> None:
    checkout.make("up")
    checkout.folder = checkout.folder.rename(checkout.folder.with_name("elsewhere"))
    assert "was moved" in checkout.make("up").stdout
    assert "was moved" not in checkout.make("up").stdout


def test_docs_makes_a_page_of_every_keyword_library_and_resource(checkout: Checkout) -> None:
    shutil.copytree(
        ROOT / "libraries", checkout.folder / "libraries", ignore=shutil.ignore_patterns("__pycache__")
    )
    checkout.make("up")
    (checkout.folder / "libraries" / "tickproof" / "brand_new.py").write_text("@library()\nclass New: ...\n")
    would = checkout.make("-n", "docs").stdout
    (listed,) = re.findall(r"for library in (.*?);", would)
    assert {"brand_new", "market", "platform"} <= set(listed.split())
    assert "cli" not in listed.split()
