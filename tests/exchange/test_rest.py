"""The venue's REST, met with an independent client."""

import json
import re
import socket
from collections.abc import Callable
from decimal import Decimal

import pytest
import requests
from common.waits import PATIENCE, until
from exchange.conftest import SOON, Exchange, Market
from tickproof.clock import now_ns
from tickproof.exchange import actions, limits, symbols
from tickproof.exchange.http11 import Request
from tickproof.exchange.rest import ROUTES


@pytest.fixture(scope="module")
def http() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    yield session
    session.close()


def get(http: requests.Session, exchange: Exchange, path: str, **more: object) -> requests.Response:
    return http.get(f"{exchange.rest}/api/v3/{path}", timeout=PATIENCE, **more)


def test_ping_and_time(http: requests.Session, exchange: Exchange) -> None:
    assert get(http, exchange, "ping").text == "{}"
    milliseconds = get(http, exchange, "time").json()["serverTime"]
    microseconds = get(http, exchange, "time", headers={"X-MBX-TIME-UNIT": "MICROSECOND"}).json()[
        "serverTime"
    ]
    again = get(http, exchange, "time").json()["serverTime"]
    assert len(str(milliseconds)) == 13
    assert len(str(microseconds)) == 16
    assert milliseconds <= microseconds // 1000 <= again


def test_exchange_information(http: requests.Session, exchange: Exchange) -> None:
    whole = get(http, exchange, "exchangeInfo").json()
    names = [symbol["symbol"] for symbol in whole["symbols"]]
    assert len(names) >= 190
    assert {"ETHBTC", "BTCFDUSD", "1000SATSUSDT", "BNBEUR"} <= set(names)
    assert whole["rateLimits"] == [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 60_000},
        {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 300_000},
    ]
    two = get(http, exchange, 'exchangeInfo?symbols=["ETHBTC","BNBEUR"]').json()
    assert [symbol["symbol"] for symbol in two["symbols"]] == ["ETHBTC", "BNBEUR"]
    one = get(http, exchange, "exchangeInfo?symbol=ETHBTC").json()["symbols"][0]
    assert (one["baseAsset"], one["quoteAsset"], one["status"]) == ("ETH", "BTC", "TRADING")


def test_trades_as_documented(http: requests.Session, market: Market) -> None:
    plan = market.plan(50)
    market.exchange.client.play(plan).wait(SOON)
    rows = [row for row in plan.table.to_pylist() if row["symbol"] == market.symbols[0]]
    first = rows[0]
    path = f"historicalTrades?symbol={first['symbol']}&fromId={first['trade_id']}&limit=1000"
    told = get(http, market.exchange, path).json()
    assert [row["id"] for row in told] == [row["trade_id"] for row in rows]
    assert list(told[0]) == ["id", "price", "qty", "quoteQty", "time", "isBuyerMaker", "isBestMatch"]
    assert (told[0]["price"], told[0]["qty"]) == (first["price_text"], first["quantity_text"])
    assert Decimal(told[0]["quoteQty"]) == Decimal(first["price_text"]) * Decimal(first["quantity_text"])
    assert told[0]["time"] == first["event_time_ns"] // 10**6
    assert told[0]["isBuyerMaker"] is first["buyer_is_maker"]


def test_pages_by_id_and_the_newest(http: requests.Session, market: Market) -> None:
    market.sent(60, per_second=20_000)
    ledger = market.sent(60, per_second=20_000)
    name = market.symbols[0]
    ids = [row["trade_id"] for row in ledger.to_pylist() if row["symbol"] == name]
    exchange = market.exchange

    def page(**query: object) -> list[int]:
        text = "&".join(f"{key}={value}" for key, value in query.items())
        return [row["id"] for row in get(http, exchange, f"historicalTrades?symbol={name}&{text}").json()]

    assert page(fromId=ids[3], limit=4) == ids[3:7]
    assert page(fromId=ids[0] - 2, limit=4) == [ids[0] - 2, ids[0] - 1, ids[0], ids[1]]
    assert page(limit=5) == ids[-5:]
    assert page(fromId=ids[-1] + 1) == []
    assert len(page(fromId=0, limit=5000)) <= 1000
    recent = get(http, exchange, f"trades?symbol={name}&limit=2").json()
    assert [row["id"] for row in recent] == ids[-2:]


def test_rest_knows_what_was_skipped_only_if_told_so(http: requests.Session, market: Market) -> None:
    deeds = [actions.Skip(at=4, count=3), actions.Skip(at=10, count=3, rest_knows=False)]
    ledger = market.sent(20, actions=deeds).to_pylist()
    for name in market.symbols:
        known = [row["trade_id"] for row in ledger if row["symbol"] == name and row["repairable"]]
        path = f"historicalTrades?symbol={name}&fromId={known[0]}"
        assert [row["id"] for row in get(http, market.exchange, path).json()] == known


