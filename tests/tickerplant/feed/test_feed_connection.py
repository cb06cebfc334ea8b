"""The line to the venue, played against a scripted WebSocket server."""

import asyncio
import io
import json
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from common.waits import PATIENCE
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server
from tickproof.exchange.frames import shutdown_frame

from tickerplant.feed import connection as module
from tickerplant.feed.connection import Line
from tickerplant.feed.counts import Counts
from tickerplant.feed.parser import Notice
from tickerplant.service import Log

SHUTDOWN = shutdown_frame(1, combined=True)


class Waits:
    def __init__(self) -> None:
        self.failures = 0
        self.resets = 0

    def next(self) -> float:
        self.failures += 1
        return 0.001

    def reset(self) -> None:
        self.resets += 1


class Session(WSListener):
    """One accepted connection on the venue's side."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.transport: WSTransport
        self.heard: list[dict[str, Any]] = []
        self.agrees = True
        self.open = asyncio.Event()
        self.gone = asyncio.Event()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        self.open.set()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif frame.msg_type == WSMsgType.TEXT:
            self.heard.append(json.loads(frame.get_payload_as_bytes()))
            if self.agrees:
                self.say(json.dumps({"result": None, "id": self.heard[-1]["id"]}))

    def on_ws_disconnected(self, _transport: WSTransport) -> None:
        self.gone.set()

    def say(self, *texts: str) -> None:
        for text in texts:
            self.transport.send(WSMsgType.TEXT, text.encode())

    def raw(self, data: bytes) -> None:
        self.transport.underlying_transport.write(data)


class Venue:
    """Accepts connections, or refuses them, and keeps them for the test."""

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self.refuse = 0
        self.agrees = True
        self.before_accepting: Callable[[], object] = lambda: None
        self.arrived = asyncio.Event()

    def accept(self, request: WSUpgradeRequest) -> Session | None:
        self.before_accepting()
        if self.refuse:
            self.refuse -= 1
            return None
        self.sessions.append(Session(request.path.decode()))
        self.sessions[-1].agrees = self.agrees
        self.arrived.set()
        return self.sessions[-1]

    async def session(self, number: int) -> Session:
        while len(self.sessions) < number:
            self.arrived.clear()
            await self.arrived.wait()
        await self.sessions[number - 1].open.wait()
        return self.sessions[number - 1]


class Scene:
    """A line that talks to a venue; what it takes is kept as texts."""

    def __init__(self, venue: Venue, port: int, **changes: Any) -> None:
        self.venue = venue
        self.taken: list[str] = []
        self.positions: list[tuple[int, int]] = []
        self.again: list[bool] = []
        self.checked = 0
        self.waits = Waits()
        self.counts = Counts()
        self.stream = io.StringIO()
        self.news = asyncio.Event()
        numbers = iter(range(1, 100))
        self.line = Line(
            f"ws://127.0.0.1:{port}",
            changes.pop("symbols", ["A", "B"]),
            take=self.take,
            on_connected=self.connected,
            next_number=lambda: next(numbers),
            waits=self.waits,
            tls=None,
            microseconds=True,
            silence=changes.pop("silence", 5),
            rotate_after=changes.pop("rotate_after", 60),
            counts=self.counts,
            log=Log("feed", stream=self.stream),
        )

    def take(self, payload: bytes, binary: bool, connection: int, frame: int, again: bool) -> Notice | None:  # noqa: FBT001
        if payload == SHUTDOWN:
            return Notice.SHUTDOWN
        if payload.startswith(b'{"result"'):
            return Notice.SUBSCRIBED
        if payload.startswith(b'{"error"'):
            return Notice.SUBSCRIPTION_REFUSED
        self.taken.append(("binary:" if binary else "") + payload.decode())
        self.positions.append((connection, frame))
        self.again.append(again)
        self.news.set()
        return None

    async def connected(self, _symbols: object) -> None:
        self.checked += 1

    async def had_checked(self, times: int) -> None:
        while self.checked < times:  # noqa: ASYNC110 - the next turn of the loop is soon enough
            await asyncio.sleep(0)

    async def until(self, look: Callable[[], object]) -> None:
        while not look():  # noqa: ASYNC110 - nothing else tells of it
            await asyncio.sleep(0.001)

    async def got(self, *texts: str) -> None:
        while self.taken != list(texts):
            assert len(self.taken) < len(texts) + 1, self.taken
            self.news.clear()
            await self.news.wait()


Story = Callable[[Scene], Awaitable[None]]


def play(story: Story, **changes: Any) -> Scene:
    async def run() -> Scene:
        venue = Venue()
        server = await ws_create_server(venue.accept, "127.0.0.1", 0)
        scene = Scene(venue, server.sockets[0].getsockname()[1], **changes)
        running = asyncio.create_task(scene.line.run())
        try:
            async with asyncio.timeout(PATIENCE):
                await story(scene)
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            for session in venue.sessions:
                session.transport.disconnect(graceful=False)
                await session.gone.wait()
            server.close()
            await server.wait_closed()
        return scene

    return asyncio.run(run())


def test_frames_are_taken_in_order_with_their_position() -> None:
    async def story(scene: Scene) -> None:
        session = await scene.venue.session(1)
        assert session.path == "/stream?streams=a@trade/b@trade&timeUnit=MICROSECOND"
        session.say("one", "two")
        session.transport.send(WSMsgType.BINARY, b"three")
        await scene.got("one", "two", "binary:three")
        assert scene.positions == [(1, 1), (1, 2), (1, 3)]
        await scene.had_checked(1)
        assert scene.line.trouble is None

    play(story)


def test_a_message_in_pieces_is_one_message() -> None:
    async def story(scene: Scene) -> None:
        session = await scene.venue.session(1)
        session.transport.send(WSMsgType.TEXT, b"on", fin=False)
        session.transport.send(WSMsgType.CONTINUATION, b"e")
        session.say("two")
        await scene.got("one", "two")
        assert scene.positions == [(1, 1), (1, 2)]

    play(story)


ENDINGS: dict[str, Callable[[Session], object]] = {
    "cut": lambda session: session.transport.disconnect(graceful=False),
    "half-frame": lambda session: (session.raw(b"\x81\x7e\x01\x00half"), session.transport.disconnect()),
    "oversize": lambda session: session.raw(b"\x81\x7f" + (2**30).to_bytes(8, "big") + b"x"),
    "reserved-bits": lambda session: session.raw(b"\xf1\x01x"),
    "bad-opcode": lambda session: session.raw(b"\x83\x01x"),
    "masked": lambda session: session.raw(b"\x81\x81abcdx"),
    "close-frame": lambda session: session.transport.send_close(module.WSCloseCode.GOING_AWAY),
    "refused-subscription": lambda session: session.say('{"error":{"code":2,"msg":"no"}}'),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_however_a_connection_ends_there_is_a_new_one(ending: str) -> None:
    async def story(scene: Scene) -> None:
        first = await scene.venue.session(1)
        first.say("one")
        await scene.got("one")
        ENDINGS[ending](first)
        second = await scene.venue.session(2)
        second.say("two")
        await scene.got("one", "two")
        assert scene.positions[-1] == (2, 1)
        await scene.had_checked(2)
        assert scene.counts.reconnects == 1

    scene = play(story)
    assert [line["event"] for line in map(json.loads, scene.stream.getvalue().splitlines())] == [
        "connected",
        "connection_lost",
        "connected",
    ]


def test_it_knocks_until_it_is_let_in() -> None:
    async def story(scene: Scene) -> None:
        first = await scene.venue.session(1)
        first.say("1")
        await scene.got("1")
        scene.venue.refuse = 3
        first.transport.disconnect(graceful=False)
        await scene.venue.session(2)
        await scene.had_checked(2)
        assert scene.waits.failures == 3

    scene = play(story)
    assert scene.waits.resets == 1


def test_it_waits_longer_each_time_for_a_venue_that_lets_in_and_sends_away_at_once() -> None:
    async def story(scene: Scene) -> None:
        for number in range(1, 6):
            session = await scene.venue.session(number)
            session.transport.disconnect(graceful=False)
        session = await scene.venue.session(6)
        assert (scene.waits.failures, scene.waits.resets) == (5, 0)
        session.say("1")
        await scene.got("1")
        session.transport.disconnect(graceful=False)
        await scene.venue.session(7)
        assert (scene.waits.failures, scene.waits.resets) == (5, 1)

    play(story)


def test_an_answer_to_a_request_does_not_make_a_connection_good() -> None:
    async def story(scene: Scene) -> None:
        session = await scene.venue.session(1)
        session.say('{"error":{"code":2,"msg":"no"}}')
        await scene.venue.session(2)
        assert (scene.waits.failures, scene.waits.resets) == (1, 0)

    play(story)


def test_a_connection_that_lasted_needs_no_frame_to_be_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEADY_AFTER", 0.0)

    async def story(scene: Scene) -> None:
        session = await scene.venue.session(1)
        session.transport.disconnect(graceful=False)
        await scene.venue.session(2)
        assert (scene.waits.failures, scene.waits.resets) == (0, 1)

    play(story)


def test_a_venue_that_has_gone_silent_is_left() -> None:
    async def story(scene: Scene) -> None:
        first = await scene.venue.session(1)
        first.transport.underlying_transport.pause_reading()  # no pong either
        await scene.venue.session(2)

    play(story, silence=0.1)


def test_the_shutdown_notice_is_answered_before_the_end_without_loss_repetition_or_disorder() -> None:
    async def story(scene: Scene) -> None:
        first = await scene.venue.session(1)
        first.say("1", SHUTDOWN.decode())
        second = await scene.venue.session(2)
        # Both carry the stream now; the new one is ahead, and the old one is not at its end.
        second.say("3", "4")
        first.say("2", "3")
        await first.gone.wait()
        second.say("5")
        await scene.got("1", "2", "3", "3", "4", "5")
        # What the new one had brought is marked: the reader of the frames drops what it has.
        assert scene.again[:5] == [False, False, False, True, True]
        assert scene.counts.reconnects == 0
        assert scene.counts.connected == 1

    play(story)


def test_an_old_connection_is_replaced_in_time() -> None:
    async def story(scene: Scene) -> None:
        first = await scene.venue.session(1)
        await scene.venue.session(2)
        await first.gone.wait()
        assert scene.counts.reconnects == 0

    play(story, rotate_after=0.05)


def test_what_was_missed_is_asked_for_when_the_old_connection_dies_before_the_new_one_is_there() -> None:
    async def story(scene: Scene) -> None:
        first = await scene.venue.session(1)
        await scene.had_checked(1)
        scene.venue.before_accepting = lambda: first.transport.disconnect(graceful=False)
        first.say(SHUTDOWN.decode())
        await scene.venue.session(2)
        await scene.had_checked(2)

    play(story)


def test_a_shutdown_with_no_way_in_ends_in_an_ordinary_reconnect() -> None:
    async def story(scene: Scene) -> None:
        first = await scene.venue.session(1)
        scene.venue.refuse = 2
        first.say(SHUTDOWN.decode(), "1")
        await scene.got("1")
        first.transport.disconnect(graceful=False)
        await scene.venue.session(2)

    scene = play(story)
    assert scene.counts.reconnects == 1


class TestMoreStreamsThanFitIntoTheAddress:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "IN_URL", 2)
        monkeypatch.setattr(module, "BATCH", 2)
        monkeypatch.setattr(module, "SECONDS_PER_MESSAGE", 0.01)

    def test_they_are_subscribed_before_it_is_asked_what_was_missed(self) -> None:
        async def story(scene: Scene) -> None:
            session = await scene.venue.session(1)
            await scene.had_checked(1)
            assert session.path.startswith("/stream?streams=a@trade/b@trade&")
            assert [message["params"] for message in session.heard] == [["c@trade", "d@trade"], ["e@trade"]]
            assert {message["method"] for message in session.heard} == {"SUBSCRIBE"}

        play(story, symbols=list("ABCDE"))

    def test_nothing_counts_before_the_venue_has_agreed(self) -> None:
        async def story(scene: Scene) -> None:
            scene.venue.agrees = False
            session = await scene.venue.session(1)
            session.say("1")
            await scene.got("1")
            await scene.until(lambda: session.heard)
            assert (scene.checked, len(session.heard)) == (0, 1)
            session.agrees = True
            session.say('{"result":null,"id":2}')
            await scene.had_checked(1)
            assert len(session.heard) == 2

        play(story, symbols=list("ABCDE"))

    def test_a_venue_that_does_not_agree_is_asked_on_a_new_connection(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "SUBSCRIBED_WITHIN", 0.05)

        async def story(scene: Scene) -> None:
            scene.venue.agrees = False
            first = await scene.venue.session(1)
            await scene.until(lambda: first.heard)
            scene.venue.agrees = True
            await first.gone.wait()
            await scene.had_checked(1)
            assert "the venue did not agree to 2 streams" in scene.stream.getvalue()
            assert scene.counts.connected == 1

        play(story, symbols=list("ABCDE"))

    @pytest.mark.parametrize("ending", ["cut", "refused-subscription"])
    def test_a_connection_that_ends_meanwhile_is_opened_again(self, ending: str) -> None:
        async def story(scene: Scene) -> None:
            scene.venue.agrees = False
            first = await scene.venue.session(1)
            await scene.until(lambda: first.heard)
            scene.venue.agrees = True
            ENDINGS[ending](first)
            await scene.had_checked(1)
            assert len(scene.venue.sessions) == 2

        play(story, symbols=list("ABCDE"))

    def test_a_hand_over_waits_for_it_too(self) -> None:
        async def story(scene: Scene) -> None:
            first = await scene.venue.session(1)
            await scene.had_checked(1)
            first.say(SHUTDOWN.decode())
            second = await scene.venue.session(2)
            second.say("2")
            first.say("1")
            await first.gone.wait()
            await scene.got("1", "2")
            assert len(second.heard) == 2

        play(story, symbols=list("ABCDE"))

    def test_a_paused_line_has_patience(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "SUBSCRIBED_WITHIN", 0.01)

        async def story(scene: Scene) -> None:
            scene.line.pause(paused=True)
            session = await scene.venue.session(1)
            await scene.until(lambda: session.heard)
            await asyncio.sleep(0.05)  # several times as long as it would wait otherwise
            monkeypatch.setattr(module, "SUBSCRIBED_WITHIN", PATIENCE)
            scene.line.pause(paused=False)
            await scene.had_checked(1)
            assert len(scene.venue.sessions) == 1

        play(story, symbols=list("ABCDE"))


def test_a_paused_line_lets_the_venue_wait() -> None:
    async def story(scene: Scene) -> None:
        session = await scene.venue.session(1)
        session.say("1")
        await scene.got("1")
        await scene.had_checked(1)
        scene.line.pause(paused=True)
        session.say("2")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(scene.got("1", "2"), 0.05)
        scene.line.pause(paused=False)
        await scene.got("1", "2")

    play(story)


def test_nobody_there_is_told_as_trouble() -> None:
    async def story() -> deque[str]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            scene = Scene(Venue(), free.getsockname()[1])
            running = asyncio.create_task(scene.line.run())
            async with asyncio.timeout(PATIENCE):
                while scene.waits.failures < 2:  # noqa: ASYNC110 - nothing else tells of it
                    await asyncio.sleep(0.001)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            return deque([scene.line.trouble or ""])

    assert "connecting failed" in asyncio.run(story())[0]
