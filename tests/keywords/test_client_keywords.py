"""Keywords that read through the API: what a wrong API serves must be red, what a flow adds meanwhile must not."""

import json
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from keywords.fakes import FakePlay, scene_of, session_of
from tickproof import api, session
from tickproof.api import Api
from tickproof.bars import Bars
from tickproof.probes.api import Traffic
from tickproof.scenes import Scene
from tickproof.target import Guarantee
from tickproof.verdicts import Void
from verdicts.small import seen, sent, trade

ROUTE = SimpleNamespace(
    path="/v1/trades", symbol_parameter="symbol", rows="data",
    page_size=SimpleNamespace(parameter="limit", most=100), pages=SimpleNamespace(parameter="cursor", next="next"),
    range=SimpleNamespace(start="start", end="end"),
)  # fmt: skip
TARGET = SimpleNamespace(
    hops=SimpleNamespace(
        api=SimpleNamespace(guarantee=Guarantee.EXACTLY_ONCE, trades=ROUTE, keys={"limited": None})
    ),
    domain=SimpleNamespace(event_time_unit="us"),
)


class FakeApi:
    """Serves rows; notes what it was asked."""

    def __init__(self, rows: pa.Table, status: int = 200, body: dict[str, Any] | None = None) -> None:
        self.rows = rows
        self.status = status
        self.body = body or {}
        self.traffic = Traffic()
        self.asked: list[dict[str, Any]] = []

    def read(self, _symbols: object, _size: int | None = None, **options: Any) -> pa.Table:
        self.asked.append(options)
        return self.rows

    def get(self, _path: str, parameters: Any = None) -> Any:
        self.asked.append(dict(parameters or {}))
        body = self.body(parameters) if callable(self.body) else self.body
        return SimpleNamespace(status_code=self.status, content=json.dumps(body).encode())


THREE = [trade(1), trade(2), trade(3)]


def act(monkeypatch: pytest.MonkeyPatch, served: FakeApi, *, later: bool = False, **more: Any) -> Scene:
    """Three trades were judged to be there; with `later` a flow goes on and has planned ids up to 9."""
    scene = scene_of(sent(*THREE), "ETHBTC", **more)
    scene.seen["api"] = seen(*THREE)
    if later:
        scene.planned["ETHBTC"] = 10
    monkeypatch.setattr(session, "current", session_of(scene, api=served, target=TARGET, platform=TARGET))
    return scene


def test_pages_with_every_trade_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, FakeApi(seen(*THREE)))
    Api().pages_should_give_every_trade_once(1, 2)


@pytest.mark.parametrize("has_range", [True, False])
def test_small_pages_leave_out_what_happened_before(
    monkeypatch: pytest.MonkeyPatch,
    has_range: bool,  # noqa: FBT001
) -> None:
    served = FakeApi(seen(*THREE))
    act(monkeypatch, served)
    monkeypatch.setattr(ROUTE, "range", ROUTE.range if has_range else None)
    Api().pages_should_give_every_trade_once(1)
    with pytest.raises(Void):
        Api().a_limited_key_should_miss_nothing(page_size=1)
    asked = {"start": "2026-01-02T12:00:00.001000Z"} if has_range else {}
    assert [one["parameters"] for one in served.asked] == [asked, asked]


def test_what_the_flow_adds_meanwhile_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, FakeApi(seen(*THREE, trade(4), trade(9))), later=True)
    Api().pages_should_give_every_trade_once(1)


@pytest.mark.parametrize(
    "rows",
    [
        [trade(1), trade(3)],
        [*THREE, trade(3)],
        [trade(1), trade(2, side="sell"), trade(3)],
        [*THREE, trade(10)],  # nobody planned it
        [*THREE, trade(1, "BNBEUR")],
    ],
    ids=["skipped", "repeated", "altered", "made up", "of another symbol"],
)
def test_wrong_pages_are_red(monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, Any]]) -> None:
    act(monkeypatch, FakeApi(seen(*rows)), later=True)
    with pytest.raises(AssertionError, match=r"In pages of 7 rows: pages of 7 should show"):
        Api().pages_should_give_every_trade_once(7)


def test_a_limit_that_was_not_met_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, FakeApi(seen(*THREE)))
    with pytest.raises(Void, match="the limit was not met"):
        Api().a_limited_key_should_miss_nothing(page_size=1)


