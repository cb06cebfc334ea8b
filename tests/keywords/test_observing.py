"""What is waited for at a hop, what is seen beside it, and when a hop is given up."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from keywords.fakes import PLACE, FakePlay, scene_of
from tickproof import observing, settling, stalls
from tickproof.clock import now_ns
from tickproof.exchange.frames import stream_name
from tickproof.exchange.leases import first_id
from tickproof.observing import own_of, watch, window_of, written
from tickproof.probes.errors import HopUnreachableError
from tickproof.probes.mapping import only
from tickproof.scenes import Scene
from tickproof.stack import ServiceState
from tickproof.stalls import Stall
from tickproof.target import Guarantee
from verdicts.small import NOON, seen, sent, trade

THREE = [trade(1), trade(2), trade(3)]
FOREVER = timedelta(hours=1)


def service(name: str = "feed", state: str = "running", health: str | None = "healthy") -> ServiceState:
    return ServiceState(name, state, health, 7, 0, 1 if state == "exited" else None, 0, 0, "")


class Steps:
    """What a hop shows, look by look; the last of it stays."""

    def __init__(self, *shown: Any) -> None:
        self.shown = list(shown)
        self.looks = 0

    def next(self) -> Any:
        self.looks += 1
        found = self.shown[min(self.looks, len(self.shown)) - 1]
        if isinstance(found, Exception):
            raise found
        return found


@dataclass
class Run:
    """A session whose hops show what a test says."""

    in_topic: Sequence[dict[str, Any]] = ()
    in_lake: Steps = field(default_factory=lambda: Steps(seen()))
    read_up_to: Steps = field(default_factory=lambda: Steps(0))
    in_api: Steps = field(default_factory=lambda: Steps(seen()))
    services: list[ServiceState] = field(default_factory=lambda: [service()])
    events: list[dict[str, Any]] = field(default_factory=list)
    offsets_property: str | None = "offsets"
    has_lake: bool = True

    def __post_init__(self) -> None:
        self.stack = SimpleNamespace(status=lambda: self.services)
        self.asked_api: list[dict[str, str]] = []
        self.snapshots = 0
        self.state: dict[str, Any] = {
            "connections": [{"streams": [stream_name("ETHBTC")]}],
            "counters": {"ETHBTC": first_id("ETHBTC") + 5, "BNBEUR": first_id("BNBEUR") + 2},
        }
        self.target = SimpleNamespace(
            hops=SimpleNamespace(
                kafka=SimpleNamespace(topic="trades", guarantee=Guarantee.AT_LEAST_ONCE),
                lake=SimpleNamespace(guarantee=Guarantee.EXACTLY_ONCE, offsets_property=self.offsets_property)
                if self.has_lake
                else None,
                api=SimpleNamespace(
                    guarantee=Guarantee.EXACTLY_ONCE,
                    follows_within=timedelta(milliseconds=1),
                    trades=SimpleNamespace(range=SimpleNamespace(start="from", end="to")),
                ),
            ),
            domain=SimpleNamespace(symbols=None),
            waits=SimpleNamespace(within=timedelta(seconds=5), stalled_after=timedelta(milliseconds=200)),
        )
        self.exchange = SimpleNamespace(state=lambda: self.state, events=lambda _since: self.events)
        self.kafka = SimpleNamespace(ends=lambda topic: {topic: {0: len(self.in_topic)}}, read=self._read)
        self.lake = SimpleNamespace(
            snapshot=self._snapshot, read=lambda own: only(self.in_lake.next(), own), summary=self._summary
        )
        self.api = SimpleNamespace(read=self._ask)

    def _read(self, _since: Any, _until: Any, own: Any) -> pa.Table:
        return only(seen(*self.in_topic), own)

    def _snapshot(self) -> int:
        self.snapshots += 1
        return self.snapshots

    def _summary(self) -> dict[str, str]:
        return {"offsets": f'{{"0": {self.read_up_to.next()}}}'}

    def _ask(self, own: Any, parameters: dict[str, str] | None = None) -> pa.Table:
        self.asked_api.append(parameters or {})
        return only(self.in_api.next(), own)


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is worth waiting for long."""
    for module, name in ((stalls, "QUIET"), (stalls, "VENUE_QUIET"), (settling, "ONE_MORE")):
        monkeypatch.setattr(module, name, timedelta(milliseconds=60))


