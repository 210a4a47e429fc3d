"""Who is asked, who is not, and that an answer is given once."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from counterfoil.access.domain import DEFAULT_WORKSPACE
from counterfoil.foundation.ids import new_id
from counterfoil.records.domain import FieldPath, Reason, ReasonCode, Record
from counterfoil.records.json_form import fingerprint
from counterfoil.reviews.domain import (
    Decision,
    DeliveryRule,
    Review,
    ReviewClosed,
    ReviewId,
    ReviewStatus,
    about,
    accept_now,
    closed,
    may_close_by_rule,
)
from tests.support.receipts import BAKERY, sources_of
from tests.support.record_writing import a_record

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def a_review(record: Record) -> Review:
    return Review(
        id=ReviewId(new_id()),
        workspace=record.workspace,
        record_id=record.id,
        document_id=record.document_id,
        reasons=record.reasons,
        importance=0,
        fingerprint=fingerprint(record.data),
        due_at=NOW,
        opened_at=NOW,
    )


@pytest.mark.parametrize(("confidence", "closes"), [(0.9, True), (0.95, True), (0.8999, False)])
def test_nobody_is_asked_from_the_threshold_on(confidence: float, *, closes: bool) -> None:
    record = replace(a_record(DEFAULT_WORKSPACE), sources=sources_of(BAKERY, confidence=confidence))
    assert may_close_by_rule(record, 0.9) is closes


def test_any_reason_asks_a_person() -> None:
    record = replace(a_record(DEFAULT_WORKSPACE), reasons=(Reason(code=ReasonCode.DUPLICATE),))
    assert not may_close_by_rule(record, 0)


def test_a_missing_important_value_asks_a_person() -> None:
    record = a_record(DEFAULT_WORKSPACE)
    sources = {path: source for path, source in record.sources.items() if path != "currency"}
    assert not may_close_by_rule(replace(record, sources=sources), 0.5)
    assert may_close_by_rule(replace(record, sources=sources, locked=frozenset({FieldPath("currency")})), 0.5)


@pytest.mark.parametrize(
    ("rule", "when_sure", "in_doubt"),
    [
        (DeliveryRule.WHEN_SURE, True, False),
        (DeliveryRule.ALWAYS, True, True),
        (DeliveryRule.AFTER_REVIEW, False, False),
    ],
)
def test_the_rule_decides_what_is_accepted_unseen(rule: DeliveryRule, *, when_sure: bool, in_doubt: bool) -> None:
    assert accept_now(rule, sure=True) is when_sure
    assert accept_now(rule, sure=False) is in_doubt


def test_an_answer_is_given_once() -> None:
    review = closed(a_review(a_record(DEFAULT_WORKSPACE)), Decision.APPROVED, by="person", now=NOW)
    assert (review.status, review.closed_at, review.version) == (ReviewStatus.CLOSED, NOW, 2)
    with pytest.raises(ReviewClosed) as raised:
        closed(review, Decision.REJECTED, by="person", now=NOW)
    assert (raised.value.code, raised.value.status) == ("review_closed", 409)


def test_asking_the_same_again_is_no_change() -> None:
    record = a_record(DEFAULT_WORKSPACE)
    asked = about(a_review(record), record)
    assert about(asked, record) is asked
    assert asked.version == 2
