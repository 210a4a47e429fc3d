"""Check digits: they tell a tax number or an account from one that is misread, and from what only looks like one."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

_IBAN_LENGTHS = {
    "AT": 20, "BE": 16, "CH": 21, "DE": 22, "DK": 18, "ES": 24, "FI": 18, "FR": 27, "GB": 22, "IE": 22, "IT": 27,
    "LU": 20, "NL": 18, "NO": 15, "PL": 28, "PT": 25, "SE": 24,
}  # fmt: skip
_IBAN = re.compile(rf"(?<![A-Z0-9])(?:{'|'.join(_IBAN_LENGTHS)})\d\d(?: ?[A-Z0-9]){{11,24}}")
_SPANISH_FIRM, _SPANISH_PERSON = "JABCDEFGHI", "TRWAGMYFPDXBNJZSQVHLCKE"


def ibans_in(text: str) -> Iterator[str]:
    """Yield the accounts in a text whose check digits hold, without blanks."""
    for found in _IBAN.finditer(text):
        account = found[0].replace(" ", "")[: _IBAN_LENGTHS[found[0][:2]]]
        if len(account) == _IBAN_LENGTHS[account[:2]] and _as_number(account[4:] + account[:4]) % 97 == 1:
            yield account


def tax_number_holds(number: str) -> bool | None:
    """Say whether the check digits of a tax number with its country's letters hold; None if we know none for it."""
    plain = re.sub(r"[^A-Z0-9]", "", number.upper())
    holds = _CHECKS.get(plain[:2])
    return holds(plain[2:]) if holds else None


def _as_number(text: str) -> int:
    return int("".join(str(int(letter, 36)) for letter in text))


def _weighted(digits: str, weights: Iterable[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def _luhn(digits: str) -> bool:
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0


def _austrian(number: str) -> bool:
    digits = number.removeprefix("U")
    if not re.fullmatch(r"\d{8}", digits):
        return False
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(digits[:7]))
    return (96 - sum(value // 10 + value % 10 for value in doubled)) % 10 == int(digits[7])


def _belgian(number: str) -> bool:
    return bool(re.fullmatch(r"\d{10}", number)) and 97 - int(number[:8]) % 97 == int(number[8:])


def _british(number: str) -> bool:
    if not re.fullmatch(r"\d{9}(?:\d{3})?", number):
        return False
    return (_weighted(number[:7], range(8, 1, -1)) + int(number[7:9])) % 97 in (0, 42)  # the second since 2010


def _dutch(number: str) -> bool:
    if not re.fullmatch(r"\d{9}B\d\d", number):
        return False
    return _weighted(number[:8], range(9, 1, -1)) % 11 == int(number[8]) or _as_number(f"NL{number}") % 97 == 1


def _french(number: str) -> bool:
    key, siren = number[:2], number[2:]
    if not re.fullmatch(r"\d{9}", siren) or not _luhn(siren):
        return False
    return not key.isdecimal() or (12 + 3 * (int(siren) % 97)) % 97 == int(key)


def _german(number: str) -> bool:
    product = 10
    for digit in number[:8]:
        product = ((int(digit, 36) + product) % 10 or 10) * 2 % 11
    return bool(re.fullmatch(r"\d{9}", number)) and (11 - product) % 10 == int(number[8])


def _italian(number: str) -> bool:
    return bool(re.fullmatch(r"\d{11}", number)) and _luhn(number)


def _luxembourgish(number: str) -> bool:
    return bool(re.fullmatch(r"\d{8}", number)) and int(number[:6]) % 89 == int(number[6:])


def _polish(number: str) -> bool:
    if not re.fullmatch(r"\d{10}", number):
        return False
    return _weighted(number, (6, 5, 7, 2, 3, 4, 5, 6, 7)) % 11 == int(number[9])


def _portuguese(number: str) -> bool:
    return bool(re.fullmatch(r"\d{9}", number)) and -_weighted(number[:8], range(9, 1, -1)) % 11 % 10 == int(number[8])


def _spanish(number: str) -> bool:
    if person := re.fullmatch(r"([XYZ]?)(\d{7,8})([A-Z])", number):
        digits = f"{'XYZ'.index(person[1]) if person[1] else ''}{person[2]}"
        return _SPANISH_PERSON[int(digits) % 23] == person[3]
    firm = re.fullmatch(r"[A-HJNPQRSUVW](\d{7})([0-9A-J])", number)
    if not firm:
        return False
    check = next(digit for digit in range(10) if _luhn(f"{firm[1]}{digit}"))
    return firm[2] in (str(check), _SPANISH_FIRM[check])


_CHECKS: Mapping[str, Callable[[str], bool]] = {
    "AT": _austrian,
    "BE": _belgian,
    "DE": _german,
    "ES": _spanish,
    "FR": _french,
    "GB": _british,
    "IT": _italian,
    "LU": _luxembourgish,
    "NL": _dutch,
    "PL": _polish,
    "PT": _portuguese,
}
