"""Metrics of a service, read over HTTP."""

import pytest
from keywords.conftest import Serve
from keywords.local_http import Answer
from messages.approved import approve
from tickproof.probes.errors import HopUnreachableError
from tickproof.probes.metrics import read_metrics

TEXT = """\
# HELP feed_gaps_unrepaired Gaps.
# TYPE feed_gaps_unrepaired counter
feed_gaps_unrepaired_total{symbol="ETHBTC",kind="old"} 2
feed_gaps_unrepaired_total{symbol="ETHBTC",kind="new"} 3
feed_gaps_unrepaired_total{symbol="BNBEUR",kind="new"} 4.5
# TYPE lag_messages gauge
lag_messages 17
"""


def test_samples_are_summed_by_name_and_labels(serve: Serve) -> None:
    metrics = read_metrics(serve({"/metrics": Answer(TEXT, kind="text/plain")}).url + "/metrics")
    assert metrics.value("feed_gaps_unrepaired_total") == 9.5
    assert metrics.value("feed_gaps_unrepaired_total", symbol="ETHBTC") == 5
    assert metrics.value("feed_gaps_unrepaired_total", symbol="ETHBTC", kind="new") == 3
    assert metrics.value("lag_messages") == 17


def test_what_is_not_there_counts_nothing(serve: Serve) -> None:
    metrics = read_metrics(serve({"/metrics": Answer(TEXT, kind="text/plain")}).url + "/metrics")
    assert metrics.value("feed_gaps") == 0
    assert metrics.value("lag_messages", symbol="ETHBTC") == 0


def test_what_cannot_be_read_is_told(serve: Serve) -> None:
    server = serve({"/garbled": Answer('lag_messages{symbol="x} 1\n', kind="text/plain")})
    told = []
    for path in ("/garbled", "/nothing"):
        with pytest.raises(HopUnreachableError) as failure:
            read_metrics(server.url + path)
        told.append(str(failure.value))
    server.close()
    with pytest.raises(HopUnreachableError) as failure:
        read_metrics(server.url + "/metrics")
    told.append(str(failure.value))
    approve("metrics-unreadable", "\n".join(told), hide={server.url: "http://127.0.0.1:PORT"})
