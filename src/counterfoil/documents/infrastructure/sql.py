"""The table of documents."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, RowMapping, Select, Uuid, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import Document, DocumentId, MediaType, Sha256
from counterfoil.foundation.database import Row, Transaction
from counterfoil.foundation.paging import Page, Paging


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
        }
        tx.execute(insert(DocumentRow), row)

    def find(self, tx: Transaction, workspace: WorkspaceId, document_id: DocumentId) -> Document | None:
        row = tx.execute(_of(workspace).where(DocumentRow.id == document_id)).mappings().one_or_none()
        return _document(row) if row else None

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
    )