def test_a_zone_that_ignores_its_end_is_red(monkeypatch: pytest.MonkeyPatch) -> None:
    served = FakeApi(seen(*THREE))
    act(monkeypatch, served, later=True)
    with pytest.raises(
        AssertionError, match=r"From 2026-01-02T17:45:00\.001000\+05:45 up to .*should not be there"
    ):
        Api().zones_should_give_the_same_rows("+05:45")
    served.rows = seen(trade(1), trade(2))
    Api().zones_should_give_the_same_rows("Z", "+05:45", "-12:00")
    assert served.asked[-1]["parameters"] == {
        "start": "2026-01-02T00:00:00.001000-12:00",
        "end": "2026-01-02T00:00:00.003000-12:00",
    }


def test_a_snapshot_must_not_show_what_came_later(monkeypatch: pytest.MonkeyPatch) -> None:
    served = FakeApi(seen(*THREE))
    scene = act(monkeypatch, served, later=True)
    scene.remembered = (7, sent(trade(1), trade(2)))
    with pytest.raises(AssertionError, match=r"As of snapshot 7: .*1 row should not be there"):
        Api().snapshot_should_hold_what_was_remembered()
    served.rows = seen(trade(1), trade(2))
    Api().snapshot_should_hold_what_was_remembered()
    scene.remembered = (7, sent(*THREE))
    with pytest.raises(Void, match="no trade was seen at the API since"):
        Api().snapshot_should_hold_what_was_remembered()


def test_no_snapshot_is_remembered_under_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = act(monkeypatch, FakeApi(seen(*THREE), body={"snapshot": 7}))
    Api().remember_snapshot()
    assert scene.remembered is not None
    assert scene.remembered[0] == 7
    play = scene.sendings[0].play
    assert isinstance(play, FakePlay)
    play.state = "running"
    with pytest.raises(api.MisuseError, match="Trades are being sent"):
        Api().remember_snapshot()


def bar(**changes: Any) -> dict[str, Any]:
    good = {"bar_start": "2026-01-02T12:00:00Z", "open": "0.03125", "high": "0.03125", "low": "0.03125",
            "close": "0.03125", "volume": "4.5", "trades": 3}  # fmt: skip
    return good | changes


def test_bars_that_follow_pass_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def pages(asked: dict[str, Any]) -> dict[str, Any]:
        return {"data": [bar()]} if "cursor" in asked else {"data": [], "next_cursor": "more"}

    served = FakeApi(seen(), body=pages)  # type: ignore[arg-type]
    act(monkeypatch, served)
    Bars().bars_should_equal_the_trades("1m")
    assert served.asked[0]["start"] == "2026-01-02T12:00:00+00:00"
    assert served.asked[0]["end"] == "2026-01-02T12:01:00+00:00"
    assert served.asked[1]["cursor"] == "more"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "the bar should be there"),
        ([bar(), bar()], "served twice"),
        ([bar(close="0.03124")], "close should be 0.03125"),
        ([bar(trades=4)], "trades should be 3"),
        ([{name: value for name, value in bar().items() if name != "open"}], "open should be"),
        ([bar(bar_start="2026-01-02T12:00:00.5Z")], "the bar should be there"),
        ([bar(bar_start="2026-01-02T12:00:00")], "should tell the zone"),
        ([bar(bar_start="noon")], "should tell its start as a time"),
    ],
)
def test_wrong_bars_are_red(monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, Any]], said: str) -> None:
    act(monkeypatch, FakeApi(seen(), body={"data": rows}))
    with pytest.raises(AssertionError, match=said):
        Bars().bars_should_equal_the_trades("1m")


def test_summaries(monkeypatch: pytest.MonkeyPatch) -> None:
    served = FakeApi(seen(), body=bar(vwap="0.03125"))
    act(monkeypatch, served)
    Bars().daily_summaries_should_equal_the_trades()
    served.body = bar(vwap="0.03126")
    with pytest.raises(AssertionError, match=r"vwap should be 0\.03125"):
        Bars().daily_summaries_should_equal_the_trades()
    served.status = 404
    with pytest.raises(AssertionError, match="the bar should be there"):
        Bars().daily_summaries_should_equal_the_trades()
    served.status = 500
    with pytest.raises(AssertionError, match="should be served, not 500"):
        Bars().daily_summaries_should_equal_the_trades()


def test_bars_of_nothing_are_void(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "current", session_of(scene_of(sent(), "ETHBTC"), target=TARGET))
    with pytest.raises(Void, match="nothing was sent"):
        Bars().bars_should_equal_the_trades("1m")
