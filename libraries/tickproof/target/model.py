"""The form of a target file, as strict models: an unknown key or a wrong type is refused."""

import os
import re
from collections.abc import Mapping
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PrivateAttr,
    field_validator,
    model_validator,
)
from robot.api.types import Secret

from tickproof.evidence.redaction import SECRETS
from tickproof.target.interpolation import fill_in, fill_in_all
from tickproof.target.refusal import NAME, SYMBOL, TargetError, dotted
from tickproof.verdicts.findings import Guarantee

Text = Annotated[str, Field(min_length=1)]
Word = Annotated[str, Field(pattern=NAME)]
Symbol = Annotated[str, Field(pattern=SYMBOL)]

_SPAN = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(ms|s|min)")
_SECONDS = {"ms": 0.001, "s": 1, "min": 60}


def _span(text: object) -> timedelta:
    match = _SPAN.fullmatch(text) if isinstance(text, str) else None
    span = timedelta(seconds=float(match[1]) * _SECONDS[match[2]]) if match else timedelta(0)
    if span <= timedelta(0):
        raise ValueError(f"is {text}; it must be a time above zero, such as 500 ms, 20 s or 2 min.")
    return span


Span = Annotated[
    timedelta,
    BeforeValidator(_span),
    PlainSerializer(lambda span: f"{span.total_seconds():.6f} s", return_type=str),
]
"""A length of time, written as people do: ``20 s``."""


class Capability(StrEnum):
    """What a target can do; a test names what it needs with a tag ``needs-<capability>``."""

    KAFKA = "kafka"
    LAKE = "lake"
    API = "api"
    DEAD_LETTERS = "dead-letters"
    GAP_REPORTS = "gap-reports"
    REPAIR = "repair"
    MICROSECONDS = "microseconds"
    PROCESS_FAULTS = "process-faults"
    CRASH_POINTS = "crash-points"
    SCHEMAS = "schemas"
    METRICS = "metrics"
    BARS = "bars"
    SNAPSHOTS = "snapshots"
    FORMATS = "formats"
    RATE_LIMITS = "rate-limits"


class ColumnType(StrEnum):
    """The type of a field in a hop's own rows, before the mapping."""

    TEXT = "text"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    NUMBER = "number"
    """A JSON number, kept as its source text: it never becomes a float."""
    TIME = "time"
    """Text of RFC 3339 with a zone offset; the mapping sees TIMESTAMP_NS in UTC."""


_ARROW = {
    ColumnType.TEXT: pa.string(),
    ColumnType.INTEGER: pa.int64(),
    ColumnType.BOOLEAN: pa.bool_(),
    ColumnType.NUMBER: pa.string(),
    ColumnType.TIME: pa.timestamp("ns"),
}


def arrow_schema(columns: Mapping[str, ColumnType]) -> pa.Schema:
    """Return the Arrow types that a mapping sees."""
    return pa.schema([(name, _ARROW[kind]) for name, kind in columns.items()])


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", use_attribute_docstrings=True)


class SecretSource(_Form):
    """Where a secret comes from: never from the file itself."""

    variable: Text
    """The name of a variable of the running stack or the environment."""
    pattern: Text | None = None
    """A regular expression with one group, when the secret is only a part of the variable's text."""

    @field_validator("pattern")
    @classmethod
    def _one_group(cls, pattern: str | None) -> str | None:
        if pattern is None:
            return None
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            raise ValueError(f'is "{pattern}", which is no regular expression: {error}.') from None
        if groups != 1:
            raise ValueError(
                f'is "{pattern}", which has {groups} groups; it must have one, around the secret.'
            )
        return pattern

    def read(self, variables: Mapping[str, str]) -> Secret:
        """Return the secret, wrapped so that no log shows it; from now on it is taken out of every message.

        Args:
            variables: The running stack's variables; the environment is asked next.

        Raises:
            TargetError: The variable is not defined or does not match the pattern. Its value is not told.
        """
        text = variables.get(self.variable) or os.environ.get(self.variable)
        if not text:
            raise TargetError(
                f"The secret {self.variable} is not there: neither the stack nor the environment defines it."
            )
        if self.pattern is not None:
            match = re.search(self.pattern, text)
            if not match or not match[1]:
                raise TargetError(f"The variable {self.variable} holds nothing that matches {self.pattern}.")
            text = match[1]
        SECRETS.note(self.variable, text)
        return Secret(text)