def scene(*rows: dict[str, Any]) -> Scene:
    made = scene_of(sent(*rows), "ETHBTC")
    return replace(made, marks=replace(made.marks, topics={"trades": {0: 0}}))


def look(run: Run, hop: str, where: Scene | None = None, **options: Any) -> tuple[list[int], str]:
    where = where or scene(*THREE)
    table, ended = watch(run, where, hop, where.sent(), **options)  # type: ignore[arg-type]
    return table["trade_id"].to_pylist(), ended


# What is seen


def test_all_is_there_at_once() -> None:
    run = Run(THREE, Steps(seen(*THREE)), Steps(3), Steps(seen(*THREE)))
    where = scene(*THREE)
    for hop in ("kafka", "lake", "api"):
        assert look(run, hop, where) == ([1, 2, 3], "")
    assert where.ends == {0: 3}
    assert run.in_api.looks == 1  # what Kafka held had been worked off before the API was asked


def test_rows_of_nobody_are_seen_at_every_hop() -> None:
    rows = [*THREE, trade(5, "ethbtc"), trade(-(2**63), event_time=NOON), trade(first_id("BNBEUR"), "BNBEUR")]
    run = Run(rows, Steps(seen(*rows)), Steps(9))
    for hop in ("kafka", "lake"):
        assert look(run, hop) == ([1, 2, 3, 5, -(2**63)], "")


def test_whoever_is_alone_knows_what_others_have_sent() -> None:
    first = first_id("BNBEUR")
    rows = [*THREE, trade(first + 1, "BNBEUR"), trade(first + 2, "BNBEUR")]
    assert look(Run(rows), "kafka") == ([1, 2, 3], "")
    alone = replace(scene(*THREE), place=replace(PLACE, exclusive=True))
    assert look(Run(rows), "kafka", alone) == ([1, 2, 3, first + 2], "")


def test_the_api_is_asked_for_the_time_of_the_trades() -> None:
    run = Run(THREE, read_up_to=Steps(3), in_api=Steps(seen(*THREE)))
    look(run, "api")
    assert run.asked_api[0] == {"from": "2026-01-02T12:00:00.001000Z", "to": "2026-01-02T12:00:00.003001Z"}
    run.target.hops.api.trades.range = None
    assert window_of(run, sent(*THREE)) == {}  # type: ignore[arg-type]


def test_what_the_api_lacks_is_looked_for_at_all_times() -> None:
    moved = seen(trade(1), trade(2), trade(3, event_time=0))
    run = Run(THREE, read_up_to=Steps(3), in_api=Steps(seen(*THREE[:2]), seen(*THREE[:2]), moved))
    run.in_api.shown = [seen(*THREE[:2])]
    run._ask = lambda _own, parameters=None: moved if not parameters else seen(*THREE[:2])  # type: ignore[method-assign]
    run.api.read = run._ask
    where = scene(*THREE)
    where.ends = {0: 3}
    ids, ended = look(run, "api", where)
    assert ids == [1, 2, 3]  # altered, not lost
    assert "2 of 3 trades" in ended


# Duplicates that come late


def test_a_duplicate_behind_the_last_missing_trade_is_seen() -> None:
    late = seen(*THREE, trade(2))
    run = Run([*THREE, trade(2)], Steps(seen(*THREE), late), Steps(3, 3, 4))
    where = scene(*THREE)
    look(run, "kafka", where)
    assert look(run, "lake", where) == ([1, 2, 3, 2], "")


