"""In which forms a secret is found, and what is left of a file that held one."""

import base64
import html
import json
from pathlib import Path
from urllib.parse import quote, quote_plus

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from robot.api.types import Secret
from tickproof.evidence import redaction
from tickproof.evidence.redaction import MASK, Registry
from tickproof.ledger import SEEN, SENT, load, save
from tickproof.ledger.schemas import as_table

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


def test_a_file_that_somebody_writes_to_is_cleaned_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "console.txt"
    with path.open("w") as file:
        file.write(f"{SECRET}\n")
        file.flush()
        assert [leak.path for leak in registry().clean(tmp_path)] == [path]
        file.write("and on\n")
    assert path.read_text() == f"{'*' * len(SECRET.encode())}\nand on\n"


def test_a_file_that_may_not_be_written_is_cleaned_and_stays_so(tmp_path: Path) -> None:
    path = tmp_path / "kept.log"
    path.write_text(SECRET)
    path.chmod(0o400)
    registry().clean(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o400
    assert SECRET not in path.read_text()


def test_files_elsewhere(tmp_path: Path) -> None:
    results, elsewhere = tmp_path / "results", tmp_path / "elsewhere"
    for folder in (results, elsewhere):
        folder.mkdir()
        (folder / "a.txt").write_text(SECRET)
        (folder / "b.txt").write_text(SECRET)
    leaks = registry().clean(results, [elsewhere / "a.txt", results / "a.txt", elsewhere / "not-there"])
    assert [leak.path for leak in leaks] == [results / "a.txt", results / "b.txt", elsewhere / "a.txt"]
    assert (elsewhere / "b.txt").read_text() == SECRET


@pytest.mark.parametrize("column", [field.name for field in SEEN if pa.types.is_string(field.type)])
def test_a_ledger_hides_no_secret(tmp_path: Path, column: str) -> None:
    rows = 10_000
    # What is like it a few rows before would make a compressed one unreadable.
    values = [SECRET if n == rows // 2 else f"{SECRET[: n % 9]} {SECRET[n % 9 :]} {n}" for n in range(rows)]
    seen = as_table(SEEN, {"trade_id": list(range(rows)), column: values})
    save(tmp_path / "ledger", SENT.empty_table(), {"kafka": seen}, {})
    assert [leak.path.name for leak in registry().clean(tmp_path)] == ["seen-kafka.parquet"]
    again = load(tmp_path / "ledger").seen["kafka"].table()
    assert again[column][rows // 2].as_py() == "*" * len(SECRET.encode())
    assert again.num_rows == rows


def test_one_that_is_too_short_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(redaction.logger, "warn", told.append)
    made = Registry()
    for _ in range(3):
        made.note("PIN", "12345")
    made.note("key", "long enough")
    assert told == ["Secret PIN has fewer than 6 letters, so it cannot be kept out of a log."]
    assert made.redact("12345 long enough") == f"12345 {MASK}"


def test_too_short_to_be_told_from_innocent_text() -> None:
    with pytest.raises(ValueError, match=r"^Secret PIN has fewer than 6 letters"):
        Registry().add("PIN", "12345")
