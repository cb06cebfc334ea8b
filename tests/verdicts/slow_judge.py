"""A second opinion: the same questions answered row by row in plain Python, by other means."""

from collections import defaultdict
from typing import Any

import pyarrow as pa

from tickproof.verdicts import CONTENT, Kind

Named = set[tuple[Kind, str | None, int | None, str | None]]


def slow_judge(
    sent: pa.Table, seen: pa.Table, fields: tuple[str, ...] = CONTENT, unit_ns: int = 1
) -> tuple[dict[Kind, int], Named]:
    """Return how many anomalies of each kind there are, and their names."""
    plan: dict[tuple[Any, Any], dict[str, Any]] = {}
    must_not: set[tuple[Any, Any]] = set()
    for row in _rows(sent, fields):
        key = (row["symbol"], row["trade_id"])
        if row["expect"] == "stored":
            plan.setdefault(key, row)
        else:
            must_not.add(key)

    sightings: dict[tuple[Any, Any], list[dict[str, Any]]] = defaultdict(list)
    counts = dict.fromkeys(Kind, 0)
    named: Named = set()
    for row in _rows(seen, fields):
        key = (row["symbol"], row["trade_id"])
        if key not in plan:
            counts[Kind.PHANTOM] += 1
            named.add((Kind.PHANTOM, *key, None))
            continue
        sightings[key].append(row)
        wrong = [name for name in fields if _value(row, name, 1) != _value(plan[key], name, unit_ns)]
        counts[Kind.ALTERED] += bool(wrong)
        named |= {(Kind.ALTERED, *key, name) for name in wrong}

    for key in plan:
        if key not in sightings:
            counts[Kind.LOST] += 1
            named.add((Kind.LOST, *key, None))
        elif len(sightings[key]) > 1:
            counts[Kind.DUPLICATED] += len(sightings[key]) - 1
            named.add((Kind.DUPLICATED, *key, None))

    lanes: dict[Any, dict[int, list[tuple[int, Any]]]] = defaultdict(lambda: defaultdict(list))
    every_lane: dict[Any, set[int]] = defaultdict(set)
    for (symbol, trade_id), rows in sightings.items():
        every_lane[symbol] |= {row["lane"] for row in rows}
        live = sorted((row["lane"], row["offset"]) for row in rows if row["source"] != "rest")
        if live:
            lane, offset = live[0]
            lanes[symbol][lane].append((offset, trade_id))
    for symbol, by_lane in lanes.items():
        for standing in by_lane.values():
            place = {trade_id: number for number, (_, trade_id) in enumerate(sorted(standing))}
            in_sent_order = [trade_id for name, trade_id in plan if name == symbol and trade_id in place]
            for one, two in zip(in_sent_order, in_sent_order[1:], strict=False):
                if place[two] < place[one]:
                    counts[Kind.OUT_OF_ORDER] += 1
                    named.add((Kind.OUT_OF_ORDER, symbol, one, "order"))
    for symbol, seen_in in every_lane.items():
        if len(seen_in) > 1:
            counts[Kind.SPLIT] += 1
            named.add((Kind.SPLIT, symbol, None, "lane"))
    return counts, named


def _rows(table: pa.Table, fields: tuple[str, ...]) -> list[dict[str, Any]]:
    names = ["symbol", "trade_id", *fields, "expect", "lane", "offset", "source"]
    table = table.select([name for name in names if name in table.column_names])
    if "event_time" in table.column_names:
        place = table.schema.get_field_index("event_time")
        table = table.set_column(place, "event_time", table["event_time"].cast(pa.int64()))
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _value(row: dict[str, Any], name: str, unit_ns: int) -> Any:
    value = row[name]
    return value - value % unit_ns if name == "event_time" and value is not None else value
