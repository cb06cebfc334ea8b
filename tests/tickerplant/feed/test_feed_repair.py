import asyncio
import io
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest
from common.waits import PATIENCE

from tickerplant.feed.counts import Counts
from tickerplant.feed.coverage import Coverage
from tickerplant.feed.history import PAGE, HistoryError
from tickerplant.feed.repair import Repairer
from tickerplant.feed.trade import Refused, Row, Trade
from tickerplant.service import Log

US = 1_700_000_000_000_000


def trade(symbol: str, trade_id: int) -> Trade:
    return Trade(symbol, trade_id, "1", "1", US, US, "buy", "rest", US)


class Venue:
    """Knows some ids of each symbol; can be out of reach for some calls."""

    def __init__(self, **ids: Sequence[int]) -> None:
        self.ids = {symbol: sorted(each) for symbol, each in ids.items()}
        self.asked: list[tuple[str, int, int]] = []
        self.extents = 0
        self.failures = 0
        self.failure: Exception = HistoryError("out of reach")
        self.refused: dict[int, Refused] = {}

    async def trades(self, symbol: str, first: int, limit: int) -> list[Row]:
        self.asked.append((symbol, first, limit))
        if self.failures:
            self.failures -= 1
            raise self.failure
        await asyncio.sleep(0)
        ids = [number for number in self.ids.get(symbol, []) if number >= first][:limit]
        return [self.refused.get(number) or trade(symbol, number) for number in ids]

    async def extent(self, symbols: Sequence[str]) -> dict[str, tuple[int, int]]:
        self.extents += 1
        if self.failures:
            self.failures -= 1
            raise self.failure
        known = {symbol: self.ids.get(symbol) for symbol in symbols}
        return {symbol: (ids[0], ids[-1]) if ids else (-1, -1) for symbol, ids in known.items()}

    def close(self) -> None:
        pass


class Scene:
    """A repairer with its surroundings, all in memory."""

    def __init__(self, venue: Venue, *, patience: float = 0.0, reach_patience: float = 0.0) -> None:
        self.venue = venue
        self.coverage = {symbol: Coverage() for symbol in ("A", "B")}
        self.published: list[int] = []
        self.reported: list[tuple[str, int, int, str]] = []
        self.letters: list[tuple[bytes, str, str, str]] = []
        self.counts = Counts()
        self.repairer = Repairer(
            venue,
            self.coverage,
            self.publish,
            room=self.room,
            reports=self,
            letters=self,
            counts=self.counts,
            log=Log("feed", stream=io.StringIO()),
            grace=0,
            patience=patience,
            reach_patience=reach_patience,
        )

    def publish(self, each: Trade) -> None:
        self.published.append(each.trade_id)

    async def room(self) -> None:
        await asyncio.sleep(0)

    def report(self, symbol: str, first: int, last: int, *, detected_us: int, reason: str) -> None:
        assert detected_us > US
        self.reported.append((symbol, first, last, reason))

    def put(
        self, payload: bytes, *, reason: str, position: str, received_us: int, source: str = "ws"
    ) -> None:
        assert received_us > US
        self.letters.append((payload, reason, position, source))

    def live(self, symbol: str, *ids: int) -> None:
        for number in ids:
            if self.coverage[symbol].see(number, asyncio.get_running_loop().time()):
                self.repairer.wake(symbol)

    async def settled(self) -> None:
        async with asyncio.timeout(PATIENCE):
            while self.repairer._tasks:
                await asyncio.gather(*self.repairer._tasks.values())


Play = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture
def play() -> Play:
    return asyncio.run


def test_a_gap_is_filled_once_and_with_nothing_else(play: Play) -> None:
    async def story() -> None:
        scene = Scene(Venue(A=range(1, 100)))
        scene.live("A", 10, 20, 21)
        await scene.settled()
        assert scene.published == list(range(11, 20))
        assert scene.coverage["A"].holes == []
        assert scene.venue.asked == [("A", 11, 9)]
        assert scene.reported == []

    play(story())


def test_long_gaps_are_read_page_by_page(play: Play) -> None:
    async def story() -> None:
        scene = Scene(Venue(A=range(1, 3000)))
        scene.live("A", 1, 2502)
        await scene.settled()
        assert scene.published == list(range(2, 2502))
        assert [(first, limit) for _, first, limit in scene.venue.asked] == [
            (2, PAGE),
            (1002, PAGE),
            (2002, 500),
        ]

    play(story())


