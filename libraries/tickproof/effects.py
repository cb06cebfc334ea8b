"""Whether what a plan was to suffer took place: a disturbance that left no trace proves nothing."""

from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tickproof.exchange import actions
from tickproof.exchange.actions import Action

_ENDS_CONNECTION = (
    actions.Drop,
    actions.Expire,
    actions.Shutdown,
    actions.HalfFrame,
    actions.Oversize,
    actions.ProtocolError,
)


def unproved(planned: Sequence[Action], sent: pa.Table, happened: Iterable[str]) -> list[str]:
    """Name the disturbances of a plan that left no trace.

    Args:
        planned: What the plan was to suffer.
        sent: Its ledger (schema SENT).
        happened: What the exchange noted since the test began: `disconnect`, `refused`, ...

    Returns:
        A few words for each, such as "repeat at row 900: the row was sent once".
    """
    if not planned:
        return []
    noted = set(happened)
    rows = sent.filter(pc.not_equal(sent["expect"], "quarantined"))
    copies = dict(zip(rows["plan_index"].to_pylist(), rows["copies"].to_pylist(), strict=True))
    found = ((action, _missing(action, copies, noted)) for action in planned)
    return [f"{action.do} at row {action.at}: {why}" for action, why in found if why]


def missed(at_ns: int, sent: pa.Table) -> str | None:
    """Say how a fault missed the flow that it was to hit, or nothing.

    Args:
        at_ns: When it happened.
        sent: The flow's ledger (schema SENT).
    """
    before = pc.sum(pc.less(sent["handed_ns"], at_ns)).as_py() or 0
    after = pc.sum(pc.greater(sent["due_ns"], at_ns)).as_py() or 0
    if before and after:
        return None
    return "before its first trade was sent" if after else "after its last trade was due"


def _missing(action: Action, copies: dict[int, int], noted: set[str]) -> str | None:
    match action:
        case actions.Refuse() if "refused" not in noted:
            return "no connection was refused"
        case actions.Repeat(at=at) if copies.get(at, 0) < 2:
            return f"the row was sent {_times(copies.get(at, 0))}"
        case actions.Swap(at=at, by=by) if not (copies.get(at) and copies.get(at + by)):
            return "not both rows were on the wire"
        case actions.Skip(at=at, count=count) if any(copies.get(row, 0) for row in range(at, at + count)):
            return "a row was on the wire nevertheless"
        case _ if isinstance(action, _ENDS_CONNECTION) and "disconnect" not in noted:
            return "no connection ended"
    return None


def _times(count: int) -> str:
    return {0: "not at all", 1: "once"}.get(count, f"{count} times")
