"""Values as people and programs send them, as text or whole numbers in JSON, made into values of their field."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, time
from decimal import Decimal
from typing import Any, TypeVar

from counterfoil.records.domain import FieldPath, FieldValue, InvalidField, Kind, LineItem, PaymentMethod, Tax, Value
from counterfoil.records.fields import LISTS, MAX_ROWS, ROW_FIELDS, split

MAX_TEXT = 2000
_TOO_LONG = f"give at most {MAX_TEXT} characters"
_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,10})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"[0-9]{2}:[0-9]{2}(:[0-9]{2})?")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")

Choice = TypeVar("Choice", Kind, PaymentMethod)
Parser = Callable[[str], Value]


class _Unfit(Exception):
    """What was given is not what the field holds."""

    def __init__(self, expected: str) -> None:
        super().__init__(expected)


def parse(path: FieldPath, given: object) -> FieldValue:
    """Return the value for a field from what stood in JSON. Null and empty text mean that there is none.

    Amounts come as text ("12.30") or whole numbers: a JSON number with a point has been a float on its way, and is
    refused because it may no longer be what was written.

    Raises:
        InvalidField: there is no such field, or the value is not of its kind.
    """
    name, index, inner = split(path)
    if name in LISTS and index is None:
        return _rows(path, name, given)
    return _value(path, inner or name, given)


def _value(path: FieldPath, name: str, given: object) -> Value | None:
    try:
        text = _as_text(name, given)
        return _PARSERS.get(name, str)(text) if text else None
    except _Unfit as problem:
        raise InvalidField(path, str(problem)) from None


def _as_text(name: str, given: object) -> str:
    match given:
        case None:
            return ""
        case str() if len(given) > MAX_TEXT:
            raise _Unfit(_TOO_LONG)
        case str() if _UNPRINTABLE.search(given):
            raise _Unfit("leave out control characters")
        case str():
            return given.strip()
        case bool():
            raise _Unfit("give text, not true or false")
        case int() if _PARSERS.get(name) is _number and abs(given) < 10**20:
            return str(given)
        case float():
            raise _Unfit('give numbers with a point as text, "12.30", so that they stay exact')
        case _:
            raise _Unfit("give text")


def _rows(path: FieldPath, name: str, given: object) -> tuple[Tax, ...] | tuple[LineItem, ...]:
    if given is None:
        return ()
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) > MAX_ROWS:
        raise InvalidField(path, f"give a list of at most {MAX_ROWS} rows")
    rows = [_row(path, name, index, row) for index, row in enumerate(given)]
    return tuple(Tax(**row) for row in rows) if name == "taxes" else tuple(LineItem(**row) for row in rows)


def _row(path: FieldPath, name: str, index: int, given: object) -> dict[str, Any]:
    here = f"{path}.{index}"
    if not isinstance(given, Mapping):
        raise InvalidField(here, "give an object with the row's fields")
    for key in set(given) - set(ROW_FIELDS[name]):
        raise InvalidField(here, f"there is no field {key}")
    return {key: _value(FieldPath(f"{here}.{key}"), key, value) for key, value in given.items()}


def _number(text: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise _Unfit('give a number such as "12.30", with at most 20 digits before the point and 10 after it')
    return Decimal(text)


def _day(text: str) -> date:
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise _Unfit("give a date as YYYY-MM-DD")


def _moment(text: str) -> time:
    try:
        if _TIME.fullmatch(text):
            return time.fromisoformat(text)
    except ValueError:
        pass
    raise _Unfit("give a time as HH:MM or HH:MM:SS")


def _choice(kind: type[Choice]) -> Parser:
    def choose(text: str) -> Value:
        try:
            return kind(text)
        except ValueError:
            raise _Unfit("give one of " + ", ".join(kind)) from None

    return choose


def _code(pattern: str, expected: str, adapt: Callable[[str], str]) -> Parser:
    """Return a parser of short codes, whose case does not matter."""

    def code(text: str) -> Value:
        adapted = adapt(text)
        if not re.fullmatch(pattern, adapted):
            raise _Unfit(expected)
        return adapted

    return code


_NUMBERS = (
    "subtotal", "tip", "discount", "total", "rate", "base", "amount", "quantity", "unit_price", "tax_rate",
)  # fmt: skip
_PARSERS: Mapping[str, Parser] = {
    **dict.fromkeys(_NUMBERS, _number),
    **dict.fromkeys(("issue_date", "due_date"), _day),
    "issue_time": _moment,
    "kind": _choice(Kind),
    "payment_method": _choice(PaymentMethod),
    "currency": _code("[A-Z]{3}", "give the three letters of a currency, such as EUR", str.upper),
    "language": _code("[a-z]{2}", "give the two letters of a language, such as de", str.lower),
    "payment_last_digits": _code("[0-9]{2,6}", "give the last 2 to 6 digits", str.strip),
}
"""What a field's text must be like, by the field's name; the others take any text."""
