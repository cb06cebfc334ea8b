"""Keywords that read trades through the API as its clients do: pages, zones, formats, snapshots."""

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet
from robot.api import logger
from robot.api.deco import keyword, library

from tickproof import report, session
from tickproof.ledger.schemas import SEEN, as_table
from tickproof.probes.exact import exact
from tickproof.target import ApiHop
from tickproof.verdicts import HopVerdict, Void, judge

Asked = dict[str, str | int | Sequence[str]]

TEXTS = pyarrow.csv.ConvertOptions(
    column_types=dict.fromkeys(("price", "quantity", "event_time"), pa.string()),
    include_columns=["symbol", "trade_id", "price", "quantity", "event_time", "side"],
)
"""Numbers and times of a CSV are read as the texts they are."""


@library(scope="GLOBAL")
class Api:
    """Reads trades through the target's API in every way that it offers, and judges what came.

    The trades judged are those that this test sent; what other tests sent of the same symbols earlier does not count.

    Example:
    | Pages Should Give Every Trade Once    7    100
    """

    @keyword
    def pages_should_give_every_trade_once(self, *sizes: int) -> None:
        """Page through the trades that were behind the API when this keyword began, in each page size.

        Args:
            sizes: Rows a page.

        Raises:
            AssertionError: A page skipped, repeated or altered a row.
        """
        run, scene, sent = _judged()
        for size in sizes:
            seen = run.api.read(scene.first_ids, size)
            _fail(f"In pages of {size} rows", _verdict(sent, seen, f"pages of {size}"))
            logger.info(f"{sent.num_rows} trades once each, in pages of {size} rows.")

    @keyword
    def a_limited_key_should_miss_nothing(self, *, page_size: int) -> None:
        """Page with the key `limited`, wait at each 429 as told, and hold every trade once in the end.

        Args:
            page_size: Rows a page; small enough that the limit is met.
        """
        run, scene, sent = _judged()
        before = run.api.traffic
        seen = run.api.read(scene.first_ids, page_size, key="limited")
        after = run.api.traffic
        if after.throttled == before.throttled:
            raise Void(f"the limit was not met in {after.requests - before.requests} requests.")
        _fail("With a limited key", _verdict(sent, seen, "limited key"))
        logger.info(
            f"{after.requests - before.requests} requests, {after.throttled - before.throttled} told to wait."
        )

    @keyword
    def an_altered_cursor_should_be_refused(self) -> None:
        """Take a page's cursor, change one character at a time, and see that each is answered with 400."""
        run, scene, _ = _judged()
        route = _api().trades
        asked: Asked = {
            route.symbol_parameter: list(scene.first_ids),
            route.page_size.parameter: 5,
        }
        cursor = run.api.get(route.path, asked).json()[route.pages.next]
        if not cursor:
            raise Void("the first page of 5 rows had no cursor.")
        for place in range(0, len(cursor), max(1, len(cursor) // 8)):
            other = "A" if cursor[place] != "A" else "B"
            altered = cursor[:place] + other + cursor[place + 1 :]
            status = run.api.get(route.path, {**asked, route.pages.parameter: altered}).status_code
            if status != 400:
                raise AssertionError(
                    f"An altered cursor should be refused with 400, but the answer is {status} "
                    f"(character {place + 1} of {len(cursor)} was changed)."
                )

    @keyword
    def zones_should_give_the_same_rows(self, *offsets: str) -> None:
        """Ask for the middle half of the trades with its bounds written in each zone: the rows must be the same.

        Args:
            offsets: `Z` or offsets such as `+05:45`.
        """
        run, scene, sent = _judged()
        times = sorted(sent["event_time"].cast(pa.int64()).to_pylist())
        start, end = times[len(times) // 4], times[3 * len(times) // 4]
        if start == end:
            raise Void("all trades of this test happened at the same instant.")
        instants = sent["event_time"].cast(pa.int64())
        inside = sent.filter(pc.and_(pc.greater_equal(instants, start), pc.less(instants, end)))
        for offset in offsets:
            bounds = {"start": _written(start, offset), "end": _written(end, offset)}
            seen = run.api.read(scene.first_ids, parameters=bounds)
            _fail(f"From {bounds['start']} up to {bounds['end']}", _verdict(inside, seen, f"zone {offset}"))
        logger.info(f"{inside.num_rows} of {sent.num_rows} trades, the same in {', '.join(offsets)}.")

    @keyword
    def limit_should_give_exactly_as_many_rows(self, *limits: int) -> None:
        """Ask for one page with each limit: as many rows as asked, or all there are.

        Args:
            limits: Values of the parameter that limits a page.
        """
        run, scene, _ = _judged()
        route = _api().trades
        there = run.lake.count(list(scene.first_ids))
        for limit in limits:
            parameters: Asked = {
                route.symbol_parameter: list(scene.first_ids),
                route.page_size.parameter: limit,
            }
            rows = len(run.api.get(route.path, parameters).json()[route.rows])
            if rows != min(limit, there):
                raise AssertionError(
                    f"A limit of {limit} should give {min(limit, there)} rows, but it gave {rows}."
                )

    @keyword
    def formats_should_hold_every_trade(self, *formats: str) -> None:
        """Take the same trades in each format and judge each like a hop of its own.

        Args:
            formats: `json`, `ndjson`, `csv`, `arrow`, `parquet`.
        """
        run, scene, sent = _judged()
        route = _api().trades
        verdicts = []
        for form in formats:
            parameters: Asked = {
                route.symbol_parameter: list(scene.first_ids),
                route.page_size.parameter: route.page_size.most,
                "format": form,
            }
            answer = run.api.get(route.path, parameters)
            if answer.status_code != 200:
                raise AssertionError(f"The format {form} should be served, but it is {answer.status_code}.")
            rows = _READERS[form](answer.content)
            verdicts.append(_verdict(sent, _mine(rows, scene.first_ids), form))
        report.verdict_table(verdicts)
        for verdict in verdicts:
            _fail(f"As {verdict.hop}", verdict)

    @keyword
    def remember_snapshot(self) -> None:
        """Note the newest snapshot and the trades that it holds, for `Snapshot Should Hold What Was Remembered`."""
        run, scene, sent = _judged()
        scene.remembered = (run.api.get("/v1/trades", {"limit": 1}).json()["snapshot"], sent)

    @keyword
    def snapshot_should_hold_what_was_remembered(self) -> None:
        """Ask as of the remembered snapshot: exactly the trades of then, none that came later."""
        run, scene, sent = _judged()
        if scene.remembered is None:
            raise ValueError("No snapshot is remembered; use `Remember Snapshot` first.")
        snapshot, then = scene.remembered
        if sent.num_rows <= then.num_rows:
            raise Void("no trade was sent since the snapshot was remembered.")
        seen = run.api.read(scene.first_ids, parameters={"snapshot": str(snapshot)})
        _fail(f"As of snapshot {snapshot}", _verdict(then, seen, "older snapshot", later=True))
        logger.info(
            f"Snapshot {snapshot} holds {then.num_rows} trades; {sent.num_rows} were sent since the start."
        )


def _api() -> ApiHop:
    hop = session.current().target.hops.api
    assert hop is not None
    return hop


def _judged() -> tuple[session.Session, session.Scene, pa.Table]:
    """Return what was judged to be behind the API already: later trades of a flow do not count."""
    run = session.current()
    scene = run.scene
    seen = scene.seen.get("api")
    if seen is None:
        raise ValueError("Say first that `Every hop holds every trade`: what is not there cannot be paged.")
    sent = scene.sent()
    return run, scene, _up_to(sent, _newest(seen, scene.first_ids))


def _newest(rows: pa.Table, symbols: Iterable[str]) -> dict[str, int]:
    """Return the greatest trade id of each symbol; -1 where there is no row."""
    found = rows.group_by("symbol").aggregate([("trade_id", "max")]).to_pydict()
    return dict.fromkeys(symbols, -1) | dict(zip(found["symbol"], found["trade_id_max"], strict=True))


def _up_to(rows: pa.Table, last: Mapping[str, int]) -> pa.Table:
    """Keep the rows of these symbols up to these ids."""
    limit = pc.take(
        pa.array(last.values(), pa.int64()), pc.index_in(rows["symbol"], pa.array(list(last), pa.string()))
    )
    return rows.filter(pc.fill_null(pc.less_equal(rows["trade_id"], limit), False))


def _verdict(sent: pa.Table, seen: pa.Table, hop: str, *, later: bool = False) -> HopVerdict:
    """Judge; trades that the flow added meanwhile only count (as phantoms) where `later` says so."""
    run = session.current()
    api = _api()
    judged = seen if later else _up_to(seen, _newest(sent, ()))
    return judge(
        sent, judged, hop=hop, guarantee=api.guarantee, event_time_unit=run.target.domain.event_time_unit
    )


def _fail(where: str, verdict: HopVerdict) -> None:
    try:
        verdict.fail_if_any()
    except AssertionError as error:
        error.args = (str(error) if str(error).startswith("VOID") else f"{where}: {error}",)
        raise


def _written(instant_ns: int, offset: str) -> str:
    """Write an instant as RFC 3339 in a zone, to the microsecond."""
    if offset == "Z":
        zone: timezone = UTC
    else:
        hours, minutes = offset[1:].split(":")
        span = timedelta(hours=int(hours), minutes=int(minutes))
        zone = timezone(span if offset[0] == "+" else -span)
    moment = datetime.fromtimestamp(instant_ns // 1_000_000_000, zone)
    text = moment.replace(microsecond=instant_ns % 1_000_000_000 // 1000).isoformat(timespec="microseconds")
    return text.replace("+00:00", "Z") if offset == "Z" else text


def _mine(rows: pa.Table, first_ids: Mapping[str, int]) -> pa.Table:
    names = pa.array(list(first_ids))
    first = pc.take(pa.array(list(first_ids.values()), pa.int64()), pc.index_in(rows["symbol"], names))
    return rows.filter(pc.fill_null(pc.greater_equal(rows["trade_id"], first), False))


def _sightings(rows: pa.Table) -> pa.Table:
    """Make sightings of a table whose prices and times are texts, or exact already."""
    columns: dict[str, object] = {
        "symbol": rows["symbol"],
        "trade_id": rows["trade_id"],
        "side": rows["side"],
    }
    for name in ("price", "quantity"):
        values = rows[name]
        columns[name] = exact(values, name, str) if pa.types.is_string(values.type) else values
    times = rows["event_time"]
    columns["event_time"] = times.cast(SEEN.field("event_time").type)
    return as_table(SEEN, columns)


def _lines(content: bytes) -> pa.Table:
    wanted = pa.schema(
        [("symbol", pa.string()), ("trade_id", pa.int64()), ("side", pa.string())]
        + [(name, pa.string()) for name in ("price", "quantity", "event_time")]
    )
    return pyarrow.json.read_json(
        io.BytesIO(content),
        parse_options=pyarrow.json.ParseOptions(explicit_schema=wanted, unexpected_field_behavior="ignore"),
    )


def _json(content: bytes) -> pa.Table:
    rows: Sequence[Mapping[str, object]] = json.loads(content, parse_float=str)[_api().trades.rows]
    return pa.Table.from_pylist(list(rows))


_READERS = {
    "json": lambda content: _sightings(_json(content)),
    "ndjson": lambda content: _sightings(_lines(content)),
    "csv": lambda content: _sightings(pyarrow.csv.read_csv(io.BytesIO(content), convert_options=TEXTS)),
    "arrow": lambda content: _sightings(pa.ipc.open_stream(content).read_all()),
    "parquet": lambda content: _sightings(pyarrow.parquet.read_table(io.BytesIO(content))),
}
