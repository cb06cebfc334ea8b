"""Each question to the venue's history is asked many times over."""

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Defect
from tickerplant.feed.repair import VenueHistory
from tickerplant.feed.trade import Row

TIMES = 12


class _Pressing(Wrapped[VenueHistory]):
    async def trades(self, symbol: str, first: int, limit: int) -> list[Row]:
        self.reached()
        for _ in range(TIMES - 1):
            await self.part.trades(symbol, first, limit)
        return await self.part.trades(symbol, first, limit)


DEFECT = Defect(
    id="feed-asks-again-and-again",
    family="efficiency",
    incident="A gap is repaired once for each message behind it, until the venue bans the address for two minutes.",
    service="feed",
    part="history",
    wrap=_Pressing,
    kills=("Pipeline.Disconnects Cost Nothing.A Gap Is Repaired With Few Questions",),
    says=r"should ask the venue's history at most",
)
