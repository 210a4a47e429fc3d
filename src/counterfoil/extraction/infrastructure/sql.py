"""Which bytes have been read, in SQL."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Uuid, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import Document, Sha256
from counterfoil.extraction.domain import Extraction
from counterfoil.foundation.database import Row, Transaction
from counterfoil.records.domain import ExtractionId


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
