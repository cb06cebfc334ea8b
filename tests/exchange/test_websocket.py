"""The WebSocket protocol as this server speaks it, against the text of RFC 6455."""

import pytest
from tickproof.exchange.websocket import (
    Code,
    Message,
    Opcode,
    Reader,
    WebSocketError,
    close_code,
    close_payload,
    encode,
)

MASK = b"\x01\x02\x03\x04"


def masked(opcode: int, payload: bytes, *, final: bool = True) -> bytes:
    size = len(payload)
    first = (0x80 if final else 0) | opcode
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 65536:
        head = bytes((first, 0xFE)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, 0xFF)) + size.to_bytes(8, "big")
    return head + MASK + bytes(byte ^ MASK[number % 4] for number, byte in enumerate(payload))


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_messages_of_all_sizes_in_any_pieces(size: int) -> None:
    payload = bytes(number % 251 for number in range(size))
    data = masked(Opcode.TEXT, payload) + masked(Opcode.PING, b"x")
    for step in (1, 7, len(data)) if size < 1000 else (4096, len(data)):
        reader, got = Reader(), []
        for start in range(0, len(data), step):
            got += reader.feed(data[start : start + step])
        assert got == [Message(Opcode.TEXT, payload), Message(Opcode.PING, b"x")]


def test_fragments_are_joined_around_a_ping() -> None:
    data = (
        masked(Opcode.TEXT, b"ab", final=False)
        + masked(Opcode.PING, b"")
        + masked(Opcode.CONTINUATION, b"cd", final=False)
        + masked(Opcode.CONTINUATION, b"ef")
    )
    assert list(Reader().feed(data)) == [Message(Opcode.PING, b""), Message(Opcode.TEXT, b"abcdef")]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (encode(Opcode.TEXT, b"unmasked"), Code.PROTOCOL_ERROR),
        (b"\xc1" + masked(1, b"")[1:], Code.PROTOCOL_ERROR),
        (masked(3, b""), Code.PROTOCOL_ERROR),
        (masked(Opcode.PING, b"", final=False), Code.PROTOCOL_ERROR),
        (masked(Opcode.PING, b"x" * 126), Code.PROTOCOL_ERROR),
        (masked(Opcode.CONTINUATION, b""), Code.PROTOCOL_ERROR),
        (masked(Opcode.TEXT, b"a", final=False) + masked(Opcode.TEXT, b"b"), Code.PROTOCOL_ERROR),
        (b"\x81\xff" + (1 << 40).to_bytes(8, "big"), Code.TOO_BIG),
    ],
)
def test_what_breaks_the_protocol(data: bytes, code: Code) -> None:
    with pytest.raises(WebSocketError) as wrong:
        list(Reader().feed(data))
    assert wrong.value.code is code


def test_fragments_do_not_add_up_beyond_the_limit() -> None:
    reader = Reader(max_message=10)
    list(reader.feed(masked(Opcode.TEXT, b"123456", final=False)))
    with pytest.raises(WebSocketError):
        list(reader.feed(masked(Opcode.CONTINUATION, b"123456")))


def test_close_payloads() -> None:
    assert close_code(close_payload(1008, "Too many requests")) == 1008
    assert close_code(b"") == 1005
