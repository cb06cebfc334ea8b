"""A fault that was to hit a flow has to fall between its first trade and its last."""

import pyarrow as pa
import pytest
from tickproof.effects import missed
from tickproof.ledger.schemas import SENT, as_table


def flow(*due: int, handed: int) -> pa.Table:
    """Returns a ledger with trades due at these times, of which the first `handed` are out."""
    rows = list(due)
    out = [at if n < handed else None for n, at in enumerate(rows)]
    return as_table(SENT, {"due_ns": rows, "handed_ns": pa.array(out, pa.int64())})


@pytest.mark.parametrize(
    ("at_ns", "handed", "said"),
    [
        (25, 4, None),
        (25, 2, None),
        (5, 4, "before its first trade was sent"),
        (25, 0, "before its first trade was sent"),
        (99, 4, "after its last trade was due"),
    ],
)
def test_a_fault_outside_the_flow_is_told(at_ns: int, handed: int, said: str | None) -> None:
    assert missed(at_ns, flow(10, 20, 30, 40, handed=handed)) == said
