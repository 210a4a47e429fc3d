"""What a model answers is taken as far as it can be what its fields ask for."""

from datetime import date, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.extraction.model.answer import Answer
from counterfoil.records.domain import InvoiceData, Kind, LineItem, Party, PaymentMethod, Tax


def data(**answered: Any) -> InvoiceData:
    return Answer.model_validate(answered).data()


def test_a_whole_answer_becomes_the_data_of_an_invoice() -> None:
    assert data(
        kind="receipt",
        merchant={"name": "Corner Bakery", "address": "1 Main Street\nSpringfield"},
        issue_date="2026-02-27",
        issue_time="08:15",
        currency="eur",
        taxes=[{"rate": "7", "amount": "0.80"}],
        total="12.30",
        payment_method="card",
        payment_last_digits="**** 4242",
        line_items=[{"description": "Rye bread", "quantity": 2, "amount": "12.30"}],
        language="EN",
    ) == InvoiceData(
        kind=Kind.RECEIPT,
        merchant=Party(name="Corner Bakery", address="1 Main Street, Springfield"),
        issue_date=date(2026, 2, 27),
        issue_time=time(8, 15),
        currency="EUR",
        taxes=(Tax(rate=Decimal(7), amount=Decimal("0.80")),),
        total=Decimal("12.30"),
        payment_method=PaymentMethod.CARD,
        payment_last_digits="4242",
        line_items=(LineItem(description="Rye bread", quantity=Decimal(2), amount=Decimal("12.30")),),
        language="en",
    )


def test_an_answer_with_nothing_in_it_has_no_values() -> None:
    assert data() == data(merchant=None, taxes=None, total=None, line_items=[{}]) == InvoiceData()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("12.30", "12.30"),
        (12.3, "12.3"),
        (12, "12"),
        ("-3.50", "-3.50"),
        ("EUR 12.30", "12.30"),
        ("12,30 €", "12.30"),
        ("1.234,50", "1234.50"),
        ("1,234.50", "1234.50"),
        ("1 234,50 kr", "1234.50"),
        ("19 %", "19"),
        ("\u22126,00", "-6.00"),
        ("\u20136.00", "-6.00"),
        ("EUR \u221212.50", "-12.50"),
        ("-€ 4.00", "-4.00"),
        ("(5.00)", "-5.00"),
        ("($1,234.50)", "-1234.50"),
    ],
)
def test_an_amount_is_taken_however_it_is_dressed(written: object, meant: str) -> None:
    assert data(total=written).total == Decimal(meant)


@pytest.mark.parametrize(
    "written",
    [
        "1,234",
        "about twelve",
        "",
        "1.2.3",
        "3 for 10",
        "12.30-",
        "(5.00",
        "5-3",
        True,
        {"amount": 1},
        [],
        1e300,
        float("nan"),
    ],
)
def test_what_is_no_amount_or_might_be_two_is_dropped(written: object) -> None:
    assert data(total=written, number="R-1") == InvoiceData(number="R-1")


def test_a_wrong_value_is_dropped_and_the_others_stay() -> None:
    assert data(
        kind="parking ticket",
        issue_date="27.02.2026",
        issue_time="25:00",
        currency="Euros",
        merchant="Corner Bakery",
        taxes=[{"rate": "n/a"}, "none", {"amount": "0.80"}],
        total="12.30",
        more="than was asked for",
    ) == InvoiceData(taxes=(Tax(amount=Decimal("0.80")),), total=Decimal("12.30"))


def test_what_is_kept_of_an_answer_says_the_same_again() -> None:
    answer = Answer.model_validate({"total": 12.3, "merchant": {"name": "A"}, "line_items": [{"amount": "1"}]})
    kept = answer.model_dump(mode="json", exclude_none=True)
    assert Answer.model_validate(kept).data() == answer.data()


def test_what_no_database_keeps_is_left_out() -> None:
    answer = Answer.model_validate({"number": "R\x00-\ud8007"})
    assert (answer.number, answer.data().number) == ("R-7", "R-7")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("aé12-., €", max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "amount"]), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(Answer.model_fields)), JSON))
def test_no_object_is_too_odd_to_be_an_answer(answered: dict[str, Any]) -> None:
    assert isinstance(Answer.model_validate(answered).data(), InvoiceData)
