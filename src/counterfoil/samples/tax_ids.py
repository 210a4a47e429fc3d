"""Numbers that firms are registered under, with the check digits that each country has."""

from collections.abc import Callable, Iterable, Sequence
from random import Random

_IBAN_LENGTHS = {"DE": 18, "CH": 17, "FR": 23, "ES": 20, "IT": 23, "NL": 14, "PT": 21, "PL": 24, "GB": 18}


def tax_id(country: str, random: Random) -> str:
    """Return a number that passes its check; empty where firms print none."""
    make = _MAKERS.get(country)
    while make:
        if number := make(random):
            return number
    return ""


def iban(country: str, random: Random) -> str:
    """Return an account of a bank that does not exist; empty for countries without IBAN."""
    length = _IBAN_LENGTHS.get(country)
    if not length:
        return ""
    account = "99" + _digits(random, length - 2)
    check = 98 - int(account + _as_number(country) + "00") % 97
    return f"{country}{check:02}{account}"


def _as_number(letters: str) -> str:
    return "".join(str(ord(letter) - ord("A") + 10) for letter in letters)


def _digits(random: Random, count: int, first: str = "") -> str:
    return first + "".join(str(random.randrange(10)) for _ in range(count - len(first)))


def _weighted(digits: Iterable[str], weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))


def luhn(digits: str) -> str:
    """Return the check digit that goes behind such digits."""
    doubled = (int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return str(-sum(value // 10 + value % 10 for value in doubled) % 10)


def _german(random: Random) -> str:
    digits, product = _digits(random, 8, "9"), 10
    for digit in digits:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return f"DE{digits}{(11 - product) % 10}"


def _british(random: Random) -> str:
    digits = _digits(random, 7, "99")
    return f"GB{digits}{97 - _weighted(digits, range(8, 1, -1)) % 97:02}"


def _french(random: Random) -> str:
    digits = _digits(random, 8, "99")
    siren = digits + luhn(digits)
    return f"FR{(12 + 3 * (int(siren) % 97)) % 97:02}{siren}"


def _spanish(random: Random) -> str:
    digits = _digits(random, 7, "99")
    return f"B{digits}{luhn(digits)}"


def _italian(random: Random) -> str:
    digits = _digits(random, 10, "99")
    return digits + luhn(digits)


def _dutch(random: Random) -> str:
    digits = _digits(random, 8, "99")
    check = _weighted(digits, range(9, 1, -1)) % 11
    return f"NL{digits}{check}B01" if check < 10 else ""


def _portuguese(random: Random) -> str:
    digits = _digits(random, 8, "59")
    check = 11 - _weighted(digits, range(9, 1, -1)) % 11
    return f"{digits}{check if check < 10 else 0}"


def _polish(random: Random) -> str:
    digits = _digits(random, 9, "99")
    check = _weighted(digits, (6, 5, 7, 2, 3, 4, 5, 6, 7)) % 11
    return f"{digits[:3]}-{digits[3:6]}-{digits[6:8]}-{digits[8]}{check}" if check < 10 else ""


def _swiss(random: Random) -> str:
    digits = _digits(random, 8, "99")
    check = 11 - _weighted(digits, (5, 4, 3, 2, 7, 6, 5, 4)) % 11
    if check == 10:
        return ""
    digits += str(check % 11)
    return f"CHE-{digits[:3]}.{digits[3:6]}.{digits[6:]} MWST"


def _malaysian(random: Random) -> str:
    return f"W10-{_digits(random, 4)}-{_digits(random, 8)}"


def _indonesian(random: Random) -> str:
    digits = _digits(random, 8, "9")
    return f"{digits[:2]}.{digits[2:5]}.{digits[5:]}.{luhn(digits)}-{_digits(random, 3)}.000"


def _japanese(random: Random) -> str:
    digits = _digits(random, 12, "99")
    return f"T{9 - _weighted(reversed(digits), (1, 2) * 6) % 9}{digits}"


_MAKERS: dict[str, Callable[[Random], str]] = {
    "GB": _british,
    "DE": _german,
    "CH": _swiss,
    "FR": _french,
    "ES": _spanish,
    "IT": _italian,
    "NL": _dutch,
    "PT": _portuguese,
    "PL": _polish,
    "MY": _malaysian,
    "ID": _indonesian,
    "JP": _japanese,
}
