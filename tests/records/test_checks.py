"""The rules ask where there is doubt, and only there."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.records import money
from counterfoil.records.checks import check
from counterfoil.records.domain import InvoiceData, Kind, LineItem, Party, Reason, ReasonCode, Tax
from counterfoil.records.fields import value_of
from counterfoil.records.reasons import SENTENCES, sentence
from tests.support.invoices import invoices
from tests.support.receipts import BAKERY, sources_of
from tests.support.records import THRESHOLD

TODAY = date(2026, 3, 1)


def reasons(data: InvoiceData, *, confidence: float = 0.95) -> list[Reason]:
    return list(check(data, sources_of(data, confidence=confidence), today=TODAY, threshold=THRESHOLD))


def codes(data: InvoiceData) -> list[ReasonCode]:
    return [reason.code for reason in reasons(data)]


def test_a_sound_receipt_raises_no_doubt() -> None:
    assert codes(BAKERY) == []


def test_a_document_without_values_says_only_that() -> None:
    assert codes(InvoiceData()) == [ReasonCode.NOTHING_READABLE]


def test_each_important_value_is_missed_by_its_own_name() -> None:
    assert codes(InvoiceData(notes="?")) == [
        ReasonCode.MISSING_TOTAL,
        ReasonCode.MISSING_DATE,
        ReasonCode.MISSING_MERCHANT,
        ReasonCode.MISSING_CURRENCY,
    ]


@pytest.mark.parametrize(
    "changed",
    [
        {"total": Decimal("10.72")},  # a minor unit for each amount that was added
        {"total": Decimal("11.70"), "tip": Decimal("1.00")},
        {"total": Decimal("9.70"), "discount": Decimal("1.00")},
        {"subtotal": Decimal("10.70")},  # printed with taxes in it
        {"subtotal": Decimal("11.70"), "discount": Decimal("1.00"), "line_items": ()},
        {"subtotal": None},
        {"taxes": (Tax(rate=Decimal(7)),)},  # the tax's amount is not known
    ],
)
def test_sums_fit_in_every_way_that_they_are_printed(changed: dict[str, object]) -> None:
    assert codes(replace(BAKERY, **changed)) == []  # type: ignore[arg-type]  # one field of many


def test_a_sum_that_does_not_fit_is_a_question_with_both_numbers() -> None:
    (reason,) = reasons(replace(BAKERY, line_items=(), total=Decimal("17.00"), tip=Decimal("0.10")))
    assert reason.code is ReasonCode.SUM_MISMATCH
    assert reason.paths == ("subtotal", "total", "taxes", "tip")
    assert sentence(reason) == "Subtotal, taxes, tip and discount make 10.80 EUR, but the total says 17.00 EUR."


@pytest.mark.parametrize(
    ("currency", "total", "fits"),
    [
        ("MYR", "10.75", True),  # 5-sen step
        ("CHF", "10.75", True),
        ("CHF", "10.77", False),
        ("USD", "10.75", False),
        ("SEK", "11", True),
        ("HUF", "15", False),
    ],
)
def test_totals_may_be_rounded_for_cash_where_small_coins_are_gone(currency: str, total: str, *, fits: bool) -> None:
    data = replace(BAKERY, currency=currency, taxes=(), line_items=(), total=Decimal(total), subtotal=Decimal("10.71"))
    assert (codes(data) == []) is fits


@pytest.mark.parametrize("amounts", [["6.00", "4.00"], ["6.40", "4.30"], ["10.01", "0.01"]])
def test_lines_may_be_priced_with_or_without_taxes(amounts: list[str]) -> None:
    items = tuple(LineItem(amount=Decimal(amount)) for amount in amounts)
    assert codes(replace(BAKERY, line_items=items)) == []
    assert codes(replace(BAKERY, line_items=items, subtotal=None)) == []


def test_lines_that_do_not_add_up_are_a_question() -> None:
    items = (LineItem(amount=Decimal("6.00")), LineItem(amount=Decimal("7.00")))
    (reason,) = reasons(replace(BAKERY, line_items=items))
    assert reason.code is ReasonCode.ITEMS_MISMATCH
    assert sentence(reason).startswith("The lines add up to 13.00 EUR")
    assert codes(replace(BAKERY, line_items=items, total=None, subtotal=Decimal(5)))[1:] == [ReasonCode.ITEMS_MISMATCH]


def test_lines_of_which_one_has_no_amount_are_not_added_up() -> None:
    items = (LineItem(amount=Decimal("6.00")), LineItem(description="?"))
    assert codes(replace(BAKERY, line_items=items)) == []


def test_tax_is_recomputed_from_its_base() -> None:
    wrong = (Tax(rate=Decimal(19), base=Decimal(10), amount=Decimal("0.70")),)
    (reason,) = reasons(replace(BAKERY, taxes=wrong))
    assert reason.paths == ("taxes.0.amount",)
    assert sentence(reason) == "19 % of 10.00 EUR is 1.90 EUR, but the tax says 0.70 EUR."


@pytest.mark.parametrize(
    ("day", "code"),
    [
        (TODAY + timedelta(days=1), None),
        (TODAY + timedelta(days=2), ReasonCode.DATE_IN_FUTURE),
        (date(2016, 3, 2), None),
        (date(2016, 2, 20), ReasonCode.DATE_LONG_AGO),
    ],
)
def test_dates_far_from_today_are_a_question(day: date, code: ReasonCode | None) -> None:
    assert codes(replace(BAKERY, issue_date=day)) == ([code] if code else [])


def test_nothing_is_due_before_it_is_issued() -> None:
    assert codes(replace(BAKERY, due_date=date(2026, 2, 27))) == [ReasonCode.DUE_BEFORE_ISSUE]
    assert codes(replace(BAKERY, due_date=BAKERY.issue_date)) == []


def test_currencies_are_known_and_their_decimals_kept() -> None:
    assert codes(replace(BAKERY, currency="XXX")) == [ReasonCode.UNKNOWN_CURRENCY]
    yen = InvoiceData(
        merchant=Party(name="Shop"), issue_date=TODAY, currency="JPY", total=Decimal("1200.5"), tip=Decimal("3.00")
    )
    (reason,) = reasons(yen)
    assert sentence(reason) == "The total, 1200.5 JPY, has more decimals than the currency."


def test_unit_prices_may_have_more_decimals_than_the_currency() -> None:
    item = LineItem(quantity=Decimal(8), unit_price=Decimal("1.25125"), amount=Decimal("10.01"))
    assert codes(replace(BAKERY, line_items=(item,))) == []


def test_only_credit_notes_have_negative_totals() -> None:
    refund = InvoiceData(
        kind=Kind.RECEIPT, merchant=Party(name="S"), issue_date=TODAY, currency="EUR", total=Decimal(-5)
    )
    assert codes(refund) == [ReasonCode.NEGATIVE_TOTAL]
    assert codes(replace(refund, kind=Kind.CREDIT_NOTE)) == []


def test_values_that_can_hardly_be_are_named() -> None:
    absurd = replace(BAKERY, subtotal=None, line_items=(), taxes=(Tax(rate=Decimal(700)),), total=Decimal(10) ** 9)
    assert [reason.paths for reason in reasons(absurd)] == [("total",), ("taxes.0.rate",)]
    assert [sentence(reason) for reason in reasons(absurd)][1] == "The rate of tax 1 can hardly be 700."


def test_important_values_below_the_threshold_are_a_question() -> None:
    low = reasons(BAKERY, confidence=0.8499)
    assert [reason.paths for reason in low] == [("total",), ("issue_date",), ("merchant.name",), ("currency",)]
    assert sentence(low[0]) == "The total was read with 84.9 % confidence; 85 % is asked for."
    assert reasons(BAKERY, confidence=0.85) == []


def test_every_reason_has_a_sentence() -> None:
    assert set(SENTENCES) == set(ReasonCode)
    assert sentence(Reason(code=ReasonCode.DUPLICATE, facts={"document": "a.pdf"})).endswith("(a.pdf).")


@given(invoices, st.floats(0, 1))
def test_whatever_a_document_says_each_reason_can_be_said_and_shown(data: InvoiceData, confidence: float) -> None:
    for reason in reasons(data, confidence=confidence):
        assert sentence(reason).endswith(".")
        for path in reason.paths:
            value_of(data, path)


cents = st.decimals(min_value=Decimal("0.01"), max_value=Decimal(10**6), places=2)


@given(
    st.lists(st.tuples(cents, st.sampled_from([Decimal(0), Decimal(7), Decimal(19), Decimal("5.5")])), min_size=1),
    cents,
    st.booleans(),
)
def test_a_receipt_that_was_added_up_rightly_raises_no_doubt(
    lines: list[tuple[Decimal, Decimal]], tip: Decimal, gross: bool
) -> None:
    bases: dict[Decimal, Decimal] = {}
    for amount, rate in lines:
        bases[rate] = bases.get(rate, Decimal(0)) + amount
    taxes = tuple(
        Tax(rate=rate, base=base, amount=money.rounded(base * rate / 100, "EUR")) for rate, base in bases.items()
    )
    subtotal = sum(bases.values(), Decimal(0))
    taxed = subtotal + sum((tax.amount or Decimal(0) for tax in taxes), Decimal(0))
    data = replace(
        BAKERY,
        subtotal=taxed if gross else subtotal,
        taxes=taxes,
        tip=tip,
        total=taxed + tip,
        line_items=tuple(LineItem(amount=amount) for amount, _ in lines),
    )
    assert codes(data) == []


@given(cents, st.decimals(min_value=Decimal("0.50"), max_value=Decimal(1000), places=2))
def test_a_total_that_is_off_is_always_a_question(subtotal: Decimal, off: Decimal) -> None:
    data = replace(BAKERY, subtotal=subtotal, taxes=(), line_items=(), total=subtotal + off)
    assert ReasonCode.SUM_MISMATCH in codes(data)
