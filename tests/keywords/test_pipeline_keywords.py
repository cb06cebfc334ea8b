"""Keywords that judge the way of a trade: right, wrong, and where nothing can be said."""

from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from keywords.fakes import scene_of, session_of
from tickproof import observing, pipeline, session
from tickproof.exchange.actions import Repeat
from tickproof.misuse import MisuseError
from tickproof.pipeline import Pipeline, judged
from tickproof.scenes import Scene
from tickproof.target import Guarantee
from tickproof.verdicts import Void
from verdicts.small import seen, sent, trade

THREE = [trade(1), trade(2), trade(3)]
WAITED = (
    "Every trade sent should be there within 60 s, but nothing moved for 2 s.\n"
    "Last seen: 2 of 3 trades.\nLooked once in 2 s."
)


def platform(
    monkeypatch: pytest.MonkeyPatch,
    shown: dict[str, pa.Table],
    *,
    sends: pa.Table | None = None,
    guarantee: Guarantee = Guarantee.EXACTLY_ONCE,
    waited: str = "",
    **more: Any,
) -> Scene:
    """A platform whose hops show this of the trades of a test."""
    scene = scene_of(sent(*THREE) if sends is None else sends, "ETHBTC")
    hop = SimpleNamespace(guarantee=guarantee, keeps_text=False)
    target = SimpleNamespace(
        hops=SimpleNamespace(kafka=hop, lake=hop, api=hop),
        domain=SimpleNamespace(event_time_unit="us"),
    )
    events = more.pop("events", [])
    exchange = SimpleNamespace(events=lambda _since: events)
    run = session_of(scene, target=target, exchange=exchange, **more)
    monkeypatch.setattr(session, "current", run)

    def watch(_run: Any, _scene: Scene, hop: str, _sent: pa.Table) -> tuple[pa.Table, str]:
        return shown[hop], waited

    monkeypatch.setattr(pipeline, "watch", watch)
    for name in ("hops", "agreements"):
        monkeypatch.setattr(pipeline.report, name, lambda *_: None)
    return scene


def fails(message: str) -> Any:
    """Expects a failure that is no VOID; `.` in the pattern is any character, a line's end, too."""
    return pytest.raises(AssertionError, match=f"(?s)^(?!VOID).*{message}")


ALL = {"kafka": seen(*THREE), "lake": seen(*THREE), "api": seen(*THREE)}


def test_hops_that_hold_every_trade_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    platform(monkeypatch, ALL)
    Pipeline().hops_should_hold_every_trade()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([trade(1), trade(3)], "lake should show .* 1 is lost"),
        ([*THREE, trade(3)], "lake should show .* 1 row is a duplicate"),
        ([*THREE, trade(4)], "lake should show .* 1 row should not be there"),
        ([*THREE, trade(5, "ethbtc")], r"Phantom: ethbtc 5 was never sent \(no neighbours"),
        ([*THREE, trade(-(2**63), event_time=0)], "Phantom: ETHBTC -9223372036854775808 was never sent"),
        ([trade(1), trade(2), trade(3, side="sell")], "side should be buy but is sell"),
    ],
)
def test_one_hop_that_does_not_is_red(
    monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, Any]], said: str
) -> None:
    platform(monkeypatch, {**ALL, "lake": seen(*rows)})
    with fails(said):
        Pipeline().hops_should_hold_every_trade()
    Pipeline().hops_should_hold_every_trade("kafka", "api")


def test_a_loss_tells_how_it_was_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = platform(monkeypatch, {**ALL, "lake": seen(*THREE[:2])}, waited=WAITED)
    with fails("1 is lost.*last seen at kafka.*nothing moved for 2 s.*Last seen: 2 of 3 trades.*Looked once"):
        Pipeline().hops_should_hold_every_trade("kafka", "lake")
    assert scene.missed == {("ETHBTC", 3)}


def test_where_losses_are_excused_nothing_seen_is_void(monkeypatch: pytest.MonkeyPatch) -> None:
    platform(monkeypatch, dict.fromkeys(ALL, seen()), guarantee=Guarantee.AT_MOST_ONCE)
    with pytest.raises(Void, match="nothing of 3 trades was seen"):
        Pipeline().hops_should_hold_every_trade()


def test_nothing_sent_is_void(monkeypatch: pytest.MonkeyPatch) -> None:
    platform(monkeypatch, ALL, sends=sent())
    for keyword in (
        Pipeline().hops_should_hold_every_trade,
        Pipeline().symbols_should_keep_order_and_partition,
    ):
        with pytest.raises(Void, match="nothing was sent"):
            keyword()


