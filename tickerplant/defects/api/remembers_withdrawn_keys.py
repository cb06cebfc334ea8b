"""Keys that were good once are good for ever: they are kept in a file that a restart does not clear."""

import json
import os
from pathlib import Path

from tickerplant.api.authenticator import Authenticator, Client
from tickerplant.defects.binding import Wrapped
from tickerplant.defects.model import Around, Defect


class _Remembering(Wrapped[Authenticator]):
    def __init__(self, part: Authenticator, around: Around) -> None:
        super().__init__(part, around)
        self._file = Path(os.environ.get("STATE_DIR", ".")) / "known-keys.json"
        self._known: dict[str, tuple[str, int]] = (
            json.loads(self._file.read_text(encoding="utf-8")) if self._file.exists() else {}
        )

    def identify(self, presented: bytes) -> Client | None:
        client = self.part.identify(presented)
        name = presented.decode("latin-1")
        if client is not None:
            if name not in self._known:
                self._known[name] = (client.name, client.per_minute)
                self._file.parent.mkdir(parents=True, exist_ok=True)
                self._file.write_text(json.dumps(self._known), encoding="utf-8")
            return client
        if name in self._known:
            self.reached()
            return Client(*self._known[name])
        return None


DEFECT = Defect(
    id="api-remembers-withdrawn-keys",
    family="access",
    incident="A cache of good keys outlives their withdrawal: who left the firm still reads the tape.",
    service="api",
    part="authenticator",
    wrap=_Remembering,
    kills=("Journeys.A Newcomer Errs.A Withdrawn Key Is Refused",),
    says=r"the status should be 403, but it is 200",
    restarted=True,
)
