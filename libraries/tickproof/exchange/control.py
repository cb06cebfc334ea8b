"""The control port, HTTP: leases, plays, misbehaviour and events as JSON, plans and ledgers as Arrow."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import cast

from tickproof.clock import now_ns
from tickproof.exchange import plans, sent
from tickproof.exchange.connection import Connection
from tickproof.exchange.events import EventLog
from tickproof.exchange.http11 import Request, Response, json_response
from tickproof.exchange.leases import LeaseError, Owner
from tickproof.exchange.limits import SECOND
from tickproof.exchange.play import Play
from tickproof.exchange.streams import Session
from tickproof.exchange.venue import PlanError, Venue

SHOWN_PLAYS = 50
ARROW = "application/vnd.apache.arrow.stream"

Deed = Callable[[Venue, "Wish"], None]


class ControlError(Exception):
    """A request that cannot be done; the message is one sentence."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Wish:
    """The JSON object that came with a request; its values are read by name and type."""

    def __init__(self, body: bytes) -> None:
        try:
            values = json.loads(body or b"{}")
        except json.JSONDecodeError:
            values = None
        if not isinstance(values, dict):
            raise ControlError(400, "the body is no JSON object.")
        self._values: dict[str, object] = values

    def has(self, name: str) -> bool:
        """Tell whether a value is there."""
        return name in self._values

    def whole(self, name: str, least: int) -> int:
        """Return a whole number."""
        value = self._values.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ControlError(400, f"`{name}` must be a whole number from {least} on, but it is {value!r}.")
        return value

    def number(self, name: str) -> float:
        """Return a number above 0."""
        value = self._values.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise ControlError(400, f"`{name}` must be a number above 0, but it is {value!r}.")
        return float(value)

    def names(self, name: str) -> list[str] | None:
        """Return a list of names, or None if it is not there."""
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise ControlError(400, f"`{name}` must be a list of names, but it is {value!r}.")
        return cast("list[str]", value)

    def text(self, name: str) -> str:
        """Return a text."""
        value = self._values.get(name)
        if not isinstance(value, str):
            raise ControlError(400, f"`{name}` must be a text, but it is {value!r}.")
        return value


