"""Looking things up in XML by the names of elements; namespaces, which versions differ by, do not matter."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from xml.etree.ElementTree import Element

from counterfoil.foundation.xml import local_name

HERE = "."
_BIGGEST = Decimal(10) ** 15
_CENT = Decimal("0.01")
_MOST_PLACES = 10


def every(element: Element | None, path: str) -> Iterator[Element]:
    """Return all elements at a path such as `Party/Contact/Telephone`, in order; at `.` is the element itself."""
    if element is None:
        return
    if path == HERE:
        yield element
        return
    name, _, rest = path.partition("/")
    for child in element:
        if local_name(child) == name:
            if rest:
                yield from every(child, rest)
            else:
                yield child


def first(element: Element | None, path: str) -> Element | None:
    """Return the first of them."""
    return next(every(element, path), None)


def text(element: Element | None, *paths: str) -> str | None:
    """Return the text of the first element with one, the first path first, its white space as single spaces."""
    for path in paths:
        for found in every(element, path):
            if said := " ".join((found.text or "").split()):
                return said
    return None


def number(element: Element | None, *paths: str) -> Decimal | None:
    """Return a number that is one, and within what people reckon with, without zeros that say nothing."""
    said = text(element, *paths)
    try:
        value = Decimal(said) if said else None
    except InvalidOperation:
        return None
    if value is None or not value.is_finite() or abs(value) > _BIGGEST:
        return None
    short = Decimal(f"{value.normalize():f}")
    return short if _places(short) <= _MOST_PLACES else None


def money(element: Element | None, *paths: str) -> Decimal | None:
    """Return a number with two decimals at least."""
    value = number(element, *paths)
    return value.quantize(_CENT) if value is not None and _places(value) < _places(_CENT) else value


def _places(value: Decimal) -> int:
    return -int(value.as_tuple().exponent)


def day(element: Element | None, *paths: str) -> date | None:
    """Return a date, written as in ISO 8601 with or without its dashes; a time behind it does not matter."""
    said = (text(element, *paths) or "").replace("-", "")[:8]
    try:
        return date.fromisoformat(said) if len(said) == len("20261231") else None
    except ValueError:
        return None
