"""What was sent and what was seen, as Arrow tables and Parquet files."""

from tickproof.ledger.rows import AnyRows, Rows, batches_of
from tickproof.ledger.schemas import ABSENT, QUARANTINED, SEEN, SENT, STORED, TRADE, as_table
from tickproof.ledger.store import Ledger, StoredRows, load, save

__all__ = [
    "ABSENT",
    "QUARANTINED",
    "SEEN",
    "SENT",
    "STORED",
    "TRADE",
    "AnyRows",
    "Ledger",
    "Rows",
    "StoredRows",
    "as_table",
    "batches_of",
    "load",
    "save",
]
