"""Every hand-in is asked about once, and the answer decides what becomes of the record."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from threading import Barrier

import pytest
from sqlalchemy.exc import IntegrityError

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import DocumentId
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.paging import InvalidCursor, Paging
from counterfoil.records.domain import (
    AcceptedBy,
    FieldPath,
    InvalidField,
    InvoiceData,
    Reason,
    ReasonCode,
    Record,
    RecordStatus,
    UnknownRecord,
)
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
)
from counterfoil.reviews.service import Answer, ReviewService
from tests.support.clock import FixedClock
from tests.support.receipts import BAKERY, a_document, sources_of
from tests.support.records import Called, record_service, review_service

TOTAL = FieldPath("total")
WRONG = replace(BAKERY, total=Decimal("17.00"))
DUPLICATE = Reason(code=ReasonCode.DUPLICATE, facts={"document": "a.pdf"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The two services, and what is handed in to them in one workspace."""

    reviews: ReviewService
    delivered: Called
    workspace: WorkspaceId

    @property
    def records(self) -> RecordService:
        return self.reviews.records

    def under(self, delivery: DeliveryRule) -> "Desk":
        return replace(self, reviews=replace(self.reviews, delivery=delivery))

    def hand_in(
        self,
        data: InvoiceData,
        document: DocumentId | None = None,
        *,
        confidence: float = 0.95,
        reasons: tuple[Reason, ...] = (),
    ) -> Review:
        """Draft a document's record and open its review, as the pipeline does."""
        sources = sources_of(data, confidence=confidence)
        with self.records.database.transaction() as tx:
            record = self.records.draft(
                tx, self.workspace, document or a_document(), data, sources, extra_reasons=reasons
            )
            return self.reviews.open(tx, self.workspace, record)

    def record_of(self, review: Review) -> Record:
        return self.reviews.get(self.workspace, review.id)[1]

    def listed(self, status: ReviewStatus | None = None) -> list[Review]:
        return list(self.reviews.page(self.workspace, Paging(), status).items)

    def correct(self, review: Review, changes: dict[str, Decimal | str], *, approve: bool = True) -> Review:
        named = {FieldPath(path): value for path, value in changes.items()}
        return self.reviews.correct(self.workspace, review.id, seen(review), named, approve=approve)


def seen(review: Review, note: str | None = None) -> Answer:
    return Answer(by="person", version=review.version, note=note)


@pytest.fixture
def desk(database: Database, clock: FixedClock, workspace: WorkspaceId) -> Desk:
    delivered = Called()
    records = record_service(database, clock, next_step=delivered)
    return Desk(reviews=review_service(database, clock, records), delivered=delivered, workspace=workspace)


def test_a_record_without_doubt_is_accepted_by_rule(desk: Desk, clock: FixedClock) -> None:
    review = desk.hand_in(BAKERY)
    assert (review.status, review.decision, review.decided_by) == (
        ReviewStatus.CLOSED,
        Decision.ACCEPTED_BY_RULE,
        RULE,
    )
    assert review.closed_at == clock.now()
    assert desk.record_of(review).accepted_by is AcceptedBy.RULE
    assert [record.id for record in desk.delivered.records] == [review.record_id]
    assert desk.listed() == [review]


@pytest.mark.parametrize("doubt", ["reason", "confidence", "duplicate"])
def test_a_doubtful_record_waits_for_a_person(desk: Desk, doubt: str) -> None:
    match doubt:
        case "reason":
            review = desk.hand_in(WRONG)
        case "confidence":
            review = desk.hand_in(BAKERY, confidence=0.6)
        case _:
            review = desk.hand_in(BAKERY, reasons=(DUPLICATE,))
    assert review.status is ReviewStatus.OPEN
    assert review.reasons == desk.record_of(review).reasons
    assert desk.record_of(review).status is RecordStatus.DRAFT
    assert desk.delivered.records == []


def test_always_delivers_at_once_and_asks_all_the_same(desk: Desk) -> None:
    desk = desk.under(DeliveryRule.ALWAYS)
    doubtful, sure = desk.hand_in(WRONG), desk.hand_in(BAKERY)
    assert (doubtful.status, sure.status) == (ReviewStatus.OPEN, ReviewStatus.CLOSED)
    assert len(desk.delivered.records) == 2
    desk.reviews.approve(desk.workspace, doubtful.id, seen(doubtful))
    assert desk.record_of(doubtful).accepted_by is AcceptedBy.PERSON
    assert len(desk.delivered.records) == 2


