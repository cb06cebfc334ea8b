from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from tickproof.ledger.schemas import SEEN
from tickproof.probes.errors import UnreadableRowError
from tickproof.probes.mapping import Mapper, Own, Positions, only
from tickproof.target import TargetError
from tickproof.target.projection import Projection

COLUMNS = pa.schema(
    [("s", pa.string()), ("id", pa.string()), ("p", pa.string()), ("us", pa.int64()), ("maker", pa.bool_())]
)
SELECT = """
    SELECT s AS symbol, CAST(substr(id, 9) AS BIGINT) AS trade_id, p AS price, p AS quantity,
           make_timestamp_ns(us * 1000) AS event_time, CASE WHEN maker THEN 'sell' ELSE 'buy' END AS side"""
SQL = f"{SELECT} FROM rows"
FIXED = "SELECT 'A' AS symbol, 1 AS trade_id, 'buy' AS side"


def rows(count: int = 3, **columns: list[object]) -> pa.Table:
    usual: dict[str, list[object]] = {
        "s": ["BTCUSDT"] * count,
        "id": [f"BINANCE-{n}" for n in range(count)],
        "p": ["0.10"] * count,
        "us": list(range(count)),
        "maker": [True] * count,
    }
    return pa.table({**usual, **columns}, schema=COLUMNS)


def positions(count: int) -> Positions:
    numbers = np.arange(count)
    return Positions(lane=numbers * 0, offset=numbers, seen_ns=numbers + 7, hop_time_ns=lambda: numbers + 100)


def where(row: int) -> str:
    return f"offset {row}"


def test_rows_of_a_stranger_become_sightings() -> None:
    seen = Mapper("kafka", SQL, keeps_text=True).sightings(rows(), positions(3), where)
    assert seen.schema == SEEN
    assert seen.slice(2).select(SEEN.names[:4]).to_pylist() == [
        {"symbol": "BTCUSDT", "trade_id": 2, "price": Decimal("0.1"), "quantity": Decimal("0.1")}
    ]
    assert seen["event_time"].cast("int64").to_pylist() == [0, 1000, 2000]
    assert seen.slice(2).select(SEEN.names[5:]).to_pylist() == [
        {
            "side": "sell", "hop": "kafka", "source": None, "hop_time_ns": 102, "seen_ns": 9, "lane": 0,
            "offset": 2, "place": None, "price_text": "0.10", "quantity_text": "0.10",
        }
    ]  # fmt: skip


def test_text_is_left_out_where_the_hop_does_not_keep_it() -> None:
    seen = Mapper("api", SQL, keeps_text=False).sightings(rows(), positions(3), where)
    assert seen["price_text"].null_count == 3


def test_a_hop_time_of_the_mapping_comes_before_that_of_the_hop() -> None:
    sql = f"{SELECT}, make_timestamp_ns(5) AS hop_time, 'rest' AS source FROM rows"
    seen = Mapper("api", sql, keeps_text=False).sightings(rows(1), positions(1), where)
    assert seen["hop_time_ns"].to_pylist() == [5]
    assert seen["source"].to_pylist() == ["rest"]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Tokyo"])
def test_times_keep_every_digit_whatever_their_unit_and_zone(unit: str, zone: str | None) -> None:
    moments = (
        pa.array([1767323045], pa.int64()).cast(pa.timestamp("s")).cast(pa.timestamp(unit)).cast("int64")
    )
    if unit == "ns":
        moments = pa.array([1767323045000006789], pa.int64())
    table = pa.table({"t": moments.cast(pa.timestamp(unit, tz=zone))})
    sql = f"{FIXED}, '1' AS price, '1' AS quantity, t AS event_time FROM rows"
    seen = Mapper("lake", sql, keeps_text=False).sightings(table, positions(1), where)
    expected = 1767323045000006789 if unit == "ns" else 1767323045000000000
    assert seen["event_time"].cast("int64").to_pylist() == [expected]


def test_decimals_pass_through_exactly() -> None:
    price = Decimal("99999999999999999999.999999999999999999")
    table = pa.table({"p": pa.array([price], pa.decimal128(38, 18))})
    sql = f"{FIXED}, p AS price, p AS quantity, TIMESTAMP '2026-01-02' AS event_time FROM rows"
    seen = Mapper("lake", sql, keeps_text=False).sightings(table, positions(1), where)
    assert seen["price"].to_pylist() == [price]


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"s": ["A", None, "B"]}, r"A trade at kafka should have a symbol \(offset 1\)\."),
        ({"p": ["1", "2", "x"]}, r'price should be a number, but is "x" \(offset 2\)\.'),
        (
            {"id": ["BINANCE-1", "BINANCE-2", "BINANCE-x"]},
            r"A row at kafka cannot be mapped: .*\(offset 2\)\.",
        ),
        ({"us": [1, 2**62, 2]}, r"A row at kafka cannot be mapped: .*\(offset 1\)\."),
    ],
)
def test_a_row_that_cannot_be_a_trade_is_named(columns: dict[str, list[object]], sentence: str) -> None:
    with pytest.raises(UnreadableRowError, match=sentence):
        Mapper("kafka", SQL, keeps_text=False).sightings(rows(**columns), positions(3), where)


def test_an_id_beyond_64_bits_is_named() -> None:
    sql = SQL.replace("CAST(substr(id, 9) AS BIGINT)", "CAST(substr(id, 9) AS UBIGINT)")
    table = rows(id=["BINANCE-1", f"BINANCE-{2**63}", "BINANCE-2"])
    with pytest.raises(UnreadableRowError, match=rf"trade_id should fit .* is {2**63} \(offset 1\)"):
        Mapper("kafka", sql, keeps_text=False).sightings(table, positions(3), where)


