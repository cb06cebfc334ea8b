"""The table allows a null where its published schema does not."""

from collections.abc import Callable

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from tickerplant.defects.model import Around, Defect

EnsureTable = Callable[[SqlCatalog], Table]
COLUMN = "venue_time"


def _loosening(ensure_table: EnsureTable, around: Around) -> EnsureTable:
    def loosened(catalog: SqlCatalog) -> Table:
        table = ensure_table(catalog)
        if table.schema().find_field(COLUMN).required:
            with table.update_schema() as update:
                update.make_column_optional(COLUMN)
        around.reached()
        return table

    return loosened


DEFECT = Defect(
    id="writer-makes-a-column-optional",
    family="contract",
    incident="A migration relaxes a column to get a load through, and readers meet their first null years later.",
    service="writer",
    part="tickerplant.writer.service:ensure_table",
    wrap=_loosening,
    kills=("Pipeline.Published Shapes.The Table Is What Its Schema Says",),
    says=r"The table's columns should be as published, but venue_time",
    spoils=True,
)