def test_after_review_delivers_nothing_unseen(desk: Desk) -> None:
    desk = desk.under(DeliveryRule.AFTER_REVIEW)
    review = desk.hand_in(BAKERY)
    assert review.status is ReviewStatus.OPEN
    assert desk.delivered.records == []


def test_approval_accepts_the_record_and_delivers_it(desk: Desk, clock: FixedClock) -> None:
    opened = desk.hand_in(WRONG)
    clock.pass_by(timedelta(hours=2))
    review = desk.reviews.approve(desk.workspace, opened.id, seen(opened, "checked"))
    assert (review.decision, review.decided_by, review.note) == (Decision.APPROVED, "person", "checked")
    assert (review.opened_at, review.closed_at) == (opened.opened_at, clock.now())
    assert desk.reviews.get(desk.workspace, review.id)[0] == review
    assert [record.status for record in desk.delivered.records] == [RecordStatus.ACCEPTED]


def test_a_correction_is_delivered_with_the_right_values(desk: Desk) -> None:
    opened = desk.hand_in(WRONG)
    review = desk.correct(opened, {"total": Decimal("10.70")})
    assert review.decision is Decision.CORRECTED
    assert desk.record_of(review).locked == {TOTAL}
    assert [record.data.total for record in desk.delivered.records] == [Decimal("10.70")]


def test_corrections_can_be_saved_and_approved_later(desk: Desk) -> None:
    opened = desk.hand_in(WRONG)
    saved = desk.correct(opened, {"total": Decimal("10.70")}, approve=False)
    assert (saved.status, saved.version) == (ReviewStatus.OPEN, 2)
    assert desk.delivered.records == []
    review = desk.reviews.approve(desk.workspace, saved.id, seen(saved))
    assert review.decision is Decision.CORRECTED
    assert len(desk.delivered.records) == 1


def test_confirming_a_value_is_no_correction(desk: Desk) -> None:
    review = desk.correct(desk.hand_in(WRONG), {"total": Decimal("17.00")})
    assert review.decision is Decision.APPROVED
    assert desk.record_of(review).locked == {TOTAL}


def test_a_rejected_record_is_not_delivered(desk: Desk) -> None:
    opened = desk.hand_in(WRONG)
    review = desk.reviews.reject(desk.workspace, opened.id, seen(opened, "private"))
    assert (review.decision, review.note) == (Decision.REJECTED, "private")
    assert desk.record_of(review).status is RecordStatus.DRAFT
    assert desk.delivered.records == []


def test_rejection_takes_back_what_was_accepted_unseen(desk: Desk) -> None:
    opened = desk.under(DeliveryRule.ALWAYS).hand_in(WRONG)
    assert desk.record_of(opened).status is RecordStatus.ACCEPTED
    desk.reviews.reject(desk.workspace, opened.id, seen(opened, "private"))
    assert desk.record_of(opened).status is RecordStatus.DRAFT


def test_nobody_is_asked_any_more_about_a_document_that_was_joined(desk: Desk, clock: FixedClock) -> None:
    opened, answered = desk.hand_in(WRONG), desk.hand_in(WRONG)
    rejected = desk.reviews.reject(desk.workspace, answered.id, seen(answered, "private"))
    with desk.records.database.transaction() as tx:
        for review in (opened, rejected):
            desk.reviews.close_joined(tx, desk.record_of(review), "Its pages are read elsewhere.")
    closed, _ = desk.reviews.get(desk.workspace, opened.id)
    assert (closed.status, closed.decision, closed.decided_by) == (ReviewStatus.CLOSED, Decision.JOINED, RULE)
    assert (closed.note, closed.closed_at) == ("Its pages are read elsewhere.", clock.now())
    assert desk.reviews.get(desk.workspace, rejected.id)[0] == rejected
    with pytest.raises(ReviewClosed):
        desk.reviews.approve(desk.workspace, closed.id, seen(closed))


def test_an_answered_review_takes_no_other_answer(desk: Desk) -> None:
    opened = desk.hand_in(WRONG)
    review = desk.reviews.approve(desk.workspace, opened.id, seen(opened))
    attempts: list[Callable[[], Review]] = [
        lambda: desk.reviews.approve(desk.workspace, review.id, seen(review)),
        lambda: desk.reviews.reject(desk.workspace, review.id, seen(review, "no")),
        lambda: desk.correct(review, {"total": Decimal(1)}),
    ]
    for attempt in attempts:
        with pytest.raises(ReviewClosed):
            attempt()
    assert len(desk.delivered.records) == 1


