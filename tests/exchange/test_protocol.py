"""The venue's WebSocket over the wire, met with independent client libraries."""

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import Callable

import aiohttp
import pytest
import websockets.exceptions
from common.waits import PATIENCE, until
from exchange.conftest import SOON, Exchange, Market
from tickproof.exchange import limits
from websockets.sync.client import ClientConnection, connect


def ask(ws: ClientConnection, **request: object) -> object:
    ws.send(json.dumps(request))
    return json.loads(ws.recv(timeout=PATIENCE))


def test_a_raw_stream_sends_the_documented_payload(market: Market) -> None:
    with connect(f"{market.exchange.ws}/ws/{market.streams[0]}") as ws:
        market.exchange.client.wait_subscribed(market.symbols[:1], SOON)
        plan = market.plan(1)
        market.exchange.client.play(plan).wait(SOON)
        text = ws.recv(timeout=PATIENCE)
    row = plan.table.to_pylist()[0]
    maker = "true" if row["buyer_is_maker"] else "false"
    assert text == (
        f'{{"e":"trade","E":{row["venue_time_ns"] // 10**6},"s":"{row["symbol"]}","t":{row["trade_id"]}'
        f',"p":"{row["price_text"]}","q":"{row["quantity_text"]}","T":{row["event_time_ns"] // 10**6}'
        f',"m":{maker},"M":true}}'
    )


@pytest.mark.parametrize(
    ("unit", "grain"), [("MICROSECOND", 1000), ("microsecond", 1000), ("MILLISECOND", 10**6)]
)
def test_the_time_unit_is_each_connections_own(market: Market, unit: str, grain: int) -> None:
    with connect(f"{market.combined_url}&timeUnit={unit}") as ws, connect(market.combined_url) as other:
        market.exchange.client.wait_subscribed(market.symbols, SOON)
        plan = market.plan(1)
        market.exchange.client.play(plan).wait(SOON)
        wrapped, plain = (json.loads(one.recv(timeout=PATIENCE)) for one in (ws, other))
    row = plan.table.to_pylist()[0]
    assert list(wrapped) == ["stream", "data"]
    assert wrapped["stream"] == f"{row['symbol'].lower()}@trade"
    assert wrapped["data"]["T"] == row["event_time_ns"] // grain
    assert wrapped["data"]["E"] == row["venue_time_ns"] // grain
    assert plain["data"]["T"] == row["event_time_ns"] // 10**6


def test_an_unknown_time_unit_is_refused(exchange: Exchange) -> None:
    with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
        connect(f"{exchange.ws}/ws?timeUnit=NANOSECOND")
    assert refused.value.response.status_code == 400
    assert json.loads(refused.value.response.body)["code"] == -1194


def test_an_unknown_path_is_refused(exchange: Exchange) -> None:
    with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
        connect(f"{exchange.ws}/elsewhere")
    assert refused.value.response.status_code == 404


def test_live_subscribing_and_unsubscribing(market: Market) -> None:
    with connect(f"{market.exchange.ws}/ws") as ws:
        assert ask(ws, method="SUBSCRIBE", params=market.streams, id=1) == {"result": None, "id": 1}
        assert ask(ws, method="LIST_SUBSCRIPTIONS", id=2) == {"result": market.streams, "id": 2}
        market.sent(10)
        assert len([ws.recv(timeout=PATIENCE) for _ in range(10)]) == 10
        assert ask(ws, method="SET_PROPERTY", params=["combined", True], id=3) == {"result": None, "id": 3}
        market.sent(4)
        assert all("stream" in json.loads(ws.recv(timeout=PATIENCE)) for _ in range(4))
        assert ask(ws, method="UNSUBSCRIBE", params=market.streams, id="last") == {
            "result": None,
            "id": "last",
        }
        assert set(market.sent(4)["copies"].to_pylist()) == {0}


def test_wss_with_the_private_authority(market: Market) -> None:
    exchange = market.exchange
    context = ssl.create_default_context(cafile=exchange.ca)
    url = market.combined_url.replace(exchange.ws, exchange.wss)
    with connect(url, ssl=context, max_queue=None) as ws:
        exchange.client.wait_subscribed(market.symbols, SOON)
        ledger = market.sent(3000, per_second=20_000)
        got = [json.loads(ws.recv(timeout=PATIENCE))["data"]["t"] for _ in range(3000)]
    assert got == ledger["trade_id"].to_pylist()
    assert ledger["gone_ns"].null_count == 0


def test_wss_is_refused_by_who_does_not_trust_the_authority(exchange: Exchange) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(f"{exchange.wss}/ws")


def together(opcode: int, payloads: list[bytes]) -> bytes:
    """Frames to be sent in one go: one after the other, a busy machine may take a second for six of them."""
    mask = bytes(4)  # leaves the payload as it is
    return b"".join(bytes([0x80 | opcode, 0x80 | len(each)]) + mask + each for each in payloads)


def test_five_messages_a_second_are_taken_and_a_sixth_ends_the_connection(exchange: Exchange) -> None:
    with connect(f"{exchange.ws}/ws") as ws:
        requests = [b'{"method":"LIST_SUBSCRIPTIONS","id":%d}' % number for number in range(6)]
        ws.socket.sendall(together(1, requests))
        assert [json.loads(ws.recv(timeout=PATIENCE))["id"] for _ in range(5)] == [0, 1, 2, 3, 4]
        with pytest.raises(websockets.exceptions.ConnectionClosedError) as ended:
            ws.recv(timeout=PATIENCE)
    assert (ended.value.rcvd.code, ended.value.rcvd.reason) == (1008, "Too many requests")


