"""Listing reviews and answering them."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request

from counterfoil.access.api import may
from counterfoil.access.domain import Permission, WorkspaceId
from counterfoil.foundation.paging import PageRead, PagingParameters, page_read
from counterfoil.foundation.problems import problems
from counterfoil.foundation.routing import provided
from counterfoil.records.domain import PERSON, FieldPath, RecordId
from counterfoil.records.parsing import parse
from counterfoil.reviews.domain import ReviewId, ReviewStatus
from counterfoil.reviews.schemas import (
    ReviewApprove,
    ReviewCorrect,
    ReviewCreate,
    ReviewDetail,
    ReviewRead,
    ReviewReject,
)
from counterfoil.reviews.service import Answer, ReviewService

router = APIRouter(prefix="/reviews", tags=["reviews"])

ToRead = Annotated[WorkspaceId, may(Permission.REVIEWS_READ)]
ToDecide = Annotated[WorkspaceId, may(Permission.REVIEWS_DECIDE)]


def current_reviewer() -> str:
    """Return who answers; until there is a log-in, nobody in particular."""
    return PERSON


Reviews = Annotated[ReviewService, Depends(provided(ReviewService))]
Reviewer = Annotated[str, Depends(current_reviewer)]
ReviewPath = Annotated[UUID, Path(description="The review's id.", examples=["01950000-0000-7000-8000-000000000004"])]
StatusFilter = Annotated[ReviewStatus | None, Query(description="Only reviews that stand so.", examples=["open"])]


@router.get("", responses=problems(422))
def list_reviews(
    request: Request,
    workspace: ToRead,
    reviews: Reviews,
    paging: PagingParameters,
    status: StatusFilter = None,
) -> PageRead[ReviewRead]:
    """List reviews, the most urgent first."""
    found = reviews.page(workspace, paging, status)
    return page_read(found, request, partial(ReviewRead.of, now=reviews.clock.now()))


@router.post("", status_code=201, responses=problems(404, 409, 422))
def ask_again(body: ReviewCreate, workspace: ToDecide, reviews: Reviews) -> ReviewRead:
    """Ask about a record that was answered already, to correct it; the review that is open, if one is."""
    return ReviewRead.of(reviews.ask_again(workspace, RecordId(body.record_id)), reviews.clock.now())


@router.get("/{review_id}", responses=problems(404, 422))
def get_review(review_id: ReviewPath, workspace: ToRead, reviews: Reviews) -> ReviewDetail:
    """Return a review and its record."""
    review, record = reviews.get(workspace, ReviewId(review_id))
    return ReviewDetail.with_record(review, record, reviews.clock.now())


@router.post("/{review_id}/approve", responses=problems(404, 409, 422))
def approve_review(
    review_id: ReviewPath, body: ReviewApprove, workspace: ToDecide, reviews: Reviews, reviewer: Reviewer
) -> ReviewRead:
    """Take the record as right, so that it is delivered."""
    answer = Answer(by=reviewer, version=body.version, note=body.note)
    return ReviewRead.of(reviews.approve(workspace, ReviewId(review_id), answer), reviews.clock.now())


@router.post("/{review_id}/correct", responses=problems(404, 409, 422))
def correct_review(
    review_id: ReviewPath, body: ReviewCorrect, workspace: ToDecide, reviews: Reviews, reviewer: Reviewer
) -> ReviewRead:
    """Change values of the record, and take it as right with them or leave the review open."""
    answer = Answer(by=reviewer, version=body.version, note=body.note)
    changes = {FieldPath(path): parse(FieldPath(path), value) for path, value in body.changes.items()}
    review = reviews.correct(workspace, ReviewId(review_id), answer, changes, approve=body.approve)
    return ReviewRead.of(review, reviews.clock.now())


@router.post("/{review_id}/reject", responses=problems(404, 409, 422))
def reject_review(
    review_id: ReviewPath, body: ReviewReject, workspace: ToDecide, reviews: Reviews, reviewer: Reviewer
) -> ReviewRead:
    """Say that the record is not to be used."""
    answer = Answer(by=reviewer, version=body.version, note=body.note)
    return ReviewRead.of(reviews.reject(workspace, ReviewId(review_id), answer), reviews.clock.now())
