"""A review is the question whether a record is right, and its answer.

    (a document is read) ─→ open ─→ closed: accepted_by_rule | approved | corrected | rejected | joined
                             ↑  │
                             └──┘ read again, or corrections saved

Every hand-in has a review, also one that a rule answers at once. A document that is read again keeps its open review;
a closed one stays as it is, and a new review is opened if other values came out, or if a person asks for one.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NewType, assert_never
from uuid import UUID

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import DocumentId
from counterfoil.foundation.errors import Conflict, NotFound
from counterfoil.records.domain import IMPORTANT, Reason, Record, RecordId
from counterfoil.records.json_form import fingerprint
from counterfoil.reviews.priority import importance

ReviewId = NewType("ReviewId", UUID)


class ReviewStatus(StrEnum):
    """Whether the question stands."""

    OPEN = "open"
    CLOSED = "closed"


class Decision(StrEnum):
    """How a review was answered."""

    APPROVED = "approved"
    CORRECTED = "corrected"
    REJECTED = "rejected"
    ACCEPTED_BY_RULE = "accepted_by_rule"
    JOINED = "joined"
    """Nobody has to answer any more: the document is read as a part of another, which the note names."""


class DeliveryRule(StrEnum):
    """When a record may be delivered."""

    WHEN_SURE = "when_sure"
    ALWAYS = "always"
    AFTER_REVIEW = "after_review"


RULE = "rule"
"""Who decided when nobody was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One question about one record.

    `importance` is the part of the priority that time does not change (see `priority.py`). `reasons` are those at
    opening, `fingerprint` tells which values the review is about, and `corrected` whether a person changed some.
    """

    id: ReviewId
    workspace: WorkspaceId
    record_id: RecordId
    document_id: DocumentId
    status: ReviewStatus = ReviewStatus.OPEN
    decision: Decision | None = None
    decided_by: str | None = None
    reasons: tuple[Reason, ...]
    importance: int
    fingerprint: str
    corrected: bool = False
    note: str | None = None
    due_at: datetime
    opened_at: datetime
    closed_at: datetime | None = None
    version: int = 1


def about(review: Review, record: Record) -> Review:
    """Return the open review as the question about the record as it is now."""
    asked = replace(
        review, reasons=record.reasons, importance=importance_of(record), fingerprint=fingerprint(record.data)
    )
    return review if asked == review else replace(asked, version=review.version + 1)


def is_about(review: Review, record: Record) -> bool:
    """Tell whether the record still has the values that the review is about."""
    return review.fingerprint == fingerprint(record.data)


def closed(review: Review, decision: Decision, *, by: str, now: datetime, note: str | None = None) -> Review:
    """Return the review with its answer.

    Raises:
        ReviewClosed: it has one already.
    """
    if review.status is ReviewStatus.CLOSED:
        raise ReviewClosed(review)
    return replace(
        review,
        status=ReviewStatus.CLOSED,
        decision=decision,
        decided_by=by,
        closed_at=now,
        note=note,
        version=review.version + 1,
    )


def may_close_by_rule(record: Record, threshold: float) -> bool:
    """Tell whether nobody needs to be asked: no reason for doubt, and every important value sure enough."""
    return not record.reasons and lowest_confidence(record) >= threshold


def accept_now(rule: DeliveryRule, *, sure: bool) -> bool:
    """Tell whether a record is accepted, and so delivered, as soon as it is read. `sure`: nobody needs to be asked."""
    match rule:
        case DeliveryRule.WHEN_SURE:
            return sure
        case DeliveryRule.ALWAYS:
            return True
        case DeliveryRule.AFTER_REVIEW:
            return False
        case _:
            assert_never(rule)


def lowest_confidence(record: Record) -> float:
    """Return how sure the least sure of the important values is; 0 if one is missing."""
    return min(record.confidence(path) for path in IMPORTANT)


def importance_of(record: Record) -> int:
    """Return the part of a review's priority that its record decides."""
    return importance(
        confidence=lowest_confidence(record),
        items=len(record.data.line_items),
        taxes=len(record.data.taxes),
        reasons=len(record.reasons),
        total=record.data.total,
        currency=record.data.currency,
    )


class UnknownReview(NotFound):
    """There is no such review in this workspace."""

    code = "review_not_found"

    def __init__(self, review_id: UUID) -> None:
        super().__init__(f"There is no review {review_id}.")


class ReviewClosed(Conflict):
    """The review has been answered."""

    code = "review_closed"
    advice = "Look at the review: somebody else, or a rule, has answered it. To ask again, POST /api/v1/reviews."

    def __init__(self, review: Review) -> None:
        super().__init__(f"Review {review.id} was closed by {review.decided_by}: {review.decision}.")


class ReviewChanged(Conflict):
    """The review changed since it was looked at."""

    code = "review_changed"
    advice = "Look at the review and its record as they are now and decide again."

    def __init__(self, review: Review, seen: int) -> None:
        super().__init__(f"Review {review.id} or its record changed after version {seen} was looked at.")
