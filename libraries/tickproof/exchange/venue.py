"""What the exchange knows: who is connected, what is leased, what is played, what REST may tell."""

import asyncio
from collections import deque
from collections.abc import Awaitable
from pathlib import Path
from uuid import uuid4

import numpy as np

from tickproof.clock import now_ns
from tickproof.exchange import limits, symbols
from tickproof.exchange.connection import Connection
from tickproof.exchange.events import EventLog
from tickproof.exchange.http11 import Request, Response, json_response
from tickproof.exchange.leases import Leases
from tickproof.exchange.limits import VenueClock, Weight
from tickproof.exchange.pacer import Pacer
from tickproof.exchange.play import Play, State
from tickproof.exchange.rest import Rest, RestError, time_unit
from tickproof.exchange.script import Script
from tickproof.exchange.streams import Session
from tickproof.exchange.tape import KEPT_ROWS, Tape

NEVER_NS = np.iinfo(np.int64).max


class PlanError(Exception):
    """A plan cannot be played; the message is one sentence."""


class Venue:
    """The state of the exchange. Changed in the server's loop; plays are sent by threads of their own."""

    def __init__(self, folder: Path) -> None:
        """Continue from what an earlier exchange left in the folder."""
        self.events = EventLog()
        self.leases = Leases(folder, symbols.catalogue())
        self.weight = Weight()
        self.tape = Tape()
        self.clock = VenueClock()
        self.ping_every_ns = limits.PING_EVERY_NS
        self.pong_within_ns = limits.PONG_WITHIN_NS
        self.refusing = 0
        self.plays: dict[str, Play] = {}
        self.forgotten: deque[str] = deque(maxlen=10_000)
        self._websockets: tuple[Connection, ...] = ()
        self._pacers: dict[str, Pacer] = {}
        self._rest = Rest(self.tape, self.events, self.weight)
        self.clock.set_rate(1.0, now_ns())

    # What a connection needs.

    def answer(self, request: Request) -> Response | Awaitable[Response]:
        """Answer a request to REST."""
        return self._rest.answer(request)

    def welcome(self, connection: Connection, request: Request) -> Session | Response:
        """Let a subscriber in, or say why not."""
        if self.refusing > 0:
            self.refusing -= 1
            self.events.add("refused", connection=connection.number, left=self.refusing)
            return json_response({"code": -1008, "msg": "Server is currently overloaded."}, 503)
        combined = request.path.rstrip("/") == "/stream"
        if not combined and request.path.split("/")[1] != "ws":
            return json_response({"code": -1000, "msg": "Path not found."}, 404)
        try:
            unit = time_unit(request.first("timeUnit") or "MILLISECOND")
        except RestError as refused:
            return json_response({"code": refused.code, "msg": str(refused)}, 400)
        connection.opened_venue_ns = self.clock.at(now_ns())
        self._websockets = (*self._websockets, connection)
        return Session(combined=combined, unit=unit)

    def farewell(self, connection: Connection) -> None:
        """Forget a connection."""
        self._websockets = tuple(other for other in self._websockets if other is not connection)

    # What a play needs.

    def subscribers(self) -> tuple[Connection, ...]:
        """Return the WebSocket connections that can be sent something."""
        return tuple(connection for connection in self._websockets if connection.outlet.is_open)

    def refuse(self, count: int) -> None:
        """Refuse the next handshakes."""
        self.refusing = count

    def ended(self, play: Play) -> None:
        """Learn that a play is over."""
        self._pacers.pop(play.id, None)
        self.events.add("play-ended", play=play.id, state=play.state, reason=play.reason)

    # What the control port needs.

    def begin(self, script: Script) -> Play:
        """Begin to send a plan.

        Raises:
            PlanError: Its ids do not go on where its symbols' counters are.
        """
        self.leases.advance(self._next_ids(script))
        play = Play(uuid4().hex[:12], script)
        self._make_room(script.size)
        self.plays[play.id] = play
        self.tape.add(play)
        self.events.add("play", play=play.id, rows=script.size)
        pacer = self._pacers[play.id] = Pacer(play, self)
        pacer.start()
        return play

    async def break_off(self, play: Play) -> None:
        """Send nothing more of a plan; its symbols' next ids are those that were not sent."""
        pacer = self._pacers.get(play.id)
        if pacer is None:
            return
        pacer.stop()
        await asyncio.to_thread(pacer.wait)
        if play.state is State.FAILED:
            play.hold(NEVER_NS)
            self.leases.advance(_unsent(play))

    def concerned(self, names: list[str] | None) -> list[Connection]:
        """Return the connections that want any of these symbols; all if none are named."""
        if names is None:
            return list(self.subscribers())
        wanted = frozenset(names)
        return [connection for connection in self.subscribers() if connection.session.symbols & wanted]

    def hold(self, seconds: float) -> None:
        """Send nothing for a while."""
        until = now_ns() + int(seconds * limits.SECOND)
        for play in self.plays.values():
            if play.state is State.RUNNING:
                play.hold(until)

    def tick(self) -> None:
        """Do what is due on all connections."""
        at = now_ns()
        venue = self.clock.at(at)
        for connection in self._websockets:
            connection.tick(at, venue, ping_every_ns=self.ping_every_ns, pong_within_ns=self.pong_within_ns)

    def reap(self) -> None:
        """Give back what ended processes had leased."""
        for lease in self.leases.reap():
            self.events.add("lease-reaped", lease=lease.id, owner_pid=lease.owner.pid)

    def stop(self) -> None:
        """Send nothing more and say goodbye."""
        for pacer in tuple(self._pacers.values()):
            pacer.stop()
        for connection in self._websockets:
            connection.shut_down()

    @property
    def playing(self) -> bool:
        """Tell whether something is being sent."""
        return bool(self._pacers)

    def _next_ids(self, script: Script) -> dict[str, int]:
        ids = script.rows["trade_id"].to_numpy()
        counters = self.leases.counters
        behind = {}
        for code, symbol in enumerate(script.symbols):
            own = ids[script.codes == code]
            first, last = int(own.min()), int(own.max())
            if first != counters[symbol]:
                raise PlanError(
                    f"the plan's first id of {symbol} is {first}, but its next is {counters[symbol]}."
                )
            behind[symbol] = last + 1
        return behind

    def _make_room(self, rows: int) -> None:
        held = rows + sum(play.script.size for play in self.plays.values())
        for play in [play for play in self.plays.values() if play.state is not State.RUNNING]:
            if held <= KEPT_ROWS:
                return
            held -= play.script.size
            del self.plays[play.id]
            self.tape.forget(play)
            self.forgotten.append(play.id)


def _unsent(play: Play) -> dict[str, int]:
    """Return the id of each symbol's first trade behind those that were sent."""
    ids, codes = play.script.rows["trade_id"].to_numpy(), play.script.codes
    behind = {}
    for code, symbol in enumerate(play.script.symbols):
        own = np.flatnonzero(codes == code)
        sent = own[own < play.sent]
        behind[symbol] = int(ids[sent].max()) + 1 if len(sent) else int(ids[own].min())
    return behind
