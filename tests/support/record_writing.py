"""What the processes do that write record files side by side."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.ids import new_id
from counterfoil.records.domain import Record, record_id_of
from counterfoil.records.infrastructure.files import RecordFiles
from tests.support.receipts import BAKERY, a_document, sources_of


def a_record(workspace: WorkspaceId, *, day: date | None = BAKERY.issue_date, version: int = 1) -> Record:
    now, document = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC), a_document()
    data = replace(BAKERY, issue_date=day)
    return Record(
        id=record_id_of(document),
        workspace=workspace,
        document_id=document,
        extraction_id=None,
        data=data,
        sources=sources_of(data),
        version=version,
        created_at=now,
        updated_at=now,
    )


def write_many(root: Path, own: list[Record], shared: Record) -> None:
    """Write records of one's own, and again and again one that other processes write as well."""
    files = RecordFiles(root)
    for index, record in enumerate(own):
        files.write(record)
        month = replace(shared.data, issue_date=date(2026, 1 + index % 12, 1), total=Decimal(index))
        files.write(replace(shared, version=1 + index, data=month, extraction_id=None))


def many(workspace: WorkspaceId, number: int) -> list[Record]:
    return [a_record(workspace, day=date(2026, 1 + index % 12, 1 + new_id().int % 28)) for index in range(number)]