@pytest.mark.parametrize("approved", [True, False], ids=["approved", "accepted by rule"])
def test_a_record_that_was_accepted_is_asked_about_again_and_corrected(desk: Desk, approved: bool) -> None:
    answered = desk.hand_in(WRONG if approved else BAKERY)
    if approved:
        answered = desk.reviews.approve(desk.workspace, answered.id, seen(answered))
    again = desk.reviews.ask_again(desk.workspace, answered.record_id)
    assert desk.reviews.ask_again(desk.workspace, answered.record_id) == again
    assert (again.status, again.id == answered.id) == (ReviewStatus.OPEN, False)
    assert desk.record_of(again).status is RecordStatus.ACCEPTED
    assert len(desk.delivered.records) == 1
    corrected = desk.correct(again, {"total": Decimal("18.00")})
    assert corrected.decision is Decision.CORRECTED
    assert [record.data.total for record in desk.delivered.records][1:] == [Decimal("18.00")]
    assert desk.reviews.get(desk.workspace, answered.id)[0] == answered


def test_of_a_part_of_another_document_nobody_can_ask_again(desk: Desk) -> None:
    opened = desk.hand_in(WRONG)
    with desk.records.database.transaction() as tx:
        desk.reviews.close_joined(tx, desk.record_of(opened), "Its pages are read elsewhere.")
    with pytest.raises(ReviewClosed):
        desk.reviews.ask_again(desk.workspace, opened.record_id)


def test_an_answer_to_an_older_question_is_refused(desk: Desk) -> None:
    opened = desk.hand_in(WRONG)
    desk.hand_in(replace(WRONG, total=Decimal("18.00")), opened.document_id)
    with pytest.raises(ReviewChanged) as raised:
        desk.reviews.approve(desk.workspace, opened.id, seen(opened))
    assert (raised.value.code, raised.value.status) == ("review_changed", 409)


def test_a_record_that_changed_beside_its_review_is_not_approved_unseen(desk: Desk) -> None:
    opened = desk.hand_in(WRONG)
    with desk.records.database.transaction() as tx:
        desk.records.draft(tx, desk.workspace, opened.document_id, BAKERY, sources_of(BAKERY))
    with pytest.raises(ReviewChanged):
        desk.reviews.approve(desk.workspace, opened.id, seen(opened))


def test_of_several_answers_at_one_moment_one_counts(desk: Desk) -> None:
    opened = desk.hand_in(WRONG)
    start = Barrier(4)

    def answer(number: int) -> Decision | None:
        start.wait()
        try:
            if number % 2:
                return desk.correct(opened, {"total": Decimal(number)}).decision
            return desk.reviews.approve(desk.workspace, opened.id, seen(opened)).decision
        except ReviewClosed:
            return None

    with ThreadPoolExecutor(4) as people:
        decisions = [decision for decision in people.map(answer, range(4)) if decision]
    assert decisions == [desk.listed()[0].decision]
    assert len(desk.delivered.records) == 1


def test_a_wrong_correction_leaves_everything_as_it_was(desk: Desk) -> None:
    opened = desk.hand_in(WRONG)
    before = desk.record_of(opened)
    with pytest.raises(InvalidField):
        desk.correct(opened, {"total": Decimal(1), "sum": "x"})
    assert desk.reviews.get(desk.workspace, opened.id) == (opened, before)


def test_reading_again_keeps_the_open_review(desk: Desk) -> None:
    opened = desk.hand_in(WRONG)
    again = desk.hand_in(replace(WRONG, total=None), opened.document_id)
    assert (again.id, again.version) == (opened.id, 2)
    assert [reason.code for reason in again.reasons] == [ReasonCode.MISSING_TOTAL]
    assert again.importance > opened.importance
    assert desk.listed() == [again]


def test_reading_again_without_doubt_answers_the_open_review(desk: Desk) -> None:
    opened = desk.hand_in(WRONG)
    again = desk.hand_in(BAKERY, opened.document_id)
    assert (again.id, again.decision) == (opened.id, Decision.ACCEPTED_BY_RULE)
    assert len(desk.delivered.records) == 1


