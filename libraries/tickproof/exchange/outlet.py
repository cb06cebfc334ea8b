"""The way out of one connection: bytes go to the socket at once, and wait here while it takes no more.

Any thread may send; only whole frames are sent, so they never mix. What waits is counted: a subscriber that
does not read shows as frames handed over and not gone, does not hold up the others, and is cut when it
leaves too much.
"""

import select
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable

from tickproof.clock import now_ns
from tickproof.exchange.limits import BACKLOG_BYTES
from tickproof.exchange.marks import Parcel

Buffer = bytes | memoryview
"""Bytes to send."""

_FLAGS = socket.MSG_DONTWAIT | getattr(socket, "MSG_NOSIGNAL", 0)
_READ = 64 * 1024


class Tls:
    """Encryption of one connection, in memory: bytes in, bytes out."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self._ready = False

    def seal(self, data: Buffer) -> bytes:
        """Return data as it goes on the wire."""
        self._tls.write(data)
        return self._out.read()

    def open(self, data: bytes) -> tuple[bytes, bytes]:
        """Take bytes from the wire; return what they say, and what has to be sent back for the handshake.

        Raises:
            ssl.SSLError: The peer does not speak TLS as we do.
        """
        self._in.write(data)
        said = bytearray()
        try:
            if not self._ready:
                self._tls.do_handshake()
                self._ready = True
            while piece := self._tls.read(_READ):
                said += piece
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            pass
        return bytes(said), self._out.read()


class Outlet:
    """The sending side of a connection.

    Attributes:
        waiting: bytes handed over that the socket did not take yet.
        handed: bytes handed over.
        lost: bytes that waited when the connection ended.
        is_open: whether more may be sent.
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        tls: Tls | None,
        on_wait: Callable[[], None],
        on_end: Callable[[str], None],
    ) -> None:
        """Hold a connected, non-blocking socket.

        Args:
            sock: the socket; only written here, closed by its owner.
            tls: its encryption, if it has one.
            on_wait: called from any thread when bytes have begun to wait: `drain` them when it is writable.
            on_end: called from any thread, with the reason, when nothing can be sent any more.
        """
        self.waiting = 0
        self.handed = 0
        self.lost = 0
        self.is_open = True
        self._sock = sock
        self._tls = tls
        self._on_wait = on_wait
        self._on_end = on_end
        self._room: int | None = None
        self._queue: deque[tuple[Buffer, Parcel | None]] = deque()
        self._lock = threading.Lock()

    def send(self, data: Buffer, parcel: Parcel | None = None, *, last: bool = False) -> bool:
        """Send whole frames, or queue what the socket does not take.

        Args:
            data: the frames.
            parcel: told when each has left.
            last: nothing may be sent behind them.

        Returns:
            Whether they were taken.
        """
        with self._lock:
            if not self.is_open:
                return False
            self.is_open = not last
            if self._tls is not None:
                data = self._tls.seal(data)
                if parcel is not None:
                    parcel.whole()
            began, trouble = self._put(data, parcel)
        self._tell(began=began, trouble=trouble)
        return True

    def receive(self, data: bytes) -> bytes:
        """Return what received bytes say; answers the TLS handshake.

        Raises:
            ssl.SSLError: The peer does not speak TLS as we do.
        """
        if self._tls is None:
            return data
        with self._lock:
            said, reply = self._tls.open(data)
            began, trouble = self._put(reply, None) if reply else (False, None)
        self._tell(began=began, trouble=trouble)
        return said

    def drain(self) -> bool:
        """Send what waits; return whether nothing waits any more."""
        with self._lock:
            trouble = self._flush()
            empty = not self._queue
        self._tell(began=False, trouble=trouble)
        return empty

    def subscribe(self) -> None:
        """From now on a subscriber reads: one that leaves too much is cut off. An answer over HTTP may be any size."""
        self._room = BACKLOG_BYTES

    def wait_for_room(self, most: int, seconds: float) -> bool:
        """Send what waits, as fast as the subscriber reads, until at most `most` bytes are left.

        Returns:
            Whether that was reached, or the connection ended, before `seconds` passed without any progress.
        """
        number = self._sock.fileno()
        if number < 0:
            return True
        poll = select.poll()
        poll.register(number, select.POLLOUT)
        while self.waiting > most:
            if not poll.poll(seconds * 1000):
                return False
            self.drain()
        return True

    def cut(self) -> None:
        """End the connection at once: what went to the system still arrives, what waits here is lost."""
        with self._lock:
            self._stop()
            try:
                self._sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # the peer was faster

    def _put(self, data: Buffer, parcel: Parcel | None) -> tuple[bool, str | None]:
        began = not self._queue
        self._queue.append((data, parcel))
        self.waiting += len(data)
        self.handed += len(data)
        trouble = self._flush() if began else None
        if trouble is None and self._room is not None and self.waiting > self._room:
            trouble = f"it left {self.waiting} bytes unread"
            self._stop()
        return began and bool(self._queue), trouble

    def _flush(self) -> str | None:
        queue = self._queue
        try:
            while queue:
                data, parcel = queue[0]
                sent = self._sock.send(data, _FLAGS)
                whole = sent == len(data)
                self.waiting -= sent
                if parcel is not None:
                    parcel.leave(sent, now_ns(), last=whole)
                if whole:
                    queue.popleft()
                else:
                    queue[0] = (memoryview(data)[sent:], parcel)
        except BlockingIOError:
            return None
        except OSError as gone:
            self._stop()
            return f"it is gone ({gone.strerror})"
        return None

    def _stop(self) -> None:
        self.is_open = False
        self._queue.clear()
        self.lost += self.waiting
        self.waiting = 0

    def _tell(self, *, began: bool, trouble: str | None) -> None:
        if trouble is not None:
            self._on_end(trouble)
        elif began:
            self._on_wait()
