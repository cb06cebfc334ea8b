from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.expressions import EqualTo
from pyiceberg.table import Table
from tickproof.ledger.schemas import SEEN
from tickproof.probes.errors import HopUnreachableError
from tickproof.probes.lake import LakeProbe
from tickproof.probes.mapping import Own
from tickproof.target import Target, TargetError
from tickproof.verdicts import Void

from tickerplant.lake import ARROW_SCHEMA, IDENTIFIER, PARTITION_SPEC, SCHEMA, SORT_ORDER

PRICE = Decimal("123456789012345678.123456789012345678")
BEGIN = datetime(2026, 1, 2, 23, 59, 59, 5, tzinfo=UTC)


def trades(symbol: str, first: int, count: int, **others: object) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "symbol": symbol, "trade_id": n, "price": PRICE, "quantity": Decimal("1e-18"),
                "event_time": BEGIN + timedelta(seconds=max(n, 0)), "venue_time": BEGIN, "side": "buy",
                "source": "live", "ingest_time": BEGIN, "write_time": BEGIN + timedelta(microseconds=1),
                "source_partition": 0, "source_offset": n, **others,
            }
            for n in range(first, first + count)
        ],
        schema=ARROW_SCHEMA,
    )  # fmt: skip


@pytest.fixture
def variables(tmp_path: Path, ports: dict[str, str]) -> dict[str, str]:
    (tmp_path / "lake" / "warehouse").mkdir(parents=True)
    return {**ports, "STATE_DIR": str(tmp_path)}


@pytest.fixture
def catalog(variables: dict[str, str]) -> SqlCatalog:
    folder = f"{variables['STATE_DIR']}/lake"
    return SqlCatalog("default", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}/warehouse")


@pytest.fixture
def table(catalog: SqlCatalog) -> Table:
    catalog.create_namespace(IDENTIFIER[:-1])
    return catalog.create_table(IDENTIFIER, SCHEMA)


@pytest.fixture
def probe(embedded: Target, variables: dict[str, str]) -> LakeProbe:
    return LakeProbe(embedded, variables)


def test_an_empty_table_holds_nothing(table: Table, probe: LakeProbe) -> None:
    assert table.metadata.current_snapshot_id is None
    assert probe.snapshot() is None
    assert probe.count() == 0
    assert probe.read().schema == SEEN
    assert probe.read(["BTCUSDT"]).num_rows == 0
    with pytest.raises(Void, match=r"market\.trades has no snapshot yet"):
        probe.inside()


def test_rows_are_read_exactly(table: Table, probe: LakeProbe) -> None:
    table.append(trades("BTCUSDT", 5, 1))
    (row,) = probe.read().drop(["event_time"]).to_pylist()
    assert row.pop("seen_ns") > 0
    assert row.pop("place").startswith("data/")
    assert row == {
        "symbol": "BTCUSDT", "trade_id": 5, "price": PRICE, "quantity": Decimal("1e-18"), "side": "buy",
        "hop": "lake", "source": "live", "hop_time_ns": 1767398399000006000, "lane": 0, "offset": 0,
        "price_text": None, "quantity_text": None,
    }  # fmt: skip
    assert probe.read()["event_time"].cast("int64").to_pylist() == [1767398404000005000]


def test_each_file_is_a_lane(table: Table, probe: LakeProbe) -> None:
    table.append(pa.concat_tables([trades("BTCUSDT", 0, 3), trades("ETHBTC", 0, 3)]))
    table.append(trades("BTCUSDT", 3, 2))
    seen = probe.read(["BTCUSDT"])
    assert sorted(seen["trade_id"].to_pylist()) == [0, 1, 2, 3, 4]
    assert len(set(seen["lane"].to_pylist())) == len(set(seen["place"].to_pylist())) == 2
    for lane in set(seen["lane"].to_pylist()):
        offsets = [
            offset
            for offset, of in zip(seen["offset"].to_pylist(), seen["lane"].to_pylist(), strict=True)
            if of == lane
        ]
        assert offsets == list(range(len(offsets)))


