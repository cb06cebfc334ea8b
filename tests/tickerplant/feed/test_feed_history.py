import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tickerplant.feed import history as module
from tickerplant.feed.counts import Counts
from tickerplant.feed.history import History, HistoryError, retry_after
from tickerplant.feed.trade import Refused

ROW = {
    "id": 5,
    "price": "1.50",
    "qty": "2",
    "quoteQty": "3.00",
    "time": 1_700_000_000_000_001,
    "isBuyerMaker": True,
    "isBestMatch": True,
}

Answer = tuple[int, dict[str, str], str]


class Script:
    """What the venue answers, and what it was asked."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.asked: list[tuple[str, str | None]] = []
        self.connections = 0
        self.hang_up = False

    def say(self, value: object, status: int = 200, **headers: str) -> None:
        self.answers.append((status, headers, json.dumps(value)))


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def url(script: Script) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            script.connections += 1

        def do_GET(self) -> None:
            script.asked.append((self.path, self.headers["X-MBX-TIME-UNIT"]))
            status, headers, body = script.answers.pop(0)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())
            # A server may close a kept connection whenever it likes, without saying so before.
            self.close_connection = script.hang_up

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def history(url: str) -> Iterator[Callable[..., History]]:
    made = []

    def make(*, microseconds: bool = True, address: str = url) -> History:
        made.append(History(address, "", microseconds=microseconds, counts=Counts()))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_a_row_becomes_a_trade_from_rest(script: Script, history: Callable[..., History]) -> None:
    script.say([ROW])
    (trade,) = asyncio.run(history().trades("BTCUSDT", 5, 3))
    assert (trade.symbol, trade.trade_id, trade.price, trade.quantity) == ("BTCUSDT", 5, "1.50", "2")
    assert (trade.side, trade.source) == ("sell", "rest")
    assert trade.event_time_us == trade.venue_time_us == 1_700_000_000_000_001
    assert script.asked == [("/api/v3/historicalTrades?symbol=BTCUSDT&fromId=5&limit=3", "MICROSECOND")]


def test_times_are_asked_for_in_the_unit_of_the_live_stream(
    script: Script, history: Callable[..., History]
) -> None:
    script.say([ROW | {"time": 1_700_000_000_000}])
    (trade,) = asyncio.run(history(microseconds=False).trades("BTCUSDT", 5, 3))
    assert trade.event_time_us == 1_700_000_000_000_000
    assert script.asked[0][1] is None


def test_rows_come_in_order_and_never_more_than_a_page_is_asked_for(
    script: Script, history: Callable[..., History]
) -> None:
    script.say([ROW | {"id": 7}, ROW | {"id": 6}])
    trades = asyncio.run(history().trades("BTCUSDT", 5, 10**9))
    assert [trade.trade_id for trade in trades] == [6, 7]
    assert "limit=1000" in script.asked[0][0]


@pytest.mark.parametrize(
    ("bad", "trade_id", "reason"),
    [
        (ROW | {"price": "NaN"}, 5, "not-a-number-price"),
        (ROW | {"price": 1.5}, 5, "number-price"),
        (ROW | {"qty": 2}, 5, "number-size"),
        (ROW | {"time": "soon"}, 5, "wrong-type"),
        (ROW | {"id": -1}, None, "id-out-of-range"),
        (ROW | {"id": "5"}, None, "wrong-type"),
        ({"id": 5, "price": "1"}, 5, "missing-field"),
        ("row", None, "not-an-object"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_row_that_cannot_be_taken_is_told_and_hides_no_other(
    script: Script, history: Callable[..., History], bad: object, trade_id: int | None, reason: str
) -> None:
    script.say([ROW | {"id": 6}, bad])
    refused, trade = asyncio.run(history().trades("BTCUSDT", 5, 10))
    assert refused == Refused(trade_id, json.dumps(bad).encode(), reason)
    assert trade.trade_id == 6


def test_one_request_tells_how_far_all_symbols_are(script: Script, history: Callable[..., History]) -> None:
    script.say(
        [{"symbol": "A", "firstId": 1, "lastId": 9, "count": 9}, {"symbol": "B", "firstId": -1, "lastId": -1}]
    )
    assert asyncio.run(history().extent(["A", "B"])) == {"A": (1, 9), "B": (-1, -1)}
    assert script.asked[0][0] == "/api/v3/ticker/24hr?symbols=%5B%22A%22%2C%22B%22%5D&type=MINI"


def test_the_venue_is_left_alone_as_long_as_it_asks(script: Script, history: Callable[..., History]) -> None:
    script.say({"code": -1003}, 429, Retry_After="7")
    asked = history()
    for expected in ("status 429", "left alone"):
        with pytest.raises(HistoryError, match=expected) as refused:
            asyncio.run(asked.trades("A", 1, 1))
        assert 6 < refused.value.wait <= 7
    assert len(script.asked) == 1


@pytest.mark.parametrize("body", ["nonsense", {"code": -1121, "msg": "Invalid symbol."}])
def test_any_other_answer_is_an_error_of_the_history(
    script: Script, history: Callable[..., History], body: object
) -> None:
    script.say(body)
    with pytest.raises(HistoryError, match="something else"):
        asyncio.run(history().trades("A", 1, 1))


def test_a_connection_that_the_venue_closed_meanwhile_is_opened_again(
    script: Script, history: Callable[..., History]
) -> None:
    asked = history()
    asked._pool._max_workers = 1
    script.hang_up = True
    for _ in range(3):
        script.say([ROW])
        asyncio.run(asked.trades("A", 1, 1))
    assert len(script.asked) == 3


def test_nobody_listening_is_an_error_with_the_address(history: Callable[..., History]) -> None:
    with pytest.raises(HistoryError, match=r"127\.0\.0\.1:1: .*refused"):
        asyncio.run(history(address="http://127.0.0.1:1").trades("A", 1, 1))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 1),
        ("", 1),
        ("7", 7),
        ("0.5", 0.5),
        ("soon", 1),
        ("inf", 1),
        ("-3", 1),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Wed, 21 Oct 9998 07:28:00 GMT", module.LONGEST_WAIT),
        ("999999999", module.LONGEST_WAIT),
    ],
)
def test_the_wish_to_be_left_alone_is_read_in_any_form(header: str | None, seconds: float) -> None:
    assert retry_after(header) == seconds


def test_an_end_does_not_wait_for_a_venue_that_lets_nobody_in(
    history: Callable[..., History], monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, released = threading.Event(), threading.Event()

    def connect(*_: object, **__: object) -> socket.socket:
        entered.set()
        released.wait()
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    asked = history()

    async def story() -> None:
        asking = asyncio.create_task(asked.trades("A", 1, 1))
        while not entered.is_set():  # noqa: ASYNC110 - set by another thread
            await asyncio.sleep(0.001)
        asked.close()  # returns though the thread is still inside
        assert not released.is_set()
        released.set()
        with pytest.raises(HistoryError):
            await asking

    asyncio.run(story())
