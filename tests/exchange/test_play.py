"""Plans on the wire: what is sent, when, and what the ledger says of it. Read with an independent client."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pyarrow.compute as pc
import pytest
import websockets.exceptions
from common.waits import PATIENCE, until
from exchange.conftest import SOON, Market
from tickproof.exchange import actions
from websockets.sync.client import ClientConnection, connect


@contextmanager
def subscribed(market: Market, url: str | None = None) -> Iterator[ClientConnection]:
    with connect(url or market.combined_url, max_size=None, max_queue=None) as ws:
        market.exchange.client.wait_subscribed(market.symbols, SOON)
        yield ws


def frames(ws: ClientConnection, count: int) -> list[str]:
    return [ws.recv(timeout=PATIENCE) for _ in range(count)]


def ids(texts: list[str]) -> list[tuple[str, int]]:
    rows = [json.loads(text)["data"] for text in texts]
    return [(row["s"], row["t"]) for row in rows]


def of_ledger(table: object) -> list[tuple[str, int]]:
    return list(zip(table["symbol"].to_pylist(), table["trade_id"].to_pylist(), strict=True))


def test_a_plan_arrives_as_drawn_and_its_ledger_says_so(market: Market) -> None:
    with subscribed(market) as ws:
        plan = market.plan(500)
        play = market.exchange.client.play(plan)
        texts = frames(ws, 500)
        end = play.wait(SOON)
    ledger = play.ledger()
    assert ids(texts) == of_ledger(plan.table) == of_ledger(ledger)
    assert end.sent == end.total == 500
    assert set(ledger["copies"].to_pylist()) == {1}
    assert set(ledger["expect"].to_pylist()) == {"stored"}
    due, handed, gone = (ledger[name].to_numpy() for name in ("due_ns", "handed_ns", "gone_ns"))
    assert (np.diff(due) >= 0).all()
    assert (due <= handed).all()
    assert (handed <= gone).all()
    first = json.loads(texts[0])["data"]
    assert first["p"] == plan.table["price_text"][0].as_py()
    assert ledger["price"][0].as_py() == pytest.approx(ledger["price"][0].as_py())


def test_it_keeps_the_pace(market: Market) -> None:
    with subscribed(market) as ws:
        play = market.play(400, per_second=1000)
        frames(ws, 400)
        end = play.wait(SOON)
    assert end.ended_ns - end.started_ns > 0.38e9  # how late it may be is measured by the bench


def test_each_subscriber_gets_what_it_wants(lease: Callable[[int], Market]) -> None:
    market = lease(3)
    one = f"{market.exchange.ws}/ws/{market.streams[1]}"
    with subscribed(market) as ws, connect(one) as raw:
        ledger = market.sent(300)
        texts = frames(ws, 300)
        mine = [row for row in of_ledger(ledger) if row[0] == market.symbols[1]]
        raws = [json.loads(text) for text in frames(raw, len(mine))]
    assert ids(texts) == of_ledger(ledger)
    assert [(row["s"], row["t"]) for row in raws] == mine
    assert set(ledger.filter(pc.equal(ledger["symbol"], market.symbols[1]))["copies"].to_pylist()) == {2}


def test_without_a_subscriber_nothing_is_handed_over_and_rest_can_repair(market: Market) -> None:
    ledger = market.sent(20)
    assert ledger["handed_ns"].null_count == 20
    assert set(ledger["copies"].to_pylist()) == {0}
    assert set(ledger["repairable"].to_pylist()) == {True}


def test_as_fast_as_it_goes_loses_nothing(market: Market) -> None:
    with subscribed(market) as ws:
        play = market.play(50_000, per_second=None)
        texts = frames(ws, 50_000)
        play.wait(SOON)
    assert ids(texts) == of_ledger(play.ledger())


def test_a_repeated_frame(market: Market) -> None:
    with subscribed(market) as ws:
        ledger = market.sent(20, actions=[actions.Repeat(at=5, count=2)])
        got = ids(frames(ws, 22))
    sent = of_ledger(ledger)
    assert got == [*sent[:5], sent[5], sent[5], sent[5], *sent[6:]]
    assert ledger["copies"].to_pylist() == [1] * 5 + [3] + [1] * 14


def test_a_frame_that_comes_again_later(market: Market) -> None:
    with subscribed(market) as ws:
        ledger = market.sent(20, actions=[actions.Repeat(at=5, count=2, later=10)])
        got = ids(frames(ws, 22))
    sent = of_ledger(ledger)
    assert got == [*sent[:15], sent[5], sent[5], *sent[15:]]
    assert ledger["copies"].to_pylist() == [1] * 5 + [3] + [1] * 14


def test_swapped_frames_stand_in_the_ledger_as_they_went(market: Market) -> None:
    with subscribed(market) as ws:
        ledger = market.sent(20, actions=[actions.Swap(at=5)])
        got = ids(frames(ws, 20))
    assert got == of_ledger(ledger)
    assert ledger["plan_index"].to_pylist() == [0, 1, 2, 3, 4, 6, 5, *range(7, 20)]


def test_skipped_ids_known_and_unknown_to_rest(market: Market) -> None:
    deeds = [actions.Skip(at=3, count=2), actions.Skip(at=10, rest_knows=False)]
    with subscribed(market) as ws:
        ledger = market.sent(20, actions=deeds)
        got = ids(frames(ws, 17))
    gap = {3, 4, 10}
    assert got == [row for number, row in enumerate(of_ledger(ledger)) if number not in gap]
    assert [number for number, copies in enumerate(ledger["copies"].to_pylist()) if not copies] == sorted(gap)
    assert ledger["expect"].to_pylist()[10] == "absent"
    assert ledger["repairable"].to_pylist()[10] is False
    assert ledger["expect"].to_pylist()[3] == "stored"


def test_a_dropped_connection_ends_without_a_close_frame_at_the_very_row(market: Market) -> None:
    with subscribed(market) as ws:
        ledger = market.sent(20, actions=[actions.Drop(at=7)])
        got = ids(frames(ws, 7))
        with pytest.raises(websockets.exceptions.ConnectionClosedError) as ended:
            ws.recv(timeout=PATIENCE)
    assert ended.value.rcvd is None
    assert got == of_ledger(ledger)[:7]
    assert ledger["copies"].to_pylist() == [1] * 7 + [0] * 13


def test_refused_handshakes(market: Market) -> None:
    market.sent(2, actions=[actions.Refuse(at=1, count=2)])
    for _ in range(2):
        with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
            connect(market.combined_url)
        assert refused.value.response.status_code == 503
    with connect(market.combined_url):
        pass


def test_a_stall_makes_frames_due_later(market: Market) -> None:
    with subscribed(market):
        ledger = market.sent(40, per_second=1000, actions=[actions.Stall(at=10, seconds=0.3)])
    due = ledger["due_ns"].to_numpy()
    assert due[10] - due[9] > 290_000_000
    assert len(set(due[10:].tolist())) == 1


@pytest.mark.parametrize(
    ("deed", "before"), [(actions.HalfFrame, 5), (actions.Oversize, 5), (actions.ProtocolError, 5)]
)
def test_broken_frames_end_the_connection(market: Market, deed: type, before: int) -> None:
    with connect(market.combined_url, max_size=1_000_000) as ws:
        market.exchange.client.wait_subscribed(market.symbols, SOON)
        ledger = market.sent(10, actions=[deed(at=before)])
        assert ids(frames(ws, before)) == of_ledger(ledger)[:before]
        with pytest.raises(websockets.exceptions.ConnectionClosedError):
            ws.recv(timeout=PATIENCE)
    assert ledger["copies"].to_pylist() == [1] * before + [0] * (10 - before)
    assert set(ledger["repairable"].to_pylist()) == {True}


def test_garbage_goes_ahead_of_its_row(market: Market) -> None:
    deeds = [actions.Garbage(at=3, kind="not-json"), actions.Garbage(at=6, kind="binary-frame")]
    with subscribed(market) as ws:
        ledger = market.sent(10, actions=deeds)
        got = frames(ws, 12)
    assert isinstance(got[7], bytes)
    with pytest.raises(json.JSONDecodeError):
        json.loads(got[3])
    assert ledger["kind"].to_pylist()[3] == "not-json"
    assert ledger["kind"].to_pylist()[7] == "binary-frame"
    assert [row for row in ledger["expect"].to_pylist() if row != "stored"] == ["quarantined"] * 2
    assert ledger["plan_index"].to_pylist() == [0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9]
    assert ids([*got[:3], *got[4:7], *got[8:]]) == of_ledger(
        ledger.filter(pc.equal(ledger["expect"], "stored"))
    )


def test_acceptable_garbage_takes_the_place_of_its_row(market: Market) -> None:
    with subscribed(market) as ws:
        ledger = market.sent(10, actions=[actions.Garbage(at=3, kind="unknown-extra-field")])
        got = frames(ws, 10)
    assert "X" in json.loads(got[3])["data"]
    assert ids(got) == of_ledger(ledger)
    assert ledger["kind"].to_pylist()[3] == "unknown-extra-field"
    assert set(ledger["expect"].to_pylist()) == {"stored"}


def test_a_shutdown_is_announced_before_the_end(market: Market) -> None:
    with subscribed(market) as ws:
        market.sent(5, actions=[actions.Shutdown(at=2)])
        got = [json.loads(text) for text in frames(ws, 6)]
        with pytest.raises(websockets.exceptions.ConnectionClosedOK):
            ws.recv(timeout=PATIENCE)
    assert got[2]["stream"] == "!serverShutdown"
    assert got[2]["data"]["e"] == "serverShutdown"


def test_24_hours_end_at_a_row(market: Market) -> None:
    with subscribed(market) as ws:
        ledger = market.sent(5, actions=[actions.Expire(at=2)])
        assert len(frames(ws, 2)) == 2
        with pytest.raises(websockets.exceptions.ConnectionClosedOK):
            ws.recv(timeout=PATIENCE)
    assert ledger["copies"].to_pylist() == [1, 1, 0, 0, 0]


def test_a_subscriber_that_does_not_read_is_seen_and_does_not_hold_up_the_others(
    lease: Callable[[int], Market],
) -> None:
    lazy, brisk = lease(1), lease(1)
    with connect(lazy.combined_url, max_size=None, max_queue=1) as idle, subscribed(brisk) as ws:
        lazy.exchange.client.wait_subscribed(lazy.symbols, SOON)
        heavy = lazy.play(100_000, per_second=200_000)
        light = brisk.play(500, per_second=1000)
        frames(ws, 500)
        assert light.wait(SOON).sent == 500
        until(lambda: heavy.progress().sent == 100_000)
        state = next(c for c in lazy.exchange.client.state()["connections"] if c["streams"] == lazy.streams)
        ledger = heavy.ledger()
        assert state["waiting_bytes"] > 1_000_000
        assert ledger["handed_ns"].null_count == 0
        assert ledger["gone_ns"].null_count > 1000
        assert "left" in heavy.wait(SOON).reason
        idle.close_socket() if hasattr(idle, "close_socket") else idle.socket.close()


def test_a_stall_on_command_shifts_what_is_left(market: Market) -> None:
    with subscribed(market):
        play = market.play(2_000, per_second=200)
        until(lambda: play.progress().sent >= 20)
        market.exchange.client.act("stall", seconds=0.4)
        play.wait(SOON)
    ledger = play.ledger()
    due, handed = ledger["due_ns"].to_numpy(), ledger["handed_ns"].to_numpy()
    assert np.diff(handed).max() > 380_000_000
    assert (handed >= due).all()


def test_a_play_that_is_broken_off_leaves_the_rest_of_its_ids_to_the_next(market: Market) -> None:
    with subscribed(market) as ws:
        play = market.play(30_000, per_second=1000)
        frames(ws, 20)
        play.break_off()
        broken = play.progress()
        assert broken.state == "failed"
        assert broken.reason == "it was broken off"
        assert 20 <= broken.sent < 30_000
        ws.close()
    ledger = play.ledger()
    with subscribed(market) as ws:
        follows = market.play(40, seed=8)
        texts = frames(ws, 40)
        follows.wait(SOON)
    for symbol in market.symbols:
        sent = [
            key for key in of_ledger(ledger.filter(pc.greater(ledger["handed_ns"], 0))) if key[0] == symbol
        ]
        assert next(key for key in ids(texts) if key[0] == symbol)[1] == sent[-1][1] + 1
    follows.break_off()
    assert follows.progress().state == "done"
