"""Before the first trade is stored, the list of symbols is an error."""

from tickerplant.api.store import SymbolFacts, TradeStore, View
from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Defect


class _Presuming(Wrapped[TradeStore]):
    def symbols(self, view: View) -> tuple[SymbolFacts, ...]:
        if not view.files:
            self.reached()
            raise IndexError("there is no first file")
        return self.part.symbols(view)


DEFECT = Defect(
    id="api-fails-when-empty",
    family="availability",
    incident="The first morning of a new market: the dashboard is up, and shows a 500 until somebody trades.",
    service="api",
    part="store",
    wrap=_Presuming,
    kills=("Pipeline.Right At Any Size.An Empty Platform Answers Empty",),
    says=r"/v1/(symbols|statistics) on an empty platform: the status should be 200, but it is 500",
    restarted=True,
)