def test_a_disturbance_that_left_no_trace_is_void(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = platform(monkeypatch, ALL)
    (sending,) = scene.sendings
    scene.sendings[:] = [type(sending)(sending.play, sending.within, (Repeat(at=1, count=1),))]
    with pytest.raises(Void, match="what was to go wrong did not"):
        Pipeline().hops_should_hold_every_trade()


def test_one_symbol_is_judged_in_whatever_case_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = sent(*THREE, trade(1, "BNBEUR"))
    both = seen(*THREE, trade(1, "BNBEUR"))
    platform(monkeypatch, {**ALL, "kafka": seen(*THREE), "lake": both, "api": both}, sends=rows)
    judged((), only="ETHBTC")  # what the other symbol lost is not this one's matter
    platform(monkeypatch, {**ALL, "lake": seen(*THREE, trade(9, "ethbtc"))}, sends=rows)
    with fails("ethbtc 9 was never sent"):
        judged((), only="ETHBTC")


# Order, keys, text


def ordered(monkeypatch: pytest.MonkeyPatch, *rows: dict[str, Any]) -> None:
    platform(monkeypatch, {"kafka": seen(*rows)}, guarantee=Guarantee.AT_LEAST_ONCE)
    Pipeline().symbols_should_keep_order_and_partition()


def test_an_order_that_was_kept_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    ordered(monkeypatch, *THREE)
    ordered(monkeypatch, trade(1), trade(3), trade(2, source="rest"))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([trade(2), trade(1), trade(3)], "1 pair is out of order"),
        ([trade(1), trade(2), trade(3, lane=9)], "1 symbol is split"),
        ([trade(1), trade(2, place='key "BNBEUR"'), trade(3)], 'ETHBTC 2 has key "BNBEUR"'),
    ],
)
def test_an_order_a_partition_or_a_key_that_was_not_is_red(
    monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, Any]], said: str
) -> None:
    with fails(said):
        ordered(monkeypatch, *rows)


def test_repaired_trades_tell_nothing_of_the_live_order(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Void, match="2 of 3 trades in Kafka were repaired"):
        ordered(monkeypatch, trade(1), trade(2, source="rest"), trade(3, source="rest"))


def test_a_text_that_nobody_promised_to_keep_is_void(monkeypatch: pytest.MonkeyPatch) -> None:
    platform(monkeypatch, ALL)
    with pytest.raises(Void, match="keeps_text"):
        Pipeline().kafka_should_keep_the_venues_text()


# Agreement


def test_hops_that_show_the_same_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    platform(monkeypatch, ALL)
    Pipeline().hops_should_agree("kafka", "lake", "api")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([trade(1), trade(2)], "1 stands only in lake"),
        ([*THREE, trade(4)], "1 stands only in api"),
        ([trade(1), trade(2), trade(3, side="sell")], "1 differs"),
        ([*THREE, trade(2), trade(2)], "ETHBTC 2 seen once at lake and 3 times at api"),
    ],
)
def test_hops_that_show_something_else_do_not(
    monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, Any]], said: str
) -> None:
    platform(monkeypatch, {**ALL, "api": seen(*rows)})
    with fails(said):
        Pipeline().hops_should_agree("lake", "api")


def test_repetitions_count_only_where_both_promise_exactly_once(monkeypatch: pytest.MonkeyPatch) -> None:
    platform(monkeypatch, {**ALL, "kafka": seen(*THREE, trade(2))}, guarantee=Guarantee.AT_LEAST_ONCE)
    Pipeline().hops_should_agree("kafka", "lake")


def test_hops_that_show_nothing_prove_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    platform(monkeypatch, dict.fromkeys(ALL, seen()))
    with pytest.raises(Void, match="no trade was seen at either hop"):
        Pipeline().hops_should_agree("kafka", "lake")
    with pytest.raises(MisuseError, match="two different hops"):
        Pipeline().hops_should_agree("kafka")


# Connections


def closed(monkeypatch: pytest.MonkeyPatch, *events: str) -> None:
    platform(monkeypatch, ALL, events=[{"what": what} for what in events])
    Pipeline().feed_should_have_reconnected()


def test_a_feed_that_came_back_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    closed(monkeypatch, "disconnect", "connect")
    closed(monkeypatch, "connect", "disconnect")  # a good feed opens the next one before the old one ends


def test_a_feed_that_stays_away_is_red(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "RECONNECT_WITHIN", pipeline.timedelta(milliseconds=1))
    with fails("Last seen: 2 closed, 1 opened"):
        closed(monkeypatch, "disconnect", "connect", "disconnect")


def test_no_connection_that_closed_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Void, match="the exchange closed no connection"):
        closed(monkeypatch, "connect")


def test_what_was_observed_is_in_the_order_of_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = platform(monkeypatch, ALL)
    asked: list[str] = []

    def watch(_run: Any, _scene: Scene, hop: str, _sent: pa.Table) -> tuple[pa.Table, str]:
        asked.append(hop)
        return ALL[hop], ""

    monkeypatch.setattr(pipeline, "watch", watch)
    scene.ends = {0: 17}  # of an earlier flow
    Pipeline().hops_should_hold_every_trade("api", "kafka")
    assert asked == ["kafka", "api"]
    assert scene.ends is None
    assert observing.hops_of(session.current()) == ("kafka", "lake", "api")
