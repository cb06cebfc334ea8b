"""The bookkeeping of a table: each statement sound, and broken in each way that it forbids."""

import json
from typing import Any

import pyarrow as pa
import pytest
from messages.approved import approve
from tickproof.verdicts import Void
from tickproof.verdicts.snapshots import (
    Invariant,
    additions_equal_rows,
    commits_bounded,
    counts_equal_rows,
    lineage,
    no_file_live_twice,
    offsets_only_grow,
)

KEY = "tickerplant.offsets"
SECOND = 1_000_000_000


def offsets(*found: dict[int, int] | None, operation: str = "append") -> list[dict[str, str]]:
    return [{"operation": operation} | ({} if one is None else {KEY: json.dumps(one)}) for one in found]


def totals(*found: tuple[int, int, int], what: str = "records") -> list[dict[str, str]]:
    """Totals, additions and deletions of one count; the other one stays at nothing."""
    other = "data-files" if what == "records" else "records"
    return [
        {f"total-{what}": str(total), f"added-{what}": str(added), f"deleted-{what}": str(deleted),
         f"total-{other}": "0"}
        for total, added, deleted in found
    ]  # fmt: skip


def bounded(times: list[int], files: dict[str, int] | None = None) -> Invariant:
    return commits_bounded(times, files_by_day=files or {"2026-01-01": 1}, per_minute=3, most_files=5)


SOUND = {
    "each file live once": no_file_live_twice({1: ["a"], 2: ["a", "b"]}),
    "offsets grow": offsets_only_grow(offsets({0: 1, 1: 5}, {0: 2, 1: 5}), key=KEY, ends={0: 2, 1: 9}),
    "a partition is new": offsets_only_grow(offsets({0: 1}, {0: 1, 1: 7}), key=KEY, ends={0: 1, 1: 7}),
    "a rearrangement without offsets": offsets_only_grow(
        [*offsets({0: 1}), {"operation": "replace"}, *offsets({0: 2})], key=KEY, ends={0: 2}
    ),
    "counts agree": counts_equal_rows(
        {"total-records": "7", "total-data-files": "2"}, files=2, records=7, rows=7, snapshot=1
    ),
    "totals follow": additions_equal_rows(totals((5, 5, 0), (7, 2, 0), (7, 4, 4))),
    "as many commits as allowed": bounded([0, 10 * SECOND, 60 * SECOND, 61 * SECOND]),
    "as many files as allowed": bounded([0], {"2026-01-01": 5, "2026-01-02": 5}),
}

BROKEN = {
    "live twice now": no_file_live_twice({41: ["data/x.parquet"], 42: ["data/x.parquet"] * 2}),
    "live twice until it was mended": no_file_live_twice(
        {41: ["x.parquet"] * 3, 42: ["x.parquet"] * 3, 43: ["x.parquet", "y.parquet"]}
    ),
    "an offset goes back": offsets_only_grow(offsets({3: 1200}, {3: 1100}), key=KEY, ends={3: 2000}),
    "an offset goes back across a rearrangement": offsets_only_grow(
        [*offsets({3: 1200}), {"operation": "replace"}, *offsets({3: 1100})], key=KEY, ends={3: 2000}
    ),
    "a partition vanishes": offsets_only_grow(offsets({0: 1, 1: 5}, {0: 2}), key=KEY, ends={0: 2, 1: 5}),
    "ahead of the topic": offsets_only_grow(offsets({0: 1}, {0: 9}), key=KEY, ends={0: 8}),
    "ahead in a partition that is not there": offsets_only_grow(
        offsets({0: 1}, {0: 1, 7: 3}), key=KEY, ends={0: 8}
    ),
    "a newest snapshot without offsets": offsets_only_grow(
        [*offsets({0: 1}, {0: 2}), {"operation": "replace"}], key=KEY, ends={0: 2}
    ),
    "rows without offsets": offsets_only_grow(offsets({0: 1}, None, {0: 2}), key=KEY, ends={0: 2}),
    "no offsets at all": offsets_only_grow(offsets(None, None), key=KEY, ends={0: 2}),
    "offsets that are none": offsets_only_grow([{KEY: "[1]"}, {KEY: "{"}], key=KEY, ends={0: 2}),
    "the summary counts too many rows": counts_equal_rows(
        {"total-records": "8", "total-data-files": "2"}, files=2, records=7, rows=7, snapshot=42
    ),
    "the summary counts too few files": counts_equal_rows(
        {"total-records": "7", "total-data-files": "1"}, files=2, records=7, rows=7, snapshot=42
    ),
    "the manifests count otherwise": counts_equal_rows(
        {"total-records": "7", "total-data-files": "2"}, files=2, records=6, rows=7, snapshot=42
    ),
    "the summary counts nothing": counts_equal_rows({}, files=2, records=7, rows=7, snapshot=42),
    "a total that does not follow": additions_equal_rows(totals((5, 5, 0), (8, 2, 0))),
    "files that do not follow": additions_equal_rows(totals((5, 5, 0), (6, 2, 0), what="data-files")),
    "no total": additions_equal_rows([*totals((5, 5, 0)), {}]),
    "a total that is no number": additions_equal_rows(
        [*totals((5, 5, 0)), {"total-records": "five", "total-data-files": "0"}]
    ),
    "a commit too many": bounded([0, 10 * SECOND, 20 * SECOND, 60 * SECOND]),
    "a commit too many, in no order": bounded([20 * SECOND, 0, 60 * SECOND, 10 * SECOND]),
    "a file too many on one day": bounded([0], {"2026-01-01": 6, "2026-01-02": 1}),
}  # fmt: skip

