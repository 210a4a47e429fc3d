"""What fills a property: a small closed language over a record's data and the facts of its delivery."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Literal, TypeAlias, assert_never

from counterfoil.documents.domain import DocumentId
from counterfoil.records.domain import FieldPath, InvoiceData, LineItem, Party, Tax
from counterfoil.targets.likeness import squeezed
from counterfoil.targets.values import FileRef, is_plain


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldOf:
    """The value at one path, as it is."""

    path: FieldPath
    kind: Literal["field"] = "field"


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """The same text for every record; it is read as the property's type, so that "true" ticks a checkbox."""

    value: str
    kind: Literal["constant"] = "constant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A text with paths in braces, `{merchant.name}, {issue_date}`; empty when every path in it is."""

    template: str
    kind: Literal["format"] = "format"


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """The property stays as it is."""

    kind: Literal["nothing"] = "nothing"


Simple: TypeAlias = FieldOf | Constant | Format | Nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """What a table of the plan's gives for the value at a path, found by name; for all others, `otherwise`.

    With `merchant.name` as the path these are rules by vendor: "Deutsche Bahn" gives "Travel".
    """

    path: FieldPath
    values: Mapping[str, str]
    otherwise: Simple = field(default_factory=Nothing)
    kind: Literal["lookup"] = "lookup"


Expression: TypeAlias = Simple | Lookup


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a delivery beside the record's data."""

    document_id: DocumentId
    document_name: str
    document_url: str
    delivered_at: datetime
    key: str
    """The delivery's, which no other row has."""


class Shape(StrEnum):
    """What sort of value stands at a path."""

    TEXT = "text"
    AMOUNT = "amount"
    RATE = "rate"
    """In percent: 19 is nineteen in a hundred."""
    DATE = "date"
    TIME = "time"
    MOMENT = "moment"
    CHOICE = "choice"
    PHONE = "phone"
    URL = "url"
    FILE = "file"
    KEY = "key"


Raw: TypeAlias = str | Decimal | date | time | datetime | FileRef
"""What an expression gives before it is fitted to a property. Choices are texts."""

MERCHANT = FieldPath("merchant.name")
ISSUE_DATE = FieldPath("issue_date")
DELIVERY_KEY = FieldPath("delivery.key")
TAX_RATE = FieldPath("tax_rate")
TAX_TOTAL = FieldPath("tax_total")

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_ITEM = re.compile(r"(taxes|line_items)\.(\d{1,4})\.([a-z_]+)")

_SHAPES: Mapping[FieldPath, Shape] = {
    FieldPath(path): shape
    for shape, paths in {
        Shape.TEXT: "merchant.name merchant.address merchant.tax_id buyer.name buyer.address buyer.tax_id number"
        " payment_last_digits line_items taxes notes document.name",
        Shape.AMOUNT: "subtotal tax_total tip discount total",
        Shape.RATE: "tax_rate",
        Shape.DATE: "issue_date due_date",
        Shape.TIME: "issue_time",
        Shape.MOMENT: "delivered_at",
        Shape.CHOICE: "kind currency payment_method category language",
        Shape.PHONE: "merchant.phone buyer.phone",
        Shape.URL: "document.url",
        Shape.FILE: "document.file",
        Shape.KEY: DELIVERY_KEY,
    }.items()
    for path in paths.split()
}
PATHS: tuple[FieldPath, ...] = tuple(_SHAPES)
"""All that name one value of each record; those of single taxes and line items (`taxes.0.amount`) come on top."""

_ITEM_TEXTS = {"description", "unit"}
_RATES = {"rate", "tax_rate"}
_ITEM_FIELDS = {
    "taxes": {one.name for one in fields(Tax)},
    "line_items": {one.name for one in fields(LineItem)},
}


def shape_of(path: FieldPath) -> Shape | None:
    """Return what sort of value a path names; None when there is no such path."""
    if path in _SHAPES:
        return _SHAPES[path]
    match = _ITEM.fullmatch(path)
    if match is None or match[3] not in _ITEM_FIELDS[match[1]]:
        return None
    if match[3] in _RATES:
        return Shape.RATE
    return Shape.TEXT if match[3] in _ITEM_TEXTS else Shape.AMOUNT


def paths_in(expression: Expression) -> tuple[FieldPath, ...]:
    """Return the paths that an expression reads."""
    match expression:
        case FieldOf(path=path):
            return (path,)
        case Format(template=template):
            return tuple(FieldPath(path) for path in _PLACEHOLDER.findall(template))
        case Lookup(path=path, otherwise=otherwise):
            return (path, *paths_in(otherwise))
        case Constant() | Nothing():
            return ()
        case _:
            assert_never(expression)


def is_balanced(template: str) -> bool:
    """Tell whether each brace of a template belongs to a path; any other would be written as it stands."""
    return not set(_PLACEHOLDER.sub("", template)) & {"{", "}"}