def test_trades_that_are_not_due_are_not_told(http: requests.Session, market: Market) -> None:
    plan = market.plan(40, per_second=1)
    play = market.exchange.client.play(plan)
    first = plan.table["trade_id"][0].as_py()
    path = f"historicalTrades?symbol={plan.table['symbol'][0]}&fromId={first}"
    assert len(get(http, market.exchange, path).json()) < 20
    assert play.progress().state == "running"


ERRORS = [
    (
        "historicalTrades",
        400,
        -1102,
        "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.",
    ),
    ("historicalTrades?symbol=", 400, -1102, None),
    ("historicalTrades?symbol=NOSUCH", 400, -1121, "Invalid symbol."),
    (
        "historicalTrades?symbol=btcusdt",
        400,
        -1100,
        "Illegal characters found in parameter 'symbol'; legal range is '^[A-Z0-9-_.]{1,20}$'.",
    ),
    ("historicalTrades?symbol=BTCUSDT&limit=x", 400, -1100, None),
    ("historicalTrades?symbol=BTCUSDT&limit=0", 400, -1130, "Data sent for parameter 'limit' is not valid."),
    ("historicalTrades?symbol=BTCUSDT&fromId=", 400, -1105, "Parameter 'fromId' was empty."),
    ("historicalTrades?symbol=BTCUSDT&fromId=-1", 400, -1100, None),
    ("historicalTrades?symbol=BTCUSDT&fromId=99999999999999999999", 400, -1108, None),
    ("historicalTrades?symbol=BTCUSDT&symbol=BTCUSDT", 400, -1101, None),
    (
        "historicalTrades?symbol=BTCUSDT&colour=red",
        400,
        -1104,
        "Not all sent parameters were read; read '1' parameter(s) but was sent '2'.",
    ),
    ("time?x=1", 400, -1101, "Too many parameters; expected '0' and received '1'."),
    ("exchangeInfo?symbol=NOSUCH", 400, -1121, "Invalid symbol."),
    ("exchangeInfo?symbols=BTCUSDT", 400, -1100, None),
    ("elsewhere", 404, -1000, None),
]


@pytest.mark.parametrize(("path", "status", "error"), [(row[0], row[1], row[2:]) for row in ERRORS])
def test_error_codes(
    http: requests.Session, exchange: Exchange, path: str, status: int, error: tuple[int, str | None]
) -> None:
    answer = get(http, exchange, path)
    code, msg = error
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert msg in (None, answer.json()["msg"])


def test_an_unknown_time_unit(http: requests.Session, exchange: Exchange) -> None:
    answer = get(http, exchange, "time", headers={"X-MBX-TIME-UNIT": "NANOSECOND"})
    assert answer.json() == {
        "code": -1194,
        "msg": "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.",
    }


def early_in_a_minute() -> bool:
    """Tell whether enough of the minute is left for a test that must not see a new one begin."""
    return now_ns() // 10**9 % 60 < 50


def test_the_default_limit_is_the_venue_s(
    http: requests.Session, own_exchange: Callable[..., Exchange]
) -> None:
    told = get(http, own_exchange(), "exchangeInfo?symbol=BTCUSDT").json()["rateLimits"]
    assert [(one["rateLimitType"], one["limit"]) for one in told] == [
        ("REQUEST_WEIGHT", 6_000),
        ("RAW_REQUESTS", 300_000),
    ]


def test_used_weight_is_told_and_too_much_is_refused(
    http: requests.Session, own_exchange: Callable[..., Exchange]
) -> None:
    exchange = own_exchange()
    until(early_in_a_minute)
    exchange.client.act("set_weight_limit", per_minute=60)
    path = "historicalTrades?symbol=BTCUSDT"
    assert [get(http, exchange, path).headers["X-MBX-USED-WEIGHT-1M"] for _ in range(2)] == ["25", "50"]
    refused = get(http, exchange, path)
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert json.loads(refused.text) == {
        "code": -1003,
        "msg": "Too much request weight used; current limit is 60 request weight per 1 MINUTE. "
        "Please use WebSocket Streams for live updates to avoid polling the API.",
    }


def test_who_goes_on_after_a_429_is_banned(
    http: requests.Session, own_exchange: Callable[..., Exchange]
) -> None:
    exchange = own_exchange()
    until(early_in_a_minute)
    exchange.client.act("set_weight_limit", per_minute=1)
    answers = [get(http, exchange, "ping") for _ in range(1 + limits.REFUSALS_BEFORE_BAN + 2)]
    statuses = [answer.status_code for answer in answers]
    assert statuses == [200, *[429] * limits.REFUSALS_BEFORE_BAN, 418, 418]
    banned = answers[-1]
    assert 60 < int(banned.headers["Retry-After"]) <= 120
    told = re.fullmatch(
        r"Way too much request weight used; IP banned until (\d{13})\. "
        r"Please use WebSocket Streams for live updates to avoid bans\.",
        banned.json()["msg"],
    )
    assert told is not None
    assert banned.json()["code"] == -1003
    exchange.client.act("set_weight_limit", per_minute=100)
    assert get(http, exchange, "ping").status_code == 200


