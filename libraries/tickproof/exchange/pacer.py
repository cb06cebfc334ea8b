"""Sends a plan open loop: each frame when it is due, whatever the subscribers do, from a thread of its own.

The thread sleeps until the next frame is due and then writes all that are due in one write a subscriber. It
asks the system for real-time scheduling where the pace leaves it time to sleep, never spins, and gives real
time back when it falls behind. A plan in which all is due at the start has no pace of its own: it goes as
fast as its subscribers read.
"""

import ctypes
import gc
import os
import queue
import sys
import threading
import time
from bisect import bisect_left
from typing import Protocol

import numpy as np

from tickproof.clock import now_ns
from tickproof.exchange import actions, chunks, frames, garbage
from tickproof.exchange.chunks import Chunk, Wish
from tickproof.exchange.endings import Subscriber, end
from tickproof.exchange.limits import SECOND, SHUTDOWN_NOTICE_S
from tickproof.exchange.marks import Parcel
from tickproof.exchange.play import Play
from tickproof.exchange.script import Echo
from tickproof.exchange.websocket import Opcode, encode

LEAD_NS = 5_000_000
"""From the moment the first frames are built to offset 0."""

BATCH = 512
CHUNKS_AHEAD = 3
CHUNKS_AHEAD_AT_ONCE = 64
NAP_NS = 50_000_000
UNREAD = 1024 * 1024
DRAIN_S = 2.0
STARVED_S = 10.0

REAL_TIME_PRIORITY = 10
REAL_TIME_MOST_PER_SECOND = 50_000
REAL_TIME_MOST_BEHIND_NS = 100_000_000

_PR_SET_TIMERSLACK = 29


class Stage(Protocol):
    """What a play needs of the server."""

    def subscribers(self) -> tuple[Subscriber, ...]:
        """Return the open WebSocket connections."""

    def refuse(self, count: int) -> None:
        """Refuse the next handshakes."""

    def ended(self, play: Play) -> None:
        """Learn that a play is over."""


class StoppedError(Exception):
    """The exchange ends."""


