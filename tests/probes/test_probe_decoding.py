from datetime import UTC, datetime

import pytest
from tickproof.probes.decoding import decode_values, load_exactly, to_table
from tickproof.probes.errors import UnreadableRowError
from tickproof.target import ColumnType

COLUMNS = {"s": ColumnType.TEXT, "i": ColumnType.INTEGER, "t": ColumnType.TIME}
GOOD = b'{"s":"a","i":1,"t":"2026-01-02T03:04:05.000006789Z","more":[1,2]}'


def where(row: int) -> str:
    return f"offset {row}"


def test_values_become_columns() -> None:
    table = decode_values([GOOD, b'{"i":-9223372036854775808}', b"{}"], COLUMNS, where)
    assert table["s"].to_pylist() == ["a", None, None]
    assert table["i"].to_pylist() == [1, -(2**63), None]
    assert table["t"].cast("int64").to_pylist() == [1767323045000006789, None, None]


def test_no_values_make_no_rows() -> None:
    assert decode_values([], COLUMNS, where).num_rows == 0
    assert to_table([], COLUMNS, where).schema == decode_values([], COLUMNS, where).schema


def test_values_with_line_breaks_are_one_row_each() -> None:
    table = decode_values([b'{\n "s": "a"\n}', b'{"s":"b\\n"}'], COLUMNS, where)
    assert table["s"].to_pylist() == ["a", "b\n"]


def test_many_values_over_several_blocks_keep_their_order() -> None:
    values = [b'{"s":"%s","i":%d}' % (b"x" * (n % 300), n) for n in range(20_000)]
    assert decode_values(values, COLUMNS, where)["i"].to_pylist() == list(range(20_000))


def test_a_value_longer_than_a_block_is_read() -> None:
    long = b'{"s":"%s","i":2}' % (b"x" * 3_000_000)
    assert decode_values([GOOD, long, GOOD], COLUMNS, where)["i"].to_pylist() == [1, 2, 1]


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (b'{"s":"a"', "A value should be JSON, but"),
        (b"", "A value should be JSON, but"),
        (b"\xff\xfe{", "A value should be JSON, but"),
        (b'{"s":"\xff"}', "A value should be JSON, but"),
        (b'{"i":NaN}', "A value should be JSON, but holds NaN"),
        (b"[]", "A value should be a JSON object, but is a list"),
        (b"null", "A value should be a JSON object, but is null"),
        (b"{}{}", "A value should be JSON, but"),
        (b'{"s":1.50}', "s should be text, but is the number 1.50"),
        (b'{"s":15}', "s should be text, but is the number 15"),
        (b'{"s":{}}', "s should be text, but is an object"),
        (b'{"i":"1"}', 'i should be a whole number, but is the text "1"'),
        (b'{"i":1.0}', "i should be a whole number, but is the number 1.0"),
        (b'{"i":1e3}', "i should be a whole number, but is the number 1e3"),
        (b'{"i":true}', "i should be a whole number, but is true"),
        (b'{"i":9223372036854775808}', "i should be a whole number, but is the number 9223372036854775808"),
        (b'{"t":"2026-01-02T03:04:05"}', "t should be a time with a zone"),
        (b'{"t":"2026-01-02T03:04:05.0000067891Z"}', "t should be a time with a zone"),
        (b'{"t":1767323045}', "t should be a time with a zone"),
    ],
)
def test_a_bad_value_is_named(bad: bytes, sentence: str) -> None:
    with pytest.raises(UnreadableRowError) as caught:
        decode_values([GOOD, bad, GOOD], COLUMNS, where)
    assert str(caught.value).startswith(sentence)
    assert str(caught.value).endswith("(offset 1).")


def test_two_objects_in_one_value_do_not_hide_an_empty_one() -> None:
    with pytest.raises(UnreadableRowError, match=r"A value should be JSON, but .*\(offset 1\)"):
        decode_values([b"{}", b"", b'{"i":1}{"i":2}'], COLUMNS, where)


def test_numbers_keep_their_source_text() -> None:
    columns = {"p": ColumnType.NUMBER, "b": ColumnType.BOOLEAN}
    values = [b'{"p":0.10000000000000000555,"b":true}', b'{"p":5,"b":false}', b'{"p":1e-8}', b"{}"]
    table = decode_values(values, columns, where)
    assert table["p"].to_pylist() == ["0.10000000000000000555", "5", "1e-8", None]
    assert table["b"].to_pylist() == [True, False, None, None]
    with pytest.raises(UnreadableRowError, match=r'p should be a number, but is the text "1" \(offset 0\)'):
        decode_values([b'{"p":"1"}'], columns, where)


def test_times_with_any_offset_are_the_same_instant() -> None:
    rows = [load_exactly('{"t":"2026-01-02T05:04:05+02:00"}'), {"t": "2026-01-02T03:04:05Z"}]
    times = to_table(rows, {"t": ColumnType.TIME}, where)["t"].to_pylist()
    assert times == [datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).replace(tzinfo=None)] * 2
