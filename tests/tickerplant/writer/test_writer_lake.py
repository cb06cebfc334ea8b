import subprocess
import sys
from pathlib import Path

import pytest
from common.waits import PATIENCE
from pyiceberg.io.pyarrow import schema_to_pyarrow
from writer_support import table_at

from tickerplant.lake import ARROW_SCHEMA, LakeUnavailableError, ensure_table, open_catalog
from tickerplant.writer.garbage import Garbage

CREATE = """
import sys
from tickerplant.lake import ensure_table, open_catalog
catalog = open_catalog(f"sqlite:///{sys.argv[1]}/catalog.db", f"{sys.argv[1]}/ware house")
print(ensure_table(catalog).metadata.table_uuid)
"""


def test_processes_that_create_the_table_at_once_find_the_same_one(tmp_path: Path) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", CREATE, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    answers = [process.communicate(timeout=2 * PATIENCE)[0] for process in started]
    assert [process.returncode for process in started] == [0] * 4
    assert len(set(answers)) == 1


def test_the_table_is_what_is_promised(tmp_path: Path) -> None:
    table = table_at(tmp_path)
    assert str(table.spec()) == "[\n  1000: event_time_day: day(5)\n]"
    assert [table.schema().find_column_name(f.source_id) for f in table.sort_order().fields] == [
        "symbol",
        "trade_id",
    ]
    assert all(field.required for field in table.schema().fields)
    arrow = schema_to_pyarrow(table.schema(), include_field_ids=False)
    assert arrow.names == ARROW_SCHEMA.names
    assert str(arrow.field("price").type) == "decimal128(38, 18)"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(
        LakeUnavailableError, match=r"the folder .*file/lake cannot be created: Not a directory"
    ):
        open_catalog(f"sqlite:///{tmp_path}/file/lake/catalog.db", str(tmp_path / "warehouse"))


def test_a_file_that_is_no_catalog_is_named(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").write_bytes(b"certainly no database" * 100)
    with pytest.raises(LakeUnavailableError, match=r"the catalog sqlite:///.*catalog.db cannot be opened"):
        ensure_table(open_catalog(f"sqlite:///{tmp_path}/catalog.db", str(tmp_path / "warehouse")))


class Files:
    def __init__(self) -> None:
        self.deleted: list[str] = []

    def delete(self, path: str) -> None:
        if path == "swept":
            raise FileNotFoundError(path)
        self.deleted.append(path)


def test_garbage_waits_for_the_last_snapshot_that_knows_it_and_then_for_the_grace() -> None:
    now, files = [0.0], Files()
    garbage = Garbage(files, grace=10.0, clock=lambda: now[0])  # type: ignore[arg-type]
    garbage.replaced(5, ["data", "swept"])
    garbage.expired(4, ["list-3"])
    now[0] = 9.0
    garbage.delete()
    assert files.deleted == []
    garbage.expired(5, ["list-4"])
    now[0] = 10.0
    garbage.delete()
    assert files.deleted == ["list-3"]
    now[0] = 19.0
    garbage.delete()
    assert sorted(files.deleted) == ["data", "list-3", "list-4"]
    assert garbage.deleted == 3
