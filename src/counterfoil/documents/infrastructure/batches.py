"""The tables of batches and of what was handed in with them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ForeignKey,
    Index,
    Insert,
    RowMapping,
    Select,
    Update,
    Uuid,
    exists,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.hand_ins import Batch, HandIn, HandInStatus, Refusal
from counterfoil.foundation.database import Row, Transaction
from counterfoil.foundation.paging import Page, Paging
from counterfoil.jobs.domain import BatchId

_KEYED = text("idempotency_key IS NOT NULL")


class DocumentBatchRow(Row):
    """A batch of documents; its id is that of the engine's batch."""

    __tablename__ = "document_batches"
    __table_args__ = (
        Index("document_batches_of_workspace", "workspace_id", "id"),
        Index(
            "document_batches_once",
            "workspace_id",
            "idempotency_key",
            unique=True,
            sqlite_where=_KEYED,
            postgresql_where=_KEYED,
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("workspaces.id", ondelete="CASCADE"))
    description: Mapped[str]
    created_at: Mapped[datetime]
    touched_at: Mapped[datetime]
    sealed_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    total: Mapped[int]
    refused: Mapped[int]
    idempotency_key: Mapped[str | None]
    fingerprint: Mapped[str | None]


class HandInRow(Row):
    """One file of a batch, and what became of it. The job may be gone one day, so no key leads to it."""

    __tablename__ = "hand_ins"

    batch_id: Mapped[UUID] = mapped_column(
        Uuid(), ForeignKey("document_batches.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    workspace_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("workspaces.id", ondelete="CASCADE"))
    name: Mapped[str]
    status: Mapped[str]
    document_id: Mapped[UUID | None] = mapped_column(Uuid(), ForeignKey("documents.id", ondelete="SET NULL"))
    job_id: Mapped[UUID | None]
    same_as: Mapped[UUID | None]
    error_code: Mapped[str | None]
    error_message: Mapped[str | None]


class SqlBatchStore:
    """A batch store on SQLite and PostgreSQL."""

    def add(self, tx: Transaction, batch: Batch) -> bool:
        row = {
            "id": batch.id,
            "workspace_id": batch.workspace,
            "description": batch.description,
            "created_at": batch.created_at,
            "touched_at": batch.touched_at,
            "total": batch.total,
            "refused": batch.refused,
            "idempotency_key": batch.idempotency_key,
            "fingerprint": batch.fingerprint,
        }
        dialect: Any = postgresql if tx.dialect == "postgresql" else sqlite
        statement: Insert = dialect.insert(DocumentBatchRow).values(row).on_conflict_do_nothing()
        return tx.execute(statement.returning(DocumentBatchRow.id)).one_or_none() is not None

    def find(self, tx: Transaction, workspace: WorkspaceId, batch: BatchId) -> Batch | None:
        row = tx.execute(_batches(workspace).where(DocumentBatchRow.id == batch)).mappings().one_or_none()
        return _batch(row) if row else None

    def with_key(self, tx: Transaction, workspace: WorkspaceId, key: str) -> Batch | None:
        keyed = _batches(workspace).where(DocumentBatchRow.idempotency_key == key)
        row = tx.execute(keyed).mappings().one_or_none()
        return _batch(row) if row else None

    def page(self, tx: Transaction, workspace: WorkspaceId, paging: Paging) -> Page[Batch]:
        statement = _batches(workspace).order_by(DocumentBatchRow.id.desc()).limit(paging.limit + 1)
        if paging.after:
            statement = statement.where(DocumentBatchRow.id < paging.after)
        rows = tx.execute(statement).mappings().all()
        return Page.of([_batch(row) for row in rows], paging, lambda batch: batch.id)

    def hold(self, tx: Transaction, workspace: WorkspaceId, batch: BatchId) -> Batch | None:
        held = _batches(workspace).where(DocumentBatchRow.id == batch).with_for_update()
        row = tx.execute(held).mappings().one_or_none()
        return _batch(row) if row else None

    def seal(self, tx: Transaction, workspace: WorkspaceId, batch: BatchId) -> None:
        unsealed = _change(workspace, batch).where(DocumentBatchRow.sealed_at.is_(None))
        tx.execute(unsealed.values(sealed_at=tx.now()))

    def cancel(self, tx: Transaction, workspace: WorkspaceId, batch: BatchId) -> None:
        going_on = _change(workspace, batch).where(DocumentBatchRow.cancelled_at.is_(None))
        tx.execute(going_on.values(cancelled_at=tx.now()))

    def add_hand_in(self, tx: Transaction, workspace: WorkspaceId, batch: BatchId, hand_in: HandIn) -> None:
        row = {
            "batch_id": batch,
            "position": hand_in.position,
            "workspace_id": workspace,
            "name": hand_in.name,
            "status": hand_in.status.value,
            "document_id": hand_in.document_id,
            "job_id": hand_in.job_id,
            "same_as": hand_in.same_as,
            "error_code": hand_in.error.code if hand_in.error else None,
            "error_message": hand_in.error.message if hand_in.error else None,
        }
        tx.execute(insert(HandInRow), row)
        total, refused = DocumentBatchRow.total + 1, DocumentBatchRow.refused + int(hand_in.error is not None)
        tx.execute(_change(workspace, batch).values(touched_at=tx.now(), total=total, refused=refused))

    def has_hand_in(self, tx: Transaction, workspace: WorkspaceId, batch: BatchId, position: int) -> bool:
        there = exists(_hand_ins(workspace, batch).where(HandInRow.position == position))
        return bool(tx.execute(select(there)).scalar_one())

    def hand_ins(self, tx: Transaction, workspace: WorkspaceId, batch: BatchId) -> Sequence[HandIn]:
        rows = tx.execute(_hand_ins(workspace, batch).order_by(HandInRow.position)).mappings().all()
        return [_hand_in(row) for row in rows]


def _batches(workspace: WorkspaceId) -> Select[tuple[object, ...]]:
    return select(*DocumentBatchRow.__table__.columns).where(DocumentBatchRow.workspace_id == workspace)


def _hand_ins(workspace: WorkspaceId, batch: BatchId) -> Select[tuple[object, ...]]:
    of_batch = select(*HandInRow.__table__.columns).where(HandInRow.batch_id == batch)
    return of_batch.where(HandInRow.workspace_id == workspace)


def _change(workspace: WorkspaceId, batch: BatchId) -> Update:
    of_workspace = update(DocumentBatchRow).where(DocumentBatchRow.workspace_id == workspace)
    return of_workspace.where(DocumentBatchRow.id == batch)


def _batch(row: RowMapping) -> Batch:
    return Batch(
        id=row["id"],
        workspace=row["workspace_id"],
        description=row["description"],
        created_at=row["created_at"],
        touched_at=row["touched_at"],
        sealed_at=row["sealed_at"],
        cancelled_at=row["cancelled_at"],
        total=row["total"],
        refused=row["refused"],
        idempotency_key=row["idempotency_key"],
        fingerprint=row["fingerprint"],
    )


def _hand_in(row: RowMapping) -> HandIn:
    refused = row["error_code"] is not None
    return HandIn(
        position=row["position"],
        name=row["name"],
        status=HandInStatus(row["status"]),
        document_id=row["document_id"],
        job_id=row["job_id"],
        same_as=row["same_as"],
        error=Refusal(code=row["error_code"], message=row["error_message"]) if refused else None,
    )
