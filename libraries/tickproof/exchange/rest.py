"""The venue's REST, as far as a feed needs it: time, exchange information, and trades to repair a gap.

Source: Binance Spot API documentation, "REST API" (weights, parameters, answers), "Error codes" and
"Filters". A `limit` above the maximum is not refused: as observed on the spot venue, it counts as the
maximum.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import cache
from types import MappingProxyType

from tickproof.clock import now_ns
from tickproof.exchange import symbols
from tickproof.exchange.events import EventLog
from tickproof.exchange.frames import TimeUnit
from tickproof.exchange.http11 import Request, Response, json_response
from tickproof.exchange.limits import RAW_REQUESTS_PER_5_MINUTES, Verdict, Weight
from tickproof.exchange.tape import Tape, Trade

DEFAULT_LIMIT = 500
MOST = 1000

_EXACT = Context(prec=80)
_SYMBOL = "^[A-Z0-9-_.]{1,20}$"
_NUMBER = "^[0-9]{1,20}$"


class RestError(Exception):
    """A request that gets an error code."""

    def __init__(self, code: int, msg: str, status: int = 400) -> None:
        super().__init__(msg)
        self.code = code
        self.status = status


@dataclass(frozen=True, slots=True)
class Call:
    """One request, its parameters checked to be known."""

    values: Mapping[str, str]
    unit: TimeUnit
    now_ns: int

    @property
    def now(self) -> int:
        """The time now in the unit asked for."""
        return self.now_ns // self.unit.nanoseconds


@dataclass(frozen=True, slots=True)
class Route:
    """What answers a path."""

    weight: Callable[[Request], int]
    parameters: tuple[str, ...]
    answer: Callable[["Rest", Call], str]


class Rest:
    """Answers requests."""

    def __init__(self, tape: Tape, events: EventLog, weight: Weight) -> None:
        self._tape = tape
        self._events = events
        self._weight = weight

    def answer(self, request: Request) -> Response:
        """Return the answer to a request, errors included, and note it as an event."""
        at = now_ns()
        route = ROUTES.get(request.path)
        if route is None:
            return json_response({"code": -1000, "msg": "Path not found."}, 404)
        verdict = self._weight.spend(route.weight(request), at)
        headers = {
            "X-MBX-USED-WEIGHT": str(self._weight.used),
            "X-MBX-USED-WEIGHT-1M": str(self._weight.used),
        }
        if verdict is not Verdict.WITHIN:
            headers["Retry-After"] = str(self._weight.seconds_left(at))
        try:
            self._admit(request, verdict)
            call = Call(_parameters(request, route.parameters), _unit(request), at)
            response = Response(200, route.answer(self, call).encode(), headers=headers)
        except RestError as refused:
            response = json_response({"code": refused.code, "msg": str(refused)}, refused.status, headers)
        self._events.add(
            "rest",
            path=request.path,
            symbol=request.first("symbol"),
            from_id=request.first("fromId"),
            limit=request.first("limit"),
            status=response.status,
        )
        return response

    def _admit(self, request: Request, verdict: Verdict) -> None:
        if request.method != "GET":
            raise RestError(-1020, "This operation is not supported.", 405)
        if verdict is Verdict.BANNED:
            until = self._weight.banned_until_ns // 1_000_000
            raise RestError(
                -1003,
                f"Way too much request weight used; IP banned until {until}. Please use WebSocket Streams for "
                "live updates to avoid bans.",
                verdict.value,
            )
        if verdict is Verdict.TOO_MUCH:
            raise RestError(
                -1003,
                f"Too much request weight used; current limit is {self._weight.per_minute} request weight "
                "per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API.",
                verdict.value,
            )

    def time(self, call: Call) -> str:
        """GET /api/v3/time."""
        return _dump({"serverTime": call.now})

    def ping(self, call: Call) -> str:  # noqa: ARG002  # all routes are called alike
        """GET /api/v3/ping."""
        return "{}"

    def exchange_info(self, call: Call) -> str:
        """GET /api/v3/exchangeInfo."""
        head = {
            "timezone": "UTC",
            "serverTime": call.now,
            "rateLimits": [
                _rate_limit("REQUEST_WEIGHT", 1, self._weight.per_minute),
                _rate_limit("RAW_REQUESTS", 5, RAW_REQUESTS_PER_5_MINUTES),
            ],
            "exchangeFilters": [],
        }
        listed = ",".join(_listing(name) for name in _asked_symbols(call))
        return f'{_dump(head)[:-1]},"symbols":[{listed}]}}'

    def historical_trades(self, call: Call) -> str:
        """GET /api/v3/historicalTrades."""
        return self._trades(call, _number(call, "fromId"))

    def recent_trades(self, call: Call) -> str:
        """GET /api/v3/trades."""
        return self._trades(call, None)

    def ticker(self, call: Call) -> str:
        """GET /api/v3/ticker/24hr, for all that is known; without prices and volumes, which nobody reads here."""
        day = 24 * 3600 * 1_000_000_000 // call.unit.nanoseconds
        answers = []
        for name in _asked_symbols(call):
            first, last, number = self._tape.extent(name, call.now_ns)
            times = {"openTime": call.now - day, "closeTime": call.now}
            answers.append({"symbol": name, **times, "firstId": first, "lastId": last, "count": number})
        return _dump(answers[0] if "symbol" in call.values else answers)

    def _trades(self, call: Call, from_id: int | None) -> str:
        symbol = _symbol(call)
        limit = _number(call, "limit")
        limit = DEFAULT_LIMIT if limit is None else min(limit, MOST)
        if limit == 0:
            raise RestError(-1130, "Data sent for parameter 'limit' is not valid.")
        trades = self._tape.read(symbol, limit=limit, now_ns=call.now_ns, from_id=from_id)
        return f"[{','.join(_trade(trade, call.unit) for trade in trades)}]"


def _always(weight: int) -> Callable[[Request], int]:
    return lambda _request: weight


def _ticker_weight(request: Request) -> int:
    """Weigh a request for tickers by the number of symbols that it asks for."""
    if request.first("symbol") is not None:
        return 2
    text = request.first("symbols")
    if text is None:
        return 80
    count = text.count(",") + 1
    return 2 if count <= 20 else 40 if count <= 100 else 80


ROUTES: Mapping[str, Route] = MappingProxyType(
    {
        "/api/v3/ping": Route(_always(1), (), Rest.ping),
        "/api/v3/time": Route(_always(1), (), Rest.time),
        "/api/v3/exchangeInfo": Route(
            _always(20),
            ("symbol", "symbols", "permissions", "showPermissionSets", "symbolStatus"),
            Rest.exchange_info,
        ),
        "/api/v3/ticker/24hr": Route(_ticker_weight, ("symbol", "symbols", "type"), Rest.ticker),
        "/api/v3/trades": Route(_always(25), ("symbol", "limit"), Rest.recent_trades),
        "/api/v3/historicalTrades": Route(_always(25), ("symbol", "limit", "fromId"), Rest.historical_trades),
    }
)


def _parameters(request: Request, known: tuple[str, ...]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in request.query:
        if name in values:
            raise RestError(-1101, f"Duplicate values for parameter '{name}'.")
        values[name] = value
    read = sum(name in known for name in values)
    if not known and values:
        raise RestError(-1101, f"Too many parameters; expected '0' and received '{len(values)}'.")
    if read < len(values):
        raise RestError(
            -1104,
            f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{len(values)}'.",
        )
    return values


def _unit(request: Request) -> TimeUnit:
    text = request.headers.get("x-mbx-time-unit", "MILLISECOND")
    return time_unit(text)


def time_unit(text: str) -> TimeUnit:
    """Return the unit that a client asked for.

    Raises:
        RestError: It is none that the venue knows.
    """
    if text in ("MICROSECOND", "microsecond"):
        return TimeUnit.MICROSECOND
    if text in ("MILLISECOND", "millisecond"):
        return TimeUnit.MILLISECOND
    raise RestError(-1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")


def _symbol(call: Call) -> str:
    name = call.values.get("symbol")
    if not name:
        raise RestError(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
    return _listed(name, "symbol")


def _listed(name: str, parameter: str) -> str:
    if not re.fullmatch(_SYMBOL, name):
        raise RestError(
            -1100, f"Illegal characters found in parameter '{parameter}'; legal range is '{_SYMBOL}'."
        )
    if name not in symbols.catalogue():
        raise RestError(-1121, "Invalid symbol.")
    return name


def _number(call: Call, name: str) -> int | None:
    text = call.values.get(name)
    if text is None:
        return None
    if not text:
        raise RestError(-1105, f"Parameter '{name}' was empty.")
    if not re.fullmatch(_NUMBER, text):
        raise RestError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{_NUMBER}'.")
    if int(text) >= 2**63:
        raise RestError(-1108, f"Parameter '{name}' overflowed.")
    return int(text)


def _asked_symbols(call: Call) -> Iterable[str]:
    values = call.values
    if sum(name in values for name in ("symbol", "symbols", "permissions")) > 1:
        raise RestError(-1128, "Combination of optional parameters invalid.")
    if "symbol" in values:
        return [_symbol(call)]
    if "symbols" in values:
        try:
            names = json.loads(values["symbols"])
        except json.JSONDecodeError:
            names = None
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise RestError(
                -1100, "Illegal characters found in parameter 'symbols'; legal range is '[\"A\",\"B\"]'."
            )
        return [_listed(name, "symbols") for name in names]
    return symbols.catalogue()


@cache
def _listing(name: str) -> str:
    symbol = symbols.get(name)
    tick, lot = _step(symbol.price_decimals), _step(symbol.quantity_decimals)
    return _dump(
        {
            "symbol": name,
            "status": "TRADING",
            "baseAsset": symbol.base,
            "baseAssetPrecision": 8,
            "quoteAsset": symbol.quote,
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "baseCommissionPrecision": 8,
            "quoteCommissionPrecision": 8,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
            "icebergAllowed": True,
            "ocoAllowed": True,
            "otoAllowed": True,
            "opoAllowed": True,
            "quoteOrderQtyMarketAllowed": True,
            "allowTrailingStop": False,
            "cancelReplaceAllowed": False,
            "amendAllowed": False,
            "pegInstructionsAllowed": True,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": [
                {
                    "filterType": "PRICE_FILTER",
                    "minPrice": tick,
                    "maxPrice": "922327.00000000",
                    "tickSize": tick,
                },
                {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": "92141578.00000000", "stepSize": lot},
            ],
            "permissions": [],
            "permissionSets": [["SPOT"]],
            "defaultSelfTradePreventionMode": "NONE",
            "allowedSelfTradePreventionModes": ["NONE"],
        }
    )


def _step(decimals: int) -> str:
    return f"{Decimal(1).scaleb(-decimals):.{max(decimals, 8)}f}"


def _trade(trade: Trade, unit: TimeUnit) -> str:
    quote = _EXACT.multiply(Decimal(trade.price), Decimal(trade.quantity))
    return (
        f'{{"id":{trade.id},"price":"{trade.price}","qty":"{trade.quantity}","quoteQty":"{quote:f}"'
        f',"time":{trade.time_ns // unit.nanoseconds}'
        f',"isBuyerMaker":{"true" if trade.buyer_is_maker else "false"},"isBestMatch":true}}'
    )


def _rate_limit(kind: str, minutes: int, limit: int) -> dict[str, object]:
    return {"rateLimitType": kind, "interval": "MINUTE", "intervalNum": minutes, "limit": limit}


def _dump(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
