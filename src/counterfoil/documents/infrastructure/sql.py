"""The tables of documents and of what they were joined of."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, Insert, RowMapping, Select, Uuid, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import Document, DocumentId, Join, MediaType, Sha256
from counterfoil.foundation.database import Row, Transaction
from counterfoil.foundation.paging import Page, Paging
from counterfoil.jobs.domain import JobId

_KEYED = text("idempotency_key IS NOT NULL")


class DocumentRow(Row):
    """A document; its bytes lie in the data folder under their `sha256`."""

    __tablename__ = "documents"
    __table_args__ = (
        Index("ix_documents_workspace_id_id", "workspace_id", "id"),
        Index("ix_documents_workspace_id_sha256_id", "workspace_id", "sha256", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("workspaces.id", ondelete="CASCADE"))
    name: Mapped[str]
    media_type: Mapped[str]
    sha256: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    page_count: Mapped[int]
    received_at: Mapped[datetime]
    target_id: Mapped[UUID | None]
    joined_into: Mapped[UUID | None]


class DocumentJoinRow(Row):
    """What a document was joined of. The job may be gone one day, so no key leads to it."""

    __tablename__ = "document_joins"
    __table_args__ = (
        Index(
            "document_joins_once",
            "workspace_id",
            "idempotency_key",
            unique=True,
            sqlite_where=_KEYED,
            postgresql_where=_KEYED,
        ),
    )

    document_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("workspaces.id", ondelete="CASCADE"))
    parts: Mapped[list[Any]]
    job_id: Mapped[UUID]
    idempotency_key: Mapped[str | None]


class SqlDocumentStore:
    """A document store on SQLite and PostgreSQL."""

    def add(self, tx: Transaction, workspace: WorkspaceId, document: Document) -> None:
        row = {
            "id": document.id,
            "workspace_id": workspace,
            "name": document.name,
            "media_type": document.media_type.value,
            "sha256": document.sha256,
            "size": document.size,
            "page_count": document.page_count,
            "received_at": document.received_at,
            "target_id": document.target,
            "joined_into": document.joined_into,
        }
        tx.execute(insert(DocumentRow), row)

    def find(self, tx: Transaction, workspace: WorkspaceId, document_id: DocumentId) -> Document | None:
        row = tx.execute(_of(workspace).where(DocumentRow.id == document_id)).mappings().one_or_none()
        return _document(row) if row else None

    def hold(self, tx: Transaction, workspace: WorkspaceId, document_id: DocumentId) -> Document | None:
        # Rows that name the document may be added meanwhile, such as extractions.
        held = _of(workspace).where(DocumentRow.id == document_id).with_for_update(key_share=True)
        row = tx.execute(held).mappings().one_or_none()
        return _document(row) if row else None

    def mark_joined(
        self, tx: Transaction, workspace: WorkspaceId, parts: Sequence[DocumentId], into: DocumentId
    ) -> None:
        marked = (DocumentRow.workspace_id == workspace, DocumentRow.id.in_(parts))
        tx.execute(update(DocumentRow).where(*marked).values(joined_into=into))

    def first_with(self, tx: Transaction, workspace: WorkspaceId, sha256: Sha256) -> Document | None:
        first = _of(workspace).where(DocumentRow.sha256 == sha256).order_by(DocumentRow.id).limit(1)
        row = tx.execute(first).mappings().one_or_none()
        return _document(row) if row else None

    def page(
        self, tx: Transaction, workspace: WorkspaceId, paging: Paging, sha256: Sha256 | None = None
    ) -> Page[Document]:
        statement = _of(workspace).order_by(DocumentRow.id.desc()).limit(paging.limit + 1)
        if sha256:
            statement = statement.where(DocumentRow.sha256 == sha256)
        if paging.after:
            statement = statement.where(DocumentRow.id < paging.after)
        rows = tx.execute(statement).mappings().all()
        return Page.of([_document(row) for row in rows], paging, lambda document: document.id)


def _of(workspace: WorkspaceId) -> Select[tuple[object, ...]]:
    return select(*DocumentRow.__table__.columns).where(DocumentRow.workspace_id == workspace)


def _document(row: RowMapping) -> Document:
    return Document(
        id=row["id"],
        workspace=row["workspace_id"],
        name=row["name"],
        media_type=MediaType(row["media_type"]),
        sha256=row["sha256"],
        size=row["size"],
        page_count=row["page_count"],
        received_at=row["received_at"],
        target=row["target_id"],
        joined_into=row["joined_into"],
    )


class SqlJoinStore:
    """A join store on SQLite and PostgreSQL."""

    def add(self, tx: Transaction, join: Join) -> bool:
        row = {
            "document_id": join.document,
            "workspace_id": join.workspace,
            "parts": [str(part) for part in join.parts],
            "job_id": join.job,
            "idempotency_key": join.idempotency_key,
        }
        dialect: Any = postgresql if tx.dialect == "postgresql" else sqlite
        statement: Insert = dialect.insert(DocumentJoinRow).values(row).on_conflict_do_nothing()
        return tx.execute(statement.returning(DocumentJoinRow.document_id)).one_or_none() is not None

    def find(self, tx: Transaction, workspace: WorkspaceId, document_id: DocumentId) -> Join | None:
        row = tx.execute(_joins(workspace).where(DocumentJoinRow.document_id == document_id)).mappings().one_or_none()
        return _join(row) if row else None

    def with_key(self, tx: Transaction, workspace: WorkspaceId, key: str) -> Join | None:
        row = tx.execute(_joins(workspace).where(DocumentJoinRow.idempotency_key == key)).mappings().one_or_none()
        return _join(row) if row else None


def _joins(workspace: WorkspaceId) -> Select[tuple[object, ...]]:
    return select(*DocumentJoinRow.__table__.columns).where(DocumentJoinRow.workspace_id == workspace)


def _join(row: RowMapping) -> Join:
    return Join(
        document=DocumentId(row["document_id"]),
        workspace=WorkspaceId(row["workspace_id"]),
        parts=tuple(DocumentId(UUID(part)) for part in row["parts"]),
        job=JobId(row["job_id"]),
        idempotency_key=row["idempotency_key"],
    )
