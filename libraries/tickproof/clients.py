"""Keywords of API clients: sessions with and without a key, errors, limits, and the published contract."""

import re
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import pyarrow as pa
import requests
from robot.api import logger
from robot.api.deco import keyword, library
from robot.libraries.BuiltIn import BuiltIn

from tickproof import session
from tickproof.misuse import MisuseError, at_least, one_of
from tickproof.observing import sent_so_far, window_of
from tickproof.probes.contract import (
    HOSTILE,
    IN_A_HEADER,
    Contract,
    Route,
    Value,
    problem_fault,
    told_inside,
)
from tickproof.target import ApiHop
from tickproof.verdicts import Void
from tickproof.verdicts.findings import and_list
from tickproof.waiting import said

WRONG_KEY = "tickproof-wrong-key"
MANY = 2000
CHEAP = "/v1/symbols"
"""A route to call again and again."""
TRIES = 3
SNAPSHOT, SNAPSHOTS = "snapshot", "/snapshots"
NOTHING_KNOWN: Mapping[str, Value] = {"symbol": "BTCUSDT", "interval": "1m", "date": "2026-01-01"}
"""Values that make sense, but do not exist on an empty platform."""

Question = dict[str, Value]


@library(scope="GLOBAL")
class Clients:
    """Clients of the target's HTTP API, as its own published contract (OpenAPI) describes it.

    Sessions are those of RequestsLibrary, so `GET On Session` and its kin work with them; keys come from the target's
    file and are never logged.

    Example:
    | Open API Session    analyst    key=default
    | Every Route Should Answer As Published    analyst
    """

    @keyword
    def open_api_session(self, alias: str, *, key: str | None = None) -> None:
        """Open a session of RequestsLibrary to the target's API.

        Args:
            alias: Its name for `GET On Session`.
            key: A key's use in the target's file (`default`, `limited`); `wrong` is a key that nobody has; none sends
                no key.
        """
        hop = _api()
        headers = {}
        if key is not None:
            if hop.key_header is None:
                raise MisuseError("The target's API takes no key; its file has no key `hops.api.key_header`.")
            headers[hop.key_header] = WRONG_KEY if key == "wrong" else _key(hop, key)
        http = _requests_library()
        # `Create Session` would log the header; the session gets its key behind the log's back.
        http.create_session(alias, hop.url, timeout=20)
        http.update_session(alias, headers=headers)

    @keyword
    def answer_should_be_problem(self, answer: Any, status: int) -> None:  # noqa: ANN401 - a requests.Response
        """See that an answer is an error as RFC 9457 shapes it and the contract publishes it, and tells no secrets.

        Args:
            answer: What `GET On Session` returned.
            status: The HTTP status that it must have.
        """
        fault = published_contract().refusal_fault(answer, status)
        if fault:
            raise AssertionError(f"{_asked(answer)}: {fault}.")

    @keyword
    def every_protected_route_should_answer(self, alias: str, status: int) -> None:
        """Call every route that needs a key, and see that each refuses with this status.

        Args:
            alias: A session without a valid key.
            status: 401 for no key, 403 for a wrong one.
        """
        contract = _contract(alias)
        routes = [route for route in contract.routes() if route.guarded]
        if not routes:
            raise Void("the published contract protects no route, so there is nothing to be refused.")
        beside = _api().trades.path.rpartition("/")[0] + "/"
        for route in contract.routes():
            if route.path.startswith(beside) and not route.guarded and beside != "/":
                raise AssertionError(
                    f"The published contract should protect {route.path}, but asks for no key."
                )
        for route in routes:
            answer = contract.call(*_filled(route, {}))
            fault = contract.refusal_fault(answer, status)
            if fault:
                raise AssertionError(f"{route.path} without a valid key should be refused: {fault}.")
        logger.info(f"{len(routes)} routes answered {status}.")

    @keyword
    def every_route_should_answer_as_published(self, alias: str) -> None:
        """Call every published route with values that exist; status, type and body must be as published.

        Each member of each enumeration is asked for, ranges of time, both ends of the limit, and the cursor and the
        snapshot that a first answer gave; each media type that a route publishes has to come.

        Args:
            alias: A session with a valid key.

        Raises:
            AssertionError: An answer is not as published, or a published form of it never came.
            Void: A route that pages had no second page.
        """
        contract = _contract(alias)
        routes = list(contract.routes())
        if not routes:
            raise Void("the published contract lists no route.")
        known, span = _known_values(), _span()
        asked = 0
        for route in routes:
            seen = set()
            for question in (*_questions(route, span), *_following(contract, route, known)):
                answer = contract.call(*_filled(route, {**known, **question}))
                asked += 1
                seen.add(answer.headers.get("Content-Type", "").partition(";")[0])
                if answer.status_code != 200:
                    raise AssertionError(
                        f"{_asked(answer)} should answer 200, but it is {answer.status_code}."
                    )
                fault = contract.fault(answer)
                if fault:
                    raise AssertionError(f"{_asked(answer)} should answer as published, but: {fault}.")
            if missing := route.media_types - seen:
                raise AssertionError(
                    f"{route.path} should answer as {and_list(sorted(missing))}, too, as published, but never does."
                )
        logger.info(
            f"{len(routes)} routes answered {asked} questions as published: "
            + ", ".join(one.path for one in routes)
        )

    @keyword
    def hostile_strings_should_get_a_client_error(self, alias: str) -> None:
        """Send hostile texts in each parameter of each route, as names of parameters, and as keys.

        The answer must be a problem with a status from 400 to 499, as published, and never tell of the inside.

        Args:
            alias: A session with a valid key.
        """
        contract = _contract(alias)
        key, known = _api().key_header, _known_values()
        asked = 0
        faults: dict[object, str | None] = {}
        for route in contract.routes():
            for where, text, answer in _hostile_answers(contract, route, known, key):
                asked += 1
                fault = _client_error_fault(answer)
                # What looks alike is held against the contract once: it is the form that counts.
                looks = (route.path, answer.status_code, tuple(answer.headers), answer.text.count('":'))
                if looks not in faults:
                    faults[looks] = contract.refusal_fault(answer, answer.status_code)
                if fault := fault or faults[looks]:
                    raise AssertionError(
                        f"{route.path} with {text[:40]!r} {where} should be a client error: {fault}."
                    )
        if not asked:
            raise Void("the published contract has no route.")
        logger.info(f"{asked} hostile calls were refused.")

    @keyword
    def every_route_should_answer_empty(self) -> None:
        """On a platform without a trade, see that every route answers as published, with no row in it."""
        contract = published_contract()
        routes = list(contract.routes())
        if not routes:
            raise Void("the published contract lists no route.")
        for route in routes:
            answer = contract.call(*_filled(route, NOTHING_KNOWN))
            if route.named("path"):
                fault = contract.refusal_fault(answer, 404)
            elif answer.status_code == 200:
                fault = contract.fault(answer) or _rows_fault(route, answer)
            else:
                fault = f"the status should be 200, but it is {answer.status_code}"
            if fault:
                raise AssertionError(f"{route.path} on an empty platform: {fault}.")

    @keyword
    def use_up_limit(self, alias: str, *, at_most: int = MANY) -> None:
        """Call until the key's limit refuses, and see that the refusal is a 429 problem with Retry-After.

        Args:
            alias: A session with a key of a small limit.
            at_most: Calls after which there is no limit to be seen.
        """
        at_least("The number of calls", at_most, 1)
        told, calls = _refusal(_contract(alias), alias, at_most)
        logger.info(f"Call {calls} was refused; Retry-After {told} s.")

    @keyword
    def other_key_should_still_be_served(self, refused: str, served: str) -> None:
        """Use up the limit of one session, and see that another is served while that one is refused.

        Args:
            refused: The session whose limit is used up.
            served: The session with the other key.

        Raises:
            AssertionError: The other key was refused.
            Void: The first key was not refused right before and right after.
        """
        one, other = _contract(refused), _contract(served)
        for _ in range(TRIES):
            _refusal(one, refused, MANY)
            answer = other.call(CHEAP)
            if answer.status_code == 429:
                raise AssertionError(
                    f"The limit of one key should not touch another, but {served} was answered 429."
                )
            if answer.status_code != 200:
                raise AssertionError(f"{served} should be served, but it was answered {answer.status_code}.")
            if one.call(CHEAP).status_code == 429:
                logger.info(f"{served} was served while {refused} was refused before and after.")
                return
        raise Void(f"the limit of {refused} let a call through again each time that {served} was served.")

    @keyword
    def waiting_as_told_should_be_served(self, alias: str) -> None:
        """Meet the refusal, wait exactly as `Retry-After` says, and see that the next call is served.

        Args:
            alias: The session that used up its limit.

        Raises:
            AssertionError: It is refused again, or told to wait for longer than the target declares.
        """
        contract = _contract(alias)
        # Since the last refusal a call or two may be allowed again.
        told, _ = _refusal(contract, alias, MANY)
        time.sleep(told)  # the client's own obedience is what is judged here, so this wait is not polled
        again = contract.call(CHEAP)
        if again.status_code != 200:
            raise AssertionError(
                f"A client that waits {told} s as Retry-After says should be served, "
                f"but it was answered {again.status_code}."
            )


