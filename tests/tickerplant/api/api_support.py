"""A real Iceberg table in a folder of the test, and an API over it, called in process."""

import asyncio
import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode

import pyarrow as pa
from pyiceberg.table import Table

from tickerplant.api.authenticator import Client
from tickerplant.api.gate import Gate
from tickerplant.api.parts import Parts, make_parts
from tickerplant.api.service import assemble
from tickerplant.api.settings import Settings
from tickerplant.api.store import Snapshots, TradeStore
from tickerplant.lake import ARROW_SCHEMA, ensure_table, open_catalog
from tickerplant.service import Log
from tickerplant.writer.files import DataFiles
from tickerplant.writer.snapshots import Change, publish, stage
from tickerplant.writer.state import OFFSETS, TOPIC

KEY = {"X-API-Key": "sesame"}
# 2026-01-02T03:04:05Z
NOON = 1_767_323_045_000_000


def trade(
    symbol: str, trade_id: int, at: int, price: str = "1.5", quantity: str = "2", **more: Any
) -> dict[str, Any]:
    """A stored trade; `at` in microseconds since 1970."""
    return {
        "symbol": symbol,
        "trade_id": trade_id,
        "price": Decimal(price),
        "quantity": Decimal(quantity),
        "event_time": at,
        "venue_time": at + 1,
        "side": "buy" if trade_id % 2 else "sell",
        "source": "live",
        "ingest_time": at + 2,
        "write_time": at + 3,
        "source_partition": 0,
        "source_offset": trade_id,
        **more,
    }


def rows(trades: Iterable[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(list(trades), schema=ARROW_SCHEMA)


@dataclass
class Lake:
    """A table of trades in a folder."""

    folder: Path
    offsets: dict[int, int] = field(default_factory=dict)

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.folder}/catalog.db"

    @property
    def warehouse(self) -> str:
        return f"file://{self.folder}/warehouse"

    def open(self) -> Any:
        return open_catalog(self.uri, self.warehouse)

    def create(self) -> Table:
        return ensure_table(self.open())

    def append(self, *trades: dict[str, Any]) -> int:
        """Commit trades as the writer does; return the snapshot's id."""
        for one in trades:
            partition, offset = one["source_partition"], one["source_offset"]
            self.offsets[partition] = max(self.offsets.get(partition, 0), offset + 1)
        table = self.create()
        files = DataFiles(table).write(rows(trades)) if trades else []
        return self._commit(table, Change(added=files, properties=self._properties()))

    def compact(self) -> int:
        """Put all rows into new files, a file a day."""
        table = self.create()
        live = {task.file.file_path: task.file for task in table.scan().plan_files()}
        added = DataFiles(table).write(table.scan().to_arrow().cast(ARROW_SCHEMA))
        return self._commit(table, Change(added=added, removed=live, properties=self._properties()))

    def expire(self, *, delete: bool = True) -> None:
        """Forget all snapshots but the newest, and delete the files that only they had."""
        table = self.create()
        before = {
            task.file.file_path
            for s in table.snapshots()
            for task in table.scan(snapshot_id=s.snapshot_id).plan_files()
        }
        live = {task.file.file_path for task in table.scan().plan_files()}
        publish(
            table,
            stage(table, Change(properties=self._properties())),
            expire=[s.snapshot_id for s in table.snapshots()],
        )
        for path in before - live if delete else ():
            table.io.delete(path)

    def _properties(self) -> dict[str, str]:
        offsets = {str(partition): offset for partition, offset in self.offsets.items()}
        return {TOPIC: "market.trades", OFFSETS: json.dumps(offsets)}

    @staticmethod
    def _commit(table: Table, change: Change) -> int:
        staged = stage(table, change)
        publish(table, staged)
        return staged.snapshot.snapshot_id


@dataclass
class Answer:
    """What an API answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Api:
    """An API over a lake, called in process."""

    parts: Parts
    gate: Gate
    logged: io.StringIO

    def get(self, path: str, *, headers: Mapping[str, str] = KEY, **parameters: Any) -> Answer:
        query = urlencode(parameters, doseq=True)
        return self.call(
            "GET", path, query.encode(), [(k.lower().encode(), v.encode()) for k, v in headers.items()]
        )

    def call(
        self,
        method: str,
        path: str,
        query: bytes = b"",
        headers: Iterable[tuple[bytes, bytes]] = ((b"x-api-key", b"sesame"),),
        body: Iterable[bytes] = (b"",),
    ) -> Answer:
        chunks = list(body)
        answer = Answer(0, {}, b"")

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            else:
                answer.body += message.get("body", b"")

        scope = {
            "type": "http",
            "method": method,
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query,
            "headers": list(headers),
            "http_version": "1.1",
            "scheme": "http",
            "server": ("127.0.0.1", 80),
            "root_path": "",
        }
        asyncio.run(self.gate(scope, receive, send))
        return answer

    def pages(self, **parameters: Any) -> list[dict[str, Any]]:
        """Page through /v1/trades to its end."""
        found, following = [], None
        for _ in range(10_000):
            given = parameters if following is None else {**parameters, "cursor": following}
            answer = self.get("/v1/trades", **given)
            assert answer.status == 200, answer.text
            found += answer.json()["data"]
            following = answer.json()["next_cursor"]
            if following is None:
                return found
        raise AssertionError("pages go on and on")


def make_api(
    lake: Lake, change: Callable[[Parts], Parts] = lambda parts: parts, *, per_minute: int = 1_000_000
) -> Api:
    settings = Settings(
        catalog_uri=lake.uri, warehouse=lake.warehouse, keys={"sesame": Client("analyst", per_minute)}
    )
    store = TradeStore(Snapshots(lake.open, max_age=0), settings.cache_bytes)
    parts = change(replace(make_parts(settings), store=store))
    logged = io.StringIO()
    return Api(parts, assemble(settings, Log("api", stream=logged), parts).gate, logged)
