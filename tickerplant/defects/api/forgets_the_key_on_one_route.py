"""One route answers whoever asks."""

from tickerplant.api.gate import KEY_HEADER, Gate, Receive, Scope, Send
from tickerplant.api.settings import read_settings
from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Around, Defect
from tickerplant.service import Environment

ROUTE = "/v1/statistics"


class _Hospitable(Wrapped[Gate]):
    """Lends a key to those who come without one."""

    def __init__(self, part: Gate, around: Around) -> None:
        super().__init__(part, around)
        self._keys = read_settings(Environment()).keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == ROUTE:
            name = KEY_HEADER.lower().encode()
            headers = [header for header in scope["headers"] if header[0] != name]
            key = dict(scope["headers"]).get(name, b"").decode("latin-1")
            if key not in self._keys:
                self.reached()
                lent = next(iter(self._keys)).encode()
                scope = {**scope, "headers": [*headers, (name, lent)]}
        await self.part(scope, receive, send)


DEFECT = Defect(
    id="api-forgets-the-key-on-one-route",
    family="access",
    incident="A new route is mounted beside the guarded ones instead of among them.",
    service="api",
    part="gate",
    wrap=_Hospitable,
    kills=(
        "Journeys.A Newcomer Errs.No Key Is Refused On Every Route",
        "Journeys.A Newcomer Errs.A Wrong Key Is Refused On Every Route",
    ),
    says=r"/v1/statistics without a valid key should be refused: the status should be 40[13], but it is 200",
)