def test_what_came_by_itself_meanwhile_is_not_published_again(play: Play) -> None:
    async def story() -> None:
        scene = Scene(Venue(A=range(1, 100)))
        scene.live("A", 1, 5, 3)
        await scene.settled()
        assert scene.published == [2, 4]

    play(story())


def test_swapped_frames_cost_no_request(play: Play) -> None:
    async def story() -> None:
        scene = Scene(Venue(A=range(1, 100)))
        scene.live("A", 1, 3, 2)
        await scene.settled()
        assert scene.venue.asked == []

    play(story())


def test_what_the_venue_does_not_know_is_reported_with_its_exact_ids(play: Play) -> None:
    async def story() -> None:
        scene = Scene(Venue(A=[1, 2, 5, 6, 10]))
        scene.live("A", 1, 10)
        await scene.settled()
        assert scene.published == [2, 5, 6]
        assert scene.reported == [("A", 3, 4, "not-in-history"), ("A", 7, 9, "not-in-history")]
        assert scene.coverage["A"].holes == []

    play(story())


def test_a_history_that_lags_is_asked_again(play: Play) -> None:
    async def story() -> None:
        venue = Venue(A=[1])
        scene = Scene(venue, patience=5)
        scene.live("A", 1, 4)
        asyncio.get_running_loop().call_later(0.05, venue.ids["A"].extend, [2, 3])
        await scene.settled()
        assert scene.published == [2, 3]
        assert scene.reported == []

    play(story())


def test_a_history_out_of_reach_is_given_more_time(play: Play) -> None:
    async def story() -> None:
        venue = Venue(A=range(1, 10))
        venue.failures = 2
        scene = Scene(venue, patience=0, reach_patience=5)
        scene.live("A", 1, 4)
        await scene.settled()
        assert scene.published == [2, 3]

    play(story())


def test_a_history_that_stays_out_of_reach_is_reported_as_such(play: Play) -> None:
    async def story() -> None:
        venue = Venue()
        venue.failures = 10**6
        scene = Scene(venue)
        scene.live("A", 1, 4)
        await scene.settled()
        assert scene.reported == [("A", 2, 3, "history-unreachable")]

    play(story())


@pytest.mark.parametrize("failure", [HistoryError("out of reach"), ValueError("not foreseen")])
def test_a_repair_survives_whatever_goes_wrong(play: Play, failure: Exception) -> None:
    async def story() -> None:
        venue = Venue(A=range(1, 10))
        venue.failures, venue.failure = 2, failure
        scene = Scene(venue, patience=0, reach_patience=PATIENCE)
        scene.live("A", 1, 4)
        await scene.settled()
        assert scene.published == [2, 3]
        assert scene.reported == []

    play(story())


def test_a_failure_that_nobody_foresaw_is_reported_as_out_of_reach(play: Play) -> None:
    async def story() -> None:
        venue = Venue()
        venue.failures, venue.failure = 10**6, ValueError("not foreseen")
        scene = Scene(venue)
        scene.live("A", 1, 4)
        await scene.settled()
        assert scene.reported == [("A", 2, 3, "history-unreachable")]

    play(story())


