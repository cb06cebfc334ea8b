"""Judge one hop against what was sent."""

from collections.abc import Mapping, Sequence
from typing import Literal

from tickproof.ledger.rows import AnyRows
from tickproof.verdicts.findings import Guarantee, HopVerdict

TimeUnit = Literal["s", "ms", "us", "ns"]

CONTENT = ("price", "quantity", "event_time", "side")
TEXT = ("price_text", "quantity_text")


def judge(
    sent: AnyRows,
    seen: AnyRows,
    *,
    hop: str,
    guarantee: Guarantee,
    order: bool = False,
    lanes: bool = False,
    fields: Sequence[str] = CONTENT,
    event_time_unit: TimeUnit = "ns",
    earlier: Mapping[str, AnyRows] | None = None,
    max_named: int = 50,
) -> HopVerdict:
    """Compare what a hop showed with what was sent.

    Args:
        sent: Rows of `ledger.schemas.SENT` in the order they went on the wire.
        seen: Rows of `ledger.schemas.SEEN` in batches of any size and order.
        hop: The hop's name, for the words of the verdict.
        guarantee: What the hop promises.
        order: Also judge the order of each symbol within its lane (live rows only).
        lanes: Also demand that each symbol stands in one lane.
        fields: Fields that must be equal; `CONTENT`, or `CONTENT + TEXT` where the hop keeps the venue's text.
        event_time_unit: The unit that the hop can hold: the sent time is cut to it before it is compared.
        earlier: What earlier hops showed, by name in their order, to tell where a lost trade was seen last.
        max_named: How many anomalies are named at most; all are counted.
    """
    raise NotImplementedError
