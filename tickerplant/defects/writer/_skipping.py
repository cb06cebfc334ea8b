"""Takes the first message after something for one that was seen before."""

import numpy as np

from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Around
from tickerplant.writer.source import Polled, Source


class SkipsOne(Wrapped[Source]):
    """Leaves out one message that is polled once `away` is set."""

    def __init__(self, part: Source, around: Around) -> None:
        super().__init__(part, around)
        self.away = False

    def _skipped(self, polled: Polled) -> Polled:
        """Return what was polled, but for its first message when it is time."""
        alone = np.bincount(polled.partitions) if len(polled) else np.empty(0)
        if not self.away or not len(polled) or alone[polled.partitions[0]] < 2:
            return polled  # the offset of what is skipped must be passed by another message
        self.away = False
        self.reached()
        return Polled(polled.values[1:], polled.partitions[1:], polled.offsets[1:])
