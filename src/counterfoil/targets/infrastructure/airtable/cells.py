"""Neutral values as cells of Airtable."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from counterfoil.targets.errors import WriteRefused
from counterfoil.targets.infrastructure.airtable.columns import COLLABORATOR, COLLABORATORS, DATE, AirtableField
from counterfoil.targets.values import Value

SERVICE: Final = "Airtable"
_LONGEST_TEXT: Final = 100_000
_EXACT_INTEGERS: Final = 2**53


def cell_of(field: AirtableField, value: Value | None) -> Any:
    """Return a value as the field takes it in JSON; files go another way.

    Raises:
        WriteRefused: the field would keep something else.
    """
    match value:
        case None | bool():
            return value
        case str():
            return _text(field, value)
        case Decimal():
            return _number(field, value)
        case datetime():
            return value.date().isoformat() if field.type == DATE else _moment(value)
        case date():
            return value.isoformat()  # for a field with times, midnight where the field is
        case _:
            return _several(field, value)


def _text(field: AirtableField, value: str) -> str:
    if len(value) > _LONGEST_TEXT:
        raise WriteRefused(SERVICE, f"{field.name}: a cell holds {_LONGEST_TEXT} characters, and this is {len(value)}.")
    return value


def _number(field: AirtableField, value: Decimal) -> int | float:
    """Return a number that is written to JSON digit by digit as the amount, and read from there as the same."""
    whole = int(value)
    if whole == value and abs(whole) <= _EXACT_INTEGERS:
        return whole
    number = float(value)
    if Decimal(repr(number)) != value:
        raise WriteRefused(SERVICE, f"{field.name}: {value} has more digits than Airtable keeps.")
    return number


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _several(field: AirtableField, value: tuple[Any, ...]) -> Any:
    if field.type == COLLABORATOR:
        return {"id": value[0]}
    return [{"id": one} for one in value] if field.type == COLLABORATORS else list(value)
