"""A service's published metrics (Prometheus text format), read once."""

from dataclasses import dataclass
from http import HTTPStatus

import requests
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tickproof.probes.errors import HopUnreachableError
from tickproof.probes.web import CONNECT_S, cause, session_for

TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Metrics:
    """All samples of one reading."""

    samples: tuple[Sample, ...]

    def value(self, name: str, **labels: str) -> float:
        """Return the sum of the samples with this name and (at least) these labels; 0 where there is none."""
        return sum(
            sample.value
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


def read_metrics(url: str) -> Metrics:
    """Read the metrics of a service.

    Args:
        url: Where it publishes them.

    Raises:
        HopUnreachableError: It does not answer, or not with metrics.
    """
    try:
        answer = session_for(url).get(url, timeout=(CONNECT_S, TIMEOUT_S))
    except requests.RequestException as error:
        reason = cause(error, read_s=TIMEOUT_S)
        raise HopUnreachableError(f"No metrics can be read at {url}: {reason}.") from None
    if answer.status_code != HTTPStatus.OK:
        raise HopUnreachableError(f"No metrics can be read at {url}: it answered {answer.status_code}.")
    try:
        families = list(text_string_to_metric_families(answer.text))
    except ValueError:
        raise HopUnreachableError(
            f"No metrics can be read at {url}: the answer is not in Prometheus' text format."
        ) from None
    return Metrics(tuple(sample for family in families for sample in family.samples))
