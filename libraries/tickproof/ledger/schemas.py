"""The columns of a ledger: what was sent, and what each hop showed of it.

Decimals are exact at 38 digits, 18 of them after the point; times are nanoseconds since the Unix epoch, UTC.
"""

import pyarrow as pa

DECIMAL = pa.decimal128(38, 18)
EVENT_TIME = pa.timestamp("ns", tz="UTC")

STORED = "stored"  # must reach every hop
QUARANTINED = "quarantined"  # garbage: must be in the dead letters and nowhere else
ABSENT = "absent"  # must not appear anywhere

SENTINEL = "sentinel"  # the kind of the last trade of each symbol, sent behind all that could go wrong

TRADE = pa.schema(
    [
        ("symbol", pa.string()),
        ("trade_id", pa.int64()),
        ("price", DECIMAL),
        ("quantity", DECIMAL),
        ("event_time", EVENT_TIME),
        ("side", pa.string()),  # the taker's: "buy" or "sell"
    ]
)

# Rows stand in the order in which they went on the wire: that is the order a hop has to keep.
SENT = pa.schema(
    [
        *TRADE,
        ("plan_index", pa.int64()),
        ("due_ns", pa.int64()),
        ("handed_ns", pa.int64()),  # null: never handed to a socket
        ("gone_ns", pa.int64()),  # null: not known to have left our buffer
        ("copies", pa.int32()),  # times put on the wire live; 0: sent into a gap
        ("repairable", pa.bool_()),  # the venue's REST knows it
        ("expect", pa.string()),  # STORED, QUARANTINED or ABSENT
        ("kind", pa.string()),  # "trade", SENTINEL or the name of a garbage kind
        ("price_text", pa.string()),  # the venue's own text
        ("quantity_text", pa.string()),
        ("venue_time_ns", pa.int64()),
    ]
)

SEEN = pa.schema(
    [
        *TRADE,
        ("hop", pa.string()),
        ("source", pa.string()),  # "live", "rest" (repaired) or null where the hop does not say
        ("hop_time_ns", pa.int64()),  # the hop's own stamp, null where it has none
        ("seen_ns", pa.int64()),  # our stamp
        ("lane", pa.int64()),  # Kafka partition; file ordinal; page number
        ("offset", pa.int64()),  # position in the lane
        ("place", pa.string()),  # file path, snapshot, ... where the hop has one
        ("price_text", pa.string()),  # null where the hop keeps no text
        ("quantity_text", pa.string()),
    ]
)


def as_table(schema: pa.Schema, columns: dict[str, object]) -> pa.Table:
    """Make a table of a schema from the columns at hand; those that are missing become null.

    Args:
        schema: `TRADE`, `SENT` or `SEEN`.
        columns: Arrow arrays, numpy arrays or lists by column name.

    Raises:
        ValueError: A column is not in the schema.
    """
    strange = [name for name in columns if name not in schema.names]
    if strange:
        raise ValueError(f"column {strange[0]} is unknown; allowed: {', '.join(schema.names)}")
    rows = max((len(values) for values in columns.values()), default=0)  # type: ignore[arg-type]
    arrays = []
    for field in schema:
        if field.name not in columns:
            arrays.append(pa.nulls(rows, field.type))
            continue
        values = columns[field.name]
        if isinstance(values, pa.Array | pa.ChunkedArray):
            arrays.append(values.cast(field.type))
        else:
            arrays.append(pa.array(values, type=field.type))
    return pa.Table.from_arrays(arrays, schema=schema)
