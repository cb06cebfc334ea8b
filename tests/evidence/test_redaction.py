"""In which forms a secret is found, and what is left of a file that held one."""

import base64
import html
import json
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from robot.api.types import Secret
from tickproof.evidence.redaction import MASK, Registry

SECRET = 'top s3cr&t/"k€y"+'


def registry(value: str = SECRET) -> Registry:
    made = Registry()
    made.add("API key", Secret(value))
    return made


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        html.escape(SECRET),
        html.escape(SECRET, quote=False),
    ],
)
def test_every_form_is_taken_out(written: str) -> None:
    assert registry().redact(f"a {written} b") == f"a {MASK} b"


@given(st.binary(max_size=9), st.binary(max_size=9), st.sampled_from(["+/", "-_"]))
def test_base64_is_found_wherever_it_begins(before: bytes, behind: bytes, extra: str) -> None:
    written = base64.b64encode(before + SECRET.encode() + behind, extra.encode()).decode()
    assert MASK in registry().redact(f"Authorization: Basic {written}")


def test_innocent_text_stays() -> None:
    text = "trade 1 of BTCUSDT at 95412.37"
    assert registry().redact(text) == text
    assert Registry().redact(text) == text


def test_a_longer_secret_that_holds_a_shorter_one() -> None:
    both = registry("abcdef")
    both.add("longer", "abcdef-ghijkl")
    assert both.redact("abcdef-ghijkl abcdef") == f"{MASK} {MASK}"


def test_files_keep_their_length(tmp_path: Path) -> None:
    inner = tmp_path / "services"
    inner.mkdir()
    (inner / "feed.log").write_text(f"{SECRET} and {SECRET}\n")
    (tmp_path / "binary").write_bytes(b"\x00\xff" + SECRET.encode() + b"\x00")
    (tmp_path / "empty").touch()
    (tmp_path / "fine.txt").write_text("nothing here")
    before = {path: path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()}
    leaks = registry().clean(tmp_path)
    assert [(leak.path.name, leak.secret, leak.places) for leak in leaks] == [
        ("binary", "API key", 1),
        ("feed.log", "API key", 2),
    ]
    assert {path: path.stat().st_size for path in before} == before
    assert (tmp_path / "binary").read_bytes() == b"\x00\xff" + b"*" * len(SECRET.encode()) + b"\x00"
    assert registry().clean(tmp_path) == []


def test_too_short_to_be_told_from_innocent_text() -> None:
    with pytest.raises(ValueError, match=r"^Secret PIN has fewer than 6 letters"):
        Registry().add("PIN", "12345")
