"""What counts as the same value: dates as days, amounts to the cent, texts by their letters and digits alone."""

import re
import unicodedata
from decimal import Decimal, InvalidOperation

DATES = frozenset({"date", "due_date"})
AMOUNTS = frozenset({"total", "subtotal", "tax"})
CURRENCY = "currency"
_CENT = Decimal("0.01")
_THOUSANDS = 3  # digits of a group


def normal(field: str, value: object) -> object | None:
    """Return a field's value in the form in which it is compared; None if there is none."""
    if value is None or value == "":
        return None
    if field in DATES:
        return day(str(value))
    if field in AMOUNTS:
        return number(value)
    if field == CURRENCY:
        return str(value).strip().upper()
    return letters(str(value)) or None


def is_text(field: str) -> bool:
    """Say whether a field's values can be more or less alike, not only right or wrong."""
    return field not in DATES | AMOUNTS | {CURRENCY}


def letters(text: str) -> str:
    """Return only the letters and digits, small and without accents."""
    plain = unicodedata.normalize("NFKD", text).casefold().replace("\u00df", "ss")
    return "".join(letter for letter in plain if letter.isalnum())


def day(text: str) -> str:
    """Return the day without a time after it; a text that is no ISO date by its letters."""
    found = re.match(r"\s*(\d{4})-(\d{1,2})-(\d{1,2})", text)
    return f"{int(found[1]):04}-{int(found[2]):02}-{int(found[3]):02}" if found else letters(text)


def number(value: object) -> Decimal | None:
    """Return a machine's number as it is, a printed one as the amount it stands for."""
    try:
        return Decimal(str(value).strip()).quantize(_CENT)
    except InvalidOperation:
        return printed_amount(str(value))


def printed_amount(text: str) -> Decimal | None:
    """Read an amount with signs and groups, such as `RM 1,234.50` or `1.234,50-`."""
    plain = unicodedata.normalize("NFKC", text).replace("\u2212", "-").strip()
    negative = "-" in plain or (plain.startswith("(") and plain.endswith(")"))
    digits = re.sub(r"[^\d.,]", "", plain).strip(".,")
    if not digits:
        return None
    value = Decimal(_with_point(digits)).quantize(_CENT)
    return -value if negative else value


def _with_point(digits: str) -> str:
    cut = max(digits.rfind("."), digits.rfind(","))
    if cut < 0:
        return digits
    head, tail = digits[:cut], digits[cut + 1 :]
    mixed = "." in digits and "," in digits
    if len(tail) == _THOUSANDS and not mixed and (digits.count(digits[cut]) > 1 or len(head) <= _THOUSANDS):
        head, tail = head + tail, ""
    return re.sub(r"[.,]", "", head) + (f".{tail}" if tail else "")
