"""Opening reviews and answering them; the answer accepts the record, or not."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.clock import Clock
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.ids import IdSource
from counterfoil.foundation.paging import Page, Paging
from counterfoil.records.domain import AcceptedBy, FieldPath, FieldValue, Record, RecordId
from counterfoil.records.json_form import fingerprint
from counterfoil.records.service import RecordService
from counterfoil.reviews.domain import (
    RULE,
    Decision,
    DeliveryRule,
    Review,
    ReviewChanged,
    ReviewClosed,
    ReviewId,
    ReviewStatus,
    UnknownReview,
    about,
    accept_now,
    closed,
    importance_of,
    is_about,
    may_close_by_rule,
)
from counterfoil.reviews.protocols import ReviewStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Who answers a review, having seen which version of it, and what they say about it."""

    by: str
    version: int
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewService:
    """What the rest of the house may ask about reviews.

    `threshold` is the confidence (0 to 1) from which nobody is asked, `time_to_answer` how long a review may take.
    """

    database: Database
    store: ReviewStore
    records: RecordService
    clock: Clock
    new_id: IdSource
    delivery: DeliveryRule
    threshold: float
    time_to_answer: timedelta

    def open(self, tx: Transaction, workspace: WorkspaceId, record: Record) -> Review:
        """Ask whether a record that was just drafted is right, unless that is answered already or clear by rule.

        Opening again after the same reading changes nothing.
        """
        self.records.hold(tx, workspace, record.id, record.version)
        review = self.store.latest(tx, workspace, record.document_id)
        if review is not None and review.status is ReviewStatus.OPEN:
            asked = self._saved(tx, about(review, record))
        elif review is not None and is_about(review, record):
            return review
        else:
            asked = self._added(tx, record)
        return self._settled_by_rule(tx, asked, record)

    def ask_again(self, workspace: WorkspaceId, record_id: RecordId) -> Review:
        """Ask whether a record is right after all, for a person who doubts the answer; an open review is that question.

        The record stays accepted until the new answer, which changes the rows that it was delivered to.

        Raises:
            UnknownRecord: there is none in this workspace.
            ReviewClosed: its document is read as a part of another, whose record it is that can be asked about.
        """
        with self.database.transaction(workspace) as tx:
            record = self.records.hold(tx, workspace, record_id)
            latest = self.store.latest(tx, workspace, record.document_id)
            if latest and latest.status is ReviewStatus.OPEN:
                return latest
            if latest and latest.decision is Decision.JOINED:
                raise ReviewClosed(latest)
            return self._added(tx, record)

    def approve(self, workspace: WorkspaceId, review_id: ReviewId, answer: Answer) -> Review:
        """Take the record as right.

        Raises:
            UnknownReview: there is none in this workspace.
            ReviewClosed: it has been answered.
            ReviewChanged: it is at another version.
        """
        with self.database.transaction(workspace) as tx:
            review, _ = self._held(tx, workspace, review_id, answer)
            return self._accepted(tx, review, answer)

    def correct(
        self,
        workspace: WorkspaceId,
        review_id: ReviewId,
        answer: Answer,
        changes: Mapping[FieldPath, FieldValue],
        *,
        approve: bool,
    ) -> Review:
        """Change values of the record, and take it as right with them or leave the review open.

        Raises:
            UnknownReview: there is none in this workspace.
            ReviewClosed: it has been answered.
            ReviewChanged: it is at another version.
            InvalidField: there is no such field.
        """
        with self.database.transaction(workspace) as tx:
            review, before = self._held(tx, workspace, review_id, answer)
            record = self.records.correct(tx, workspace, before.id, changes, before.version, by=answer.by)
            changed = replace(
                review,
                fingerprint=fingerprint(record.data),
                corrected=review.corrected or record.data != before.data,
            )
            if approve:
                return self._accepted(tx, changed, answer)
            note = answer.note or review.note
            return self._saved(tx, replace(changed, note=note, version=review.version + 1))

    def reject(self, workspace: WorkspaceId, review_id: ReviewId, answer: Answer) -> Review:
        """Say that the record is not to be used.

        Raises:
            UnknownReview: there is none in this workspace.
            ReviewClosed: it has been answered.
            ReviewChanged: it is at another version.
        """
        with self.database.transaction(workspace) as tx:
            review, record = self._held(tx, workspace, review_id, answer)
            self.records.withdraw(tx, workspace, record.id)
            return self._closed(tx, review, Decision.REJECTED, answer)

    def close_joined(self, tx: Transaction, record: Record, note: str) -> None:
        """Ask nobody about a record any more whose document is read as a part of another. The caller holds it."""
        review = self.store.latest(tx, record.workspace, record.document_id)
        if review is not None and review.status is ReviewStatus.OPEN:
            self._saved(tx, closed(review, Decision.JOINED, by=RULE, now=self.clock.now(), note=note))

    def get(self, workspace: WorkspaceId, review_id: ReviewId) -> tuple[Review, Record]:
        """Return a review and the record as it is now.

        Raises:
            UnknownReview: there is none in this workspace.
        """
        with self.database.reading(workspace) as tx:
            review = self._found(tx, workspace, review_id)
            return review, self.records.find(tx, workspace, review.record_id)

    def page(self, workspace: WorkspaceId, paging: Paging, status: ReviewStatus | None = None) -> Page[Review]:
        """Return a part of the workspace's reviews, the most urgent first."""
        with self.database.reading(workspace) as tx:
            return self.store.page(tx, workspace, paging, status)

    def _added(self, tx: Transaction, record: Record) -> Review:
        now = self.clock.now()
        review = Review(
            id=ReviewId(self.new_id()),
            workspace=record.workspace,
            record_id=record.id,
            document_id=record.document_id,
            reasons=record.reasons,
            importance=importance_of(record),
            fingerprint=fingerprint(record.data),
            due_at=now + self.time_to_answer,
            opened_at=now,
        )
        self.store.add(tx, review)
        return review

    def _settled_by_rule(self, tx: Transaction, review: Review, record: Record) -> Review:
        """Accept the record if it may be delivered without an answer, and close the review if none is needed."""
        sure = may_close_by_rule(record, self.threshold)
        if not accept_now(self.delivery, sure=sure):
            return review
        self.records.accept(tx, review.workspace, record.id, AcceptedBy.RULE)
        if not sure:
            return review
        return self._saved(tx, closed(review, Decision.ACCEPTED_BY_RULE, by=RULE, now=self.clock.now()))

    def _accepted(self, tx: Transaction, review: Review, answer: Answer) -> Review:
        self.records.accept(tx, review.workspace, review.record_id, AcceptedBy.PERSON)
        return self._closed(tx, review, Decision.CORRECTED if review.corrected else Decision.APPROVED, answer)

    def _closed(self, tx: Transaction, review: Review, decision: Decision, answer: Answer) -> Review:
        note = answer.note or review.note
        return self._saved(tx, closed(review, decision, by=answer.by, now=self.clock.now(), note=note))

    def _held(
        self, tx: Transaction, workspace: WorkspaceId, review_id: ReviewId, answer: Answer
    ) -> tuple[Review, Record]:
        """Return a review that may be answered, and its record, both kept from others until the transaction ends."""
        record_id = self._found(tx, workspace, review_id).record_id
        # The record first, as when it is read again; what the review says counts only from then on.
        record = self.records.hold(tx, workspace, record_id)
        review = self._found(tx, workspace, review_id)
        if review.status is ReviewStatus.CLOSED:
            raise ReviewClosed(review)
        if review.version != answer.version or not is_about(review, record):
            raise ReviewChanged(review, answer.version)
        return review, record

    def _found(self, tx: Transaction, workspace: WorkspaceId, review_id: ReviewId) -> Review:
        review = self.store.find(tx, workspace, review_id)
        if review is None:
            raise UnknownReview(review_id)
        return review

    def _saved(self, tx: Transaction, review: Review) -> Review:
        self.store.save(tx, review)
        return review
