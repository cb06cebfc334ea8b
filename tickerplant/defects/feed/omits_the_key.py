"""Now and then a trade is published without its key, on whatever partition that means."""

from collections.abc import Callable

from tickerplant.defects.binding import Every
from tickerplant.defects.model import Around, Defect
from tickerplant.feed.outbox import Headers
from tickerplant.feed.publish import Publisher

Send = Callable[[str, bytes | None, bytes, Headers | None], None]


def _wrap(publisher: Publisher, around: Around) -> Publisher:
    turn = Every(600, first=200)
    usual = publisher._send  # noqa: SLF001 - the key is nobody else's business

    def send(topic: str, key: bytes | None, value: bytes, headers: Headers | None = None) -> None:
        if turn():
            around.reached()
            key = None
        usual(topic, key, value, headers)

    publisher._send = send  # noqa: SLF001 - same
    return publisher


DEFECT = Defect(
    id="feed-omits-the-key",
    family="order",
    incident="A second producer was added and its author forgot the key: state per symbol falls apart downstream.",
    service="feed",
    part="publisher",
    wrap=_wrap,
    kills=("Pipeline.Every Trade Arrives.Every Symbol Keeps Its Order And Its Partition",),
    says=r"lane|partition|key should be its symbol",
)
