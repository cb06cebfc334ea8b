"""A trade that comes again is stored again."""

import pyarrow as pa

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Defect
from tickerplant.writer.deduplicate import Deduplicator, Fresh
from tickerplant.writer.intervals import Intervals


class _Forgetting(Wrapped[Deduplicator]):
    def fresh(self, rows: pa.Table, ids: Intervals) -> Fresh:
        fresh = self.part.fresh(rows, ids)
        if not fresh.dropped:
            return fresh
        self.reached()
        return Fresh(rows.sort_by([("symbol", "ascending"), ("trade_id", "ascending")]), fresh.ids, 0)


DEFECT = Defect(
    id="writer-forgets-what-it-stored",
    family="duplication",
    incident="The venue repeats a frame, and the table counts it twice.",
    service="writer",
    part="deduplicator",
    wrap=_Forgetting,
    kills=("Pipeline.Nothing Twice Nothing Misplaced.Repeated Frames Are Stored Once",),
    says=r"rows? (is|are) duplicates?|row is a duplicate",
)
