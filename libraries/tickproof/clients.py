"""Keywords of API clients: sessions with and without a key, errors, limits, and the published contract."""

import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import pyarrow as pa
import requests
from robot.api import logger
from robot.api.deco import keyword, library
from robot.libraries.BuiltIn import BuiltIn

from tickproof import session
from tickproof.misuse import MisuseError, at_least, one_of
from tickproof.observing import sent_so_far
from tickproof.probes.contract import HOSTILE, Contract, Route, problem_fault, told_inside
from tickproof.target import ApiHop
from tickproof.verdicts import Void

WRONG_KEY = "tickproof-wrong-key"
MANY = 2000
CHEAP = "/v1/symbols"
"""A route to call again and again."""
NOTHING_KNOWN = {"symbol": "BTCUSDT", "interval": "1m", "date": "2026-01-01"}
"""Values that make sense, but do not exist on an empty platform."""


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
        """See that an answer is an error as RFC 9457 shapes it, and tells nothing of the inside.

        Args:
            answer: What `GET On Session` returned.
            status: The HTTP status that it must have.
        """
        fault = problem_fault(answer, status)
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
            fault = problem_fault(answer, status)
            if fault:
                raise AssertionError(f"{route.path} without a valid key should be refused: {fault}.")
        logger.info(f"{len(routes)} routes answered {status}.")

    @keyword
    def every_route_should_answer_as_published(self, alias: str) -> None:
        """Call every published route with values that exist; status, type and body must be as published.

        Args:
            alias: A session with a valid key.
        """
        contract = _contract(alias)
        routes = list(contract.routes())
        if not routes:
            raise Void("the published contract lists no route.")
        known = _known_values()
        for route in routes:
            answer = contract.call(*_filled(route, known))
            if answer.status_code != 200:
                raise AssertionError(f"{_asked(answer)} should answer 200, but it is {answer.status_code}.")
            fault = contract.fault(answer)
            if fault:
                raise AssertionError(f"{_asked(answer)} should answer as published, but: {fault}.")
        logger.info(f"{len(routes)} routes answered as published: " + ", ".join(one.path for one in routes))

    @keyword
    def hostile_strings_should_get_a_client_error(self, alias: str) -> None:
        """Put hostile texts into each parameter of each route: the answer must be a 4xx problem, never a 5xx.

        Args:
            alias: A session with a valid key.
        """
        contract = _contract(alias)
        asked, known = 0, _known_values()
        for route in contract.routes():
            for name, place, _ in route.parameters:
                for text in HOSTILE if place != "header" else ():
                    answer = contract.call(*_filled(route, {**known, name: text}))
                    asked += 1
                    fault = _client_error_fault(answer)
                    if fault:
                        raise AssertionError(
                            f"{route.path} with {name}={text[:40]!r} should be a client error: {fault}."
                        )
        if not asked:
            raise Void("the published contract has no parameter.")
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
                fault = problem_fault(answer, 404)
            elif answer.status_code == 200:
                fault = contract.fault(answer) or _rows_fault(answer)
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
    def other_key_should_still_be_served(self, alias: str) -> None:
        """See that a session is served while another one is refused.

        Args:
            alias: The session with the other key.
        """
        answer = _contract(alias).call(CHEAP)
        if answer.status_code != 200:
            raise AssertionError(
                f"The limit of one key should not touch another, but {alias} was answered {answer.status_code}."
            )

    @keyword
    def waiting_as_told_should_be_served(self, alias: str) -> None:
        """Meet the refusal, wait exactly as `Retry-After` says, and see that the next call is served.

        Args:
            alias: The session that used up its limit.
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
            fault = problem_fault(answer, 429) or _retry_fault(answer)
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


def _known_values() -> dict[str, str]:
    """Values that exist on the platform, by the names that its contract uses."""
    _, sent = sent_so_far(session.current())
    first = sent.slice(0, 1)
    day = first["event_time"].cast(pa.timestamp("ns")).cast(pa.date32())[0].as_py()
    return NOTHING_KNOWN | {"symbol": first["symbol"][0].as_py(), "date": day.isoformat()}


def _filled(route: Route, values: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Put values into a route: what its path needs, and what its query demands or the values name."""
    path = re.sub(
        r"{(\w+)}",
        lambda match: quote(str(values.get(match[1], "none")), safe=""),
        route.path,
    )
    query = {name: values[name] for name in route.named("query") if name in values}
    return path, query


def _client_error_fault(answer: requests.Response) -> str | None:
    if not 400 <= answer.status_code < 500:
        return f"the status is {answer.status_code}"
    return problem_fault(answer, answer.status_code)


def _rows_fault(answer: requests.Response) -> str | None:
    if "json" not in answer.headers.get("Content-Type", ""):
        return told_inside(answer.text)
    body = answer.json()
    if not isinstance(body, dict):
        return None
    rows = [row for row in body.get("data") or () if "symbol" in row]
    count = body.get("rows") or 0
    return f"there should be no trade, but there are {len(rows) or count}" if rows or count else None


def _retry_fault(answer: requests.Response) -> str | None:
    text = answer.headers.get("Retry-After", "")
    return (
        None if text.isdecimal() and int(text) >= 1 else f"Retry-After should be whole seconds, not {text!r}"
    )


def _asked(answer: requests.Response) -> str:
    url = urlsplit(str(answer.request.url))
    return f"{answer.request.method} {url.path}{'?' + url.query if url.query else ''}"
