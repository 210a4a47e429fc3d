"""The neutral values that go into a table elsewhere, whatever that table calls them."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TypeAlias

from counterfoil.documents.domain import DocumentId


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRef:
    """A document as the value of a files property: enough to attach it, or at least to link to it."""

    document_id: DocumentId
    name: str
    url: str


Value: TypeAlias = str | Decimal | date | datetime | bool | tuple[str, ...] | tuple[FileRef, ...]
"""By property type: number → Decimal, date → date or aware datetime, checkbox → bool, multi_select, relation and
people → names or ids, files → FileRef; everything else → str."""

JsonValue: TypeAlias = str | bool | list[str] | list[dict[str, str]]


_MOST_DIGITS = 18


def is_plain(amount: Decimal) -> bool:
    """Tell whether an amount can be added and written out digit by digit: finite, and of no absurd size."""
    exponent = amount.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -_MOST_DIGITS and amount.adjusted() < _MOST_DIGITS


def encode(value: Value) -> JsonValue:
    """Return a value as JSON keeps it without loss: a Decimal as its digits, a date in ISO 8601."""
    match value:
        case str() | bool():
            return value
        case Decimal():
            return format(value, "f")
        case date():
            return value.isoformat()
        case _:
            return [_file(one) if isinstance(one, FileRef) else one for one in value]  # type: ignore[return-value]


def _file(file: FileRef) -> dict[str, str]:
    return {"document_id": str(file.document_id), "name": file.name, "url": file.url}
