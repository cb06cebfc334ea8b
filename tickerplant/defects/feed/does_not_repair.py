"""What the connection missed is asked for, and the answer is thrown away."""

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Defect
from tickerplant.feed.repair import VenueHistory
from tickerplant.feed.trade import Row


class _Fruitless(Wrapped[VenueHistory]):
    async def trades(self, symbol: str, first: int, limit: int) -> list[Row]:
        if await self.part.trades(symbol, first, limit):
            self.reached()
        return []


DEFECT = Defect(
    id="feed-does-not-repair",
    family="repair",
    incident="After a reconnect the history is asked, but its answer is filtered down to nothing.",
    service="feed",
    part="history",
    wrap=_Fruitless,
    kills=(
        "Pipeline.Disconnects Cost Nothing.A Dropped Connection Costs Nothing",
        "Pipeline.Disconnects Cost Nothing.Skipped Ids That The Venue Knows Are Repaired",
        "Pipeline.Garbage Is Set Aside.Half A Frame Is Repaired",
        "Pipeline.Garbage Is Set Aside.An Oversize Frame Is Repaired",
        "Pipeline.Garbage Is Set Aside.A Protocol Error Is Repaired",
    ),
    says=r"(is|are) lost",
)
