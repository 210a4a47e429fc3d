"""Neutral values as Notion writes them, within its limits."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

from counterfoil.targets.domain import PropertyType
from counterfoil.targets.errors import WriteRefused
from counterfoil.targets.infrastructure.notion.client import SERVICE, Json
from counterfoil.targets.values import Value

LONGEST_TEXT: Final = 2000
"""UTF-16 units in one text object, which is how Notion counts."""
MOST_ELEMENTS: Final = 100
_LONGEST_OPTION: Final = 100
_LONGEST: Final = {PropertyType.URL: 2000, PropertyType.EMAIL: 200, PropertyType.PHONE: 200}
_NAMES: Final = {PropertyType.TEXT: "rich_text", PropertyType.PHONE: "phone_number"}
_EMPTY: Final[Mapping[PropertyType, Any]] = {
    PropertyType.TITLE: [],
    PropertyType.TEXT: [],
    PropertyType.MULTI_SELECT: [],
    PropertyType.FILES: [],
    PropertyType.RELATION: [],
    PropertyType.PEOPLE: [],
    PropertyType.CHECKBOX: False,
}


def property_value(kind: PropertyType, value: Value | None) -> Json:
    """Return what is written into a property; None empties it. Files have to be uploaded before (see `files_value`).

    Raises:
        WriteRefused: Notion cannot hold such a value.
    """
    name = _NAMES.get(kind, kind.value)
    return {name: _EMPTY.get(kind) if value is None else _CONTENT[kind](value)}


def files_value(upload: str, name: str) -> Json:
    """Return what is written into a files property: one file that was uploaded."""
    return {"files": [{"type": "file_upload", "file_upload": {"id": upload}, "name": name}]}


def rich_text(text: str) -> list[Json]:
    """Return a text in as many text objects as it needs.

    Raises:
        WriteRefused: it needs more than Notion takes.
    """
    parts = [{"type": "text", "text": {"content": part}} for part in pieces(text, LONGEST_TEXT)]
    if len(parts) > MOST_ELEMENTS:
        raise WriteRefused(SERVICE, f"a text of {len(text)} characters is longer than it can hold.")
    return parts


def pieces(text: str, longest: int) -> Iterator[str]:
    """Cut a text into pieces of so many UTF-16 units, and no character apart."""
    start = units = 0
    for at, character in enumerate(text):
        width = 2 if ord(character) > 0xFFFF else 1
        if units + width > longest:
            yield text[start:at]
            start, units = at, 0
        units += width
    if start < len(text):
        yield text[start:]


def option_name(name: str) -> str:
    """Return an option's name as Notion can have it: without commas, and not too long."""
    plain = next(pieces(" ".join(name.replace(",", " ").split()), _LONGEST_OPTION), "")
    if not plain:
        raise WriteRefused(SERVICE, f"“{name}” can be no option there.")
    return plain


def _date(value: Value) -> Json:
    assert isinstance(value, date)  # noqa: S101 - as fitted to the property
    return {"start": value.isoformat()}


def _number(value: Value) -> float | int:
    assert isinstance(value, Decimal)  # noqa: S101 - as fitted to the property
    number = float(value)
    if Decimal(repr(number)) != value:
        raise WriteRefused(SERVICE, f"{value:f} has more digits than it can hold.")
    return int(number) if number.is_integer() else number


def _short(kind: PropertyType, text: str) -> str:
    if len(text) > _LONGEST[kind]:
        raise WriteRefused(SERVICE, f"a {kind} has at most {_LONGEST[kind]} characters there.")
    return text


def _text(value: Value) -> str:
    assert isinstance(value, str)  # noqa: S101 - as fitted to the property
    return value


def _texts(value: Value) -> Sequence[str]:
    assert isinstance(value, tuple)  # noqa: S101 - as fitted to the property
    names = [str(one) for one in value]
    if len(names) > MOST_ELEMENTS:
        raise WriteRefused(SERVICE, f"a property holds at most {MOST_ELEMENTS} of them there.")
    return names


_CONTENT: Final[Mapping[PropertyType, Callable[[Value], Any]]] = {
    PropertyType.TITLE: lambda value: rich_text(_text(value)),
    PropertyType.TEXT: lambda value: rich_text(_text(value)),
    PropertyType.NUMBER: _number,
    PropertyType.DATE: _date,
    PropertyType.SELECT: lambda value: {"name": option_name(_text(value))},
    PropertyType.STATUS: lambda value: {"name": _text(value)},
    PropertyType.MULTI_SELECT: lambda value: [{"name": option_name(one)} for one in _texts(value)],
    PropertyType.RELATION: lambda value: [{"id": one} for one in _texts(value)],
    PropertyType.PEOPLE: lambda value: [{"object": "user", "id": one} for one in _texts(value)],
    PropertyType.URL: lambda value: _short(PropertyType.URL, _text(value)),
    PropertyType.EMAIL: lambda value: _short(PropertyType.EMAIL, _text(value)),
    PropertyType.PHONE: lambda value: _short(PropertyType.PHONE, _text(value)),
    PropertyType.CHECKBOX: lambda value: value,
}