def test_the_api_is_looked_at_again_once_all_is_worked_off() -> None:
    run = Run(
        [*THREE, trade(2)], read_up_to=Steps(3, 3, 4), in_api=Steps(seen(*THREE), seen(*THREE, trade(2)))
    )
    where = scene(*THREE)
    look(run, "kafka", where)
    assert look(run, "api", where) == ([1, 2, 3, 2], "")
    assert run.in_api.looks == 2


def test_a_table_that_never_tells_that_it_read_all_is_judged_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []
    monkeypatch.setattr(settling.logger, "warn", told.append)
    run = Run([*THREE, trade(2)], Steps(seen(*THREE), seen(*THREE, trade(2))), Steps(1))
    assert look(run, "lake") == ([1, 2, 3, 2], "")
    assert "does not say within 200 ms" in told[0]


@pytest.mark.parametrize("has_lake", [True, False])
def test_where_nothing_tells_how_far_the_topic_was_read_one_more_look_has_to_do(
    monkeypatch: pytest.MonkeyPatch,
    has_lake: bool,  # noqa: FBT001
) -> None:
    told: list[str] = []
    monkeypatch.setattr(settling.logger, "info", told.append)
    shown = Steps(seen(*THREE), seen(*THREE, trade(2)))
    run = Run(THREE, shown, in_api=shown, offsets_property=None, has_lake=has_lake)
    assert look(run, "lake" if has_lake else "api") == ([1, 2, 3, 2], "")
    assert f"once more after {'one more commit' if has_lake else '60 ms'}" in told[0]


# When a hop is given up


def test_a_trade_that_cannot_come_any_more_is_given_up_soon() -> None:
    run = Run(THREE[:2], Steps(seen(*THREE[:1])), Steps(3), Steps(seen()))
    run.target.waits.stalled_after = FOREVER
    where = scene(*THREE)
    for hop, count, why in (
        ("kafka", 2, "the venue had nothing more to give"),
        ("lake", 1, "the table had read all of the topic"),
        ("api", 0, "the table had read all of the topic"),
    ):
        ids, ended = look(run, hop, where)
        assert len(ids) == count
        assert f"every service was healthy, and {why}" in ended
        assert f"Last seen: {count} of 3 trades." in ended


def test_a_hop_that_cannot_be_looked_at_is_not_reachable() -> None:
    run = Run(THREE, Steps(HopUnreachableError("The lake's catalog does not answer.")))
    run.target.waits.within = timedelta(milliseconds=10)
    with pytest.raises(HopUnreachableError, match="catalog does not answer"):
        look(run, "lake")


def test_a_budget_of_its_own_is_used_up() -> None:
    run = Run(THREE, read_up_to=Steps(3), in_api=Steps(seen(), seen(), seen(), seen(), seen(*THREE)))
    where = scene(*THREE)
    where.ends = {0: 3}
    run.target.waits.stalled_after = timedelta(milliseconds=1)
    assert look(run, "api", where, within=timedelta(seconds=5)) == ([1, 2, 3], "")
    run.services = [service(state="exited")]
    run.in_api = Steps(seen())
    assert "feed ended with exit code 1" in look(run, "api", where, within=FOREVER)[1]