class Control:
    """Answers the control port."""

    def __init__(self, venue: Venue) -> None:
        self.events: EventLog = venue.events
        self._venue = venue

    # What a connection needs.

    def answer(self, request: Request) -> Response | Awaitable[Response]:
        """Answer a request, errors included."""
        return self._answered(request)

    def welcome(self, connection: Connection, request: Request) -> Session | Response:  # noqa: ARG002  # none here
        """Let no WebSocket in."""
        return json_response({"error": "the control port has no WebSocket."}, 404)

    def farewell(self, connection: Connection) -> None:
        """Nothing was kept of the connection."""

    async def _answered(self, request: Request) -> Response:
        try:
            return await self._routed(request)
        except ControlError as refused:
            return json_response({"error": str(refused)}, refused.status)

    async def _routed(self, request: Request) -> Response:
        match [request.method, *request.path.strip("/").split("/")]:
            case ["POST", "plays"]:
                return await self._play(request)
            case ["DELETE", "plays", play]:
                await self._venue.break_off(self._found(play))
            case ["GET", "plays", play, "ledger"]:
                return Response(200, await asyncio.to_thread(sent.packed, self._found(play)), ARROW)
            case ["POST", "leases"]:
                return self._lease(Wish(request.body))
            case ["DELETE", "leases", lease]:
                return self._release(lease)
            case ["POST", "act"]:
                return self._act(Wish(request.body))
        return json_response(self._shown(request))

    def _shown(self, request: Request) -> object:
        match [request.method, *request.path.strip("/").split("/")]:
            case ["GET", "health"]:
                return {"status": "ok"}
            case ["GET", "state"]:
                return self._state()
            case ["GET", "events"]:
                return self.events.since(_since(request))
            case ["GET" | "DELETE", "plays", play]:
                return self._found(play).progress()
        raise ControlError(404, f"the control port has no {request.method} {request.path}.")

    def _state(self) -> dict[str, object]:
        venue, now = self._venue, now_ns()
        return {
            "connections": [
                {
                    "id": connection.number,
                    "path": connection.path,
                    "combined": connection.session.combined,
                    "unit": connection.session.unit,
                    "streams": list(connection.session.streams),
                    "opened_ns": connection.opened_ns,
                    "handed_bytes": connection.outlet.handed,
                    "waiting_bytes": connection.outlet.waiting,
                }
                for connection in venue.subscribers()
            ],
            "plays": [play.progress() for play in list(venue.plays.values())[-SHOWN_PLAYS:]],
            "leases": [
                {"lease": lease.id, "owner_pid": lease.owner.pid, "symbols": list(lease.symbols)}
                for lease in venue.leases.all
            ],
            "counters": dict(venue.leases.counters),
            "clock": {"now_ns": now, "rate": venue.clock.rate},
            "refusing": venue.refusing,
            "weight": {"used": venue.weight.used, "per_minute": venue.weight.per_minute},
        }

    def _lease(self, wish: Wish) -> Response:
        count, owner, only = wish.whole("count", 1), wish.whole("owner_pid", 1), wish.names("only")
        seed = wish.whole("seed", 0) if wish.has("seed") else None
        try:
            lease = self._venue.leases.take(count, Owner.of(owner), only, seed)
        except LeaseError as refused:
            raise ControlError(409, str(refused)) from None
        counters = self._venue.leases.counters
        rows = [{"symbol": name, "next_id": counters[name]} for name in lease.symbols]
        return json_response({"lease": lease.id, "symbols": rows})

    def _release(self, lease: str) -> Response:
        if not self._venue.leases.release(lease):
            raise ControlError(404, f"lease {lease} is not held.")
        return json_response({"released": lease})

    async def _play(self, request: Request) -> Response:
        try:
            script = await asyncio.to_thread(plans.read, request.body)
            return json_response({"play": self._venue.begin(script).id})
        except PlanError as refused:
            raise ControlError(400, str(refused)) from None

    def _found(self, play_id: str) -> Play:
        play = self._venue.plays.get(play_id)
        if play is None and play_id in self._venue.forgotten:
            raise ControlError(410, f"play {play_id} was forgotten to make room for newer ones.")
        if play is None:
            raise ControlError(404, f"play {play_id} is unknown.")
        return play

    def _act(self, wish: Wish) -> Response:
        do = wish.text("do")
        if do not in DEEDS:
            raise ControlError(400, f"action {do!r} is unknown; allowed: {', '.join(DEEDS)}.")
        DEEDS[do](self._venue, wish)
        self.events.add("act", do=do)
        return json_response({"done": do, "at_ns": now_ns()})


def _drop(venue: Venue, wish: Wish) -> None:
    for connection in venue.concerned(wish.names("symbols")):
        connection.cut("dropped on command")


def _refuse(venue: Venue, wish: Wish) -> None:
    venue.refuse(wish.whole("count", 0))


def _shutdown(venue: Venue, wish: Wish) -> None:
    for connection in venue.concerned(wish.names("symbols")):
        connection.announce_shutdown()


def _expire(venue: Venue, wish: Wish) -> None:
    for connection in venue.concerned(wish.names("symbols")):
        connection.expire()


def _stall(venue: Venue, wish: Wish) -> None:
    venue.hold(wish.number("seconds"))


def _set_clock_rate(venue: Venue, wish: Wish) -> None:
    venue.clock.set_rate(wish.number("rate"), now_ns())


def _set_heartbeat(venue: Venue, wish: Wish) -> None:
    venue.ping_every_ns = int(wish.number("ping_every") * SECOND)
    venue.pong_within_ns = int(wish.number("pong_within") * SECOND)


def _set_weight_limit(venue: Venue, wish: Wish) -> None:
    venue.weight.allow(wish.whole("per_minute", 1))


DEEDS: dict[str, Deed] = {
    "drop": _drop,
    "refuse": _refuse,
    "shutdown": _shutdown,
    "expire": _expire,
    "stall": _stall,
    "set_clock_rate": _set_clock_rate,
    "set_heartbeat": _set_heartbeat,
    "set_weight_limit": _set_weight_limit,
}
"""What can be done at once. Drop, shutdown and expire take `symbols`: connections that want one of them."""


def _since(request: Request) -> int:
    text = request.first("since") or "0"
    if not text.isdecimal():
        raise ControlError(400, f"`since` must be a whole number, but it is {text!r}.")
    return int(text)
