"""Keywords that read trades through the API as its clients do: pages, zones, formats, snapshots."""

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from robot.api import logger
from robot.api.deco import keyword, library

from tickproof import formats, report, session
from tickproof.market import Market
from tickproof.misuse import MisuseError, at_least, one_of, some
from tickproof.observing import own_of, sent_so_far, window_of, written
from tickproof.probes.decoding import load_exactly
from tickproof.scenes import Scene
from tickproof.target import ApiHop, TimeRange
from tickproof.verdicts import HopVerdict, Void, judge
from tickproof.waiting import WaitError, patiently

Asked = dict[str, str | int | Sequence[str]]

MANY_PAGES, FEW_ROWS = 5, 50
MORE_TRADES, LATE_SHARE = 300, 0.5
"""What is sent where a flow has ended too soon: much of it lands before the place that a reader has come to."""
SOME_ROWS = 60
"""So many must come between two pages: then some of the late ones are among them."""
ONE_COMMIT = timedelta(seconds=10)
DAY_NS = 86_400_000_000_000
ZONE = re.compile(r"Z|[+-](0[0-9]|1[0-4]):[0-5][0-9]")


@library(scope="GLOBAL")
class Api:
    """Reads trades through the target's API in every way that it offers, and judges what came.

    The trades judged are those that this test sent; what other tests sent of the same symbols earlier does not count.

    Example:
    | Pages Should Give Every Trade Once    7    100
    """

    @keyword
    def pages_should_give_every_trade_once(self, *sizes: int, while_trades_arrive: bool = False) -> None:
        """Page in each page size through the days (UTC) of the trades that were behind the API when this began.

        Pages of few rows begin with this test's first trade: what others sent of its symbols earlier that day could
        take for ever, row by row.

        Args:
            sizes: Rows a page.
            while_trades_arrive: See that new rows come into the table behind the first page that holds one of these
                trades, in each size by which they make five pages or more. A flow that ends before that goes on.

        Raises:
            AssertionError: A page skipped, repeated or altered a row.
            Void: No row arrived meanwhile, or no size makes five pages.
        """
        some("page size", sizes)
        for size in sizes:
            at_least("A page size", size, 1)
        run, scene, sent = _judged()
        if while_trades_arrive and sent.num_rows < MANY_PAGES * min(sizes):
            raise Void(f"{sent.num_rows} trades make less than {MANY_PAGES} pages in every size.")
        for size in sizes:
            for day in _days(sent, whole=size >= FEW_ROWS):
                must_grow = while_trades_arrive and day.trades.num_rows >= MANY_PAGES * size
                table = _Growth(run, scene, day.trades) if must_grow else None
                before = run.api.traffic.requests
                seen = run.api.read(
                    own_of(run, scene),
                    size,
                    parameters=day.bounds,
                    between=table.wait if table else None,
                )
                pages = run.api.traffic.requests - before
                verdict = _verdict(day.trades, _settled(scene, sent, seen), f"pages of {size}")
                _fail(f"In pages of {size} rows", verdict)
                if table is not None and not table.has_grown():
                    raise Void(f"no row came into the table while {pages} pages of {size} rows were read.")
                logger.info(
                    f"{day.trades.num_rows} trades of {day.name} once each, in {pages} pages of {size} rows"
                    f"{', while others arrived' if must_grow else ''}."
                )

    @keyword
    def a_question_without_bounds_should_give_the_same(self) -> None:
        """Ask for all trades of the symbols, whatever their time: this test's are the same as in their own time.

        Every other question of this kit is bounded by the time of the trades it asks for, so as not to read a
        symbol's whole history each time; this one sees what stands outside.

        Raises:
            AssertionError: A trade is lost, repeated or altered, or one stands where no bounded question looks.
        """
        run, scene, sent = _judged()
        seen = run.api.read(own_of(run, scene))
        _fail("Without bounds of time", _verdict(sent, _settled(scene, sent, seen), "no bounds"))

    @keyword
    def a_limited_key_should_miss_nothing(self, *, page_size: int) -> None:
        """Page with the key `limited`, wait at each 429 as told, and hold every trade once in the end.

        Args:
            page_size: Rows a page; small enough that the limit is met.

        Raises:
            AssertionError: A page skipped, repeated or altered a row.
            Void: The limit was not met.
        """
        at_least("A page size", page_size, 1)
        one_of("API key", "limited", _api().keys)
        run, scene, sent = _judged()
        before = run.api.traffic
        seen = run.api.read(own_of(run, scene), page_size, parameters=window_of(run, sent), key="limited")
        after = run.api.traffic
        _fail("With a limited key", _verdict(sent, _settled(scene, sent, seen), "limited key"))
        if after.throttled == before.throttled:
            raise Void(f"the limit was not met in {after.requests - before.requests} requests.")
        logger.info(
            f"{after.requests - before.requests} requests, {after.throttled - before.throttled} told to wait."
        )

    @keyword
    def an_altered_cursor_should_be_refused(self) -> None:
        """Take a page's cursor, change one character at a time, and see that each is answered with 400.

        Raises:
            AssertionError: An altered cursor was taken.
            Void: There was no cursor.
        """
        run, scene, _ = _judged()
        route = _api().trades
        asked: Asked = {
            route.symbol_parameter: list(scene.first_ids),
            route.page_size.parameter: 5,
        }
        cursor = str(_page(asked).get(route.pages.next) or "")
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

        Raises:
            AssertionError: A zone gives other rows than those between the bounds.
            Void: All trades happened at the same instant.
        """
        some("zone", offsets)
        for offset in offsets:
            if not ZONE.fullmatch(offset):
                raise MisuseError(f"A zone is Z or an offset such as +05:45, but it is {offset or 'empty'}.")
        run, scene, sent = _judged()
        instants = sent["event_time"].cast(pa.int64())
        times = sorted(instants.to_pylist())
        start, end = times[len(times) // 4], times[3 * len(times) // 4]
        if start == end:
            raise Void("all trades of this test happened at the same instant.")
        span = _range()
        inside = sent.filter(pc.and_(pc.greater_equal(instants, start), pc.less(instants, end)))
        for offset in offsets:
            first, last = written(start, offset), written(end, offset)
            seen = run.api.read(own_of(run, scene), parameters={span.start: first, span.end: last})
            _fail(
                f"From {first} up to {last}",
                _verdict(inside, _settled(scene, sent, seen), f"zone {offset}"),
            )
        logger.info(f"{inside.num_rows} of {sent.num_rows} trades, the same in {', '.join(offsets)}.")

    @keyword
    def limit_should_give_exactly_as_many_rows(self, *limits: int) -> None:
        """Ask for one page with each limit: as many rows as asked, or all there are.

        Args:
            limits: Values of the parameter that limits a page.

        Raises:
            AssertionError: A page is shorter or longer.
        """
        some("limit", limits)
        run, scene, _ = _judged()
        route = _api().trades
        there = run.lake.count(list(scene.first_ids))
        for limit in limits:
            page = _page(
                {route.symbol_parameter: list(scene.first_ids), route.page_size.parameter: limit},
            )
            rows = len(page[route.rows])
            if rows != min(limit, there):
                raise AssertionError(
                    f"A limit of {limit} should give {min(limit, there)} rows, but it gave {rows}."
                )

    @keyword
    def formats_should_hold_every_trade(self, *forms: str) -> None:
        """Take the same trades in each format and judge each like a hop of its own.

        Args:
            forms: `json`, `ndjson`, `csv`, `arrow`, `parquet`.

        Raises:
            AssertionError: A format cannot be read, or misses, repeats or alters a trade.
            Void: The trades do not fit into one page.
        """
        some("format", forms)
        for form in forms:
            one_of("format", form, formats.READERS)
        run, scene, sent = _judged()
        route = _api().trades
        if sent.num_rows > route.page_size.most:
            raise Void(f"{sent.num_rows:,} trades do not fit into one page of {route.page_size.most:,} rows.")
        verdicts = []
        for form in forms:
            parameters: Asked = {
                route.symbol_parameter: list(scene.first_ids),
                route.page_size.parameter: route.page_size.most,
                # On a platform that was kept for long the symbols have more trades than one page holds.
                **window_of(run, sent),
                "format": form,
            }
            answer = run.api.get(route.path, parameters)
            if answer.status_code != 200:
                raise AssertionError(f"The format {form} should be served, but it is {answer.status_code}.")
            rows = _since(formats.read(form, answer.content, route.rows), scene.first_ids)
            verdicts.append(_verdict(sent, _settled(scene, sent, rows), form))
        report.verdict_table(verdicts)
        for verdict in verdicts:
            _fail(f"As {verdict.hop}", verdict)

    @keyword
    def remember_snapshot(self) -> None:
        """Note the newest snapshot and the trades that it holds, for `Snapshot Should Hold What Was Remembered`.

        Raises:
            MisuseError: Trades are being sent: nobody can tell which of them the snapshot holds.
        """
        _, scene, sent = _judged()
        if scene.flow().play.progress().state == "running":
            raise MisuseError(
                "Trades are being sent; use `Finish Sending Trades` before `Remember Snapshot`."
            )
        route = _api().trades
        scene.remembered = (_page({route.page_size.parameter: 1})["snapshot"], sent)

    @keyword
    def snapshot_should_hold_what_was_remembered(self) -> None:
        """Ask as of the remembered snapshot: exactly the trades of then, none that came later.

        Raises:
            AssertionError: The snapshot holds other trades than it did.
            Void: No trade came since it was remembered.
        """
        run = session.current()
        if run.scene.remembered is None:
            raise MisuseError("No snapshot is remembered; use `Remember Snapshot` first.")
        run, scene, sent = _judged()
        assert scene.remembered is not None
        snapshot, then = scene.remembered
        if sent.num_rows <= then.num_rows:
            raise Void("no trade was seen at the API since the snapshot was remembered.")
        seen = run.api.read(
            own_of(run, scene), parameters={"snapshot": str(snapshot), **window_of(run, sent)}
        )
        _fail(f"As of snapshot {snapshot}", _verdict(then, seen, "older snapshot"))
        logger.info(
            f"Snapshot {snapshot} holds {then.num_rows} trades; {sent.num_rows} were sent since the start."
        )


def _api() -> ApiHop:
    hop = session.current().target.hops.api
    if hop is None:
        raise MisuseError("The target has no API; its file has no key `hops.api`.")
    return hop


def _judged() -> tuple[session.Session, Scene, pa.Table]:
    """Return what was judged to be behind the API already: later trades of a flow do not count."""
    run = session.current()
    _api()
    seen = run.scene.seen.get("api")
    if seen is None:
        raise MisuseError("Say first that `Every hop holds every trade`: what is not there cannot be paged.")
    scene, sent = sent_so_far(run)
    return run, scene, _up_to(sent, _newest(seen, scene.first_ids))


def _page(asked: Asked) -> Mapping[str, Any]:
    """Ask for one page of trades."""
    route = _api().trades
    answer = session.current().api.get(route.path, asked)
    if answer.status_code != 200:
        raise AssertionError(f"GET {route.path} should answer 200, but answered {answer.status_code}.")
    page: Mapping[str, Any] = load_exactly(answer.content)
    return page


def _newest(rows: pa.Table, symbols: Iterable[str]) -> dict[str, int]:
    """Return the greatest trade id of each symbol; -1 where there is no row."""
    found = rows.group_by("symbol").aggregate([("trade_id", "max")]).to_pydict()
    return dict.fromkeys(symbols, -1) | dict(zip(found["symbol"], found["trade_id_max"], strict=True))


def _up_to(rows: pa.Table, last: Mapping[str, int]) -> pa.Table:
    """Keep the rows of these symbols up to these ids."""
    return rows.filter(pc.fill_null(pc.less_equal(rows["trade_id"], _of_each(rows, last)), False))


def _since(rows: pa.Table, first: Mapping[str, int]) -> pa.Table:
    """Leave out what is older than these ids; what is of other symbols stays, to be judged."""
    return rows.filter(pc.fill_null(pc.greater_equal(rows["trade_id"], _of_each(rows, first)), True))


def _of_each(rows: pa.Table, ids: Mapping[str, int]) -> pa.Array:
    places = pc.index_in(rows["symbol"], pa.array(list(ids), pa.string()))
    return pc.take(pa.array(ids.values(), pa.int64()), places)


def _settled(scene: Scene, sent: pa.Table, seen: pa.Table) -> pa.Table:
    """Leave out what the flow added since `sent` was judged to be there; what nobody planned stays."""
    behind, planned = _of_each(seen, _newest(sent, ())), _of_each(seen, scene.next_ids())
    came_later = pc.and_(pc.greater(seen["trade_id"], behind), pc.less(seen["trade_id"], planned))
    return seen.filter(pc.invert(pc.fill_null(came_later, False)))


def _verdict(sent: pa.Table, seen: pa.Table, hop: str) -> HopVerdict:
    run = session.current()
    return judge(
        sent,
        seen,
        hop=hop,
        guarantee=_api().guarantee,
        event_time_unit=run.target.domain.event_time_unit,
    )


def _fail(where: str, verdict: HopVerdict) -> None:
    try:
        verdict.fail_if_any()
    except Void:
        raise
    except AssertionError as error:
        raise AssertionError(f"{where}: {error}") from None


class _Growth:
    """Whether the table grew while pages were read: since the page on which the first of these trades stood."""

    def __init__(self, run: session.Session, scene: Scene, trades: pa.Table) -> None:
        if run.target.hops.lake is None:
            raise Void("the target has no lake, so nobody can tell whether rows arrived meanwhile.")
        self._run = run
        self._scene = scene
        self._first = pc.min(trades["event_time"])
        self._before = self._rows()

    def wait(self, page: pa.Table) -> bool:
        """See that trades flow, and give the table time for one more commit; where none comes, nothing is judged.

        Args:
            page: What a page showed (schema SEEN).

        Returns:
            Whether that was done: only once the reader has come to the trades, so that late ones land before it.
        """
        if not page.num_rows or pc.less(pc.max(page["event_time"]), self._first).as_py():
            return False
        self._before = self._rows()
        if self._scene.flow().play.progress().state != "running":
            Market().start_sending_trades(MORE_TRADES, per_second=MORE_TRADES, late_share=LATE_SHARE)
        with contextlib.suppress(WaitError):
            patiently(
                self._growth,
                until=lambda rows: rows >= SOME_ROWS,
                within=ONE_COMMIT,
                every=timedelta(milliseconds=20),
                what=f"{SOME_ROWS} rows should come into the table",
            )
        return True

    def has_grown(self) -> bool:
        """Tell whether the table holds more rows; merged files alone are no growth."""
        return self._growth() > 0

    def _growth(self) -> int:
        """Return how many rows have come; where snapshots do not count rows, any new one stands for enough."""
        now = self._rows()
        if isinstance(now, int) and isinstance(self._before, int):
            return now - self._before
        return SOME_ROWS if now != self._before else 0

    def _rows(self) -> int | str:
        """Return the count of the newest snapshot; one that does not count says its id instead."""
        counted = self._run.lake.summary().get("total-records")
        return int(counted) if counted else str(self._run.lake.snapshot())


@dataclass(frozen=True)
class _Day:
    """A day on which trades happened: its name, they, and the query parameters that ask for it."""

    name: str
    trades: pa.Table
    bounds: dict[str, str]


def _days(sent: pa.Table, *, whole: bool) -> Iterator[_Day]:
    """Yield the days (UTC) on which trades happened, from their beginning or from the first of these trades on."""
    span = _api().trades.range
    if span is None:
        yield _Day("all days", sent, {})
        return
    first_ns = pc.min(sent["event_time"].cast(pa.int64())).as_py()
    for day in sorted(set(_day_of(sent).to_pylist())):
        start_ns = int(pa.scalar(day, pa.date32()).cast(pa.int32()).as_py()) * DAY_NS
        bounds = {
            span.start: written(start_ns if whole else max(start_ns, first_ns)),
            span.end: written(start_ns + DAY_NS),
        }
        yield _Day(str(day), sent.filter(pc.equal(_day_of(sent), day)), bounds)


def _day_of(rows: pa.Table) -> pa.ChunkedArray:
    return rows["event_time"].cast(pa.timestamp("ns")).cast(pa.date32())


def _range() -> TimeRange:
    span = _api().trades.range
    if span is None:
        raise Void("the target's API takes no range of times (`hops.api.trades.range`).")
    return span
