"""As long as it has a connection, the feed says that it is ready."""

from collections.abc import Callable

from tickerplant.defects.model import Around, Defect
from tickerplant.feed.outbox import Outbox

Trouble = Callable[[Outbox], str | None]


def _wrap(trouble: Trouble, around: Around) -> Trouble:
    def of_the_connection_only(outbox: Outbox) -> str | None:
        found = trouble(outbox)
        if found and outbox.reachable:
            around.reached()
            return None
        return found

    return of_the_connection_only


DEFECT = Defect(
    id="feed-trusts-its-connection",
    family="health",
    incident="The broker hangs, the socket stays open: dashboards are green while nothing has been stored for minutes.",
    service="feed",
    part="tickerplant.feed.service:_kafka_trouble",
    wrap=_wrap,
    kills=("Health.Health Tells The Truth.Readiness Tells That The Broker Is Paused",),
    says=r"feed should not be ready while kafka is paused",
)
