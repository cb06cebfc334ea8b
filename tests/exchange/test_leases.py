"""Symbols belong to one test at a time, and their counters only grow."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from common.waits import until
from exchange.conftest import SOON, Exchange, Market
from tickproof.exchange.client import ExchangeError
from tickproof.exchange.leases import LeaseError, Leases, Owner

ME = Owner.of(os.getpid())


def test_symbols_not_used_for_longest_come_first(tmp_path: Path) -> None:
    leases = Leases(tmp_path, ["A", "B", "C", "D"])
    first = leases.take(2, ME)
    assert first.symbols == ("A", "B")
    leases.release(first.id)
    assert leases.take(3, ME).symbols == ("C", "D", "A")


def test_symbols_follow_from_a_seed(tmp_path: Path) -> None:
    names = [f"S{n}" for n in range(200)]
    leases, others = (Leases(tmp_path / folder, names) for folder in ("a", "b"))
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    first = leases.take(5, ME, seed=7)
    leases.release(first.id)
    for _ in range(3):
        leases.release(leases.take(20, ME).id)  # whoever came in between does not matter
    assert leases.take(5, ME, seed=7).symbols == first.symbols
    assert others.take(5, ME, seed=7).symbols == first.symbols
    assert others.take(5, ME, seed=8).symbols != first.symbols


def test_where_one_of_them_is_held_the_next_takes_its_place(tmp_path: Path) -> None:
    leases = Leases(tmp_path, [f"S{n}" for n in range(200)])
    all_five = leases.take(5, ME, seed=7)
    leases.release(all_five.id)
    leases.take(1, ME, only=[all_five.symbols[1]])
    left = [name for name in all_five.symbols if name != all_five.symbols[1]]
    assert list(leases.take(5, ME, seed=7).symbols[:4]) == left


def test_seeds_spread_over_all_symbols(tmp_path: Path) -> None:
    leases = Leases(tmp_path, [f"S{n}" for n in range(200)])
    taken = []
    for seed in range(300):
        lease = leases.take(3, ME, seed=seed)
        taken += lease.symbols
        leases.release(lease.id)
    assert len(set(taken)) > 190
    assert max(taken.count(name) for name in set(taken)) < 20


def test_no_symbol_is_leased_twice(tmp_path: Path) -> None:
    leases = Leases(tmp_path, ["A", "B", "C"])
    leases.take(2, ME, only=["C", "A"])
    with pytest.raises(
        LeaseError, match=r"2 symbols were asked for, but 1 of 3 are free \(1 leases are held\)"
    ):
        leases.take(2, ME)
    assert leases.take(1, ME).symbols == ("B",)


def test_an_unknown_symbol_is_named(tmp_path: Path) -> None:
    with pytest.raises(LeaseError, match="symbol NOSUCH is not listed on the simulated exchange"):
        Leases(tmp_path, ["A"]).take(1, ME, only=["NOSUCH"])


def test_a_restart_continues(tmp_path: Path) -> None:
    leases = Leases(tmp_path, ["A", "B", "C"])
    held = leases.take(1, ME)
    leases.advance({"A": 77})
    again = Leases(tmp_path, ["A", "B", "C"])
    assert again.counters["A"] == 77
    assert again.all == [held]
    assert again.take(2, ME).symbols == ("B", "C")


def test_what_an_ended_process_held_is_free_again(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    leases = Leases(tmp_path, ["A"])
    leases.take(1, Owner.of(child.pid))
    assert leases.reap() == []
    child.communicate()
    assert leases.take(1, ME).symbols == ("A",)


def test_another_process_with_the_same_number_is_not_the_owner() -> None:
    assert ME.alive
    assert not Owner(ME.pid, "1").alive


def test_over_the_control_port(market: Market) -> None:
    client = market.exchange.client
    with pytest.raises(ExchangeError, match="are free"):
        client.lease(1, only=market.symbols[:1])
    with pytest.raises(ExchangeError, match="`seed` must be a whole number from 0 on, but it is -1"):
        client.lease(1, seed=-1)
    mine = client.lease(2, seed=7)
    client.release(mine)
    assert [one.symbol for one in client.lease(2, seed=7).symbols] == [one.symbol for one in mine.symbols]
    before = client.state()["counters"][market.symbols[0]]
    play = client.play(market.plan(10))
    play.wait(SOON)
    mine = [row for row in play.ledger()["symbol"].to_pylist() if row == market.symbols[0]]
    assert client.state()["counters"][market.symbols[0]] == before + len(mine)


def test_ids_go_on_after_kill_9(own_exchange: Callable[..., Exchange]) -> None:
    first = own_exchange()
    lease = first.client.lease(1)
    market = Market(first, lease.symbols)
    market.sent(5)
    first.stop(9)
    second = own_exchange()
    assert second.client.state()["counters"][lease.symbols[0].symbol] == lease.symbols[0].next_id + 5
    with pytest.raises(ExchangeError, match="are free"):
        second.client.lease(1, only=[lease.symbols[0].symbol])
    assert Market(second, lease.symbols).sent(5)["trade_id"].to_pylist()[0] == lease.symbols[0].next_id + 5


def test_the_exchange_reaps_by_itself(own_exchange: Callable[..., Exchange]) -> None:
    exchange = own_exchange()
    code = (
        "from tickproof.exchange.client import ExchangeClient; "
        f"ExchangeClient({exchange.addresses['control_url']!r}).lease(3)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    until(lambda: not exchange.client.state()["leases"])
    assert "lease-reaped" in [event["what"] for event in exchange.client.events()]