class Stack(_Form):
    """How the platform comes to life."""

    driver: Literal["local", "docker", "attach"]
    """``local`` runs the compose file's services as processes, ``docker`` as containers; ``attach`` takes what runs."""
    compose: Text | None = None
    """The compose file, relative to the target's file."""
    environment: dict[str, str] = {}
    """Variables for the services, beside those that the driver supplies."""

    @model_validator(mode="after")
    def _compose_when_run(self) -> "Stack":
        if self.driver != "attach" and self.compose is None:
            raise ValueError(
                f"has the driver {self.driver}, so it needs the key `compose`: the path of a compose file."
            )
        return self


class Exchange(_Form):
    """Which venue the simulated exchange plays."""

    protocol: Literal["binance"]


class Domain(_Form):
    """The values that the platform takes: plans are drawn inside it."""

    symbols: Annotated[tuple[Symbol, ...], Field(min_length=1)] | None = None
    """The symbols that tests may lease; left out: all that the simulated exchange lists."""
    price_scale: Annotated[int, Field(ge=0, le=18)]
    """Digits behind the point of a price."""
    quantity_scale: Annotated[int, Field(ge=0, le=18)]
    """Digits behind the point of a size."""
    integer_digits: Annotated[int, Field(ge=1, le=20)]
    """Digits before the point, of prices and sizes."""
    max_per_second: Annotated[int, Field(ge=1)]
    """The most trades a second that a plan may ask for."""
    event_time_unit: Literal["ms", "us"]
    """The unit in which the platform takes the venue's times."""

    @field_validator("symbols")
    @classmethod
    def _each_once(cls, symbols: tuple[str, ...] | None) -> tuple[str, ...] | None:
        twice = sorted({s for s in symbols or () if (symbols or ()).count(s) > 1})
        if twice:
            raise ValueError(f"names {', '.join(twice)} more than once.")
        return symbols


class _Hop(_Form):
    guarantee: Guarantee
    """What the hop promises about each trade."""
    mapping: Text
    """One SQL projection ``SELECT ... FROM rows`` that makes canonical trades of the hop's rows."""
    keeps_text: bool = False
    """The hop keeps the venue's own text of prices and sizes, digit by digit."""


class DeadLetters(_Form):
    """Where the platform puts what it could not take."""

    topic: Text
    headers_schema: Text | None = None
    """The published JSON Schema of a letter's headers: a path relative to the target's file."""
    reason_header: Text
    source_header: Text | None = None
    position_header: Text | None = None


class Gaps(_Form):
    """Where the platform reports gaps that it could not repair (JSON values)."""

    topic: Text
    value_schema: Text | None = None
    """The published JSON Schema of a report: a path relative to the target's file."""


class KafkaHop(_Hop):
    """The topic of trades."""

    bootstrap: Text
    properties: dict[str, str | SecretSource] = {}
    """Further settings of the Kafka client, such as security."""
    topic: Text
    key: Text | None = None
    """The field of a value that the record's key repeats; left out: keys are not looked at."""
    format: Literal["json"]
    value_schema: Text | None = None
    """The published JSON Schema of a value: a path relative to the target's file."""
    columns: dict[Text, ColumnType]
    """The fields of a value that the mapping uses."""
    dead_letters: DeadLetters | None = None
    gaps: Gaps | None = None

    @model_validator(mode="after")
    def _key_is_a_column(self) -> "KafkaHop":
        if self.key is not None and self.columns.get(self.key) is not ColumnType.TEXT:
            raise ValueError(f"has the key `{self.key}`, which must be a text column of `columns`.")
        return self


class Bounds(_Form):
    """How much a table's own bookkeeping may grow."""

    commits_a_minute: Annotated[int, Field(ge=1)]
    """The most commits within any 60 s."""
    files: Annotated[int, Field(ge=1)]
    """The most live data files for each day of event time."""


