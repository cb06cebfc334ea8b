"""The HTTP API, read page by page as a client would."""

import email.utils
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from http import HTTPStatus
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import requests

from tickproof.clock import now_ns
from tickproof.ledger.schemas import SEEN
from tickproof.probes.decoding import load_exactly, to_table
from tickproof.probes.errors import HopUnreachableError
from tickproof.probes.mapping import Mapper, Positions, Symbols, only
from tickproof.probes.web import CONNECT_S, READ_S, cause, session_for
from tickproof.target import ApiHop, Target, TargetError
from tickproof.target.refusal import did_you_mean
from tickproof.waiting import Pace, RealPace, said

Parameters = Mapping[str, str | int | Sequence[str]]


@dataclass(frozen=True)
class Traffic:
    """What it took to read.

    Attributes:
        requests: All requests, those that were told to wait included.
        throttled: Answers 429.
        waited: How long the API told us to wait, in all.
    """

    requests: int = 0
    throttled: int = 0
    waited: timedelta = timedelta(0)


class ApiProbe:
    """Reads the trades that an API serves. Connects when first asked.

    Args:
        target: The target; its variables may still be open.
        variables: The running stack's variables; API keys come from them or from the environment.
        patience: How long in all the API may make one reading wait by answering 429.
        pace: The clock; tests give one that needs no time.
    """

    def __init__(
        self,
        target: Target,
        variables: Mapping[str, str] | None = None,
        *,
        patience: timedelta = timedelta(minutes=2),
        pace: Pace | None = None,
    ) -> None:
        hop = target.resolve(variables or {}).hops.api
        if hop is None:
            raise TargetError(f"Target {target.name} has no key `hops.api`, so there is no API to read.")
        self._hop: ApiHop = hop
        self._variables = dict(variables or {})
        self._patience = patience
        self._pace = pace or RealPace()
        self._mapper = Mapper("api", hop.mapping, keeps_text=hop.keeps_text)
        self._traffic = Traffic()

    @property
    def traffic(self) -> Traffic:
        """What this probe's requests took so far."""
        return self._traffic

    def read(
        self,
        symbols: Symbols,
        page_size: int | None = None,
        *,
        parameters: Parameters | None = None,
        key: str = "default",
        between: Callable[[pa.Table], bool] | None = None,
    ) -> pa.Table:
        """Read all trades of some symbols.

        Args:
            symbols: The symbols; a mapping also gives the first trade id of each that counts. `Own` reads ids that
                cannot be, too.
            page_size: Rows a page; left out: the most that the API gives.
            parameters: Further query parameters, such as a range of times.
            key: The use of the API key to send: a key of ``hops.api.keys``.
            between: Called with what a page showed before the next is asked for, until it says that it is done.

        Returns:
            Sightings (schema SEEN): ``lane`` is the number of the page, ``offset`` the row in it.

        Raises:
            HopUnreachableError: The API does not answer.
            UnreadableRowError: A row is no trade; names its page and row.
            AssertionError: The API answered with an error, gave a row that was not asked for, or paged in a circle.
        """
        size = page_size or self._hop.trades.page_size.most
        parts = [SEEN.empty_table()]
        pages = self._pages(list(symbols), size, parameters or {}, key)
        for number, (rows, asked, more) in enumerate(pages):
            seen_ns = now_ns()

            def where(row: int, page: int = number) -> str:
                return f"page {page}, row {row}"

            positions = Positions(
                lane=np.full(len(rows), number, np.int64),
                offset=np.arange(len(rows), dtype=np.int64),
                seen_ns=np.full(len(rows), seen_ns, np.int64),
            )
            table = to_table(rows, self._hop.columns, where)
            part = self._mapper.sightings(table, positions, where)
            self._refuse_strangers(part, asked, where)
            parts.append(part)
            if between is not None and more and between(part):
                between = None
        return only(pa.concat_tables(parts), symbols)

    def get(
        self, path: str, parameters: Parameters | None = None, *, key: str | None = "default"
    ) -> requests.Response:
        """Send one request and return the answer whatever it is, but wait and repeat on 429.

        Args:
            path: The path of the route: ``/v1/symbols``.
            parameters: Query parameters; a list repeats its parameter.
            key: The use of the API key to send, or None for none.

        Raises:
            HopUnreachableError: The API does not answer.
            AssertionError: It answered 429 for longer than this probe's patience.
        """
        waited = timedelta(0)
        while True:
            answer = self._send(path, parameters or {}, key)
            self._count(requests=1)
            if answer.status_code != HTTPStatus.TOO_MANY_REQUESTS:
                return answer
            pause = _told_to_wait(answer, path)
            waited += pause
            self._count(throttled=1, waited=pause)
            if waited > self._patience:
                raise AssertionError(
                    f"GET {path} should serve a client that waits as told within {said(self._patience)},"
                    f" but answered 429 again; it would have waited {said(waited)} in all."
                )
            self._pace.sleep(pause.total_seconds())

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _refuse_strangers(self, seen: pa.Table, asked: Sequence[str], where: Callable[[int], str]) -> None:
        """See that a page holds only what was asked for: a filter that is ignored must not pass for one."""
        mine = pc.is_in(seen["symbol"], value_set=pa.array(asked, pa.string()))
        row = pc.index(mine, False).as_py()
        if row >= 0:
            raise AssertionError(
                f"GET {self._hop.trades.path} should give trades of the symbols that were asked for only, "
                f"but gave {seen['symbol'][row]} {seen['trade_id'][row]} ({where(row)})."
            )

    def _pages(
        self, symbols: Sequence[str], size: int, parameters: Parameters, key: str
    ) -> Iterator[tuple[list[Mapping[str, Any]], Sequence[str], bool]]:
        """Yield the rows of each page, the symbols that were asked for, and whether another page follows."""
        route = self._hop.trades
        for first in range(0, len(symbols), route.symbols_per_request):
            some = symbols[first : first + route.symbols_per_request]
            asked: Parameters = {
                **route.parameters,
                **parameters,
                route.symbol_parameter: some,
                route.page_size.parameter: size,
            }
            cursors: set[str] = set()
            cursor: str | None = None
            while True:
                page = {**asked, route.pages.parameter: cursor} if cursor else asked
                rows, cursor = self._page(page, size, key)
                yield rows, some, cursor is not None
                if cursor is None:
                    break
                if cursor in cursors:
                    raise AssertionError(
                        f"GET {route.path} should give a new cursor with each page, but after page"
                        f" {len(cursors) + 1} it gave one that it had given before."
                    )
                cursors.add(cursor)

    def _page(
        self, parameters: Parameters, size: int, key: str
    ) -> tuple[list[Mapping[str, Any]], str | None]:
        route = self._hop.trades
        answer = self.get(route.path, parameters, key=key)
        if answer.status_code != HTTPStatus.OK:
            raise AssertionError(
                f"GET {route.path} should answer 200, but answered {answer.status_code}{_problem(answer)}."
            )
        try:
            body = load_exactly(answer.content)
        except ValueError as error:
            raise AssertionError(f"GET {route.path} should answer JSON, but {error}.") from None
        rows = body.get(route.rows) if isinstance(body, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise AssertionError(
                f"GET {route.path} should answer a list of rows as `{route.rows}`, but did not."
            )
        if len(rows) > size:
            raise AssertionError(
                f"GET {route.path} should give at most {size:,} rows a page, but gave {len(rows):,}."
            )
        cursor = body.get(route.pages.next)
        if cursor is not None and not isinstance(cursor, str):
            raise AssertionError(
                f"GET {route.path} should give `{route.pages.next}` as text or null, but did not."
            )
        return rows, cursor or None

    def _send(self, path: str, parameters: Parameters, key: str | None) -> requests.Response:
        headers = {}
        if key is not None and self._hop.key_header is not None:
            if key not in self._hop.keys:
                raise ValueError(
                    f"There is no API key for `{key}`; the target has {', '.join(self._hop.keys)}."
                    + did_you_mean(key, self._hop.keys)
                )
            headers[self._hop.key_header] = self._hop.keys[key].read(self._variables).value
        try:
            return self._session.get(
                self._hop.url.rstrip("/") + path,
                params=dict(parameters),
                headers=headers,
                timeout=(CONNECT_S, READ_S),
            )
        except requests.RequestException as error:
            raise HopUnreachableError(
                f"The API at {self._hop.url} does not answer: {cause(error)}."
            ) from None

    def _count(self, requests: int = 0, throttled: int = 0, waited: timedelta = timedelta(0)) -> None:
        before = self._traffic
        self._traffic = Traffic(
            before.requests + requests, before.throttled + throttled, before.waited + waited
        )

    @cached_property
    def _session(self) -> requests.Session:
        session = session_for(self._hop.url)
        if self._hop.ca_file:
            session.verify = self._hop.ca_file
        return session


def _told_to_wait(answer: requests.Response, path: str) -> timedelta:
    """Read Retry-After: seconds or a date."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return timedelta(seconds=int(text))
    try:
        until = email.utils.parsedate_to_datetime(text)
    except ValueError:
        said_it = f'it says "{text}"' if text else "it is not there"
        raise AssertionError(
            f"GET {path} answered 429; its header Retry-After should say how long to wait, but {said_it}."
        ) from None
    return max(until - datetime.now(UTC), timedelta(0))


def _problem(answer: requests.Response) -> str:
    """Tell what a problem+json answer says of itself."""
    try:
        body = answer.json()
    except ValueError:
        return ""
    words = [str(body[name]) for name in ("title", "detail") if isinstance(body, dict) and body.get(name)]
    return f" ({': '.join(words)[:200].rstrip('.')})" if words else ""
