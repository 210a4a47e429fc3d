"""The tables of records and of the history of their values."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Select, Uuid, func, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import DocumentId
from counterfoil.foundation.database import Row, Transaction
from counterfoil.foundation.paging import Page, Paging
from counterfoil.records.domain import (
    AcceptedBy,
    Change,
    ChangeId,
    ExtractionId,
    FieldPath,
    Record,
    RecordId,
    RecordStatus,
)
from counterfoil.records.json_form import (
    data_from_json,
    data_to_json,
    keepable,
    reasons_from_json,
    reasons_to_json,
    sources_from_json,
    sources_to_json,
)
from counterfoil.records.purchases import purchase_key

MOST_ALIKE = 50


class RecordRow(Row):
    """A record; its id is its document's."""

    __tablename__ = "records"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("workspaces.id", ondelete="CASCADE"))
    document_id: Mapped[UUID]
    extraction_id: Mapped[UUID | None]
    data: Mapped[dict[str, Any]]
    sources: Mapped[dict[str, Any]]
    locked: Mapped[list[Any]]
    reasons: Mapped[list[Any]]
    status: Mapped[str]
    accepted_by: Mapped[str | None]
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    purchase_key: Mapped[str | None]

    __table_args__ = (
        Index("ix_records_workspace_id_id", "workspace_id", "id"),
        Index("records_of_purchase", "workspace_id", "purchase_key"),
    )


class RecordChangeRow(Row):
    """One value of a record as it was and as it became."""

    __tablename__ = "record_changes"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("workspaces.id", ondelete="CASCADE"))
    record_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("records.id"))
    version: Mapped[int]
    by: Mapped[str]
    at: Mapped[datetime]
    path: Mapped[str]
    before: Mapped[str | None]
    after: Mapped[str | None]

    __table_args__ = (Index("ix_record_changes_workspace_id_record_id_id", "workspace_id", "record_id", "id"),)


class SqlRecordStore:
    """Keeps records in the database."""

    def add(self, tx: Transaction, record: Record) -> None:
        tx.execute(insert(RecordRow), _columns(record))

    def save(self, tx: Transaction, record: Record) -> None:
        mine = RecordRow.workspace_id == record.workspace
        tx.execute(update(RecordRow).where(mine, RecordRow.id == record.id).values(_columns(record)))

    def find(self, tx: Transaction, workspace: WorkspaceId, record_id: RecordId) -> Record | None:
        return _one(tx, _selected(workspace, record_id))

    def hold(self, tx: Transaction, workspace: WorkspaceId, record_id: RecordId) -> Record | None:
        return _one(tx, _selected(workspace, record_id).with_for_update())

    def page(
        self, tx: Transaction, workspace: WorkspaceId, paging: Paging, status: RecordStatus | None
    ) -> Page[Record]:
        statement = select(RecordRow.__table__).where(RecordRow.workspace_id == workspace)
        if status is not None:
            statement = statement.where(RecordRow.status == status.value)
        if paging.after is not None:
            statement = statement.where(RecordRow.id < paging.after)
        rows = tx.execute(statement.order_by(RecordRow.id.desc()).limit(paging.limit + 1)).mappings()
        return Page.of([_record(row) for row in rows], paging, lambda record: record.id)

    def with_purchase_key(self, tx: Transaction, workspace: WorkspaceId, key: str) -> Sequence[Record]:
        if tx.dialect == "postgresql":  # SQLite has one writer at a time
            lock = func.hashtextextended(f"{workspace} {key}", 0)
            tx.execute(select(func.pg_advisory_xact_lock(lock)))
        mine = select(RecordRow.__table__).where(RecordRow.workspace_id == workspace, RecordRow.purchase_key == key)
        return [_record(row) for row in tx.execute(mine.order_by(RecordRow.id).limit(MOST_ALIKE)).mappings()]

    def add_changes(self, tx: Transaction, changes: Sequence[Change]) -> None:
        if changes:
            tx.execute(insert(RecordChangeRow), [_change_columns(change) for change in changes])

    def changes(self, tx: Transaction, workspace: WorkspaceId, record_id: RecordId, paging: Paging) -> Page[Change]:
        statement = select(RecordChangeRow.__table__).where(
            RecordChangeRow.workspace_id == workspace, RecordChangeRow.record_id == record_id
        )
        if paging.after is not None:
            statement = statement.where(RecordChangeRow.id < paging.after)
        rows = tx.execute(statement.order_by(RecordChangeRow.id.desc()).limit(paging.limit + 1)).mappings()
        return Page.of([_change(row) for row in rows], paging, lambda change: change.id)


def _selected(workspace: WorkspaceId, record_id: RecordId) -> Select[Any]:
    return select(RecordRow.__table__).where(RecordRow.workspace_id == workspace, RecordRow.id == record_id)


def _one(tx: Transaction, statement: Select[Any]) -> Record | None:
    row = tx.execute(statement).mappings().one_or_none()
    return _record(row) if row else None


def _columns(record: Record) -> dict[str, Any]:
    return {
        "id": record.id,
        "workspace_id": record.workspace,
        "document_id": record.document_id,
        "extraction_id": record.extraction_id,
        "data": data_to_json(record.data),
        "sources": sources_to_json(record.sources),
        "locked": sorted(record.locked),
        "reasons": reasons_to_json(record.reasons),
        "status": record.status.value,
        "accepted_by": record.accepted_by.value if record.accepted_by else None,
        "version": record.version,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "purchase_key": purchase_key(record.data),
    }


def _record(row: Any) -> Record:
    return Record(
        id=RecordId(row["id"]),
        workspace=WorkspaceId(row["workspace_id"]),
        document_id=DocumentId(row["document_id"]),
        extraction_id=ExtractionId(row["extraction_id"]) if row["extraction_id"] else None,
        data=data_from_json(row["data"]),
        sources=sources_from_json(row["sources"]),
        locked=frozenset(FieldPath(path) for path in row["locked"]),
        reasons=reasons_from_json(row["reasons"]),
        status=RecordStatus(row["status"]),
        accepted_by=AcceptedBy(row["accepted_by"]) if row["accepted_by"] else None,
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _change_columns(change: Change) -> dict[str, Any]:
    columns = asdict(change)
    columns["workspace_id"] = columns.pop("workspace")
    return columns | {name: keepable(columns[name]) for name in ("before", "after") if columns[name] is not None}


def _change(row: Any) -> Change:
    return Change(
        id=ChangeId(row["id"]),
        workspace=WorkspaceId(row["workspace_id"]),
        record_id=RecordId(row["record_id"]),
        version=row["version"],
        by=row["by"],
        at=row["at"],
        path=FieldPath(row["path"]),
        before=row["before"],
        after=row["after"],
    )
