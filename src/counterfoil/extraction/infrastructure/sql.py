"""Which bytes have been read, in SQL."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, Uuid, func, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import Document, DocumentId, Sha256
from counterfoil.extraction.domain import Extraction
from counterfoil.extraction.lookalikes import SHARED, marks_of
from counterfoil.foundation.database import Row, Transaction
from counterfoil.records.domain import ExtractionId

MOST_LOOKED_AT = 5


class ExtractionRow(Row):
    """An extraction; its content is a file named by the id."""

    __tablename__ = "extractions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("workspaces.id", ondelete="CASCADE"))
    document_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("documents.id", ondelete="CASCADE"))
    sha256: Mapped[str]
    cascade: Mapped[str]
    reader: Mapped[str]
    version: Mapped[str]
    created_at: Mapped[datetime]

    __table_args__ = (Index("extractions_of_bytes", "workspace_id", "sha256", "id"),)


class ExtractionMarkRow(Row):
    """A mark by which extractions of documents that show the same are found."""

    __tablename__ = "extraction_marks"

    extraction_id: Mapped[UUID] = mapped_column(
        Uuid(), ForeignKey("extractions.id", ondelete="CASCADE"), primary_key=True
    )
    mark: Mapped[int] = mapped_column(BigInteger(), primary_key=True, autoincrement=False)
    workspace_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("workspaces.id", ondelete="CASCADE"))

    __table_args__ = (Index("extraction_marks_of_workspace", "workspace_id", "mark"),)


class SqlExtractionStore:
    """Remembers extractions in SQL."""

    def find(self, tx: Transaction, workspace: WorkspaceId, sha256: Sha256, cascade: str | None) -> ExtractionId | None:
        query = select(ExtractionRow.id).where(ExtractionRow.workspace_id == workspace, ExtractionRow.sha256 == sha256)
        if cascade is not None:
            query = query.where(ExtractionRow.cascade == cascade)
        found = tx.execute(query.order_by(ExtractionRow.id.desc()).limit(1)).scalar_one_or_none()
        return ExtractionId(found) if found else None

    def add(
        self, tx: Transaction, document: Document, extraction_id: ExtractionId, cascade: str, extraction: Extraction
    ) -> None:
        row = {
            "id": extraction_id,
            "workspace_id": document.workspace,
            "document_id": document.id,
            "sha256": document.sha256,
            "cascade": cascade,
            "reader": extraction.reader,
            "version": extraction.version,
            "created_at": tx.now(),
        }
        tx.execute(insert(ExtractionRow), row)
        marks = marks_of(extraction.pages)
        if marks:
            common = {"extraction_id": extraction_id, "workspace_id": document.workspace}
            tx.execute(insert(ExtractionMarkRow), [common | {"mark": mark} for mark in marks])

    def sharing_marks(
        self, tx: Transaction, document: Document, marks: Sequence[int]
    ) -> Sequence[tuple[ExtractionId, DocumentId]]:
        mine = ExtractionRow.workspace_id == document.workspace
        first = (
            select(ExtractionRow.id)
            .where(mine, ExtractionRow.sha256 == document.sha256)
            .order_by(ExtractionRow.id)
            .limit(1)
            .scalar_subquery()
        )
        found = (
            select(ExtractionRow.id, ExtractionRow.document_id)
            .join(ExtractionMarkRow, ExtractionMarkRow.extraction_id == ExtractionRow.id)
            .where(mine, ExtractionMarkRow.workspace_id == document.workspace, ExtractionMarkRow.mark.in_(marks))
            .where(ExtractionRow.id < first)
            .group_by(ExtractionRow.id)
            .having(func.count() >= SHARED)
            .order_by(func.count().desc(), ExtractionRow.id)
            .limit(MOST_LOOKED_AT)
        )
        return [(ExtractionId(row.id), DocumentId(row.document_id)) for row in tx.execute(found)]