def test_bans_grow_from_two_minutes_to_three_days() -> None:
    purse, at, minutes = limits.Weight(per_minute=1), 0, []
    for _ in range(14):
        while purse.spend(1, at) is not limits.Verdict.BANNED:
            pass
        minutes.append(-(-purse.seconds_left(at) // 60))
        assert purse.spend(1, purse.banned_until_ns - 1) is limits.Verdict.BANNED
        at = purse.banned_until_ns
    assert minutes[:4] == [2, 4, 8, 16]
    assert minutes[-2:] == [3 * 24 * 60] * 2


def test_raw_requests_are_counted_over_five_minutes() -> None:
    purse = limits.Weight(per_minute=10**9)
    assert purse.spend(1, 0) is limits.Verdict.WITHIN
    purse.requests = 299_999
    assert purse.spend(1, 0) is limits.Verdict.WITHIN
    assert purse.spend(1, 61 * limits.SECOND) is limits.Verdict.TOO_MUCH
    assert purse.seconds_left(61 * limits.SECOND) == 239
    assert purse.spend(1, 300 * limits.SECOND) is limits.Verdict.WITHIN


def test_tickers_tell_what_is_known_of_each_symbol(http: requests.Session, market: Market) -> None:
    ledger = market.sent(60).to_pylist()
    exchange = market.exchange
    ids = {name: [row["trade_id"] for row in ledger if row["symbol"] == name] for name in market.symbols}
    several = get(http, exchange, f"ticker/24hr?symbols={json.dumps(market.symbols)}").json()
    assert [one["symbol"] for one in several] == market.symbols
    for one in several:
        assert list(one) == ["symbol", "openTime", "closeTime", "firstId", "lastId", "count"]
        assert one["closeTime"] - one["openTime"] == 24 * 3_600 * 1_000
        assert one["lastId"] == ids[one["symbol"]][-1]
        assert one["firstId"] <= ids[one["symbol"]][0]
        assert one["count"] >= len(ids[one["symbol"]])
    alone = get(http, exchange, f"ticker/24hr?symbol={market.symbols[0]}").json()
    assert {**alone, "openTime": 0, "closeTime": 0} == {**several[0], "openTime": 0, "closeTime": 0}
    everything = get(http, exchange, "ticker/24hr").json()
    assert len(everything) == len(get(http, exchange, "exchangeInfo").json()["symbols"])


def test_a_symbol_that_was_never_traded_has_no_ids(
    http: requests.Session, own_exchange: Callable[..., Exchange]
) -> None:
    told = get(http, own_exchange(), "ticker/24hr?symbol=BTCUSDT").json()
    assert (told["firstId"], told["lastId"], told["count"]) == (-1, -1, 0)


@pytest.mark.parametrize(("count", "weight"), [(1, 2), (20, 2), (21, 40), (100, 40), (101, 80), (0, 80)])
def test_a_ticker_weighs_by_the_number_of_its_symbols(count: int, weight: int) -> None:
    names = sorted(symbols.catalogue())[:count]
    query = (("symbols", json.dumps(names)),) if count else ()
    request = Request("GET", "/api/v3/ticker/24hr", query, {})
    assert ROUTES[request.path].weight(request) == weight


def test_one_ticker_weighs_two() -> None:
    request = Request("GET", "/api/v3/ticker/24hr", (("symbol", "BTCUSDT"),), {})
    assert ROUTES[request.path].weight(request) == 2


def test_rest_over_tls(http: requests.Session, exchange: Exchange) -> None:
    url = exchange.addresses["rest_tls_url"]
    assert http.get(f"{url}/api/v3/ping", verify=exchange.ca, timeout=PATIENCE).text == "{}"


def test_other_methods_are_not_supported(http: requests.Session, exchange: Exchange) -> None:
    assert http.post(f"{exchange.rest}/api/v3/ping", timeout=PATIENCE).status_code == 405


@pytest.mark.parametrize(
    "head",
    [
        b"GET //[ HTTP/1.1\r\n",
        b"GET http://[::1/api/v3/ping HTTP/1.1\r\n",
        "GET /api/v3/ping HTTP/1.1\r\nContent-Length: \u00b2\r\n".encode("latin-1"),
        b"GET /api/v3/ping HTTP/1.1\r\nContent-Length: " + b"9" * 5_000 + b"\r\n",
        b"nonsense\r\n",
    ],
)
def test_what_is_no_request_is_answered_with_400(exchange: Exchange, head: bytes) -> None:
    host, port = exchange.rest.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), PATIENCE) as line:
        line.sendall(head + b"\r\n")
        answer = line.recv(4096)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == -1000