class NoTime:
    """A clock that needs no time."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


def stalled(
    run: Run, hop: str, still: float, where: Scene | None = None, ends: dict[int, int] | None = None
) -> str | None:
    """Returns why a hop is given up that stood still for so many seconds."""
    pace = NoTime()
    where = where or scene(*THREE)
    where.ends = ends or {0: 3}
    stall = Stall(run, where, hop, pace=pace)  # type: ignore[arg-type]
    stall.note(1)
    pace.sleep(still)
    return stall.reason()


@pytest.fixture
def usual(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(stalls, "QUIET", timedelta(seconds=2))
    monkeypatch.setattr(stalls, "VENUE_QUIET", timedelta(seconds=3))
    run = Run(THREE, read_up_to=Steps(3))
    run.target.waits.stalled_after = timedelta(seconds=20)
    return run


def test_where_all_is_well_a_stall_is_short(usual: Run) -> None:
    assert stalled(usual, "lake", 1.9) is None
    assert "nothing moved for 2 s" in str(stalled(usual, "lake", 2))
    assert stalled(usual, "kafka", 2.9) is None
    assert "nothing moved for 3 s" in str(stalled(usual, "kafka", 3))
    usual.target.hops.api.follows_within = None  # nobody says how long the API may keep old answers
    assert stalled(usual, "api", 19) is None
    assert stalled(usual, "api", 20) == "nothing moved for 20 s"


def test_a_figure_that_moves_is_no_stall(usual: Run) -> None:
    pace = NoTime()
    stall = Stall(usual, scene(*THREE), "lake", pace=pace)  # type: ignore[arg-type]
    for figure in range(30):
        stall.note(figure)
        assert stall.reason() is None
        pace.sleep(1)


@pytest.mark.parametrize(
    "change",
    [
        {"read_up_to": Steps(2)},
        {"services": [service(health="unhealthy")]},
        {"offsets_property": None},
    ],
    ids=["the table lags", "a service is unwell", "nothing tells how far the table is"],
)
def test_where_more_may_come_a_stall_is_long(usual: Run, change: dict[str, Any]) -> None:
    run = replace(usual, **change)
    run.target.waits.stalled_after = timedelta(seconds=20)
    assert stalled(run, "lake", 19.9) is None
    assert stalled(run, "lake", 20) == "nothing moved for 20 s"


def event(what: str, seconds_ago: float = 0, **more: object) -> dict[str, Any]:
    return {"what": what, "at_ns": now_ns() - int(seconds_ago * 1e9), **more}


@pytest.mark.parametrize(
    "events",
    [
        [("disconnect", 0, {})],
        [("connect", 1, {})],
        [("rest", 100, {"status": 200}), ("rest", 1, {"status": 200})],
        [("rest", 100, {"status": 429})],
    ],
    ids=[
        "just disconnected",
        "just came back",
        "asks for what it missed",
        "was sent away and may come again",
    ],
)
def test_a_feed_that_is_at_work_is_waited_for(
    usual: Run, events: list[tuple[str, int, dict[str, int]]]
) -> None:
    usual.events = [event(what, ago, **more) for what, ago, more in events]
    assert stalled(usual, "kafka", 19) is None


def test_a_feed_that_had_its_answers_is_not(usual: Run) -> None:
    usual.events = [event("connect", 100), event("rest", 50, status=200), event("play-ended")]
    assert "the venue had nothing more to give" in str(stalled(usual, "kafka", 3))


def test_a_flow_that_goes_on_and_a_feed_that_is_away_are_waited_for(usual: Run) -> None:
    flowing = scene(*THREE)
    play = flowing.sendings[0].play
    assert isinstance(play, FakePlay)
    play.state = "running"
    assert stalled(usual, "kafka", 19, flowing) is None
    usual.state["connections"] = []
    assert stalled(usual, "kafka", 19) is None


def test_no_stall_is_counted_while_a_service_comes_back(usual: Run) -> None:
    pace = NoTime()
    stall = Stall(usual, scene(*THREE), "lake", pace=pace)  # type: ignore[arg-type]
    for state in (service(state="restarting"), service(health="starting"), service(state="preparing")):
        usual.services = [state]
        pace.sleep(30)
        assert stall.reason() is None
    usual.services = [service()]
    pace.sleep(1.9)
    assert stall.reason() is None
    usual.services = [service(state="exited")]
    assert stall.reason() == "feed ended with exit code 1 and is not restarted"


def test_instants_are_written_in_any_zone() -> None:
    assert written(NOON) == "2026-01-02T12:00:00.000000Z"
    assert written(NOON + 1_999, "-05:00") == "2026-01-02T07:00:00.000001-05:00"


def test_a_scene_answers_for_what_no_test_can_have_sent() -> None:
    own = own_of(Run(), scene(*THREE))  # type: ignore[arg-type]
    assert dict(own) == {"ETHBTC": 0}
    assert own.listed["ETHBTC"] == (first_id("ETHBTC"), first_id("ETHBTC") + observing.IDS)
