"""Doubt, value, complexity and age make a review more urgent, and nothing makes it less so."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.reviews.priority import AT_DUE_TIME, attention_time, importance, priority

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
confidences = st.floats(0, 1)
counts = st.integers(0, 1000)
totals = st.none() | st.decimals(min_value=-(10**12), max_value=10**12, places=3)
moments = st.integers(-(10**7), 10**7).map(lambda seconds: NOW + timedelta(seconds=seconds))


def of(
    confidence: float = 1, items: int = 0, taxes: int = 0, reasons: int = 0, total: str = "0", currency: str = "EUR"
) -> int:
    return importance(
        confidence=confidence, items=items, taxes=taxes, reasons=reasons, total=Decimal(total), currency=currency
    )


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        (of(), 0),
        (of(confidence=0), 40),
        (of(confidence=0.5), 20),
        (of(total="9"), 4),
        (of(total="999"), 12),
        (of(total="-999"), 12),
        (of(total="10000000"), 20),
        (of(total="99900", currency="JPY"), 12),
        (of(total="99.9", currency="KWD"), 12),
        (of(items=8), 2),
        (of(items=100), 5),
        (of(taxes=1), 0),
        (of(taxes=2), 2),
        (of(taxes=9), 4),
        (of(reasons=1), 2),
        (of(reasons=9), 6),
        (of(confidence=0, items=100, taxes=9, reasons=9, total="10000000"), 75),
    ],
)
def test_the_points_are_those_of_the_table(points: int, expected: int) -> None:
    assert points == expected


@pytest.mark.parametrize(
    ("hours_left", "expected"), [(48, 31), (24, 43), (2, 54), (0, 55), (-10, 60), (-1000, 100), (1000, 0)]
)
def test_age_counts_against_the_due_time(hours_left: int, expected: int) -> None:
    assert priority(30, due_at=NOW + timedelta(hours=hours_left), now=NOW) == expected


def test_a_point_is_added_at_the_end_of_its_two_hours() -> None:
    assert priority(30, due_at=NOW + timedelta(minutes=119), now=NOW) == 30 + AT_DUE_TIME


@given(confidences, confidences, counts, counts, counts, totals)
def test_more_of_anything_never_makes_it_less_important(
    sure: float, unsure: float, items: int, taxes: int, reasons: int, total: Decimal | None
) -> None:
    sure, unsure = max(sure, unsure), min(sure, unsure)
    points = importance(confidence=sure, items=items, taxes=taxes, reasons=reasons, total=total, currency="EUR")
    assert 0 <= points <= 75
    more = importance(
        confidence=unsure,
        items=items + 1,
        taxes=taxes + 1,
        reasons=reasons + 1,
        total=(total or Decimal(0)) * 2,
        currency="EUR",
    )
    assert points <= more <= 75


@given(st.integers(0, 75), moments, moments)
def test_priority_lies_between_0_and_100_and_never_falls_with_time(
    points: int, due_at: datetime, now: datetime
) -> None:
    at_first, later = (priority(points, due_at=due_at, now=now + timedelta(hours=hours)) for hours in (0, 5))
    assert 0 <= at_first <= later <= 100


@given(st.integers(0, 75), moments, st.integers(0, 75), moments, moments)
def test_the_order_of_attention_is_that_of_priority_at_any_time(
    points: int, due_at: datetime, other: int, other_due_at: datetime, now: datetime
) -> None:
    if attention_time(points, due_at) <= attention_time(other, other_due_at):
        assert priority(points, due_at=due_at, now=now) >= priority(other, due_at=other_due_at, now=now)