REFUSED = {
    f"{SQL} WHERE us > 1": "has WHERE",
    f"{SQL} ORDER BY us": "has ORDER BY",
    f"{SQL} LIMIT 1": "has ORDER BY, LIMIT",
    SQL.replace("SELECT", "SELECT DISTINCT"): "DISTINCT",
    f"{SQL} GROUP BY ALL": "has GROUP BY ALL",
    f"{SQL} UNION ALL {SQL}": "must be one plain SELECT",
    f"{SQL}; {SQL}": "must be one plain SELECT",
    f"WITH x AS (SELECT 1) {SQL}": "must be one plain SELECT",
    f"{SELECT} FROM rows, rows AS b": "must select from `rows`",
    f"{SELECT} FROM rows TABLESAMPLE 10%": "must select from `rows`",
    f"{SELECT} FROM read_csv('/etc/passwd')": "must select from `rows`",
    f"{SELECT}, (SELECT content FROM read_text('/etc/passwd')) AS source FROM rows": "fails: .*disabled",
    f"{SELECT}, getenv('HOME') AS source FROM rows": "fails",
    f"{SELECT}, unnest(['a', 'b']) AS source FROM rows": "makes 6 rows of 3",
    f"{SELECT}, max(s) AS source FROM rows": "fails",
    "COPY rows TO '/tmp/x'": "must be one plain SELECT",
    "ATTACH '/tmp/x.db'": "must be one plain SELECT",
    "SELEC symbol": "is not valid SQL: syntax error",
    f"{SELECT}, s AS sorce FROM rows": "gives the column `sorce`; allowed: .* Did you mean `source`",
    f"{SELECT}, s AS symbol FROM rows": "gives `symbol` more than once",
    "SELECT s AS symbol FROM rows": "does not give `trade_id`, `price`, `quantity`, `event_time`, `side`",
    SQL.replace("p AS price", "CAST(p AS DOUBLE) AS price"): "gives `price` as DOUBLE; it must be text",
    SQL.replace("p AS price", "CAST(p AS DECIMAL(9, 2)) AS price"): r"casts `price` to DECIMAL\(9, 2\)",
    SQL.replace("AS BIGINT", "AS DOUBLE"): "gives `trade_id` as DOUBLE; it must be a whole number",
    SQL.replace("make_timestamp_ns(us * 1000)", "us"): "gives `event_time` as BIGINT; it must be a time",
    SQL.replace("p AS price", "pp AS price"): 'fails: Referenced column "pp" not found',
}


@pytest.mark.parametrize("sql", REFUSED)
def test_sql_that_is_no_projection_of_trades_is_refused(sql: str) -> None:
    with pytest.raises(TargetError, match=f"^mapping .*(?:{REFUSED[sql]})"):
        Projection(sql, "mapping").run(rows())


def test_the_sql_sees_no_other_variable_of_this_process() -> None:
    secrets = pa.table({"s": ["x"]})
    assert secrets.num_rows == 1
    with pytest.raises(TargetError, match="secrets does not exist"):
        Projection(f"{SELECT}, (SELECT s FROM secrets) AS source FROM rows", "mapping").run(rows())


def test_the_sql_cannot_unlock_its_cage() -> None:
    with pytest.raises(TargetError, match="must be one plain SELECT"):
        Projection("SET enable_external_access = true", "mapping").run(rows())


def test_many_rows_keep_their_order() -> None:
    count = 300_000
    seen = Mapper("kafka", SQL, keeps_text=False).sightings(rows(count), positions(count), where)
    assert np.array_equal(seen["trade_id"].to_numpy(), np.arange(count))
    assert np.array_equal(seen["offset"].to_numpy(), np.arange(count))


def test_only_the_symbols_asked_for_are_kept_from_their_first_id_on() -> None:
    table = rows(4, s=["A", "B", "A", "C"])
    seen = Mapper("kafka", SQL, keeps_text=False).sightings(table, positions(4), where)
    assert only(seen, None)["trade_id"].to_pylist() == [0, 1, 2, 3]
    assert only(seen, ["A", "C"])["trade_id"].to_pylist() == [0, 2, 3]
    assert only(seen, {"A": 1, "B": 1, "Z": 0})["trade_id"].to_pylist() == [1, 2]
    assert only(seen, []).num_rows == 0
    assert only(seen, {}).num_rows == 0


def keys(seen: pa.Table) -> list[tuple[str, int]]:
    return list(zip(seen["symbol"].to_pylist(), seen["trade_id"].to_pylist(), strict=True))


STRANGERS = [
    ("a", 7),  # the venue writes it in capitals
    ("A", -(2**63)),  # as 2^63 looks where it did not fit
    ("B", 9),  # below what the venue ever gave, and not the test's own symbol either
    ("NOBODY", 150),
]


def test_what_a_test_answers_for_holds_strangers_but_not_what_others_sent() -> None:
    own = Own({"A": 120}, {"A": (100, 200), "B": (100, 200)})
    mine, others = [("A", 120), ("A", 199), ("A", 2**62)], [("A", 119), ("B", 100), ("B", 199)]
    rows = [*mine, *others, *STRANGERS]
    seen = SEEN.empty_table().select(["symbol", "trade_id"])
    seen = pa.Table.from_pylist([{"symbol": s, "trade_id": n} for s, n in rows], schema=seen.schema)
    assert keys(only(seen, own)) == [*mine, *STRANGERS]
    assert keys(seen.filter(own.strange(seen))) == STRANGERS
    assert (list(own), len(own), own["A"]) == (["A"], 1, 120)