def test_symbols_and_first_ids_choose_the_rows(table: Table, probe: LakeProbe) -> None:
    table.append(pa.concat_tables([trades("BTCUSDT", 0, 4), trades("ETHBTC", 0, 4), trades("BNBEUR", 0, 4)]))
    seen = probe.read({"BTCUSDT": 2, "ETHBTC": 3})
    assert sorted(zip(seen["symbol"].to_pylist(), seen["trade_id"].to_pylist(), strict=True)) == [
        ("BTCUSDT", 2), ("BTCUSDT", 3), ("ETHBTC", 3),
    ]  # fmt: skip
    assert probe.count() == 12
    assert probe.count(["BTCUSDT", "ETHBTC"]) == 8
    assert probe.read([]).num_rows == 0


def test_an_older_snapshot_and_what_came_after_it(table: Table, probe: LakeProbe) -> None:
    table.append(trades("BTCUSDT", 0, 3))
    before = probe.state()
    table.append(trades("BTCUSDT", 3, 2))
    assert before.snapshot_id is not None
    assert probe.snapshot() != before.snapshot_id
    assert probe.read(snapshot=before.snapshot_id)["trade_id"].to_pylist() == [0, 1, 2]
    assert probe.count(snapshot=before.snapshot_id) == 3
    assert sorted(probe.read(after=before)["trade_id"].to_pylist()) == [3, 4]
    assert probe.read(after=probe.state()).num_rows == 0


def test_an_expired_snapshot_cannot_be_judged(table: Table, probe: LakeProbe) -> None:
    table.append(trades("BTCUSDT", 0, 1))
    with pytest.raises(Void, match=r"VOID: snapshot 17 of market\.trades is no longer there"):
        probe.read(snapshot=17)


def test_deleted_rows_are_not_seen(table: Table, probe: LakeProbe) -> None:
    table.append(trades("BTCUSDT", 0, 3))
    table.delete(EqualTo("trade_id", 1))  # type: ignore[arg-type, call-arg]
    assert sorted(probe.read()["trade_id"].to_pylist()) == [0, 2]


def test_when_rows_were_stored_last(table: Table, probe: LakeProbe) -> None:
    assert probe.grown_ns() is None
    table.append(trades("BTCUSDT", 0, 3))
    stored = table.current_snapshot()
    assert stored is not None
    assert probe.grown_ns() == stored.timestamp_ms * 1_000_000
    table.append(trades("BTCUSDT", 0, 0))  # a snapshot with nothing in it
    table.delete(EqualTo("trade_id", 1))  # type: ignore[arg-type, call-arg]
    later = table.current_snapshot()
    assert later is not None
    assert later.snapshot_id != stored.snapshot_id
    assert probe.grown_ns() == stored.timestamp_ms * 1_000_000


def test_a_file_that_is_live_twice_is_seen_twice(table: Table, probe: LakeProbe) -> None:
    table.append(trades("BTCUSDT", 0, 1))
    path = next(iter(probe.state().files))
    table.add_files([path], check_duplicate_files=False)
    seen = probe.read()
    assert seen["trade_id"].to_pylist() == [0, 0]
    assert len(set(seen["place"].to_pylist())) == 1
    entries = probe.inside().entries
    assert [row["file_path"] for row in entries["data_file"].to_pylist()] == [path, path]


def test_live_files_are_told_for_each_kept_snapshot(table: Table, probe: LakeProbe) -> None:
    assert probe.live_files(9) == {}
    table.append(trades("BTCUSDT", 0, 1))
    (path,) = probe.state().files
    table.add_files([path], check_duplicate_files=False)
    table.delete(EqualTo("trade_id", 0))  # type: ignore[arg-type, call-arg]
    table.append(trades("BTCUSDT", 1, 1))
    files = list(probe.live_files(9).values())
    assert [len(each) for each in files] == [1, 2, 0, 1]
    assert files[:2] == [[path], [path, path]]
    assert list(probe.live_files(2).values()) == files[2:]


def test_the_shape_is_told_as_plain_data(catalog: SqlCatalog, probe: LakeProbe) -> None:
    catalog.create_namespace(IDENTIFIER[:-1])
    catalog.create_table(IDENTIFIER, SCHEMA, partition_spec=PARTITION_SPEC, sort_order=SORT_ORDER)
    shape = probe.shape()
    assert shape["columns"][2] == {"name": "price", "type": "decimal(38, 18)", "required": True}
    assert shape["partition"] == [{"column": "event_time", "transform": "day"}]
    assert [key["column"] for key in shape["sort"]] == ["symbol", "trade_id"]


