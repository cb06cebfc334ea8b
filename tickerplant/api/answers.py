"""Bodies of answers, out of what the store and the bars say."""

from collections.abc import Mapping

import msgspec
from pyiceberg.table.snapshots import Snapshot
from starlette.responses import Response

from tickerplant.api.bars import Bar
from tickerplant.api.encoder import MEDIA_TYPES, Format
from tickerplant.api.exact import SCALE, decimal_text
from tickerplant.api.store import LATEST, SymbolFacts, View
from tickerplant.api.times import instant_text

Row = Mapping[str, object]


def json_response(body: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Response:
    """Return a body as JSON; `msgspec.Raw` in it goes out as it is."""
    return Response(msgspec.json.encode(body), headers=headers, media_type="application/json")


def rows_response(rows: bytes, form: Format, following: str | None, snapshot: str | None) -> Response:
    """Return a page of rows; what JSON says in its body, all forms say in headers."""
    headers = {}
    if following is not None:
        headers["Next-Cursor"] = following
    if snapshot is not None:
        headers["Snapshot"] = snapshot
    if form is Format.JSON:
        body = {"data": msgspec.Raw(rows), "next_cursor": following, "snapshot": snapshot}
        return json_response(body, headers)
    return Response(rows, headers=headers, media_type=MEDIA_TYPES[form])


def snapshot_text(view: View) -> str | None:
    """Return the id of a view's snapshot as it is published."""
    return None if view.snapshot is None else str(view.snapshot)


def symbol_row(facts: SymbolFacts) -> Row:
    """Return one row of /v1/symbols."""
    return {
        "symbol": facts.symbol,
        "trades": facts.trades,
        "first_event_time": instant_text(facts.first),
        "last_event_time": instant_text(facts.last),
    }


def bar_figures(bar: Bar) -> Row:
    """Return what bars and summaries have in common."""
    return {
        "open": decimal_text(bar.open),
        "high": decimal_text(bar.high),
        "low": decimal_text(bar.low),
        "close": decimal_text(bar.close),
        "volume": decimal_text(bar.volume),
        "quote_volume": decimal_text(bar.quote_volume, 2 * SCALE),
        "trades": bar.trades,
    }


def bar_row(bar: Bar) -> Row:
    """Return one row of /v1/bars."""
    return {"bar_start": instant_text(bar.start), **bar_figures(bar)}


def summary_body(symbol: str, date: str, bar: Bar) -> Row:
    """Return the body of /v1/summary, without its snapshot."""
    vwap = bar.vwap
    return {
        "symbol": symbol,
        "date": date,
        **bar_figures(bar),
        "vwap": None if vwap is None else decimal_text(vwap),
    }


def statistics_body(view: View, symbols: int) -> Row:
    """Return the body of /v1/statistics."""
    events = [file.last for file in view.files if file.last != LATEST]
    writes = [file.written for file in view.files if file.written is not None]
    return {
        "rows": view.rows,
        "symbols": symbols,
        "files": len(view.files),
        "bytes": sum(file.bytes for file in view.files),
        "newest_event_time": instant_text(max(events)) if events else None,
        "newest_write_time": instant_text(max(writes)) if writes else None,
        "snapshot": snapshot_text(view),
        "committed_at": None if view.snapshot is None else instant_text(view.committed_ms * 1_000),
    }


def snapshot_row(snapshot: Snapshot) -> Row:
    """Return one row of /v1/snapshots."""
    summary = snapshot.summary
    figures = {} if summary is None else summary.additional_properties
    return {
        "snapshot": str(snapshot.snapshot_id),
        "parent": None if snapshot.parent_snapshot_id is None else str(snapshot.parent_snapshot_id),
        "committed_at": instant_text(snapshot.timestamp_ms * 1_000),
        "operation": "unknown" if summary is None else summary.operation.value,
        "added_rows": int(figures.get("added-records", 0)),
        "rows": int(figures.get("total-records", 0)),
        "files": int(figures.get("total-data-files", 0)),
    }
