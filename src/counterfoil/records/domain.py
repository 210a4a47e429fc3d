"""The data of a receipt or invoice, where each value came from, and the record of both."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import NewType, TypeAlias
from uuid import UUID

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import Box, DocumentId
from counterfoil.foundation.errors import Conflict, InvalidInput, NotFound

RecordId = NewType("RecordId", UUID)
ChangeId = NewType("ChangeId", UUID)
ExtractionId = NewType("ExtractionId", UUID)

FieldPath = NewType("FieldPath", str)
"""Names one value of `InvoiceData`: `total`, `merchant.name`, `taxes.0.rate`, `line_items.2.amount`.

`taxes` and `line_items` name the whole list.
"""

TOTAL = FieldPath("total")
ISSUE_DATE = FieldPath("issue_date")
MERCHANT = FieldPath("merchant.name")
CURRENCY = FieldPath("currency")
IMPORTANT = (TOTAL, ISSUE_DATE, MERCHANT, CURRENCY)
"""What a record is of no use without: a person is asked unless all of these are there and sure."""

PERSON = "person"
"""The reader of a value that a person set."""


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

Value: TypeAlias = str | Decimal | date | time
"""One value of `InvoiceData`; the enumerations are text as well."""

FieldValue: TypeAlias = Value | tuple[Tax, ...] | tuple[LineItem, ...] | None
"""What a field can be set to: a value, a whole list, or nothing."""


class ReasonCode(StrEnum):
    """Why a person should look at a record."""

    NOTHING_READABLE = "nothing_readable"
    MISSING_TOTAL = "missing_total"
    MISSING_DATE = "missing_date"
    MISSING_MERCHANT = "missing_merchant"
    MISSING_CURRENCY = "missing_currency"
    SUM_MISMATCH = "sum_mismatch"
    ITEMS_MISMATCH = "items_mismatch"
    TAX_MISMATCH = "tax_mismatch"
    DATE_IN_FUTURE = "date_in_future"
    DATE_LONG_AGO = "date_long_ago"
    DUE_BEFORE_ISSUE = "due_before_issue"
    UNKNOWN_CURRENCY = "unknown_currency"
    TOO_MANY_DECIMALS = "too_many_decimals"
    NEGATIVE_TOTAL = "negative_total"
    ABSURD_VALUE = "absurd_value"
    LOW_CONFIDENCE = "low_confidence"
    DUPLICATE = "duplicate"
    LOOKS_ALIKE = "looks_alike"
    JOINED = "joined"
    SAME_PURCHASE = "same_purchase"
    SEVERAL_RECEIPTS = "several_receipts"
    PAGE_DIFFERS = "page_differs"
    EINVOICE_REFUSED = "einvoice_refused"
    NOT_ON_PAGE = "not_on_page"
    INSTRUCTIONS_IN_DOCUMENT = "instructions_in_document"
    MODEL_NOT_ASKED = "model_not_asked"
    MODEL_FAILED = "model_failed"

    @property
    def given(self) -> bool:
        """Tell whether the record's own values cannot show it, so that whoever drafts the record has to say it."""
        return self in _GIVEN


_GIVEN = {
    ReasonCode.DUPLICATE,
    ReasonCode.LOOKS_ALIKE,
    ReasonCode.SEVERAL_RECEIPTS,
    ReasonCode.PAGE_DIFFERS,
    ReasonCode.EINVOICE_REFUSED,
    ReasonCode.NOT_ON_PAGE,
    ReasonCode.INSTRUCTIONS_IN_DOCUMENT,
    ReasonCode.MODEL_NOT_ASKED,
    ReasonCode.MODEL_FAILED,
    ReasonCode.JOINED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One thing that makes a record doubtful: the values concerned, and the facts for a sentence about it."""

    code: ReasonCode
    paths: tuple[FieldPath, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


class RecordStatus(StrEnum):
    """Whether these very values were accepted; a change of any of them makes the record a draft again."""

    DRAFT = "draft"
    ACCEPTED = "accepted"


class AcceptedBy(StrEnum):
    """Who accepted a record."""

    RULE = "rule"
    PERSON = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What one document says, where each value came from, and what makes it doubtful.

    `locked` names what a person set: a new reading leaves it as it is. `version` counts the changes.
    """

    id: RecordId
    workspace: WorkspaceId
    document_id: DocumentId
    extraction_id: ExtractionId | None
    data: InvoiceData
    sources: Sources
    locked: frozenset[FieldPath] = frozenset()
    reasons: tuple[Reason, ...] = ()
    status: RecordStatus = RecordStatus.DRAFT
    accepted_by: AcceptedBy | None = None
    version: int = 1
    created_at: datetime
    updated_at: datetime

    @property
    def accepted(self) -> bool:
        """Tell whether these very values were accepted."""
        return self.status is RecordStatus.ACCEPTED

    def confidence(self, path: FieldPath) -> float:
        """Return how sure a value is; 0 if there is none and nobody said that there should be none."""
        source = self.sources.get(path)
        if source is None:
            return 1.0 if path in self.locked else 0.0
        return source.confidence


def record_id_of(document_id: DocumentId) -> RecordId:
    """Return the id of a document's one record: the same one, so that a repeated attempt makes the same record."""
    return RecordId(document_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One value of a record as it was and as it became, by a reader (`layout 1`) or a person. Values are as text."""

    id: ChangeId
    workspace: WorkspaceId
    record_id: RecordId
    version: int  # of the record, after the change
    by: str
    at: datetime
    path: FieldPath
    before: str | None
    after: str | None


class UnknownRecord(NotFound):
    """There is no such record in this workspace."""

    code = "record_not_found"

    def __init__(self, record_id: UUID) -> None:
        super().__init__(f"There is no record {record_id}.")


class RecordChanged(Conflict):
    """Somebody or a new reading changed the record since it was looked at."""

    code = "record_changed"
    advice = "Look at the record as it is now and make your changes again."

    def __init__(self, record_id: RecordId, *, seen: int, current: int) -> None:
        super().__init__(f"Record {record_id} is at version {current} now; version {seen} was changed.")


class InvalidField(InvalidInput):
    """A value that cannot be what its field asks for, or a field that does not exist."""

    code = "invalid_field"
    advice = "Correct the field named in the message and send it again."

    def __init__(self, path: str, expected: str) -> None:
        self.field = path
        super().__init__(f"{path}: {expected}.")
