"""Platforms of another age: what was there before has to be untouched."""

from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from keywords.fakes import scene_of, session_of
from tickproof import session, warehouses
from tickproof.aged import Past
from tickproof.misuse import MisuseError
from tickproof.target import Guarantee
from tickproof.verdicts import Void
from tickproof.warehouses import Warehouses
from verdicts.small import seen, sent, trade

OLD = [trade(1), trade(2)]


def visit(monkeypatch: pytest.MonkeyPatch, rows: pa.Table, past: Past | None) -> Warehouses:
    """A visit to a platform whose lake holds these rows."""
    asked: list[Any] = []
    lake = SimpleNamespace(read=lambda symbols: asked.append(symbols) or rows)
    target = SimpleNamespace(
        hops=SimpleNamespace(lake=SimpleNamespace(guarantee=Guarantee.EXACTLY_ONCE)),
        domain=SimpleNamespace(event_time_unit="us"),
    )
    monkeypatch.setattr(session, "current", session_of(scene_of(sent(), "BNBEUR"), lake=lake, target=target))
    monkeypatch.setattr(warehouses.report, "verdict_table", lambda _: None)
    visited = Warehouses()
    visited._past = past
    return visited


PAST = Past(sent(*OLD), ("ETHBTC",))


def test_old_rows_that_are_as_they_were_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    visit(monkeypatch, seen(*OLD), PAST).old_rows_should_be_untouched()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (OLD[:1], "1 is lost"),
        ([], "2 are lost"),
        ([*OLD, OLD[0]], "1 row is a duplicate"),
        ([OLD[0], trade(2, side="sell")], "side should be buy but is sell"),
        ([*OLD, trade(3)], "1 row should not be there"),
    ],
)
def test_old_rows_that_are_not_are_red(
    monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, Any]], said: str
) -> None:
    with pytest.raises(AssertionError, match=f"(?s)^lake should show .*{said}"):
        visit(monkeypatch, seen(*rows), PAST).old_rows_should_be_untouched()


def test_a_platform_without_a_past_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Void, match="nothing was sent"):
        visit(monkeypatch, seen(), Past(sent(), ())).old_rows_should_be_untouched()
    with pytest.raises(MisuseError, match="use `Start Platform With Old Rows` first"):
        visit(monkeypatch, seen(), None).old_rows_should_be_untouched()
