"""Keywords that read through the API: what a wrong API serves must be red, what a flow adds meanwhile must not."""

import json
from datetime import timedelta
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
from verdicts.small import NOON, seen, sent, trade

ROUTE = SimpleNamespace(
    path="/v1/trades", symbol_parameter="symbol", rows="data",
    page_size=SimpleNamespace(parameter="limit", most=100), pages=SimpleNamespace(parameter="cursor", next="next"),
    range=SimpleNamespace(start="start", end="end"),
)  # fmt: skip
TARGET = SimpleNamespace(
    hops=SimpleNamespace(
        api=SimpleNamespace(guarantee=Guarantee.EXACTLY_ONCE, trades=ROUTE, keys={"limited": None}),
        lake=SimpleNamespace(),
    ),
    domain=SimpleNamespace(event_time_unit="us", symbols=None),
)


class FakeApi:
    """Serves rows; notes what it was asked."""

    def __init__(self, rows: pa.Table, status: int = 200, body: dict[str, Any] | None = None) -> None:
        self.rows = rows
        self.status = status
        self.body = body or {}
        self.traffic = Traffic()
        self.asked: list[dict[str, Any]] = []

    def read(
        self, _symbols: object, size: int | None = None, between: Any = None, **options: Any
    ) -> pa.Table:
        """Gives all rows at once; says that it took a page for each `size` of them."""
        self.asked.append(options)
        pages = -(-self.rows.num_rows // (size or 100))
        self.traffic = Traffic(self.traffic.requests + pages)
        if between:
            any(between(self.rows.slice(page * (size or 100), size)) for page in range(pages - 1))
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
    Api().pages_should_give_every_trade_once(1, 50)
    with pytest.raises(Void):
        Api().a_limited_key_should_miss_nothing(page_size=1)
    first, end = "2026-01-02T12:00:00.001000Z", "2026-01-03T00:00:00.000000Z"
    bounds = [(first, end), ("2026-01-02T00:00:00.000000Z", end), (first, "2026-01-02T12:00:00.003001Z")]
    wanted = [{"start": start, "end": end} if has_range else {} for start, end in bounds]
    assert [one["parameters"] for one in served.asked] == wanted


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


class GrowingLake:
    """Its newest snapshot counts more rows each time it is asked, so many times."""

    def __init__(self, grows: int) -> None:
        self.grows = grows
        self.asked = 0

    def summary(self) -> dict[str, str]:
        self.asked += 1
        return {"total-records": str(min(self.asked, self.grows))}

    def snapshot(self) -> int:
        raise AssertionError("merged files are no growth, so nobody asks for the snapshot")


def under_flow(monkeypatch: pytest.MonkeyPatch, grows: int) -> FakeApi:
    served = FakeApi(seen(*THREE))
    scene = act(monkeypatch, served)
    play = scene.sendings[0].play
    assert isinstance(play, FakePlay)
    play.state = "running"
    lake = GrowingLake(grows)
    monkeypatch.setattr(session, "current", session_of(scene, api=served, target=TARGET, lake=lake))
    monkeypatch.setattr(api, "MANY_PAGES", 3)
    monkeypatch.setattr(api, "ONE_COMMIT", timedelta(milliseconds=50))
    return served


def test_pages_under_flow_pass_where_rows_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    served = under_flow(monkeypatch, grows=100)
    Api().pages_should_give_every_trade_once(1, 100, while_trades_arrive=True)
    assert len(served.asked) == 2


def test_pages_between_which_no_row_arrives_prove_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    under_flow(monkeypatch, grows=1)
    with pytest.raises(Void, match="3 trades make less than 3 pages in every size"):
        Api().pages_should_give_every_trade_once(2, 5, while_trades_arrive=True)
    with pytest.raises(Void, match="no row came into the table while 3 pages of 1 rows were read"):
        Api().pages_should_give_every_trade_once(1, while_trades_arrive=True)


def test_rows_must_arrive_behind_the_place_that_holds_the_first_trade(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    under_flow(monkeypatch, grows=100)
    run = session.current()
    growth = api._Growth(run, run.scene, sent(*THREE))
    asked = run.lake.asked
    earlier = seen(trade(0, event_time=NOON - 1_000))
    assert not growth.wait(seen())
    assert not growth.wait(earlier)
    assert run.lake.asked == asked
    assert growth.wait(seen(*THREE[:1]))
    assert run.lake.asked > asked + 1


def test_a_flow_that_ends_too_soon_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    under_flow(monkeypatch, grows=100)
    play = session.current().scene.sendings[0].play
    play.state = "done"
    began = []
    monkeypatch.setattr(api.Market, "start_sending_trades", lambda _, count, **__: began.append(count))
    Api().pages_should_give_every_trade_once(1, while_trades_arrive=True)
    assert began == [api.MORE_TRADES]


def test_a_day_is_asked_for_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [trade(1), trade(2, event_time=NOON + 86_400_000_000_000)]
    served = FakeApi(seen(rows[0]))
    scene = act(monkeypatch, served)
    scene.sendings[0] = scene_of(sent(*rows), "ETHBTC").sendings[0]
    scene.seen["api"] = seen(*rows)
    with pytest.raises(AssertionError, match="should show the one trade exactly once"):
        Api().pages_should_give_every_trade_once(1)  # the second day shows the first day's trade
    assert [asked["parameters"]["start"][:10] for asked in served.asked] == ["2026-01-02", "2026-01-03"]


def test_a_question_without_bounds_sees_what_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    served = FakeApi(seen(*THREE))
    act(monkeypatch, served)
    Api().a_question_without_bounds_should_give_the_same()
    assert served.asked == [{}]
    served.rows = seen(*THREE, trade(3, event_time=0))
    with pytest.raises(AssertionError, match=r"Without bounds of time: .*1 row is a duplicate"):
        Api().a_question_without_bounds_should_give_the_same()


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
            "close": "0.03125", "volume": "4.5", "quote_volume": "0.140625", "trades": 3}  # fmt: skip
    return good | changes


def test_bars_that_follow_pass_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def pages(asked: dict[str, Any]) -> dict[str, Any]:
        return {"data": [bar()]} if "cursor" in asked else {"data": [], "next_cursor": "more"}

    served = FakeApi(seen(), body=pages)  # type: ignore[arg-type]
    act(monkeypatch, served)
    Bars().bars_should_equal_the_trades("1m")
    assert served.asked[0]["start"] == "2026-01-02T11:59:00+00:00"
    assert served.asked[0]["end"] == "2026-01-02T12:02:00+00:00"
    assert served.asked[1]["cursor"] == "more"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "the bar should be there"),
        ([bar(), bar()], "served twice"),
        ([bar(close="0.03124")], "close should be 0.03125"),
        ([bar(trades=4)], "trades should be 3"),
        ([bar(quote_volume="0.140624")], "quote_volume should be 0.140625"),
        ([bar(), bar(bar_start="2026-01-02T12:01:00Z")], r"the bar should be absent \(no trade\)"),
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


