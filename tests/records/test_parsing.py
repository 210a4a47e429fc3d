"""Values that people send become exactly what they wrote, or are refused by name."""

from datetime import date, time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.records.domain import FieldPath, FieldValue, InvalidField, Kind, LineItem, PaymentMethod, Tax
from counterfoil.records.parsing import MAX_TEXT, parse


@pytest.mark.parametrize(
    ("path", "given", "value"),
    [
        ("total", "12.30", Decimal("12.30")),
        ("total", 12, Decimal(12)),
        ("total", " -3.5 ", Decimal("-3.5")),
        ("total", "", None),
        ("total", None, None),
        ("issue_date", "2026-03-01", date(2026, 3, 1)),
        ("issue_time", "14:30", time(14, 30)),
        ("issue_time", "14:30:59", time(14, 30, 59)),
        ("kind", "invoice", Kind.INVOICE),
        ("payment_method", "card", PaymentMethod.CARD),
        ("currency", "eur", "EUR"),
        ("language", "DE", "de"),
        ("payment_last_digits", "0042", "0042"),
        ("merchant.name", "  Corner Bakery ", "Corner Bakery"),
        ("line_items.0.description", "Rye bread", "Rye bread"),
        ("line_items.3.quantity", "0.333", Decimal("0.333")),
        ("taxes", [{"rate": "19", "amount": 2}], (Tax(rate=Decimal(19), amount=Decimal(2)),)),
        ("line_items", [{}, {"amount": "1", "unit": None}], (LineItem(), LineItem(amount=Decimal(1)))),
        ("line_items", None, ()),
    ],
)
def test_values_become_what_their_field_holds(path: str, given: object, value: FieldValue) -> None:
    parsed = parse(FieldPath(path), given)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("path", "given", "field"),
    [
        ("total", 12.3, "total"),
        ("total", "12,30", "total"),
        ("total", "1e5", "total"),
        ("total", "NaN", "total"),
        ("total", "Infinity", "total"),
        ("total", "٣", "total"),
        ("total", "1" * 21, "total"),
        ("total", 10**20, "total"),
        ("total", "0.00000000001", "total"),
        ("total", True, "total"),
        ("total", ["1"], "total"),
        ("merchant.name", 5, "merchant.name"),
        ("merchant.name", "a\x00b", "merchant.name"),
        ("merchant.name", "a\ud800b", "merchant.name"),
        ("notes", "a" * (MAX_TEXT + 1), "notes"),
        ("issue_date", "20260301", "issue_date"),
        ("issue_date", "2026-02-30", "issue_date"),
        ("issue_date", "01.03.2026", "issue_date"),
        ("issue_time", "25:00", "issue_time"),
        ("issue_time", "2 pm", "issue_time"),
        ("kind", "bill", "kind"),
        ("currency", "EURO", "currency"),
        ("language", "german", "language"),
        ("payment_last_digits", "x", "payment_last_digits"),
        ("sum", "1", "sum"),
        ("taxes", "7", "taxes"),
        ("taxes", {"rate": 7}, "taxes"),
        ("taxes", [{}] * 1001, "taxes"),
        ("taxes", [7], "taxes.0"),
        ("taxes", [{}, {"unit": "kg"}], "taxes.1"),
        ("line_items", [{"amount": 1.5}], "line_items.0.amount"),
    ],
)
def test_what_a_field_cannot_hold_is_refused_by_its_name(path: str, given: object, field: str) -> None:
    with pytest.raises(InvalidField) as raised:
        parse(FieldPath(path), given)
    assert raised.value.field == field
    assert str(raised.value).startswith(f"{field}: ")


@given(st.decimals(min_value=-(10**20) + 1, max_value=10**20 - 1, places=10))
def test_no_digit_of_a_number_is_lost(number: Decimal) -> None:
    assert parse(FieldPath("total"), f"{number:f}") == number


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text() | st.none()))
def test_anything_else_is_a_value_or_a_refusal(given: object) -> None:
    for path in ("total", "issue_date", "issue_time", "kind", "currency", "merchant.name", "taxes"):
        try:
            parse(FieldPath(path), given)
        except InvalidField as refusal:
            assert refusal.field.startswith(path)  # noqa: PT017 - either way is right
