"""Amounts are exact in the minor units of their currency."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.records import money

amounts = st.decimals(min_value=-(10**15), max_value=10**15, places=6)
currencies = st.sampled_from(sorted(money.MINOR_UNITS))


@pytest.mark.parametrize(
    ("currency", "unit"), [("EUR", "0.01"), ("JPY", "1"), ("KWD", "0.001"), ("BHD", "0.001"), (None, "0.01")]
)
def test_each_currency_has_its_own_smallest_unit(currency: str | None, unit: str) -> None:
    assert money.minor_unit(currency) == Decimal(unit)


@given(amounts, currencies)
def test_rounding_moves_an_amount_by_at_most_half_a_unit_and_then_no_more(amount: Decimal, currency: str) -> None:
    once = money.rounded(amount, currency)
    assert abs(once - amount) <= money.minor_unit(currency) / 2
    assert money.rounded(once, currency) == once
    assert money.fits(once, currency)


@given(amounts, currencies)
def test_what_is_written_says_the_very_amount(amount: Decimal, currency: str) -> None:
    number, code = money.written(amount, currency).split()
    assert Decimal(number) == amount
    assert code == currency


def test_amounts_are_written_with_the_digits_of_their_currency() -> None:
    assert money.written(Decimal("12.3"), "EUR") == "12.30 EUR"
    assert money.written(Decimal("12.345"), "EUR") == "12.345 EUR"
    assert money.written(Decimal(1200), "JPY") == "1200 JPY"
    assert money.written(Decimal("1E+3"), None) == "1000.00"


def test_halves_are_rounded_away_from_zero() -> None:
    assert money.rounded(Decimal("0.125"), "EUR") == Decimal("0.13")
    assert money.rounded(Decimal("-0.125"), "EUR") == Decimal("-0.13")


def test_amounts_of_any_length_can_be_rounded() -> None:
    assert money.rounded(Decimal("9" * 40), "EUR") == Decimal("9" * 40)


def test_only_codes_in_use_are_currencies() -> None:
    assert money.is_currency("CHF")
    assert not money.is_currency("DEM")
    assert not money.is_currency("eur")


def test_cash_steps_are_known_where_small_coins_are_gone() -> None:
    assert money.cash_step("MYR") == Decimal("0.05")
    assert money.cash_step("USD") is None
    assert money.cash_step(None) is None
