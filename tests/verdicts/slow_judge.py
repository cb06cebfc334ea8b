"""A second opinion: the same questions answered row by row in plain Python, by other means."""

from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

import pyarrow as pa
from tickproof.verdicts import CONTENT, Kind

Named = set[tuple[Kind, str | None, int | None, str | None]]
Row = dict[str, Any]
Key = tuple[Any, Any]


def slow_judge(
    sent: pa.Table, seen: pa.Table, fields: tuple[str, ...] = CONTENT, unit_ns: int = 1
) -> tuple[dict[Kind, int], Named]:
    """Return how many anomalies of each kind there are, and their names."""
    plan: dict[Key, Row] = {}
    for row in _rows(sent, fields):
        if row["expect"] == "stored":
            plan.setdefault(_key(row), row)

    sightings: dict[Key, list[Row]] = defaultdict(list)
    found: list[tuple[Kind, str | None, int | None, str | None]] = []
    altered = 0
    for row in _rows(seen, fields):
        key = _key(row)
        if key not in plan:
            found.append((Kind.PHANTOM, *key, None))
            continue
        sightings[key].append(row)
        wrong = [name for name in fields if row[name] != _cut(plan[key], name, unit_ns)]
        altered += bool(wrong)
        found += [(Kind.ALTERED, *key, name) for name in wrong]

    for key in plan:
        times = len(sightings[key])
        found += [(Kind.LOST, *key, None)] if not times else [(Kind.DUPLICATED, *key, None)] * (times - 1)
    found += _out_of_order(list(plan), sightings) + _split(sightings)
    counts = Counter(kind for kind, *_ in found)
    return {kind: counts[kind] for kind in Kind} | {Kind.ALTERED: altered}, set(found)


def _out_of_order(plan: list[Key], sightings: dict[Key, list[Row]]) -> list[tuple[Kind, str, int, str]]:
    standing: dict[tuple[str, int], list[tuple[int, Key]]] = defaultdict(list)
    for key, rows in sightings.items():
        live = sorted((row["lane"], row["offset"]) for row in rows if row["source"] != "rest")
        if live:
            lane, offset = live[0]
            standing[key[0], lane].append((offset, key))
    found = []
    for in_lane in standing.values():
        place = {key: number for number, (_, key) in enumerate(sorted(in_lane))}
        as_sent = [key for key in plan if key in place]
        found += [
            (Kind.OUT_OF_ORDER, *one, "order") for one, two in pairwise(as_sent) if place[two] < place[one]
        ]
    return found


def _split(sightings: dict[Key, list[Row]]) -> list[tuple[Kind, str, None, str]]:
    lanes: dict[str, set[int]] = defaultdict(set)
    for (symbol, _), rows in sightings.items():
        lanes[symbol] |= {row["lane"] for row in rows}
    return [(Kind.SPLIT, symbol, None, "lane") for symbol, seen_in in lanes.items() if len(seen_in) > 1]


def _rows(table: pa.Table, fields: tuple[str, ...]) -> list[Row]:
    names = ["symbol", "trade_id", *fields, "expect", "lane", "offset", "source"]
    table = table.select([name for name in names if name in table.column_names])
    if "event_time" in table.column_names:
        place = table.schema.get_field_index("event_time")
        table = table.set_column(place, "event_time", table["event_time"].cast(pa.int64()))
    rows: list[Row] = table.to_pylist()
    return rows


def _key(row: Row) -> Key:
    return row["symbol"], row["trade_id"]


def _cut(row: Row, name: str, unit_ns: int) -> object:
    value = row[name]
    return value - value % unit_ns if name == "event_time" and value is not None else value
