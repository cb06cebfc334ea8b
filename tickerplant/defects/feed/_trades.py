"""Changes some trades before they are published."""

from collections.abc import Callable

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Around
from tickerplant.feed.service import Publishes
from tickerplant.feed.trade import Trade


class Changed(Wrapped[Publishes]):
    """Publishes as usual, but some trades in another form.

    Args:
        part: The usual publisher.
        around: What else there is.
        change: Returns what is published in a trade's place.
    """

    def __init__(self, part: Publishes, around: Around, change: Callable[[Trade], Trade]) -> None:
        super().__init__(part, around)
        self._change = change

    def publish(self, trade: Trade) -> None:
        changed = self._change(trade)
        if changed != trade:
            self.reached()
        self.part.publish(changed)