def _refusal(contract: Contract, alias: str, at_most: int) -> tuple[int, int]:
    """Call until the limit refuses; return the seconds that the client is told to wait, and the number of calls."""
    for n in range(at_most):
        answer = contract.call(CHEAP)
        if answer.status_code == 429:
            fault = contract.refusal_fault(answer, 429) or _retry_fault(answer)
            if fault:
                raise AssertionError(f"The refusal by the rate limit: {fault}.")
            return int(answer.headers["Retry-After"]), n + 1
    raise AssertionError(f"The limit of {alias} should end {at_most} calls in a row, but none was refused.")


def published_contract() -> Contract:
    """Return the target's published contract, called with its default key."""
    hop = _api()
    return Contract(hop.url, headers=_headers(hop, "default"))


def _api() -> ApiHop:
    hop = session.current().platform.hops.api
    if hop is None:
        raise MisuseError("The target has no API; its file has no key `hops.api`.")
    return hop


def _key(hop: ApiHop, use: str) -> str:
    one_of("API key", use, hop.keys)
    return str(hop.keys[use].read(session.current().stack.variables).value)


def _requests_library() -> Any:  # noqa: ANN401 - the library publishes no types
    return BuiltIn().get_library_instance("RequestsLibrary")


def _headers(hop: ApiHop, use: str) -> dict[str, str]:
    return {hop.key_header: _key(hop, use)} if hop.key_header else {}


