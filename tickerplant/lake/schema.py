"""What a stored trade looks like: schema, partition by day of event time, sort order, table properties."""

import pyarrow as pa
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.sorting import SortField, SortOrder
from pyiceberg.transforms import DayTransform, IdentityTransform
from pyiceberg.types import DecimalType, IntegerType, LongType, NestedField, StringType, TimestamptzType

IDENTIFIER = ("market", "trades")

PRECISION = 38
SCALE = 18

_COLUMNS = (
    ("symbol", StringType()),
    ("trade_id", LongType()),
    ("price", DecimalType(PRECISION, SCALE)),
    ("quantity", DecimalType(PRECISION, SCALE)),
    ("event_time", TimestamptzType()),
    ("venue_time", TimestamptzType()),
    ("side", StringType()),
    ("source", StringType()),
    ("ingest_time", TimestamptzType()),
    ("write_time", TimestamptzType()),
    ("source_partition", IntegerType()),
    ("source_offset", LongType()),
)

SCHEMA = Schema(
    *(NestedField(number, name, kind, required=True) for number, (name, kind) in enumerate(_COLUMNS, start=1))
)

_EVENT_TIME = SCHEMA.find_field("event_time").field_id
_SYMBOL = SCHEMA.find_field("symbol").field_id
_TRADE_ID = SCHEMA.find_field("trade_id").field_id

PARTITION_SPEC = PartitionSpec(
    PartitionField(source_id=_EVENT_TIME, field_id=1000, transform=DayTransform(), name="event_time_day")
)

SORT_ORDER = SortOrder(
    SortField(source_id=_SYMBOL, transform=IdentityTransform()),
    SortField(source_id=_TRADE_ID, transform=IdentityTransform()),
)

_ARROW_TYPES = {
    StringType(): pa.string(),
    LongType(): pa.int64(),
    IntegerType(): pa.int32(),
    DecimalType(PRECISION, SCALE): pa.decimal128(PRECISION, SCALE),
    TimestamptzType(): pa.timestamp("us", tz="UTC"),
}

ARROW_SCHEMA = pa.schema([pa.field(name, _ARROW_TYPES[kind], nullable=False) for name, kind in _COLUMNS])

PROPERTIES = {
    # Old metadata files go with the commit that replaces them; a handful stays for whoever is reading one.
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
    "write.parquet.compression-codec": "zstd",
    # Appends stay fast because the writer's own maintenance merges manifests, not the append itself.
    "commit.manifest-merge.enabled": "false",
}
