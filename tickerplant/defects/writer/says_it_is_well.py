"""The writer is ready, whatever it cannot reach."""

from collections.abc import Callable

from tickerplant.defects.model import Around, Defect
from tickerplant.writer.source import Source
from tickerplant.writer.writer import Writer

Trouble = Callable[[Writer, Source], str | None]


def _wrap(trouble: Trouble, around: Around) -> Trouble:
    def none(writer: Writer, source: Source) -> None:
        if source.unreachable is not None and trouble(writer, source):
            around.reached()

    return none


DEFECT = Defect(
    id="writer-says-it-is-well",
    family="health",
    incident="The health check tells that the process answers: the pager stays silent while nothing is written.",
    service="writer",
    part="tickerplant.writer.service:_kafka_trouble",
    wrap=_wrap,
    kills=("Health.Health Tells The Truth.Readiness Tells That The Broker Is Away",),
    says=r"writer should not be ready",
)