class Clock:
    """Time that passes only while somebody sleeps or the venue takes its time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self._turn = asyncio.sleep
        monkeypatch.setattr("tickerplant.feed.repair.time", self)
        monkeypatch.setattr(asyncio, "sleep", self.sleep)

    def monotonic(self) -> float:
        return self.now

    def time_ns(self) -> int:
        return (US + 1) * 1000 + int(self.now * 1e9)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await self._turn(0)


class Limiting(Venue):
    """Gives some pages, then asks some times to be left alone for a while."""

    def __init__(self, clock: Clock, pages: int, bans: int, ban: float, **ids: Sequence[int]) -> None:
        super().__init__(**ids)
        self.clock, self.pages, self.bans, self.ban = clock, pages, bans, ban
        self.calls = 0

    async def trades(self, symbol: str, first: int, limit: int) -> list[Row]:
        self.clock.now += 1.0
        self.calls += 1
        if (self.calls - 1) % (self.pages + self.bans) >= self.pages:
            raise HistoryError("status 429", self.ban)
        return await super().trades(symbol, first, limit)


def played(scene: Scene, clock: Clock, *ids: int) -> None:
    for number in ids:
        if scene.coverage["A"].see(number, clock.now):
            scene.repairer.wake("A")


def test_a_long_repair_goes_on_however_often_the_venue_asks_to_be_left_alone(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        clock = Clock(monkeypatch)
        venue = Limiting(clock, 3, 3, 120.0, A=range(1, 20_003))
        scene = Scene(venue, patience=2, reach_patience=60)
        played(scene, clock, 1, 20_002)
        await scene.settled()
        assert scene.published == list(range(2, 20_002))
        assert scene.reported == []

    play(story())


def test_patience_with_an_unreachable_history_begins_at_its_last_answer(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        clock = Clock(monkeypatch)
        venue = Limiting(clock, 100, 1, 0.0, A=range(1, 200_003))  # one failure after 100 s of answers
        scene = Scene(venue, patience=2, reach_patience=60)
        played(scene, clock, 1, 150_002)
        await scene.settled()
        assert len(scene.published) == 150_000
        assert scene.reported == []

    play(story())


class TestARowThatCannotBeTaken:
    @pytest.mark.parametrize("trade_id", [3, None], ids=["with-its-id", "without-an-id"])
    def test_it_is_set_aside_once_and_its_trade_stays_missing(
        self, play: Play, trade_id: int | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def story() -> None:
            clock = Clock(monkeypatch)
            venue = Venue(A=range(1, 10))
            venue.refused[3] = Refused(trade_id, b"{}", "missing-field")
            scene = Scene(venue, patience=2)
            played(scene, clock, 1, 5)
            await scene.settled()
            assert scene.published == [2, 4]
            assert len(scene.venue.asked) > 1
            where = "3" if trade_id else "unknown"
            assert scene.letters == [(b"{}", "missing-field", f"rest:A/trade:{where}", "rest")]
            assert scene.reported == [("A", 3, 3, "not-in-history")]

        play(story())

    def test_a_page_of_nothing_else_does_not_hide_what_is_behind_it(self, play: Play) -> None:
        async def story() -> None:
            venue = Venue(A=range(1, 3000))
            venue.refused = {
                number: Refused(number, b"%d" % number, "zero-size") for number in range(2, 1002)
            }
            scene = Scene(venue)
            scene.live("A", 1, 2500)
            await scene.settled()
            assert scene.published == list(range(1002, 2500))
            assert len(scene.letters) == 1000

        play(story())

    def test_it_is_nobodys_business_when_its_trade_is_not_missing(self, play: Play) -> None:
        async def story() -> None:
            venue = Venue(A=range(1, 10))
            venue.refused[3] = Refused(3, b"{}", "missing-field")
            scene = Scene(venue)
            scene.live("A", 1, 3, 5)
            await scene.settled()
            assert scene.published == [2, 4]
            assert scene.letters == []

        play(story())


class TestAfterAReconnect:
    @pytest.fixture(autouse=True)
    def no_delay(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tickerplant.feed.repair.SECOND_LOOK_AFTER", 0.0)

    def test_the_tail_is_fetched_where_nothing_newer_came(self, play: Play) -> None:
        async def story() -> None:
            scene = Scene(Venue(A=range(1, 8), B=range(1, 3)))
            scene.live("A", 3)
            scene.live("B", 2)
            await scene.repairer.check_tails(["A", "B"])
            await scene.settled()
            assert scene.published == [4, 5, 6, 7]
            assert scene.venue.extents == 2

        play(story())

    def test_a_symbol_that_was_empty_gets_all_its_trades(self, play: Play) -> None:
        async def story() -> None:
            venue = Venue()
            scene = Scene(venue)
            await scene.repairer.check_tails(["A"])
            venue.ids["A"] = [100, 101]
            await scene.repairer.check_tails(["A"])
            await scene.settled()
            assert scene.published == [100, 101]

        play(story())

    @pytest.mark.parametrize("failure", [HistoryError("out of reach"), ValueError("not foreseen")])
    def test_the_question_is_repeated_until_it_is_answered(self, play: Play, failure: Exception) -> None:
        async def story() -> None:
            venue = Venue(A=range(1, 8))
            venue.failures, venue.failure = 2, failure
            scene = Scene(venue)
            scene.live("A", 6)
            await scene.repairer.check_tails(["A"])
            await scene.settled()
            assert scene.published == [7]

        play(story())
