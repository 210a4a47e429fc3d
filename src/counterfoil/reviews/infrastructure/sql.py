"""The table of reviews."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Uuid, and_, insert, or_, select, text, update
from sqlalchemy.orm import Mapped, mapped_column

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import DocumentId
from counterfoil.foundation.database import Row, Transaction
from counterfoil.foundation.paging import InvalidCursor, Page, Paging
from counterfoil.records.domain import RecordId
from counterfoil.records.json_form import keepable, reasons_from_json, reasons_to_json
from counterfoil.reviews.domain import Decision, Review, ReviewId, ReviewStatus
from counterfoil.reviews.priority import attention_time

_OPEN = text("status = 'open'")


class ReviewRow(Row):
    """A review; `attention_at` sorts by priority."""

    __tablename__ = "reviews"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("workspaces.id", ondelete="CASCADE"))
    record_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("records.id"))
    document_id: Mapped[UUID]
    status: Mapped[str]
    decision: Mapped[str | None]
    decided_by: Mapped[str | None]
    reasons: Mapped[list[Any]]
    importance: Mapped[int]
    attention_at: Mapped[datetime]
    fingerprint: Mapped[str]
    corrected: Mapped[bool]
    note: Mapped[str | None]
    due_at: Mapped[datetime]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    version: Mapped[int]

    __table_args__ = (
        Index("ix_reviews_workspace_id_status_attention_at_id", "workspace_id", "status", "attention_at", "id"),
        Index("ix_reviews_workspace_id_document_id_id", "workspace_id", "document_id", "id"),
        # One question at a time about a document, whatever else goes wrong.
        Index("uq_reviews_open_document_id", "document_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
    )


class SqlReviewStore:
    """Keeps reviews in the database."""

    def add(self, tx: Transaction, review: Review) -> None:
        tx.execute(insert(ReviewRow), _columns(review))

    def save(self, tx: Transaction, review: Review) -> None:
        mine = ReviewRow.workspace_id == review.workspace
        tx.execute(update(ReviewRow).where(mine, ReviewRow.id == review.id).values(_columns(review)))

    def find(self, tx: Transaction, workspace: WorkspaceId, review_id: ReviewId) -> Review | None:
        statement = select(ReviewRow.__table__).where(ReviewRow.workspace_id == workspace, ReviewRow.id == review_id)
        row = tx.execute(statement).mappings().one_or_none()
        return _review(row) if row else None

    def latest(self, tx: Transaction, workspace: WorkspaceId, document_id: DocumentId) -> Review | None:
        mine = (ReviewRow.workspace_id == workspace, ReviewRow.document_id == document_id)
        open_first = (ReviewRow.status == ReviewStatus.OPEN.value).desc()
        statement = select(ReviewRow.__table__).where(*mine).order_by(open_first, ReviewRow.id.desc()).limit(1)
        row = tx.execute(statement).mappings().one_or_none()
        return _review(row) if row else None

    def page(
        self, tx: Transaction, workspace: WorkspaceId, paging: Paging, status: ReviewStatus | None
    ) -> Page[Review]:
        statement = select(ReviewRow.__table__).where(ReviewRow.workspace_id == workspace)
        if status is not None:
            statement = statement.where(ReviewRow.status == status.value)
        if paging.after is not None:
            last = self.find(tx, workspace, ReviewId(paging.after))
            if last is None:
                raise InvalidCursor
            place = attention_time(last.importance, last.due_at)
            beside = and_(ReviewRow.attention_at == place, ReviewRow.id > last.id)
            statement = statement.where(or_(ReviewRow.attention_at > place, beside))
        by_priority = statement.order_by(ReviewRow.attention_at, ReviewRow.id).limit(paging.limit + 1)
        rows = tx.execute(by_priority).mappings()
        return Page.of([_review(row) for row in rows], paging, lambda review: review.id)


def _columns(review: Review) -> dict[str, Any]:
    return {
        "id": review.id,
        "workspace_id": review.workspace,
        "record_id": review.record_id,
        "document_id": review.document_id,
        "status": review.status.value,
        "decision": review.decision.value if review.decision else None,
        "decided_by": review.decided_by,
        "reasons": reasons_to_json(review.reasons),
        "importance": review.importance,
        "attention_at": attention_time(review.importance, review.due_at),
        "fingerprint": review.fingerprint,
        "corrected": review.corrected,
        "note": None if review.note is None else keepable(review.note),
        "due_at": review.due_at,
        "opened_at": review.opened_at,
        "closed_at": review.closed_at,
        "version": review.version,
    }


def _review(row: Any) -> Review:
    return Review(
        id=ReviewId(row["id"]),
        workspace=WorkspaceId(row["workspace_id"]),
        record_id=RecordId(row["record_id"]),
        document_id=DocumentId(row["document_id"]),
        status=ReviewStatus(row["status"]),
        decision=Decision(row["decision"]) if row["decision"] else None,
        decided_by=row["decided_by"],
        reasons=reasons_from_json(row["reasons"]),
        importance=row["importance"],
        fingerprint=row["fingerprint"],
        corrected=row["corrected"],
        note=row["note"],
        due_at=row["due_at"],
        opened_at=row["opened_at"],
        closed_at=row["closed_at"],
        version=row["version"],
    )