class Pacer:
    """The threads that send one play."""

    def __init__(self, play: Play, stage: Stage) -> None:
        self._play = play
        self._stage = stage
        self._wishes: dict[int, tuple[frozenset[str], bool, Wish]] = {}
        self._breaks = play.script.breaks()
        self._extra: dict[int, list[int]] = {}
        for number, extra in enumerate(play.extras):
            self._extra.setdefault(extra.position, []).append(number)
        ahead = CHUNKS_AHEAD_AT_ONCE if play.script.at_once else CHUNKS_AHEAD
        self._ready: queue.Queue[Chunk | BaseException | None] = queue.Queue(maxsize=ahead)
        self._built = threading.Event()
        self._stopping = threading.Event()
        self._leaving: tuple[int, list[Subscriber]] = (0, [])
        self._real_time = False
        self._behind_since: int | None = None
        self._threads = (
            threading.Thread(target=self._build, name=f"frames-{play.id}", daemon=True),
            threading.Thread(target=self._run, name=f"pacer-{play.id}", daemon=True),
        )

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Send nothing more."""
        self._stopping.set()

    def wait(self) -> None:
        """Wait until nothing more is sent."""
        for thread in self._threads:
            thread.join()

    # Frames are built ahead, beside the pacing thread.

    def _build(self) -> None:
        try:
            for chunk in chunks.cut(self._play.script):
                for wish in self._wanted():
                    chunk.view(wish)
                self._offer(chunk)
            self._offer(None)
        except StoppedError:
            return
        except Exception as error:  # noqa: BLE001  # handed to the pacing thread, which says so in the play
            self._offer(error)
        finally:
            self._built.set()

    def _offer(self, item: Chunk | BaseException | None) -> None:
        while True:
            try:
                self._ready.put(item, timeout=0.2)
            except queue.Full:
                self._built.set()
                if self._stopping.is_set():
                    raise StoppedError from None
            else:
                return

    def _wanted(self) -> set[Wish]:
        script = self._play.script
        wishes = {
            chunks.wish(script, sub.session.symbols, combined=sub.session.combined, unit=sub.session.unit)
            for sub in self._stage.subscribers()
        }
        return {wish for wish in wishes if any(wish.symbols)}

    def _next(self) -> Chunk | None:
        while True:
            try:
                item = self._ready.get(timeout=0.2)
            except queue.Empty:
                if self._stopping.is_set():
                    raise StoppedError from None
                continue
            if isinstance(item, BaseException):
                raise item
            return item

    # The pacing thread.

    def _run(self) -> None:
        play = self._play
        gc.disable()
        try:
            if play.script.at_once:
                self._built.wait()
            chunk = self._next()
            self._be_punctual()
            play.begin(now_ns() + LEAD_NS)
            while chunk is not None:
                self._perform(chunk)
                chunk = self._next()
            self._see_out()
            play.end(now_ns(), self._drained())
        except StoppedError:
            self._shut_down_the_leaving()
            play.end(now_ns(), "it was broken off", failed=True)
        except Exception as error:  # noqa: BLE001  # whatever it was, the play has to say so
            play.end(now_ns(), f"{type(error).__name__}: {error}", failed=True)
        finally:
            self._stage.ended(play)

    def _perform(self, chunk: Chunk) -> None:
        play = self._play
        assert play.due is not None
        at, behind_chunk = chunk.start, chunk.start + chunk.size
        done = -1
        while at < behind_chunk:
            due, now = int(play.due[at]), now_ns()
            if due > now:
                self._nap(due - now)
                continue
            if at in play.script.steps and done != at:
                done = at
                self._take_steps(at)
                continue
            self._watch(now - due)
            stop = min(behind_chunk, at + BATCH, self._next_break(at + 1))
            behind = at + int(np.searchsorted(play.due[at:stop], now, side="right"))
            self._send(chunk, at - chunk.start, behind - chunk.start)
            for _ in range(play.script.again.get(behind - 1, 0)):
                self._send(chunk, behind - 1 - chunk.start, behind - chunk.start)
            play.sent = at = behind

    def _next_break(self, position: int) -> int:
        place = bisect_left(self._breaks, position)
        return self._breaks[place] if place < len(self._breaks) else self._play.script.size

    def _send(self, chunk: Chunk, first: int, behind: int) -> None:
        marks = self._play.marks
        for sub in self._stage.subscribers():
            wish = self._wish(sub)
            if wish is None:
                continue
            view = chunk.view(wish)
            begin, end = view.span(first, behind)
            if begin == end:
                continue
            if self._play.script.at_once and sub.outlet.waiting > UNREAD:
                self._await_reader(sub)
            rows = view.marks(chunk.start, begin, end)
            offsets = view.wire.offsets
            parcel = Parcel(marks, rows, offsets[begin + 1 : end + 1] - offsets[begin])
            handed = now_ns()
            if sub.outlet.send(view.wire.span(begin, end), parcel):
                marks.hand(rows, handed)

    def _await_reader(self, sub: Subscriber) -> None:
        if not sub.outlet.wait_for_room(UNREAD, STARVED_S):
            sub.cut(f"it read nothing for {STARVED_S:g} s")

    def _wish(self, sub: Subscriber) -> Wish | None:
        session = sub.session
        known = self._wishes.get(sub.number)
        if known is None or known[0] is not session.symbols or known[1] != session.combined:
            wish = chunks.wish(
                self._play.script, session.symbols, combined=session.combined, unit=session.unit
            )
            known = self._wishes[sub.number] = (session.symbols, session.combined, wish)
        return known[2] if any(known[2].symbols) else None

    def _concerned(self) -> list[Subscriber]:
        return [sub for sub in self._stage.subscribers() if self._wish(sub) is not None]

    # What goes wrong on purpose.

    def _take_steps(self, position: int) -> None:
        for step in self._play.script.steps.get(position, ()):
            self._take(step, position)

    def _take(self, step: actions.Action | Echo, position: int) -> None:
        match step:
            case Echo(position=source, count=count):
                self._send_again(source, count)
            case actions.Refuse(count=count):
                self._stage.refuse(count)
            case actions.Garbage(kind=kind):
                self._send_garbage(kind, position)
            case _:
                row = chunks.row_of(self._play.script.rows, position)
                concerned = self._concerned()
                for sub in concerned:
                    end(sub, step, row)
                if isinstance(step, actions.Shutdown):
                    self._leaving = (now_ns() + int(SHUTDOWN_NOTICE_S * SECOND), concerned)

    def _send_garbage(self, kind: str, position: int) -> None:
        number = next(number for number in self._extra[position] if self._play.extras[number].kind == kind)
        self._extra[position].remove(number)
        opcode = Opcode.BINARY if garbage.KINDS[kind].binary else Opcode.TEXT
        row = chunks.row_of(self._play.script.rows, position)
        for sub in self._concerned():
            if row["symbol"] not in sub.session.symbols:
                continue
            payload = garbage.payload(kind, row, combined=sub.session.combined, unit=sub.session.unit)
            data = encode(opcode, payload)
            rows = slice(number, number + 1)
            handed = now_ns()
            if sub.outlet.send(data, Parcel(self._play.extra_marks, rows, np.array([len(data)]))):
                self._play.extra_marks.hand(rows, handed)

    def _send_again(self, position: int, count: int) -> None:
        row = chunks.row_of(self._play.script.rows, position)
        rows = slice(position, position + 1)
        for sub in self._concerned():
            if row["symbol"] in sub.session.symbols:
                payload = frames.trade_frame(row, combined=sub.session.combined, unit=sub.session.unit)
                data = encode(Opcode.TEXT, payload)
                for _ in range(count):
                    sub.outlet.send(data, Parcel(self._play.marks, rows, np.array([len(data)])))

    def _see_out(self) -> None:
        """Do not end before those that were told of a shutdown are gone: the next play would still meet them."""
        while (left := self._leaving[0] - now_ns()) > 0:
            self._nap(left)
        self._shut_down_the_leaving()

    def _shut_down_the_leaving(self) -> None:
        for sub in self._leaving[1]:
            sub.shut_down()

    # Time.

    def _nap(self, left_ns: int) -> None:
        """Sleep until something is due, or until it is time to look whether that has changed."""
        if self._stopping.is_set():
            raise StoppedError
        time.sleep(min(left_ns, NAP_NS) / 1e9)

    def _be_punctual(self) -> None:
        script = self._play.script
        if not sys.platform.startswith("linux"):
            return
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
        lasts = int(script.offsets[-1]) / 1e9
        if script.at_once or script.size / max(lasts, 1e-9) > REAL_TIME_MOST_PER_SECOND:
            return
        try:
            policy = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
            os.sched_setscheduler(0, policy, os.sched_param(REAL_TIME_PRIORITY))
        except OSError:
            return  # not permitted here: an ordinary thread is later, and its lateness is in the ledger
        self._real_time = self._play.real_time = True

    def _watch(self, behind_ns: int) -> None:
        """Give real time back after being behind all the time for a while: others have to run, too."""
        if not self._real_time:
            return
        now = now_ns()
        if behind_ns < REAL_TIME_MOST_BEHIND_NS:
            self._behind_since = None
        elif self._behind_since is None:
            self._behind_since = now
        elif now - self._behind_since > REAL_TIME_MOST_BEHIND_NS:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
            self._real_time = False

    def _drained(self) -> str | None:
        """Wait a moment for subscribers to read the rest; tell what they left."""
        for sub in self._concerned():
            sub.outlet.wait_for_room(0, DRAIN_S)
        left = {sub.number: sub.outlet.waiting for sub in self._concerned() if sub.outlet.waiting}
        if not left:
            return None
        return "; ".join(f"connection {number} left {size} bytes unread" for number, size in left.items())
