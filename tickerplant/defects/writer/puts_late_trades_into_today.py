"""A late trade is filed under the newest day of its commit, not under its own."""

from collections.abc import Callable, Iterator

import pyarrow as pa

from tickerplant.defects.model import Around, Defect

ByDay = Callable[[pa.Table], Iterator[tuple[int, pa.Table]]]


def _misfiling(by_day: ByDay, around: Around) -> ByDay:
    def misfiled(rows: pa.Table) -> Iterator[tuple[int, pa.Table]]:
        days = list(by_day(rows))
        if len(days) > 1:
            around.reached()
            (oldest, late), (newest, today) = days[0], days[-1]
            together = pa.concat_tables([today, late.slice(0, 1)])
            days[-1] = newest, together.sort_by([("symbol", "ascending"), ("trade_id", "ascending")])
            days[0] = oldest, late.slice(1)
        yield from (day for day in days if len(day[1]))

    return misfiled


DEFECT = Defect(
    id="writer-puts-late-trades-into-today",
    family="time",
    incident="The partition is that of the first trade of a batch: queries by day miss the late ones.",
    service="writer",
    part="tickerplant.writer.files:_by_day",
    wrap=_misfiling,
    kills=("Pipeline.Nothing Twice Nothing Misplaced.Late And Out Of Order Trades Land In Their Own Day",),
    says=r"should stand in the partition of its event time's day",
)
