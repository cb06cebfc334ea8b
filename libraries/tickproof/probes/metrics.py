"""A service's published metrics (Prometheus text format), read once."""

from dataclasses import dataclass

import requests
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tickproof.probes.errors import HopUnreachableError


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
        answer = requests.get(url, timeout=5)
        answer.raise_for_status()
        families = list(text_string_to_metric_families(answer.text))
    except (requests.RequestException, ValueError) as error:
        raise HopUnreachableError(f"No metrics can be read at {url}: {error}.") from None
    return Metrics(tuple(sample for family in families for sample in family.samples))