def test_pings_of_the_client_are_answered_and_count(exchange: Exchange) -> None:
    with connect(f"{exchange.ws}/ws") as ws:
        assert ws.ping().wait(PATIENCE)
    with connect(f"{exchange.ws}/ws") as ws:
        ws.socket.sendall(together(9, [b"%d" % number for number in range(6)]))
        with pytest.raises(websockets.exceptions.ConnectionClosedError) as ended:
            ws.recv(timeout=PATIENCE)
    assert ended.value.rcvd.reason == "Too many requests"


def test_one_stream_too_many_ends_the_connection(exchange: Exchange) -> None:
    names = [f"s{number}@trade" for number in range(1024)]
    with connect(f"{exchange.ws}/stream?streams={'/'.join(names)}") as ws:
        assert ask(ws, method="SUBSCRIBE", params=["more@trade"], id=9) == {
            "error": {"code": 4, "msg": "Too many subscriptions"},
            "id": 9,
        }
        with pytest.raises(websockets.exceptions.ConnectionClosedError) as ended:
            ws.recv(timeout=PATIENCE)
    assert (ended.value.rcvd.code, ended.value.rcvd.reason) == (1008, "Invalid request")
    with connect(f"{exchange.ws}/stream?streams={'/'.join([*names, 'more@trade'])}") as ws:
        assert json.loads(ws.recv(timeout=PATIENCE))["error"]["code"] == 4


def test_a_documented_error_leaves_the_connection_open(exchange: Exchange) -> None:
    with connect(f"{exchange.ws}/ws") as ws:
        ws.send("no json")
        assert json.loads(ws.recv(timeout=PATIENCE))["error"]["code"] == 3
        assert ask(ws, method="LIST_SUBSCRIPTIONS", id=1) == {"result": [], "id": 1}


def test_heartbeat(own_exchange: Callable[..., Exchange]) -> None:
    """Pings come; who answers with their payload stays, who does not is disconnected."""
    exchange = own_exchange()
    exchange.client.act("set_heartbeat", ping_every=1, pong_within=5)

    async def both() -> tuple[aiohttp.WSMsgType, int | None]:
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(f"{exchange.ws}/ws", autoping=False) as answering,
            http.ws_connect(f"{exchange.ws}/ws", autoping=False) as wrong,
        ):

            async def answer_wrongly() -> tuple[aiohttp.WSMsgType, int | None]:
                while (message := await wrong.receive(timeout=PATIENCE)).type is aiohttp.WSMsgType.PING:
                    await wrong.pong(b"")
                return message.type, wrong.close_code

            ended = asyncio.create_task(answer_wrongly())
            # Who answers outlives who does not, and then still gets pings.
            after = 0
            while after < 2:
                message = await answering.receive(timeout=PATIENCE)
                assert message.type is aiohttp.WSMsgType.PING
                await answering.pong(message.data)
                after += ended.done()
            return await ended

    assert asyncio.run(both()) == (aiohttp.WSMsgType.CLOSE, 1008)
    assert "pong-missed" in [event["what"] for event in exchange.client.events()]


def test_the_default_heartbeat_is_the_documented_one() -> None:
    assert limits.PING_EVERY_NS == 20 * 10**9
    assert limits.PONG_WITHIN_NS == 60 * 10**9


def test_24_hours_pass_on_an_accelerated_clock(own_exchange: Callable[..., Exchange]) -> None:
    exchange = own_exchange()
    with connect(f"{exchange.ws}/ws") as ws:
        exchange.client.act("set_clock_rate", rate=24 * 3600 / 0.4)
        with pytest.raises(websockets.exceptions.ConnectionClosed):
            ws.recv(timeout=PATIENCE)
    ends = [event for event in exchange.client.events() if event["what"] == "disconnect"]
    assert [event["reason"] for event in ends] == ["24 hours have passed"]


def test_immediate_misbehaviour_reaches_those_who_are_named(lease: Callable[[int], Market]) -> None:
    hit, spared = lease(1), lease(1)
    client = hit.exchange.client
    with connect(hit.combined_url) as ws, connect(spared.combined_url) as other:
        client.wait_subscribed([*hit.symbols, *spared.symbols], SOON)
        client.act("shutdown", symbols=hit.symbols)
        assert json.loads(ws.recv(timeout=PATIENCE))["stream"] == "!serverShutdown"
        with pytest.raises(websockets.exceptions.ConnectionClosedOK):
            ws.recv(timeout=PATIENCE)
        assert ask(other, method="LIST_SUBSCRIPTIONS", id=1) == {"result": spared.streams, "id": 1}
        client.act("drop", symbols=spared.symbols)
        with pytest.raises(websockets.exceptions.ConnectionClosedError):
            other.recv(timeout=PATIENCE)


def test_a_broken_client_is_told_so(exchange: Exchange) -> None:
    with connect(f"{exchange.ws}/ws") as ws:
        ws.socket.sendall(b"\x83\x80\x00\x00\x00\x00")
        with pytest.raises(websockets.exceptions.ConnectionClosedError) as ended:
            ws.recv(timeout=PATIENCE)
    assert ended.value.rcvd.code == 1002


def test_a_vanished_client_is_noticed(market: Market) -> None:
    host, port = market.exchange.ws.removeprefix("ws://").split(":")
    with socket.create_connection((host, int(port))) as sock:
        sock.sendall(
            f"GET /ws/{market.streams[0]} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in sock.recv(4096)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    until(
        lambda: (
            not any(
                market.streams[0] in connection["streams"]
                for connection in market.exchange.client.state()["connections"]
            )
        )
    )
