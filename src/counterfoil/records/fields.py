"""Single values of `InvoiceData` by their path: which there are, what they are, and the data with one replaced."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from datetime import time
from decimal import Decimal
from typing import Any, TypeVar, cast

from counterfoil.records.domain import FieldPath, FieldValue, InvalidField, InvoiceData, LineItem, Party, Tax, Value

PARTIES = ("merchant", "buyer")
LISTS = ("taxes", "line_items")
PARTY_FIELDS = tuple(field.name for field in fields(Party))
ROW_FIELDS = {
    "taxes": tuple(field.name for field in fields(Tax)),
    "line_items": tuple(field.name for field in fields(LineItem)),
}
SCALARS = tuple(field.name for field in fields(InvoiceData) if field.name not in (*PARTIES, *LISTS))

MAX_ROWS = 1000
_ROWS = {"taxes": "tax", "line_items": "line"}

_EMPTY_ROWS: Mapping[str, Any] = {"taxes": Tax(), "line_items": LineItem()}

Part = TypeVar("Part", InvoiceData, Party, Tax, LineItem)


def split(path: FieldPath) -> tuple[str, int | None, str | None]:
    """Return a path's parts: field, row from 0 and the row's field; `merchant.name` has no row, `taxes` only a field.

    Raises:
        InvalidField: there is no such field.
    """
    match path.split("."):
        case [name] if name in SCALARS or name in LISTS:
            return name, None, None
        case [party, name] if party in PARTIES and name in PARTY_FIELDS:
            return party, None, name
        case [rows, index, name] if name in ROW_FIELDS.get(rows, ()) and _is_index(index):
            return rows, int(index), name
        case _:
            raise InvalidField(path, "there is no such field")


def _is_index(text: str) -> bool:
    return text.isascii() and text.isdecimal() and (text == "0" or text[0] != "0") and len(text) <= len(str(MAX_ROWS))


def list_of(path: FieldPath) -> str | None:
    """Return the list that a path lies in or names; None for other fields."""
    name = path.partition(".")[0]
    return name if name in LISTS else None


def order(path: FieldPath) -> tuple[str, int, str]:
    """Return a key that sorts the rows of a list by their number."""
    name, index, inner = split(path)
    return name, -1 if index is None else index, inner or ""


def values(data: InvoiceData) -> dict[FieldPath, Value]:
    """Return every value that there is, by its path, in the order of the fields."""
    return {FieldPath(path): value for path, value in _walk(data) if value is not None}


def _walk(data: InvoiceData) -> Iterator[tuple[str, Value | None]]:
    for field in fields(InvoiceData):
        content = getattr(data, field.name)
        if field.name in PARTIES:
            yield from ((f"{field.name}.{name}", getattr(content, name)) for name in PARTY_FIELDS)
        elif field.name in LISTS:
            for index, row in enumerate(content):
                yield from ((f"{field.name}.{index}.{name}", getattr(row, name)) for name in ROW_FIELDS[field.name])
        else:
            yield field.name, content


def value_of(data: InvoiceData, path: FieldPath) -> FieldValue:
    """Return what stands at a path; None where nothing does.

    Raises:
        InvalidField: there is no such field.
    """
    name, index, inner = split(path)
    content = getattr(data, name)
    if index is not None:
        content = content[index] if index < len(content) else None
    if inner is not None and content is not None:
        content = getattr(content, inner)
    return cast("FieldValue", content)


def replaced(data: InvoiceData, path: FieldPath, value: FieldValue) -> InvoiceData:
    """Return the data with another value at a path. The row after a list's last one may be named: it is added.

    Raises:
        InvalidField: there is no such field, or no such row.
    """
    name, index, inner = split(path)
    content = getattr(data, name)
    if inner is None:
        return _with(data, name, value)
    if index is None:
        return _with(data, name, _with(content, inner, value))
    if index > len(content) or index >= MAX_ROWS:
        raise InvalidField(path, f"there are only {len(content)} rows")
    row = content[index] if index < len(content) else _EMPTY_ROWS[name]
    return _with(data, name, (*content[:index], _with(row, inner, value), *content[index + 1 :]))


def _with(whole: Part, name: str, value: object) -> Part:
    part: dict[str, Any] = {name: value}
    return replace(whole, **part)


def written(value: Value) -> str:
    """Return a value as text that a program can read back: ISO dates and times, numbers without an exponent."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, str):
        return str(value)
    if isinstance(value, time):
        return value.isoformat("seconds")
    return value.isoformat()


def label(path: FieldPath) -> str:
    """Return what people call the field: `due date`, `merchant's tax id`, `amount of line 3`."""
    name, index, inner = split(path)
    words = (inner or name).replace("_", " ")
    if index is not None:
        return f"{words} of {_ROWS[name]} {index + 1}"
    return f"{name}'s {words}" if inner else words