def _contract(alias: str) -> Contract:
    http = _requests_library()
    opened: requests.Session = http._cache.switch(alias)  # noqa: SLF001 - the library has no reader for it
    hop = _api()
    name = hop.key_header or ""
    headers = {name: str(opened.headers[name])} if name in opened.headers else {}
    return Contract(hop.url, headers=headers)


def _known_values() -> dict[str, Value]:
    """Values that exist on the platform, by the names that its contract uses."""
    _, sent = sent_so_far(session.current())
    first = sent.slice(0, 1)
    day = first["event_time"].cast(pa.timestamp("ns")).cast(pa.date32())[0].as_py()
    return {**NOTHING_KNOWN, "symbol": first["symbol"][0].as_py(), "date": day.isoformat()}


def _span() -> dict[str, Value]:
    """The time of this test's trades, by the names that the target's file gives to its bounds."""
    _, sent = sent_so_far(session.current())
    return dict(window_of(session.current(), sent))


def _questions(route: Route, span: Mapping[str, Value]) -> Iterator[Question]:
    """Yield good values for the optional parameters of a route: what its schemas and the target's file tell."""
    yield {}
    names = route.named("query")
    for name in names:
        schema = route.schema(name) or {}
        for value in schema.get("enum", ()):
            yield {name: value}
        for end in ("minimum", "maximum"):
            if end in schema:
                yield {name: schema[end]}
    if span and span.keys() <= set(names):
        yield dict(span)


def _following(contract: Contract, route: Route, known: Mapping[str, Value]) -> Iterator[Question]:
    """Yield questions made of what a first answer gives: its snapshot, and the cursor of its next page."""
    pages, size = _api().trades.pages, _api().trades.page_size.parameter
    names = set(route.named("query"))
    if not names & {SNAPSHOT, pages.parameter}:
        return
    first: Question = {size: 1} if size in names else {}
    answer = contract.call(*_filled(route, {**known, **first}))
    body = answer.json() if answer.ok else {}
    for name, found in ((SNAPSHOT, body.get(SNAPSHOT)), (pages.parameter, body.get(pages.next))):
        if name not in names:
            continue
        if found is None:
            raise Void(f"{_asked(answer)} gave no {name} to go on with.")
        yield {**first, name: str(found)}


def _hostile_answers(
    contract: Contract, route: Route, known: Mapping[str, Value], key: str | None
) -> Iterator[tuple[str, str, requests.Response]]:
    """Yield where a hostile text stood, the text, and the answer."""
    for name, place, _ in route.parameters:
        for text in HOSTILE if place != "header" else ():
            yield f"as {name}", text, contract.call(*_filled(route, {**known, name: text}))
    path, query = _filled(route, known)
    for text in HOSTILE:
        yield "as a parameter's name", text, contract.call(path, {**query, text: "1"})
    if route.guarded and key:
        for text in IN_A_HEADER:
            yield "as a key", text, contract.call(path, query, headers={key: text.encode()})


def _filled(route: Route, values: Mapping[str, Value]) -> tuple[str, dict[str, Value]]:
    """Put values into a route: what its path needs, and what its query knows of the values."""
    path = re.sub(
        r"{(\w+)}",
        lambda match: quote(str(values.get(match[1], "none")), safe=""),
        route.path,
    )
    return path, {name: values[name] for name in route.named("query") if name in values}


def _client_error_fault(answer: requests.Response) -> str | None:
    if not 400 <= answer.status_code < 500:
        return f"the status is {answer.status_code}"
    return problem_fault(answer, answer.status_code)


def _rows_fault(route: Route, answer: requests.Response) -> str | None:
    """Tell what an answer holds although there is no trade, or None; a table has snapshots before it has rows."""
    if "json" not in answer.headers.get("Content-Type", ""):
        return told_inside(answer.text)
    body = answer.json()
    if not isinstance(body, dict) or route.path.endswith(SNAPSHOTS):
        return None
    found = len(body.get(_api().trades.rows) or ()) or body.get("rows") or 0
    return f"there should be no row, but there are {found}" if found else None


def _retry_fault(answer: requests.Response) -> str | None:
    text = answer.headers.get("Retry-After", "")
    longest = _api().retry_within
    if not (text.isascii() and text.isdecimal() and int(text) >= 1):
        return f"Retry-After should be whole seconds, not {text!r}"
    if timedelta(seconds=int(text)) > longest:
        return f"Retry-After should be at most {said(longest)} (`hops.api.retry_within`), not {text} s"
    return None


def _asked(answer: requests.Response) -> str:
    url = urlsplit(str(answer.request.url))
    return f"{answer.request.method} {url.path}{'?' + url.query if url.query else ''}"
