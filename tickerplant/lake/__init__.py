"""The lake: one Iceberg table of trades, its schema and its catalog, shared by the writer and the API."""

from tickerplant.lake.catalog import LakeUnavailableError, ensure_table, open_catalog
from tickerplant.lake.schema import ARROW_SCHEMA, IDENTIFIER, PARTITION_SPEC, SCHEMA, SORT_ORDER

__all__ = [
    "ARROW_SCHEMA",
    "IDENTIFIER",
    "PARTITION_SPEC",
    "SCHEMA",
    "SORT_ORDER",
    "LakeUnavailableError",
    "ensure_table",
    "open_catalog",
]