class Summaries(FakeApi):
    """Serves one summary for the day of the trades; `other` for those beside it."""

    def __init__(self, other: int = 404) -> None:
        super().__init__(seen(), body=bar(vwap="0.03125"))
        self.other = other

    def get(self, path: str, parameters: Any = None) -> Any:
        answer = super().get(path, parameters)
        if not path.endswith("2026-01-02"):
            answer.status_code = self.other
        return answer


def test_summaries(monkeypatch: pytest.MonkeyPatch) -> None:
    served = Summaries()
    act(monkeypatch, served)
    Bars().daily_summaries_should_equal_the_trades()
    assert len(served.asked) == 3
    served.body = bar(vwap="0.03126")
    with pytest.raises(AssertionError, match=r"vwap should be 0\.03125"):
        Bars().daily_summaries_should_equal_the_trades()
    served.status = 404
    with pytest.raises(AssertionError, match="the bar should be there"):
        Bars().daily_summaries_should_equal_the_trades()
    served.status = 500
    with pytest.raises(AssertionError, match="should be served, not 500"):
        Bars().daily_summaries_should_equal_the_trades()


def test_a_summary_of_a_day_without_a_trade_is_red(monkeypatch: pytest.MonkeyPatch) -> None:
    act(monkeypatch, Summaries(other=200))
    with pytest.raises(AssertionError, match=r"the bar should be absent \(no trade\), but a bar was served"):
        Bars().daily_summaries_should_equal_the_trades()


def test_bars_of_nothing_are_void(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "current", session_of(scene_of(sent(), "ETHBTC"), target=TARGET))
    with pytest.raises(Void, match="nothing was sent"):
        Bars().bars_should_equal_the_trades("1m")
