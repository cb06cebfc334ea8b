"""How a play ends connections: at an exact row, in one of the ways that a venue or a network does it."""

from typing import Protocol

from tickproof.exchange import actions
from tickproof.exchange.frames import TradeRow, trade_frame
from tickproof.exchange.outlet import Outlet
from tickproof.exchange.streams import Session
from tickproof.exchange.websocket import Opcode, encode

OVERSIZE = b"\x81\x7f" + (1 << 30).to_bytes(8, "big")
"""The head of a text frame of 1 GiB."""

NO_FRAME = b"\xf3\x7f\x00\xff\x00\xff\x00\xff"
"""Reserved bits, reserved opcode."""


class Subscriber(Protocol):
    """A WebSocket connection, as the pacing thread sees it."""

    number: int
    outlet: Outlet
    session: Session

    def cut(self, why: str) -> None:
        """End the connection with no close frame."""

    def mute_until_closed(self, why: str) -> None:
        """Send nothing more; cut the connection if the subscriber does not close it soon."""

    def expire(self) -> None:
        """Close the connection as the venue does after 24 hours."""

    def announce_shutdown(self) -> None:
        """Announce the venue's shutdown, and close the connection a moment later."""

    def shut_down(self) -> None:
        """Close the connection because the venue shuts down."""


def end(sub: Subscriber, deed: actions.Action, row: TradeRow) -> None:
    """End a connection as the action says; `row` is the one that is due."""
    match deed:
        case actions.HalfFrame():
            frame = trade_frame(row, combined=sub.session.combined, unit=sub.session.unit)
            whole = encode(Opcode.TEXT, frame)
            sub.outlet.send(whole[: len(whole) // 2], last=True)
            sub.cut("half a frame, as planned")
        case actions.Oversize():
            sub.outlet.send(OVERSIZE, last=True)
            sub.cut("a frame too large, as planned")
        case actions.ProtocolError():
            sub.outlet.send(NO_FRAME, last=True)
            sub.mute_until_closed("no frame, as planned")
        case actions.Drop():
            sub.cut("dropped, as planned")
        case actions.Shutdown():
            sub.announce_shutdown()
        case actions.Expire():
            sub.expire()
