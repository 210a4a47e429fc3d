from random import Random

import pytest

from counterfoil.extraction.layout.checksums import ibans_in, tax_number_holds
from counterfoil.samples.tax_ids import tax_id

REAL_FORMS = [
    "ATU13585627",
    "BE0428759497",
    "DE136695976",
    "ESB58378431",
    "ES54362315K",
    "ESX5910266W",
    "FR40303265045",
    "GB980780684",
    "IT00743110157",
    "LU15027442",
    "NL004495445B01",
    "PL8567346215",
    "PT501964843",
]


@pytest.mark.parametrize("number", REAL_FORMS)
def test_a_number_holds_and_none_with_another_digit_does(number: str) -> None:
    assert tax_number_holds(number) is True
    for place, digit in enumerate(number.partition("B0")[0] if number.startswith("NL") else number):
        if digit.isdecimal():
            other = f"{number[:place]}{(int(digit) + 1) % 10}{number[place + 1 :]}"
            assert tax_number_holds(other) is False, other


@pytest.mark.parametrize("country", ["DE", "FR", "GB", "IT", "NL", "PL", "PT", "ES"])
def test_the_numbers_of_drawn_firms_hold(country: str) -> None:
    random = Random(7)
    for _ in range(50):
        number = tax_id(country, random)
        assert tax_number_holds(number if number.startswith(country) else f"{country}{number}") is True


@pytest.mark.parametrize("number", ["MY001234567890", "12345678", "", "T1234567890123"])
def test_of_other_numbers_nothing_is_known(number: str) -> None:
    assert tax_number_holds(number) is None


@pytest.mark.parametrize(
    "scrap", ["DE", "DE1366959761", "DEX36695976", "FR", "NL004495445", "ATU1", "ES", "GB98078068"]
)
def test_a_number_of_another_length_or_form_does_not_hold(scrap: str) -> None:
    assert tax_number_holds(scrap) is False


def test_accounts_are_found_with_and_without_blanks_and_only_if_they_hold() -> None:
    text = "IBAN DE89 3704 0044 0532 0130 00 BIC COBADEFF, GB82WEST12345698765432, DE88 3704 0044 0532 0130 00, DE8937"
    assert list(ibans_in(text)) == ["DE89370400440532013000", "GB82WEST12345698765432"]
