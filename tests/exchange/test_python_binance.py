"""The proof that it is not our own misreading: an unmodified public client of the venue works with it.

Only its settings are changed, addresses and a time-out: class attributes.
"""

import asyncio
import ssl
import warnings
from collections.abc import Callable

import pytest
from exchange.conftest import SOON, Exchange, Market
from tickproof.exchange import actions
from tickproof.exchange.plan import Plan

with warnings.catch_warnings():
    warnings.simplefilter(
        "ignore", DeprecationWarning
    )  # it imports names that its own dependency has given up
    from binance import AsyncClient, BinanceSocketManager
    from binance.ws.reconnecting_websocket import ReconnectingWebsocket


@pytest.fixture
def addresses(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AsyncClient, "API_URL", f"{exchange.addresses['rest_tls_url']}/api")
    monkeypatch.setattr(BinanceSocketManager, "STREAM_URL", f"{exchange.wss}/")
    monkeypatch.setattr(ReconnectingWebsocket, "TIMEOUT", 0.5)  # how long its end takes
    monkeypatch.setenv("SSL_CERT_FILE", exchange.ca)


async def trusting(exchange: Exchange) -> AsyncClient:
    context = ssl.create_default_context(cafile=exchange.ca)
    return await AsyncClient.create(api_key="any", requests_params={"ssl": context})


class Listener:
    """What somebody would write around the client: collect trades, fetch what is missing, go on."""

    def __init__(self, client: AsyncClient, wanted: dict[str, int]) -> None:
        self.client = client
        self.next_id = wanted
        self.trades: dict[tuple[str, int], tuple[str, str, int, bool]] = {}
        self.repaired = 0
        self.errors: list[str] = []

    async def take(self, message: dict) -> None:
        if message.get("e") == "error":
            self.errors.append(message["type"])
            return
        row = message.get("data", message)
        if row["e"] != "trade":
            return
        await self.fill(row["s"], row["t"])
        self.keep(row["s"], row["t"], row["p"], row["q"], row["T"], row["m"])

    async def fill(self, symbol: str, behind: int) -> None:
        while (missing := self.next_id[symbol]) < behind:
            page = await self.client.get_historical_trades(symbol=symbol, fromId=missing, limit=1000)
            assert page
            assert page[0]["id"] == missing
            for row in page[: behind - missing]:
                self.repaired += 1
                self.keep(symbol, row["id"], row["price"], row["qty"], row["time"], row["isBuyerMaker"])

    def keep(self, symbol: str, number: int, *values: object) -> None:
        self.trades[symbol, number] = values
        self.next_id[symbol] = max(self.next_id[symbol], number + 1)


def expected(plans: list[Plan]) -> dict[tuple[str, int], tuple[object, ...]]:
    return {
        (row["symbol"], row["trade_id"]): (
            row["price_text"],
            row["quantity_text"],
            row["event_time_ns"] // 10**6,
            row["buyer_is_maker"],
        )
        for plan in plans
        for row in plan.table.to_pylist()
    }


@pytest.mark.usefixtures("addresses")
@pytest.mark.parametrize("deed", [None, actions.Expire, actions.Drop, actions.Shutdown, actions.Skip])
def test_every_trade_arrives(
    lease: Callable[[int], Market], deed: Callable[..., actions.Action] | None
) -> None:
    market = lease(2)
    venue = market.exchange.client
    plans: list[Plan] = []
    begins = {name: venue.state()["counters"][name] for name in market.symbols}

    async def listen() -> Listener:
        client = await trusting(market.exchange)
        manager = BinanceSocketManager(client, max_queue_size=10_000)
        listener = Listener(client, begins)
        async with manager.multiplex_socket(market.streams) as stream:

            async def take_until(count: int) -> None:
                while len(listener.trades) < count:
                    await listener.take(await stream.recv())

            await asyncio.to_thread(venue.wait_subscribed, market.symbols, SOON)
            plans.append(market.plan(500, per_second=400, actions=[deed(at=100)] if deed else []))
            play = await asyncio.to_thread(venue.play, plans[0])
            await take_until(100)
            await asyncio.to_thread(play.wait, SOON)
            # Back again: what comes now comes live, and uncovers what was missed.
            await asyncio.to_thread(venue.wait_subscribed, market.symbols, SOON)
            plans.append(market.plan(40, per_second=400))
            await asyncio.to_thread(venue.play, plans[1])
            await take_until(540)
        await client.close_connection()
        return listener

    listener = asyncio.run(listen())
    assert listener.trades == expected(plans)
    assert bool(listener.errors) == (deed not in (None, actions.Skip))
    assert bool(listener.repaired) == (deed is not None)


@pytest.mark.usefixtures("addresses")
def test_its_other_calls_work_too(market: Market) -> None:
    market.sent(20)

    async def call() -> None:
        client = await trusting(market.exchange)
        assert (await client.get_server_time())["serverTime"] > 0
        assert await client.ping() == {}
        assert (await client.get_symbol_info("ETHBTC"))["baseAsset"] == "ETH"
        assert len(await client.get_recent_trades(symbol=market.symbols[0], limit=3)) == 3
        await client.close_connection()

    asyncio.run(call())
