"""The parts that the API is put together from: one promise each, each replaceable."""

import hashlib
import hmac
from dataclasses import dataclass
from functools import partial

from tickerplant.api.authenticator import Authenticator
from tickerplant.api.bars import Bars
from tickerplant.api.cursors import Cursors
from tickerplant.api.encoder import Encoder
from tickerplant.api.limiter import Limiter
from tickerplant.api.metrics import Metrics
from tickerplant.api.settings import Settings
from tickerplant.api.store import Snapshots, TradeStore
from tickerplant.lake import open_catalog


@dataclass(frozen=True)
class Parts:
    """What the routes and the gate work with.

    Args:
        store: Reads the table.
        bars: Makes bars of trades.
        encoder: Writes rows in the wanted form.
        cursors: Writes and reads cursors.
        authenticator: Knows who holds which key.
        limiter: Says how often a key may ask.
        metrics: Counts.
    """

    store: TradeStore
    bars: Bars
    encoder: Encoder
    cursors: Cursors
    authenticator: Authenticator
    limiter: Limiter
    metrics: Metrics


def make_parts(settings: Settings) -> Parts:
    """Return the usual parts; nothing is opened before the first request needs it."""
    snapshots = Snapshots(partial(open_catalog, settings.catalog_uri, settings.warehouse))
    store = TradeStore(snapshots, settings.cache_bytes)
    return Parts(
        store=store,
        bars=Bars(),
        encoder=Encoder(),
        cursors=Cursors(_cursor_secret(settings)),
        authenticator=Authenticator(settings.keys),
        limiter=Limiter(),
        metrics=Metrics(store),
    )


def _cursor_secret(settings: Settings) -> bytes:
    """Derive the key of cursors from all API keys: they outlive a restart, and no client can make one up."""
    keys = "\n".join(sorted(settings.keys)).encode()
    return hmac.digest(hashlib.sha256(keys).digest(), b"tickerplant cursor", "sha256")
