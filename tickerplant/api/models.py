"""What answers look like, published as schemas in /openapi.json; bodies are written by the encoder."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

DecimalText = Annotated[
    str,
    Field(
        pattern=r"^(0|-?(0\.[0-9]*[1-9]|[1-9][0-9]*(\.[0-9]*[1-9])?))$",
        description="An exact decimal as text: no exponent, no trailing zeros.",
        examples=["65000.01"],
    ),
]
InstantText = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$",
        description="RFC 3339 in UTC with six digits of the second.",
        examples=["2026-01-02T03:04:05.000006Z"],
        json_schema_extra={"format": "date-time"},
    ),
]
SnapshotText = Annotated[
    str,
    Field(
        pattern=r"^[0-9]{1,19}$",
        description="Id of a snapshot; text, as many JSON readers would round so great a number.",
        examples=["3051729675574597004"],
    ),
]
Count = Annotated[int, Field(ge=0)]


class Body(BaseModel):
    """Has the fields that are listed and no others."""

    model_config = ConfigDict(extra="forbid")


class Problem(Body):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    instance: str


class Trade(Body):
    """One trade as it is stored."""

    symbol: str
    trade_id: int
    price: DecimalText
    quantity: DecimalText
    event_time: InstantText
    venue_time: InstantText
    side: Literal["buy", "sell"]
    source: Literal["live", "rest"]
    ingest_time: InstantText
    write_time: InstantText


class TradesPage(Body):
    """Trades by (event_time, symbol, trade_id)."""

    data: list[Trade]
    next_cursor: Annotated[
        str | None, Field(description="Give it as `cursor` for what follows; null at the end.")
    ]
    snapshot: Annotated[
        SnapshotText | None, Field(description="What this is an answer of; null: an empty table.")
    ]


class LatestTrades(Body):
    """The trade with the greatest id of each symbol, by symbol."""

    data: list[Trade]
    snapshot: SnapshotText | None


class SymbolFacts(Body):
    """What is stored of a symbol."""

    symbol: str
    trades: Count
    first_event_time: InstantText
    last_event_time: InstantText


class Symbols(Body):
    """Symbols that have trades, by name."""

    data: list[SymbolFacts]
    snapshot: SnapshotText | None


class Bar(Body):
    """Trades of one symbol in one slice of time; open and close by (event_time, trade_id)."""

    bar_start: InstantText
    open: DecimalText
    high: DecimalText
    low: DecimalText
    close: DecimalText
    volume: DecimalText
    quote_volume: Annotated[DecimalText, Field(description="The exact sum of price x quantity.")]
    trades: Annotated[int, Field(ge=1)]


class BarsPage(Body):
    """Bars by their start; a slice without trades has no bar."""

    symbol: str
    interval: str
    data: list[Bar]
    next_cursor: Annotated[
        str | None, Field(description="Give it as `cursor` for what follows; null at the end.")
    ]
    snapshot: SnapshotText | None


class Summary(Body):
    """A symbol's day in UTC."""

    symbol: str
    date: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$", json_schema_extra={"format": "date"})]
    open: DecimalText
    high: DecimalText
    low: DecimalText
    close: DecimalText
    volume: DecimalText
    quote_volume: Annotated[DecimalText, Field(description="The exact sum of price x quantity.")]
    vwap: Annotated[
        DecimalText | None,
        Field(description="quote_volume / volume, rounded half to even at 18 digits; null without volume."),
    ]
    trades: Annotated[int, Field(ge=1)]
    snapshot: SnapshotText


class Statistics(Body):
    """Figures of the whole table."""

    rows: Count
    symbols: Count
    files: Count
    bytes: Count
    newest_event_time: InstantText | None
    newest_write_time: InstantText | None
    snapshot: SnapshotText | None
    committed_at: InstantText | None


class SnapshotFacts(Body):
    """One snapshot that the table keeps."""

    snapshot: SnapshotText
    parent: SnapshotText | None
    committed_at: InstantText
    operation: str
    added_rows: Count
    rows: Count
    files: Count


class SnapshotList(Body):
    """Snapshots that the table keeps, newest first."""

    data: list[SnapshotFacts]


class Health(Body):
    """How the service is; each check says `ok`."""

    status: Literal["ok"]
    checks: dict[str, str]
