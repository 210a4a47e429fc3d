"""Reviews and their answers as they go over HTTP."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from counterfoil.records.domain import Record
from counterfoil.records.schemas import ReasonRead, RecordRead, reason_read
from counterfoil.reviews.domain import Decision, Review, ReviewStatus
from counterfoil.reviews.priority import priority

MAX_NOTE = 2000
MAX_CHANGES = 500

Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_NOTE)]
Version = Annotated[int, Field(description="The version of the review that was looked at.", ge=1, examples=[1])]


class ReviewRead(BaseModel):
    """A question about a record, and its answer."""

    id: UUID = Field(description="The review's id.", examples=["01950000-0000-7000-8000-000000000004"])
    record_id: UUID = Field(description="Its record.", examples=["01950000-0000-7000-8000-000000000001"])
    document_id: UUID = Field(description="Its document.", examples=["01950000-0000-7000-8000-000000000001"])
    status: ReviewStatus = Field(description="Whether it waits for an answer.", examples=["open"])
    decision: Decision | None = Field(description="The answer.", examples=["approved"])
    decided_by: str | None = Field(description="Who answered; `rule` if nobody was asked.", examples=["person"])
    reasons: list[ReasonRead] = Field(description="What made the record doubtful when this was asked.")
    priority: int = Field(description="How urgent it is now, or was when it was answered: 0 to 100.", examples=[42])
    due_at: datetime = Field(description="When it should be answered.", examples=["2026-03-02T12:00:00Z"])
    opened_at: datetime = Field(description="When it was asked.", examples=["2026-03-01T12:00:00Z"])
    closed_at: datetime | None = Field(description="When it was answered.", examples=["2026-03-01T13:00:00Z"])
    note: str | None = Field(description="What was said with the answer.", examples=["Private purchase."])
    version: int = Field(description="Send it along with the answer.", examples=[1])

    @classmethod
    def of(cls, review: Review, now: datetime) -> "ReviewRead":
        return cls(**_content(review, now))


class ReviewDetail(ReviewRead):
    """A review with the record as it is now."""

    record: RecordRead = Field(description="What is asked about.")

    @classmethod
    def with_record(cls, review: Review, record: Record, now: datetime) -> "ReviewDetail":
        return cls(**_content(review, now), record=RecordRead.of(record))


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ReviewApprove(_Body):
    """The record is right."""

    version: Version
    note: Note | None = Field(None, description="Anything to say.", examples=["Checked by phone."])


class ReviewCreate(_Body):
    """A record is to be asked about, also one that was accepted."""

    record_id: UUID = Field(description="The record.", examples=["01950000-0000-7000-8000-000000000003"])


class ReviewReject(_Body):
    """The record is not to be used."""

    version: Version
    note: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NOTE)] = Field(
        description="Why not.", examples=["Private purchase."]
    )


class ReviewCorrect(_Body):
    """Some values are other than they were read."""

    version: Version
    changes: dict[str, Any] = Field(
        description="The right values by path. Amounts as text; null empties a field; `line_items` and `taxes` take "
        "whole lists, and the number after a list's last row adds one.",
        min_length=1,
        max_length=MAX_CHANGES,
        examples=[{"total": "12.30", "merchant.name": "Corner Bakery", "taxes": [{"rate": "19", "amount": "1.96"}]}],
    )
    approve: bool = Field(
        True, description="Take the record as right with them; else the review stays open.", examples=[True]
    )
    note: Note | None = Field(None, description="Anything to say.", examples=["The stamp hid the total."])


def _content(review: Review, now: datetime) -> dict[str, Any]:
    return {
        "id": review.id,
        "record_id": review.record_id,
        "document_id": review.document_id,
        "status": review.status,
        "decision": review.decision,
        "decided_by": review.decided_by,
        "reasons": [reason_read(reason) for reason in review.reasons],
        "priority": priority(review.importance, due_at=review.due_at, now=review.closed_at or now),
        "due_at": review.due_at,
        "opened_at": review.opened_at,
        "closed_at": review.closed_at,
        "note": review.note,
        "version": review.version,
    }
