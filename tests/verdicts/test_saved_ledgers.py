"""A ledger can be saved, read again a batch at a time, and judged again with no stack."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from messages.approved import approve
from planting import plant
from small import seen, sent, trade
from tickproof import ledger
from tickproof.judging import judge_folder
from tickproof.ledger import StoredRows
from tickproof.verdicts import Guarantee, judge

FIVE = [trade(number, price_text="0.03125000") for number in range(1, 6)]
HOPS = {
    "kafka": {"guarantee": "at-least-once", "order": True, "lanes": True, "event_time_unit": "us"},
    "lake": {"guarantee": "exactly-once"},
}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    shown = {"kafka": seen(*FIVE[:4], FIVE[0]), "lake": seen(*FIVE[:3])}
    return ledger.save(tmp_path / "ledger" / "a test", sent(*FIVE), shown, {"seed": 7, "hops": HOPS})


def test_what_was_saved_is_what_is_read(saved: Path) -> None:
    again = ledger.load(saved)
    assert again.sent.table() == sent(*FIVE)
    assert again.seen["lake"].table() == seen(*FIVE[:3])
    assert again.meta == {"seed": 7, "hops": HOPS}
    assert list(again.seen) == ["kafka", "lake"]
    assert [again.sent.num_rows, again.seen["kafka"].num_rows] == [5, 5]


def test_rows_are_read_a_batch_at_a_time_and_from_the_start_each_time(saved: Path) -> None:
    rows = StoredRows(saved / "sent.parquet", rows_a_batch=2)
    for _ in range(2):
        batches = list(rows.batches(("symbol", "trade_id", "no such column")))
        assert [len(batch) for batch in batches] == [2, 2, 1]
        assert batches[0].schema.names == ["symbol", "trade_id"]


def test_a_reader_that_stops_early_leaves_nothing_open(saved: Path) -> None:
    batches = StoredRows(saved / "sent.parquet", rows_a_batch=1).batches(("trade_id",))
    assert len(next(batches)) == 1
    batches.close()  # type: ignore[attr-defined]


def test_the_files_carry_statistics(saved: Path) -> None:
    group = pq.read_metadata(saved / "sent.parquet").row_group(0)
    column = next(
        group.column(i) for i in range(group.num_columns) if group.column(i).path_in_schema == "trade_id"
    )
    assert (column.statistics.min, column.statistics.max) == (1, 5)


def test_saved_ledgers_are_judged_as_unsaved_ones(tmp_path: Path) -> None:
    for seed in range(20):
        ledgers = plant(seed)
        how = {"guarantee": "exactly-once", "order": True, "lanes": True}
        ledger.save(tmp_path / str(seed), ledgers.sent, {"kafka": ledgers.seen}, {"hops": {"kafka": how}})
        (again,) = next(one.verdicts for one in judge_folder(tmp_path / str(seed)).judged)
        direct = judge(
            ledgers.sent, ledgers.seen, hop="kafka", guarantee=Guarantee.EXACTLY_ONCE, order=True, lanes=True
        )
        assert again == direct


def test_a_run_is_judged_again(saved: Path) -> None:
    report = judge_folder(saved.parent.parent)
    assert not report.ok
    approve("judge-report", report.text())


def test_a_folder_that_cannot_be_judged_says_why(saved: Path, tmp_path: Path) -> None:
    def refusal(path: Path) -> str:
        with pytest.raises(ValueError) as raised:  # noqa: PT011 - the text is approved below
            judge_folder(path)
        return str(raised.value)

    (tmp_path / "empty").mkdir()
    meta = saved / "meta.json"
    texts = [refusal(tmp_path / "nowhere"), refusal(tmp_path / "empty")]
    for hop in ({}, {"guarantee": "twice"}, {"guarantee": "exactly-once", "ordr": True}):
        meta.write_text(json.dumps({"hops": {"kafka": hop}}))
        texts.append(refusal(saved))
    meta.write_text("{")
    texts.append(refusal(saved))
    meta.unlink()
    texts.append(refusal(saved))
    meta.write_text(json.dumps({"hops": {"api": {"guarantee": "exactly-once"}}}))
    texts.append(refusal(saved))
    (saved / "seen-api.parquet").write_bytes(b"PAR1")
    texts.append(refusal(saved))
    approve("judge-refusals", "\n".join(texts), hide={str(tmp_path): "<results>"})