NOTHING = {
    "no snapshot": no_file_live_twice({}),
    "no live file": no_file_live_twice({1: []}),
    "one snapshot with offsets": offsets_only_grow(offsets({0: 1}), key=KEY, ends={0: 1}),
    "one snapshot with totals": additions_equal_rows(totals((5, 5, 0))),
    "no commit": bounded([], {"2026-01-01": 1}),
}


@pytest.mark.parametrize("name", SOUND)
def test_what_is_sound_passes(name: str) -> None:
    SOUND[name].fail_if_any()


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_fails(name: str) -> None:
    with pytest.raises(AssertionError) as failure:
        BROKEN[name].fail_if_any()
    assert not isinstance(failure.value, Void)


@pytest.mark.parametrize("name", NOTHING)
def test_what_shows_nothing_is_void(name: str) -> None:
    with pytest.raises(Void):
        NOTHING[name].fail_if_any()


def test_sentences() -> None:
    told = []
    for name, finding in (BROKEN | NOTHING).items():
        with pytest.raises(AssertionError) as failure:
            finding.fail_if_any()
        told.append(f"{name}:\n{failure.value}\n")
    approve("snapshots", "\n".join(told))


def test_five_breaches_are_told_and_all_are_counted() -> None:
    finding = Invariant("Things should be right", 9, "things", tuple(f"Thing {n} is not." for n in range(7)))
    with pytest.raises(AssertionError, match="in 7 places") as failure:
        finding.fail_if_any()
    assert len(str(failure.value).splitlines()) == 6


def snapshot(number: int, parent: int | None, **summary: str) -> dict[str, Any]:
    return {"snapshot_id": number, "parent_id": parent, "operation": "append", "summary": summary}


def chain(*rows: dict[str, Any]) -> pa.Table:
    return pa.table(
        {
            "snapshot_id": pa.array([row["snapshot_id"] for row in rows], pa.int64()),
            "parent_id": pa.array([row["parent_id"] for row in rows], pa.int64()),
            "operation": pa.array([row["operation"] for row in rows], pa.string()),
            "summary": pa.array(
                [list(row["summary"].items()) for row in rows], pa.map_(pa.string(), pa.string())
            ),
        }
    )


def test_a_lineage_follows_parents_whatever_their_times() -> None:
    rows = chain(
        snapshot(7, 5, n="2"), snapshot(9, 7, n="3"), snapshot(5, 1, n="1"), snapshot(8, 5, n="other")
    )
    assert [one["n"] for one in lineage(rows, 9)] == ["1", "2", "3"]
    assert lineage(rows, 9)[0]["operation"] == "append"


def test_a_lineage_that_bites_its_tail_ends() -> None:
    assert len(lineage(chain(snapshot(1, 2), snapshot(2, 1)), 1)) == 2


def test_a_snapshot_that_is_gone_has_no_lineage() -> None:
    assert lineage(chain(snapshot(1, None)), 4) == []
