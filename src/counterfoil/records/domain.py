"""The data of a receipt or invoice, where each value came from, and the record of both."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from typing import NewType
from uuid import UUID

from counterfoil.documents.domain import Box

RecordId = NewType("RecordId", UUID)
ExtractionId = NewType("ExtractionId", UUID)

FieldPath = NewType("FieldPath", str)
"""Names one value of `InvoiceData`: `total`, `merchant.name`, `taxes.0.rate`, `line_items.2.amount`."""


class Kind(StrEnum):
    """What sort of document it is."""

    RECEIPT = "receipt"
    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


class PaymentMethod(StrEnum):
    """How it was paid."""

    CASH = "cash"
    CARD = "card"
    TRANSFER = "transfer"
    DIRECT_DEBIT = "direct_debit"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Who sells or who buys. The address is one line, its parts separated by ", "."""

    name: str | None = None
    address: str | None = None
    tax_id: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tax:
    """The tax at one rate. `rate` is in per cent (19, not 0.19); `base` is the net amount it is taken of."""

    rate: Decimal | None = None
    base: Decimal | None = None
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineItem:
    """One thing sold. `amount` is what the line adds to the sum, as printed; negative for a discount row."""

    description: str | None = None
    quantity: Decimal | None = None
    unit: str | None = None
    unit_price: Decimal | None = None
    tax_rate: Decimal | None = None
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceData:
    """What a receipt or invoice says. None means that it does not say so, or that it could not be read.

    All amounts are in `currency` (ISO 4217). `discount` is positive and lowers the total; `total` is what is to
    be paid, tax included, after rounding. Amounts keep the sign that the document gives them, also in credit notes.
    """

    kind: Kind | None = None
    merchant: Party = field(default_factory=Party)
    buyer: Party = field(default_factory=Party)
    number: str | None = None
    issue_date: date | None = None
    issue_time: time | None = None
    due_date: date | None = None
    currency: str | None = None
    subtotal: Decimal | None = None
    taxes: tuple[Tax, ...] = ()
    tip: Decimal | None = None
    discount: Decimal | None = None
    total: Decimal | None = None
    payment_method: PaymentMethod | None = None
    payment_last_digits: str | None = None
    line_items: tuple[LineItem, ...] = ()
    category: str | None = None
    language: str | None = None  # ISO 639-1
    notes: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Where on the document a value was read, and the text that stood there."""

    page: int  # from 1
    box: Box
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a value came from: a reader and its version, or a person; how sure it is; and what shows it."""

    reader: str  # "layout", "einvoice", "model", or "person"
    version: str
    confidence: float  # 0 to 1: the share of such values that are right
    evidence: Evidence | None = None


Sources = Mapping[FieldPath, Source]