class LakeHop(_Hop):
    """The Iceberg table of trades."""

    catalog_name: Text = "default"
    """The catalog's name; a SQL catalog may hold several."""
    catalog: dict[str, str | SecretSource]
    """Properties of the pyiceberg catalog."""
    table: Text
    symbol_column: Text = "symbol"
    """The column to filter by symbols."""
    columns: Annotated[tuple[Text, ...], Field(min_length=1)]
    """The columns that the mapping uses; only these are read."""
    published_shape: Text | None = None
    """The published columns, partition spec and sort order (JSON): a path relative to the target's file."""
    offsets_property: Text | None = None
    """The summary property with the source offsets (JSON: partition to next offset)."""
    bounds: Bounds | None = None


class Pages(_Form):
    """How the API hands out many rows."""

    kind: Literal["cursor"]
    parameter: Text
    """The query parameter that takes the cursor."""
    next: Text
    """The key of the answer that holds the next cursor."""


class PageSize(_Form):
    """How many rows a page holds."""

    parameter: Text
    most: Annotated[int, Field(ge=1)]


class TimeRange(_Form):
    """The query parameters that bound event times (RFC 3339)."""

    start: Text
    """What happened then or later."""
    end: Text
    """What happened before."""


class TradesRoute(_Form):
    """The route that serves trades."""

    path: Text
    symbol_parameter: Text
    symbols_per_request: Annotated[int, Field(ge=1)]
    parameters: dict[str, str] = {}
    """Further query parameters, always sent."""
    range: TimeRange | None = None
    """Left out: the route cannot be asked for a range of times."""
    rows: Text
    """The key of the answer that holds the rows."""
    page_size: PageSize
    pages: Pages


class ApiHop(_Hop):
    """The HTTP API."""

    url: Text
    ca_file: Text | None = None
    key_header: Text | None = None
    keys: dict[Word, SecretSource] = {}
    """API keys by their use; ``default`` is the one that probes send."""
    trades: TradesRoute
    columns: dict[Text, ColumnType]
    """The fields of a row that the mapping uses."""
    follows_within: Span | None = None
    """How much later than the lake the API may show a trade; left out: as long as any hop may stand still."""
    retry_within: Span = timedelta(seconds=60)
    """The longest that the rate limit may tell a client to wait."""

    @model_validator(mode="after")
    def _key_and_header(self) -> "ApiHop":
        if bool(self.key_header) != ("default" in self.keys):
            raise ValueError("needs both `key_header` and `keys.default`, or neither.")
        return self


class Hops(_Form):
    """The places on the way of a trade where the kit can look."""

    kafka: KafkaHop | None = None
    lake: LakeHop | None = None
    api: ApiHop | None = None


class Waits(_Form):
    """How long a verdict waits for what was sent."""

    within: Span = timedelta(seconds=60)
    """The most, for each hop."""
    stalled_after: Span = timedelta(seconds=20)
    """A hop that stood still for so long is given up; no service was being restarted meanwhile."""


class CrashPoints(_Form):
    """Named points at which a service can be made to kill itself."""

    file: Text
    """The service kills itself once, at the point whose name stands in this file, and removes the file first."""
    points: Annotated[tuple[Text, ...], Field(min_length=1)]


class Defects(_Form):
    """How the platform is broken on purpose, to see whether the suites notice."""

    command: Annotated[tuple[Text, ...], Field(min_length=1)]
    """With `--json` behind it, it tells which defects there are; with a service and an id, it runs the service so."""
    marker: Text
    """The environment variable that takes the path of the file by which a defect tells that it acted."""


class KnownIssue(_Form):
    """A known failure: it runs, is counted apart, and turns red when it passes, changes or expires."""

    test: Text
    pattern: Text
    ticket: Text
    expires: date


