"""The server's side of a WebSocket connection, RFC 6455: handshake answer, frames out, frames in.

Written out here, not taken from a library, because this server has to send prebuilt frames from its pacing
thread, in one write, and has to break the protocol at exact bytes.
"""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Opcode(IntEnum):
    """What a frame holds."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


class Code(IntEnum):
    """Why a connection is closed."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    INVALID_TEXT = 1007
    POLICY_VIOLATION = 1008
    TOO_BIG = 1009


class WebSocketError(Exception):
    """The peer broke the protocol."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Message:
    """A whole message or a control frame."""

    opcode: Opcode
    payload: bytes


def accept_key(key: str) -> str:
    """Return the answer to `Sec-WebSocket-Key`.

    >>> accept_key("dGhlIHNhbXBsZSBub25jZQ==")
    's3pPLMBiTxaQ9kYGzzhZRbK+xOo='
    """
    digest = hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def encode(opcode: Opcode, payload: bytes) -> bytes:
    """Return one final, unmasked frame."""
    size = len(payload)
    first = 0x80 | opcode
    if size < 126:
        return bytes((first, size)) + payload
    if size < 65536:
        return bytes((first, 126)) + size.to_bytes(2, "big") + payload
    return bytes((first, 127)) + size.to_bytes(8, "big") + payload


def close_payload(code: int, reason: str = "") -> bytes:
    """Return the payload of a close frame."""
    return code.to_bytes(2, "big") + reason.encode()


def close_code(payload: bytes) -> int:
    """Return the code of a close frame's payload; 1005 stands for none."""
    return int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005


class Reader:
    """Turns received bytes into messages; joins fragments."""

    def __init__(self, max_message: int = 1024 * 1024) -> None:
        self._max = max_message
        self._buffer = bytearray()
        self._fragments: bytearray | None = None
        self._fragments_opcode = Opcode.TEXT

    def feed(self, data: bytes) -> Iterator[Message]:
        """Take bytes; yield the messages that they complete.

        Raises:
            WebSocketError: The peer broke the protocol; nothing more can be read.
        """
        self._buffer += data
        while (frame := self._frame()) is not None:
            message = self._message(*frame)
            if message is not None:
                yield message

    def _frame(self) -> tuple[int, bool, bytes] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        if buffer[0] & 0x70:
            raise WebSocketError(Code.PROTOCOL_ERROR, "reserved bits are set")
        if not buffer[1] & 0x80:
            raise WebSocketError(Code.PROTOCOL_ERROR, "a client's frame must be masked")
        size, head = buffer[1] & 0x7F, 2
        if size >= 126:
            width = 2 if size == 126 else 8
            if len(buffer) < 2 + width:
                return None
            size, head = int.from_bytes(buffer[2 : 2 + width], "big"), 2 + width
        if size > self._max:
            raise WebSocketError(Code.TOO_BIG, "the message is too big")
        if len(buffer) < head + 4 + size:
            return None
        mask = bytes(buffer[head : head + 4])
        payload = bytes(buffer[head + 4 : head + 4 + size])
        opcode, final = buffer[0] & 0x0F, bool(buffer[0] & 0x80)
        del buffer[: head + 4 + size]
        return opcode, final, _unmask(payload, mask)

    def _message(self, number: int, final: bool, payload: bytes) -> Message | None:  # noqa: FBT001  # a bit
        try:
            opcode = Opcode(number)
        except ValueError:
            raise WebSocketError(Code.PROTOCOL_ERROR, f"opcode {number} is reserved") from None
        if opcode >= Opcode.CLOSE:
            if not final or len(payload) > 125:
                raise WebSocketError(Code.PROTOCOL_ERROR, "a control frame must be short and whole")
            return Message(opcode, payload)
        if opcode is Opcode.CONTINUATION:
            if self._fragments is None:
                raise WebSocketError(Code.PROTOCOL_ERROR, "a continuation without a beginning")
            self._fragments += payload
        elif self._fragments is not None:
            raise WebSocketError(Code.PROTOCOL_ERROR, "a new message inside a fragmented one")
        else:
            self._fragments, self._fragments_opcode = bytearray(payload), opcode
        if len(self._fragments) > self._max:
            raise WebSocketError(Code.TOO_BIG, "the message is too big")
        if not final:
            return None
        whole, self._fragments = bytes(self._fragments), None
        return Message(self._fragments_opcode, whole)


def _unmask(payload: bytes, mask: bytes) -> bytes:
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")
