from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.extraction.layout.amounts import amounts_in, decimal_sign_of, read_number
from tests.support.papers import row

cents = st.decimals(min_value=Decimal("0.01"), max_value=Decimal("9999999.99"), places=2)


def written(value: Decimal, group: str, decimal: str) -> str:
    return f"{value:,.2f}".replace(",", "\0").replace(".", decimal).replace("\0", group)


@pytest.mark.parametrize(("group", "decimal"), [(",", "."), (".", ","), ("", "."), ("", ","), ("'", "."), (" ", ",")])
@given(value=cents)
def test_every_written_form_of_an_amount_reads_back(group: str, decimal: str, value: Decimal) -> None:
    found = amounts_in(row(f"SUM {written(value, group, decimal)}"), decimal)
    assert [one.value for one in found] == [value]
    assert found[0].is_money


@given(
    value=cents, before=st.sampled_from(["RM", "$", "\u20ac", "EUR ", "\u00a3"]), minus=st.sampled_from(["-", "\u2212"])
)
def test_a_minus_before_or_behind_the_currency_makes_an_amount_negative(
    value: Decimal, before: str, minus: str
) -> None:
    for text in (f"{minus}{before}{value}", f"{before}{minus}{value}", f"{before}{value}-", f"({before}{value})"):
        assert [one.value for one in amounts_in(row(f"X {text}"))] == [-value]


@pytest.mark.parametrize(
    "text", ["12/05/2018", "05.03.2018", "01.05.14", "10:45", "GST 6.00%", "GST 6.00 %", "A-12.50-B", "03-4162-2318"]
)
def test_dates_times_rates_and_codes_are_no_money(text: str) -> None:
    assert not [one for one in amounts_in(row(text)) if one.is_money]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("TOTAL:9.00", "9.00"),
        ("TOTAL......16,70", "16.70"),
        ("ROUNDING RM .01", "0.01"),
        ("TOTAL RM9.00 SR", "9.00"),
        ("BETRAG *24,23", "24.23"),
        ("TOTAL S34.50", "34.50"),
        ("TOTAL 1O.5O", "10.50"),
        ("TOTAL 12. 50", "12.50"),
        ("2x3.99", "3.99"),
    ],
)
def test_amounts_are_read_as_tills_print_them_and_ocr_sees_them(text: str, value: str) -> None:
    assert [one.value for one in amounts_in(row(text)) if one.is_money] == [Decimal(value)]


def test_two_amounts_beside_each_other_stay_two() -> None:
    assert [str(one.value) for one in amounts_in(row("1 10.00 10.00"))] == ["1", "10.00", "10.00"]
    assert [str(one.value) for one in amounts_in(row("39.0 \u20ac400.0"))] == ["39.0", "400.0"]


def test_an_amount_knows_its_currency_and_its_words() -> None:
    (found,) = amounts_in(row("Total EUR 1.234,56"), ",")
    assert (found.currency, found.span.text) == ("EUR", "1.234,56")


def test_three_digits_behind_one_sign_are_a_group_unless_the_paper_says_otherwise() -> None:
    assert read_number("1.234") == Decimal(1234)
    assert read_number("1.234", ",") == Decimal(1234)
    assert read_number("1.234", ".") == Decimal("1.234")
    assert read_number("0.125") == Decimal("0.125")
    assert read_number("1,00,000.00") == Decimal("100000.00")


def test_digits_that_are_grouped_wrongly_are_no_number() -> None:
    assert read_number("05.03.2018") is None
    assert read_number("1.23.456,00") is None


def test_the_decimal_sign_is_the_one_that_most_amounts_use() -> None:
    assert decimal_sign_of([row("1,50"), row("2,50"), row("1.50")]) == ","
    assert decimal_sign_of([row("1.50")]) == "."
    assert decimal_sign_of([row("1.50"), row("2,50")]) is None


@pytest.mark.parametrize("text", ["TOTAL 52-00", "Grand total : 52:00", "CASH 52:00"])
def test_the_sign_of_a_sum_s_cents_may_be_smudged(text: str) -> None:
    assert [(one.value, one.is_money) for one in amounts_in(row(text))] == [(Decimal("52.00"), True)]


@pytest.mark.parametrize(
    "text",
    ["TABLE 12-04", "TIME 10:45", "TOTAL TIME 10:45", "TOTAL 52-00-1", "TOTAL 12:30", "Amount due 12-31", "Due 05-06"],
)
def test_other_numbers_with_such_signs_are_no_sums(text: str) -> None:
    assert amounts_in(row(text)) == ()