def test_the_inside_is_there_to_be_judged(table: Table, probe: LakeProbe) -> None:
    for n in range(3):
        table.append(trades("BTCUSDT", n * 3, 1), snapshot_properties={"offsets": str(n)})
    inside = probe.inside()
    assert inside.snapshot_id == table.refresh().metadata.current_snapshot_id
    assert inside.entries.num_rows == inside.files.num_rows == inside.snapshots.num_rows == 3
    assert [dict(summary)["offsets"] for summary in inside.snapshots["summary"].to_pylist()] == [
        "0",
        "1",
        "2",
    ]
    assert inside.metadata_log.num_rows == 4
    assert inside.manifests.num_rows == 3


def test_a_file_that_goes_away_while_it_is_read_is_read_anew(
    table: Table, probe: LakeProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.append(trades("BTCUSDT", 0, 1))
    load: Callable[[str], Table] = probe._catalog.load_table  # type: ignore[assignment]
    gone = iter([True, True, False])

    def flaky(name: str) -> Table:
        if next(gone):
            raise FileNotFoundError(2, "no such file", "metadata.json")
        return load(name)

    monkeypatch.setattr(probe._catalog, "load_table", flaky)
    assert probe.read().num_rows == 1


def test_a_lake_without_the_table_is_not_reachable(catalog: SqlCatalog, probe: LakeProbe) -> None:
    assert catalog.list_namespaces() == []
    with pytest.raises(HopUnreachableError, match=r"The lake has no table market\.trades\."):
        probe.snapshot()


def test_a_probe_never_makes_a_catalog(probe: LakeProbe, variables: dict[str, str]) -> None:
    with pytest.raises(HopUnreachableError, match=r"The lake's catalog does not answer: no such table"):
        probe.snapshot()
    assert Path(variables["STATE_DIR"], "lake", "catalog.db").stat().st_size == 0


def test_a_column_that_the_table_lacks_is_named(catalog: SqlCatalog, probe: LakeProbe) -> None:
    catalog.create_namespace("market")
    catalog.create_table("market.trades", pa.schema([("symbol", pa.string())]))
    with pytest.raises(
        TargetError, match=r"names `trade_id`, which market\.trades does not have; it has symbol"
    ):
        probe.read()


LISTED = {"BTCUSDT": (0, 10**9), "ETHBTC": (0, 10**9)}


def found(seen: pa.Table) -> list[tuple[str, int]]:
    return sorted(zip(seen["symbol"].to_pylist(), seen["trade_id"].to_pylist(), strict=True))


def test_strangers_are_seen_beside_what_was_asked_for(table: Table, probe: LakeProbe) -> None:
    table.append(pa.concat_tables([trades("BTCUSDT", 0, 2), trades("ETHBTC", 0, 2)]))
    own = Own({"BTCUSDT": 1}, LISTED)
    assert found(probe.read(own)) == [("BTCUSDT", 1)]
    table.append(pa.concat_tables([trades("btcusdt", 7, 1), trades("BTCUSDT", -(2**63), 1)]))
    table.append(trades("ethbtc", 5, 1))
    strange = [("BTCUSDT", -(2**63)), ("btcusdt", 7), ("ethbtc", 5)]
    for _ in range(2):
        assert found(probe.read(own)) == [strange[0], ("BTCUSDT", 1), *strange[1:]]
    assert "data/" in str(probe.read(own)["place"][2])


def test_strangers_that_were_there_before_are_not_the_tests(table: Table, probe: LakeProbe) -> None:
    table.append(pa.concat_tables([trades("btcusdt", 7, 1), trades("BTCUSDT", -(2**63), 1)]))
    before = probe.snapshot()
    own = Own({"BTCUSDT": 0}, LISTED, before)
    assert found(probe.read(own)) == []
    table.append(trades("btcusdt", 7, 1))  # once more: that is new
    table.append(trades("BTCUSDT", 0, 1))
    assert found(probe.read(own)) == [("BTCUSDT", 0), ("btcusdt", 7)]
    gone = Own({"BTCUSDT": 0}, LISTED, before=17)  # expired: nobody can tell any more
    assert len(found(probe.read(gone))) == 4
