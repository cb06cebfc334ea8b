"""A trade whose id is below the highest one seen is taken for a repetition."""

import pyarrow as pa

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.writer.deduplicate import Deduplicator, Fresh
from tickerplant.writer.intervals import Intervals


class _Watermark(Wrapped[Deduplicator]):
    def __init__(self, part: Deduplicator, around: Around) -> None:
        super().__init__(part, around)
        self._highest: dict[str, int] = {}

    def fresh(self, rows: pa.Table, ids: Intervals) -> Fresh:
        kept = []
        for symbol, trade_id in zip(rows["symbol"].to_pylist(), rows["trade_id"].to_pylist(), strict=True):
            late = trade_id < self._highest.get(symbol, -1)
            if late:
                self.reached()
            else:
                self._highest[symbol] = trade_id
            kept.append(not late)
        return self.part.fresh(rows.filter(pa.array(kept, pa.bool_())), ids)


DEFECT = Defect(
    id="writer-drops-late-ids",
    family="loss",
    incident="Repetitions are told by a high-water mark, which is right until two frames change places.",
    service="writer",
    part="deduplicator",
    wrap=_Watermark,
    kills=("Pipeline.Nothing Twice Nothing Misplaced.Frames Out Of Order Cost Nothing",),
    says=r"lake should show each .*(is|are) lost",
)
