"""Record files are whole, one for each record, and read back as one data set, whatever happens meanwhile."""

import json
import multiprocessing
import shutil
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest

from counterfoil.access.domain import WorkspaceId
from counterfoil.records.domain import (
    AcceptedBy,
    FieldPath,
    InvoiceData,
    LineItem,
    Reason,
    ReasonCode,
    Record,
    RecordStatus,
)
from counterfoil.records.infrastructure.files import RecordFiles, schema
from counterfoil.records.protocols import RecordArchive
from tests.support.receipts import BAKERY
from tests.support.record_writing import a_record, many, write_many


@pytest.fixture
def files(tmp_path: Path) -> RecordFiles:
    return RecordFiles(tmp_path / "files")


def rows(root: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ds.dataset(root / "records", partitioning="hive").to_table().to_pylist()
    return found


def test_a_record_reads_back_with_exact_values(files: RecordFiles, workspace: WorkspaceId) -> None:
    archive: RecordArchive = files
    record = replace(
        a_record(workspace),
        status=RecordStatus.ACCEPTED,
        accepted_by=AcceptedBy.RULE,
        locked=frozenset({FieldPath("total")}),
        reasons=(Reason(code=ReasonCode.DUPLICATE),),
    )
    archive.write(record)
    (row,) = rows(files.root)
    assert row["record_id"] == str(record.id)
    assert (row["workspace"], row["month"]) == (str(workspace), "2026-02")
    assert (row["total"], row["currency"], row["issue_date"]) == (Decimal("10.70"), "EUR", date(2026, 2, 28))
    assert (row["merchant_name"], row["buyer_name"]) == ("Corner Bakery", None)
    assert row["taxes"] == [{"rate": Decimal(7), "base": Decimal(10), "amount": Decimal("0.7")}]
    assert row["line_items"][1] == {
        "description": "Rolls",
        "quantity": Decimal("0.5"),
        "unit": "kg",
        "unit_price": None,
        "tax_rate": None,
        "amount": Decimal(4),
    }
    assert row["created_at"] == datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
    assert (row["locked"], row["reasons"], row["status"]) == (["total"], ["duplicate"], "accepted")
    assert {"path": "total", "reader": "layout", "version": "1", "confidence": 0.95, "page": 1} in row["sources"]


def test_the_json_holds_all_of_the_record(files: RecordFiles, workspace: WorkspaceId) -> None:
    record = a_record(workspace)
    files.write(record)
    content = json.loads((files.root / f"records_json/workspace={workspace}/{record.id}.json").read_bytes())
    assert content["data"]["total"] == "10.70"
    assert content["sources"]["total"]["evidence"] == {"page": 1, "box": [0.1, 0.2, 0.3, 0.25], "text": "as printed"}
    assert content["version"] == 1


def test_the_columns_are_the_same_whatever_a_record_holds(files: RecordFiles, workspace: WorkspaceId) -> None:
    empty = replace(a_record(workspace), data=InvoiceData(), sources={})
    files.write(empty)
    files.write(a_record(workspace))
    expected = {(field.name, str(field.type)) for field in schema()} | {("workspace", "string"), ("month", "string")}
    found = ds.dataset(files.root / "records", partitioning="hive").schema
    assert {(field.name, str(field.type)) for field in found} == expected
    for path in (files.root / "records").rglob("*.parquet"):
        assert ds.dataset(path).schema.equals(schema())
    assert {row["month"] for row in rows(files.root)} == {"2026-02", "2026-03"}


def test_numbers_that_no_column_holds_are_left_out_and_long_ones_rounded(
    files: RecordFiles, workspace: WorkspaceId
) -> None:
    item = LineItem(unit_price=Decimal("0.12345678901"), amount=Decimal(10) ** 28, description="a\x00b")
    data = replace(BAKERY, total=Decimal(10) ** 28 - 1, line_items=(item,))
    record = replace(a_record(workspace), data=data)
    files.write(record)
    (row,) = rows(files.root)
    assert row["total"] == data.total
    assert row["line_items"][0]["unit_price"] == Decimal("0.1234567890")
    assert row["line_items"][0]["amount"] is None
    assert row["line_items"][0]["description"] == "ab"


def moved(record: Record) -> Record:
    return replace(record, version=record.version + 1, data=replace(record.data, issue_date=date(2026, 5, 1)))


def test_a_record_that_moves_to_another_month_leaves_the_old_one(files: RecordFiles, workspace: WorkspaceId) -> None:
    record, stays = a_record(workspace), a_record(workspace)
    for one in (record, stays, moved(record)):
        files.write(one)
    found = {(row["record_id"], row["month"], row["version"]) for row in rows(files.root)}
    assert found == {(str(record.id), "2026-05", 2), (str(stays.id), "2026-02", 1)}


def test_an_older_version_never_replaces_a_newer_one(files: RecordFiles, workspace: WorkspaceId) -> None:
    record = a_record(workspace)
    files.write(moved(record))
    files.write(record)
    assert [(row["month"], row["version"]) for row in rows(files.root)] == [("2026-05", 2)]


def test_writing_the_same_again_brings_back_only_what_is_gone(files: RecordFiles, workspace: WorkspaceId) -> None:
    record = a_record(workspace)
    files.write(record)
    (path,) = (files.root / "records").rglob("*.parquet")
    first = path.stat()
    files.write(record)
    assert path.stat() == first
    path.unlink()
    files.write(record)
    assert [row["record_id"] for row in rows(files.root)] == [str(record.id)]


def test_power_lost_while_a_record_moves_leaves_it_twice_until_it_is_written_again(
    files: RecordFiles, workspace: WorkspaceId
) -> None:
    record = a_record(workspace)
    files.write(record)
    before = {path: path.read_bytes() for path in files.root.rglob(f"{record.id}.*")}
    files.write(moved(record))
    for path, content in before.items():
        path.write_bytes(content)
    assert sorted(row["version"] for row in rows(files.root)) == [1, 2]
    files.write(moved(record))
    assert [row["version"] for row in rows(files.root)] == [2]


def test_what_a_crash_left_half_written_is_not_read(files: RecordFiles, workspace: WorkspaceId) -> None:
    record = a_record(workspace)
    files.write(record)
    (path,) = (files.root / "records").rglob("*.parquet")
    (path.parent / ".partial-abc123").write_bytes(path.read_bytes()[:100])
    assert [row["record_id"] for row in rows(files.root)] == [str(record.id)]


def copied(source: Path, target: Path) -> None:
    """Copy what is there at the moment; what is gone before its turn has been renamed."""
    for path in source.rglob("*"):
        if path.is_file():
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                shutil.copyfile(path, copy)


def test_a_copy_taken_at_any_moment_is_readable_and_has_all_that_was_said_to_be_written(
    files: RecordFiles, workspace: WorkspaceId, tmp_path: Path
) -> None:
    written: list[str] = []

    def write_on(records: Sequence[Record]) -> None:
        for record in records:
            files.write(record)
            written.append(str(record.id))

    write_on([a_record(workspace)])
    records = [a_record(workspace) for _ in range(60)]
    threads = [threading.Thread(target=write_on, args=[records[part::2]]) for part in range(2)]
    for thread in threads:
        thread.start()
    copies = 0
    while copies < 3 or any(thread.is_alive() for thread in threads):
        promised = set(written)
        copied(files.root, tmp_path / f"copy-{copies}")
        assert promised <= {row["record_id"] for row in rows(tmp_path / f"copy-{copies}")}
        copies += 1
    assert {row["record_id"] for row in rows(files.root)} == set(written)


def test_eight_processes_writing_at_once_lose_nothing(
    files: RecordFiles, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    shared = a_record(workspace)
    shares = [many(workspace if index % 2 else other_workspace, 13) for index in range(8)]
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_many, args=(files.root, share, shared)) for share in shares]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 8
    found = [(row["workspace"], row["record_id"], row["version"]) for row in rows(files.root)]
    expected = [(str(record.workspace), str(record.id), 1) for share in shares for record in share]
    assert sorted(found) == sorted([*expected, (str(workspace), str(shared.id), 13)])
    assert not list(files.root.rglob(".partial-*"))