def test_repeating_an_attempt_changes_nothing(desk: Desk) -> None:
    opened, sure = desk.hand_in(WRONG), desk.hand_in(BAKERY)
    assert desk.hand_in(WRONG, opened.document_id) == opened
    assert desk.hand_in(BAKERY, sure.document_id) == sure
    assert len(desk.delivered.records) == 1


def test_reading_again_after_the_answer_asks_only_if_other_values_came_out(desk: Desk) -> None:
    opened = desk.hand_in(WRONG)
    corrected = desk.correct(opened, {"total": Decimal("10.70")})
    same = desk.hand_in(WRONG, opened.document_id, confidence=0.99)
    assert same == corrected
    other = desk.hand_in(replace(WRONG, number="8"), opened.document_id, confidence=0.6)
    assert other.id != opened.id
    assert other.status is ReviewStatus.OPEN
    assert desk.record_of(other).data.total == Decimal("10.70")
    assert desk.reviews.get(desk.workspace, opened.id)[0] == corrected
    assert desk.hand_in(replace(WRONG, number="8"), opened.document_id, confidence=0.6) == other


def test_the_same_bytes_handed_in_twice_have_a_review_each(desk: Desk) -> None:
    first, second = desk.hand_in(BAKERY), desk.hand_in(BAKERY, reasons=(DUPLICATE,))
    assert {review.id for review in desk.listed()} == {first.id, second.id}
    assert second.status is ReviewStatus.OPEN


def test_no_document_ever_has_two_open_reviews(desk: Desk, database: Database) -> None:
    opened = desk.hand_in(WRONG)
    with pytest.raises(IntegrityError), database.transaction() as tx:
        desk.reviews.store.add(tx, replace(opened, id=ReviewId(new_id())))


def test_the_most_urgent_comes_first_and_old_ones_rise(desk: Desk, clock: FixedClock) -> None:
    calm = desk.hand_in(WRONG)
    empty = desk.hand_in(InvoiceData())
    assert [review.id for review in desk.listed(ReviewStatus.OPEN)] == [empty.id, calm.id]
    clock.pass_by(timedelta(hours=160))
    late = desk.hand_in(InvoiceData())
    assert [review.id for review in desk.listed(ReviewStatus.OPEN)] == [empty.id, calm.id, late.id]


def test_lists_are_paged_by_priority_and_filtered(desk: Desk, clock: FixedClock) -> None:
    made = [desk.hand_in(replace(WRONG, number=str(number) * 8)) for number in range(5)]
    closed = desk.hand_in(BAKERY)
    found: list[ReviewId] = []
    paging = Paging(limit=2)
    while True:
        page = desk.reviews.page(desk.workspace, paging, ReviewStatus.OPEN)
        found += [review.id for review in page.items]
        clock.pass_by(timedelta(hours=30))
        if page.next_after is None:
            break
        paging = Paging(limit=2, after=page.next_after)
    assert found == [review.id for review in made]
    assert desk.listed(ReviewStatus.CLOSED) == [closed]


def test_a_page_after_an_unknown_review_is_refused(desk: Desk) -> None:
    with pytest.raises(InvalidCursor):
        desk.reviews.page(desk.workspace, Paging(after=new_id()))


def test_a_neighbour_sees_and_answers_nothing(desk: Desk, other_workspace: WorkspaceId) -> None:
    review = desk.hand_in(WRONG)
    neighbour = replace(desk, workspace=other_workspace)
    assert neighbour.listed() == []
    attempts: list[Callable[[], object]] = [
        lambda: neighbour.record_of(review),
        lambda: neighbour.correct(review, {"total": Decimal(1)}),
        lambda: neighbour.reviews.approve(other_workspace, review.id, seen(review)),
        lambda: neighbour.reviews.reject(other_workspace, review.id, seen(review)),
    ]
    for attempt in attempts:
        with pytest.raises(UnknownReview):
            attempt()
    with pytest.raises(UnknownRecord):
        neighbour.reviews.ask_again(other_workspace, review.record_id)
    with pytest.raises(InvalidCursor):
        neighbour.reviews.page(other_workspace, Paging(after=review.id))
    with desk.records.database.transaction() as tx:
        assert desk.reviews.store.latest(tx, other_workspace, review.document_id) is None
        desk.reviews.store.save(tx, replace(review, workspace=other_workspace, note="mine"))
    assert desk.listed() == [review]