def is_rate(expression: Expression) -> bool:
    """Tell whether an expression gives a rate in percent."""
    return isinstance(expression, FieldOf) and shape_of(expression.path) is Shape.RATE


def evaluate(expression: Expression, data: InvoiceData, facts: Facts) -> Raw | None:
    """Return what an expression gives for a record; None where the record says nothing. Paths must have a shape."""
    match expression:
        case FieldOf(path=path):
            return value_at(path, data, facts)
        case Constant(value=value):
            return value
        case Format(template=template):
            return _formatted(template, data, facts)
        case Nothing():
            return None
        case Lookup():
            return _looked_up(expression, data, facts)
        case _:
            assert_never(expression)


def value_at(path: FieldPath, data: InvoiceData, facts: Facts) -> Raw | None:
    """Return the value that a path names."""
    if path in _DERIVED:
        return _DERIVED[path](data, facts)
    here: object = data
    for step in path.split("."):
        if isinstance(here, tuple):
            here = here[int(step)] if int(step) < len(here) else None
        else:
            here = getattr(here, step, None)
    assert not isinstance(here, InvoiceData | Party | tuple)  # noqa: S101 - shape_of lets no such path through
    return here  # type: ignore[return-value]  # what is left are the leaves of InvoiceData


def as_text(raw: Raw) -> str:
    """Return a value as a person reads it, without loss."""
    match raw:
        case StrEnum():
            return raw.value.replace("_", " ").capitalize()
        case str():
            return raw.replace("\0", "")  # which PostgreSQL does not take
        case Decimal():
            return format(raw, "f") if is_plain(raw) else str(raw)
        case datetime():
            return raw.isoformat(sep=" ", timespec="minutes")
        case date():
            return raw.isoformat()
        case time():
            return raw.isoformat(timespec="minutes")
        case FileRef():
            return raw.name
        case _:
            assert_never(raw)


def _looked_up(lookup: Lookup, data: InvoiceData, facts: Facts) -> Raw | None:
    raw = value_at(lookup.path, data, facts)
    if raw is not None:
        wanted = squeezed(as_text(raw))
        for name, value in lookup.values.items():
            if squeezed(name) == wanted:
                return value
    return evaluate(lookup.otherwise, data, facts)


def _formatted(template: str, data: InvoiceData, facts: Facts) -> str | None:
    values = {path: value_at(FieldPath(path), data, facts) for path in _PLACEHOLDER.findall(template)}
    if values and all(value is None for value in values.values()):
        return None
    texts = {path: "" if value is None else as_text(value) for path, value in values.items()}
    text = _PLACEHOLDER.sub(lambda match: texts[match[1]], template)
    return text.strip(" ,;:-/|\n\t\u2013\u2014") or None


def _tax_total(data: InvoiceData, _facts: Facts) -> Decimal | None:
    """Add up the taxes, if every one of them is known: half a sum would be a made-up value."""
    amounts = [tax.amount for tax in data.taxes if tax.amount is not None and is_plain(tax.amount)]
    return sum(amounts, Decimal()) if amounts and len(amounts) == len(data.taxes) else None


def _tax_rate(data: InvoiceData, _facts: Facts) -> Decimal | None:
    """Return the one rate that all taxes have; with several, no rate is that of the receipt."""
    rates = {tax.rate for tax in data.taxes}
    return rates.pop() if len(rates) == 1 else None


def _taxes(data: InvoiceData, _facts: Facts) -> str | None:
    return _lines(_labelled((tax.rate, "{} %"), (tax.base, "of {}"), (tax.amount, "= {}")) for tax in data.taxes)


def _line_items(data: InvoiceData, _facts: Facts) -> str | None:
    return _lines(
        _labelled((item.quantity, "{}"), (item.unit, "{}"), (item.description, "{}"), (item.amount, "= {}"))
        for item in data.line_items
    )


def _labelled(*parts: tuple[Raw | None, str]) -> str:
    return " ".join(label.format(as_text(value)) for value, label in parts if value is not None)


def _lines(lines: Iterable[str]) -> str | None:
    return "\n".join(line for line in lines if line) or None


_DERIVED: Mapping[str, Callable[[InvoiceData, Facts], Raw | None]] = {
    "tax_total": _tax_total,
    TAX_RATE: _tax_rate,
    "taxes": _taxes,
    "line_items": _line_items,
    "document.name": lambda _data, facts: facts.document_name,
    "document.url": lambda _data, facts: facts.document_url,
    "document.file": lambda _data, facts: FileRef(
        document_id=facts.document_id, name=facts.document_name, url=facts.document_url
    ),
    "delivered_at": lambda _data, facts: facts.delivered_at,
    DELIVERY_KEY: lambda _data, facts: facts.key,
}
