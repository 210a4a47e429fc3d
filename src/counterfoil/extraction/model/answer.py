"""What a model answers: the fields of a document as text, each of them null where the page says nothing.

The schema is strict about what is asked for; what comes back is taken as far as it can be: a single wrong value is
dropped, and the others stay.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from counterfoil.records.domain import (
    FieldPath,
    FieldValue,
    InvalidField,
    InvoiceData,
    Kind,
    LineItem,
    Party,
    PaymentMethod,
    Tax,
)
from counterfoil.records.fields import MAX_ROWS, PARTIES, PARTY_FIELDS, ROW_FIELDS, SCALARS
from counterfoil.records.json_form import keepable
from counterfoil.records.parsing import parse

_AMOUNTS = ("subtotal", "tip", "discount", "total", "rate", "base", "amount", "quantity", "unit_price", "tax_rate")
_DRESSED = re.compile(r"[^\d()-]*(-?)[^\d()-]*(\d[\d., ]*)[^\d()-]*")  # in currency signs, blanks, per cent
_BRACKETED = re.compile(r"([^\d()-]*)\(([^()-]*)\)([^\d()-]*)")  # how bookkeepers write what is less than nothing
_LONGEST_AMOUNT = 40  # letters
_MINUSES = str.maketrans(dict.fromkeys("\u2212\u2013\u2014\u2012\ufe63\uff0d", "-"))
_CENTS_BY_COMMA = re.compile(r"(-?[\d.]*\d),(\d{1,2})")
_THOUSANDS_BY_COMMA = re.compile(r"-?\d{1,3}(,\d{3})+\.\d+")

Part = TypeVar("Part", Party, Tax, LineItem)


def _text(given: object) -> str | None:
    """Return text and numbers as text that can be kept, and nothing else."""
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        return None
    return keepable(str(given))


def _object(given: object) -> object:
    return given if isinstance(given, dict | BaseModel) else {}


def _objects(given: object) -> object:
    rows = given if isinstance(given, Sequence) and not isinstance(given, str) else ()
    return [row for row in rows if isinstance(row, dict | BaseModel)][:MAX_ROWS]


def _one_of(kind: type[Kind] | type[PaymentMethod]) -> BeforeValidator:
    return BeforeValidator(lambda given: given if given in list(kind) else None)


Text = Annotated[str | None, BeforeValidator(_text)]


def _asked(description: str) -> Any:
    return Field(default=None, description=description)


class PartyAnswer(BaseModel):
    """A seller or a buyer."""

    model_config = ConfigDict(extra="ignore")

    name: Text = _asked("The name as printed.")
    address: Text = _asked('The postal address on one line, its parts separated by ", ".')
    tax_id: Text = _asked("The tax or VAT number as printed.")
    phone: Text = _asked("The telephone number as printed.")


class TaxAnswer(BaseModel):
    """The tax at one rate."""

    model_config = ConfigDict(extra="ignore")

    rate: Text = _asked('In per cent, such as "19".')
    base: Text = _asked("The net amount that it is taken of, as a decimal number.")
    amount: Text = _asked("The tax, as a decimal number.")


class LineAnswer(BaseModel):
    """One thing sold."""

    model_config = ConfigDict(extra="ignore")

    description: Text = _asked("What it is, as printed.")
    quantity: Text = _asked("How many or how much, as a decimal number.")
    unit: Text = _asked('Of what, such as "kg".')
    unit_price: Text = _asked("The price of one unit, as a decimal number.")
    tax_rate: Text = _asked("In per cent, if the line itself says it.")
    amount: Text = _asked("What the line adds to the sum, as a decimal number; negative for a discount.")


class Answer(BaseModel):
    """What stands on a receipt or invoice."""

    model_config = ConfigDict(extra="ignore")

    kind: Annotated[Kind | None, _one_of(Kind)] = _asked("What sort of document it is.")
    merchant: Annotated[PartyAnswer, BeforeValidator(_object)] = Field(default=PartyAnswer(), description="Who sells.")
    buyer: Annotated[PartyAnswer, BeforeValidator(_object)] = Field(default=PartyAnswer(), description="Who buys.")
    number: Text = _asked("The document's own number.")
    issue_date: Text = _asked("The date of the document, as YYYY-MM-DD.")
    issue_time: Text = _asked("The time on the document, as HH:MM or HH:MM:SS.")
    due_date: Text = _asked("When it is to be paid, as YYYY-MM-DD.")
    currency: Text = _asked("Of all amounts: the three letters of ISO 4217.")
    subtotal: Text = _asked("The sum before taxes or tip are added, as a decimal number.")
    taxes: Annotated[list[TaxAnswer], BeforeValidator(_objects)] = Field(default=[], description="One for each rate.")
    tip: Text = _asked("The tip, as a decimal number.")
    discount: Text = _asked("A discount on the whole, as a positive decimal number.")
    total: Text = _asked("What is to be paid, tax included, as a decimal number.")
    payment_method: Annotated[PaymentMethod | None, _one_of(PaymentMethod)] = _asked("How it was paid.")
    payment_last_digits: Text = _asked("The last digits of the card, digits only.")
    line_items: Annotated[list[LineAnswer], BeforeValidator(_objects)] = Field(
        default=[], description="What was sold, in printed order."
    )
    category: Text = _asked('What the money was spent for, in one or two words, such as "fuel".')
    language: Text = _asked("Of the document: the two letters of ISO 639-1.")

    def data(self) -> InvoiceData:
        """Return the values that can be what their fields ask for."""
        # Party, Tax and LineItem are made of values that were parsed for their fields by name.
        whole: dict[str, Any] = dict(_parsed(self, [name for name in SCALARS if hasattr(self, name)]))
        whole |= {name: _part(Party, getattr(self, name), PARTY_FIELDS, f"{name}.") for name in PARTIES}
        taxes = (_part(Tax, row, ROW_FIELDS["taxes"], "taxes.0.") for row in self.taxes)
        lines = (_part(LineItem, row, ROW_FIELDS["line_items"], "line_items.0.") for row in self.line_items)
        whole["taxes"] = tuple(tax for tax in taxes if tax != Tax())
        whole["line_items"] = tuple(line for line in lines if line != LineItem())
        return InvoiceData(**whole)


def _part(kind: type[Part], given: BaseModel, names: Sequence[str], place: str) -> Part:
    fitting: dict[str, Any] = dict(_parsed(given, names, place))
    return kind(**fitting)


def _parsed(given: BaseModel, names: Sequence[str], place: str = "") -> Iterator[tuple[str, FieldValue]]:
    for name in names:
        text = getattr(given, name)
        if text is None:
            continue
        try:
            yield name, parse(FieldPath(place + name), _undressed(name, str(text)))
        except InvalidField:
            continue


def _undressed(name: str, text: str) -> str:
    """Return what a model wrote without what it was asked to leave out, unless that would be a guess."""
    if name in _AMOUNTS:
        signed = _BRACKETED.sub(r"\1-\2\3", " ".join(text[:_LONGEST_AMOUNT].translate(_MINUSES).split()))
        dressed = _DRESSED.fullmatch(signed)
        bare = dressed[1] + dressed[2].replace(" ", "").rstrip(".,") if dressed else text
        if found := _CENTS_BY_COMMA.fullmatch(bare):
            return f"{found[1].replace('.', '')}.{found[2]}"
        return bare.replace(",", "") if _THOUSANDS_BY_COMMA.fullmatch(bare) else bare
    if name == "payment_last_digits":
        return re.sub(r"\D", "", text)[-4:]
    return ", ".join(filter(None, map(str.strip, text.splitlines())))