class Target(_Form):
    """A platform to be judged."""

    name: Word
    title: Text
    stack: Stack
    exchange: Exchange
    domain: Domain
    hops: Hops
    waits: Waits = Waits()
    capabilities: tuple[Capability, ...]
    faults: dict[Text, CrashPoints] = {}
    """Crash points by service."""
    metrics: dict[Text, Text] = {}
    """Where each service publishes its metrics (Prometheus text format): an address by service."""
    counters: dict[Text, Text] = {}
    """The metric that counts trades, by service; each of these services stands in `metrics`."""
    defects: Defects | None = None
    known_issues: tuple[KnownIssue, ...] = ()
    slas: tuple[dict[str, Any], ...] = ()

    _file: Path = PrivateAttr(default=Path())
    _shown: str = PrivateAttr(default="target")
    _sha256: str = PrivateAttr(default="")

    @model_validator(mode="after")
    def _capabilities_have_their_keys(self) -> "Target":
        kafka, faults = self.hops.kafka, bool(self.faults)
        needs = {
            Capability.KAFKA: ("hops.kafka", kafka is not None),
            Capability.LAKE: ("hops.lake", self.hops.lake is not None),
            Capability.API: ("hops.api", self.hops.api is not None),
            Capability.DEAD_LETTERS: ("hops.kafka.dead_letters", bool(kafka and kafka.dead_letters)),
            Capability.GAP_REPORTS: ("hops.kafka.gaps", bool(kafka and kafka.gaps)),
            Capability.CRASH_POINTS: ("faults", faults),
        }
        for capability, (key, there) in needs.items():
            if (capability in self.capabilities) != there:
                state = "is missing" if not there else "is there"
                listed = "lists" if capability in self.capabilities else "does not list"
                raise ValueError(f"key `capabilities` {listed} {capability.value}, but key `{key}` {state}.")
        for service in self.counters:
            if service not in self.metrics:
                raise ValueError(f"key `counters` names {service}, which key `metrics` does not know.")
        return self

    def remember(self, path: Path, shown: str, sha256: str) -> None:
        """Note which file the target came from."""
        self._file, self._shown, self._sha256 = path, shown, sha256

    @property
    def file(self) -> Path:
        """The file that the target was loaded from."""
        return self._file

    @property
    def fingerprint(self) -> str:
        """The first 12 digits of the file's SHA-256."""
        return self._sha256[:12]

    @property
    def compose_file(self) -> Path | None:
        """The absolute path of the compose file."""
        return (self._file.parent / self.stack.compose).resolve() if self.stack.compose else None

    def published(self, path: str) -> Path:
        """Return the absolute path of a file that the target's file names relative to itself."""
        return (self._file.parent / path).resolve()

    @property
    def secrets(self) -> tuple[SecretSource, ...]:
        """Where all of its secrets come from."""
        kafka, lake, api = self.hops.kafka, self.hops.lake, self.hops.api
        settings = [
            *(kafka.properties.values() if kafka else ()),
            *(lake.catalog.values() if lake else ()),
            *(api.keys.values() if api else ()),
        ]
        return tuple(one for one in settings if isinstance(one, SecretSource))

    def can(self, capability: str) -> bool:
        """Tell whether the target lists a capability.

        Raises:
            ValueError: There is no such capability in any target.
        """
        return Capability(capability) in self.capabilities

    def resolve(self, variables: Mapping[str, str]) -> "Target":
        """Fill in every ``${NAME}`` of the hops, metrics and faults and of the stack's environment.

        Args:
            variables: The running stack's variables. They come before ``stack.environment``, which comes
                before the process's environment.

        Returns:
            A copy of this target. Mappings stay as they are.

        Raises:
            TargetError: A variable is not defined; names the key.
        """
        known = {**os.environ, **variables}

        def told(path: tuple[str | int, ...]) -> str:
            return f"{self._shown}: key `{dotted(path)}`"

        environment = {}
        for name, text in self.stack.environment.items():
            environment[name] = fill_in(text, known, told(("stack", "environment", name)))
            known.setdefault(name, environment[name])
        data = self.model_dump(mode="json")
        mappings = {hop: data["hops"][hop].pop("mapping") for hop in data["hops"] if data["hops"][hop]}
        data["hops"] = fill_in_all(data["hops"], known, lambda path: told(("hops", *path)))
        for hop, mapping in mappings.items():
            data["hops"][hop]["mapping"] = mapping
        metrics = fill_in_all(self.metrics, known, lambda path: told(("metrics", *path)))
        faults = {
            service: crash.model_copy(
                update={"file": fill_in(crash.file, known, told(("faults", service, "file")))}
            )
            for service, crash in self.faults.items()
        }
        copy = self.model_copy(
            update={
                "metrics": metrics,
                "faults": faults,
                "hops": Hops.model_validate(data["hops"], strict=False),
                "stack": self.stack.model_copy(update={"environment": environment}),
            }
        )
        copy.remember(self._file, self._shown, self._sha256)
        return copy
