"""Changes what is asked before the API sees it."""

from collections.abc import Callable
from urllib.parse import parse_qsl, urlencode

from tickerplant.api.gate import Gate, Receive, Scope, Send
from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Around

Query = list[tuple[str, str]]
Change = Callable[[str, Query], Query]
"""Takes a path and the parameters of a request to it, and returns those to be used."""


class ChangedQuestions(Wrapped[Gate]):
    """The gate, behind something that changes parameters."""

    def __init__(self, part: Gate, around: Around, change: Change) -> None:
        super().__init__(part, around)
        self._change = change

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            asked = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
            changed = self._change(scope["path"], asked)
            if changed != asked:
                self.reached()
                scope = {**scope, "query_string": urlencode(changed).encode()}
        await self.part(scope, receive, send)
