"""Records as they go out over HTTP. Amounts are decimal numbers as text, so that they stay exact."""

from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from counterfoil.records.domain import (
    AcceptedBy,
    Change,
    Evidence,
    FieldPath,
    Kind,
    PaymentMethod,
    Reason,
    ReasonCode,
    Record,
    RecordStatus,
    Value,
)
from counterfoil.records.fields import label, list_of, order, value_of, values, written
from counterfoil.records.reasons import sentence

Amount = Annotated[Decimal, PlainSerializer(lambda amount: f"{amount:f}", return_type=str, when_used="json")]


def _amount(description: str, example: str) -> Any:
    return Field(default=None, description=description, examples=[example])


class _FromDomain(BaseModel):
    """Read from a domain type of the same shape."""

    model_config = ConfigDict(from_attributes=True)


class PartyRead(_FromDomain):
    """Who sells or who buys."""

    name: str | None = Field(default=None, description="The name as printed.", examples=["Corner Bakery"])
    address: str | None = Field(
        default=None, description="The address on one line.", examples=["1 Main Street, Springfield"]
    )
    tax_id: str | None = Field(default=None, description="The tax or VAT number.", examples=["DE123456789"])
    phone: str | None = Field(default=None, description="The telephone number as printed.", examples=["+49 30 1234567"])


class TaxRead(_FromDomain):
    """The tax at one rate."""

    rate: Amount | None = _amount("In per cent.", "19")
    base: Amount | None = _amount("The net amount that it is taken of.", "10.00")
    amount: Amount | None = _amount("The tax.", "1.90")


class LineItemRead(_FromDomain):
    """One thing sold."""

    description: str | None = Field(default=None, description="What it is.", examples=["Rye bread"])
    quantity: Amount | None = _amount("How many or how much.", "2")
    unit: str | None = Field(default=None, description="Of what.", examples=["kg"])
    unit_price: Amount | None = _amount("The price of one unit.", "2.95")
    tax_rate: Amount | None = _amount("In per cent.", "7")
    amount: Amount | None = _amount("What the line adds to the sum; negative for a discount.", "5.90")


class InvoiceDataRead(_FromDomain):
    """What a document says. Null means that it does not say so, or that it could not be read."""

    kind: Kind | None = Field(default=None, description="What sort of document it is.", examples=["receipt"])
    merchant: PartyRead = Field(default=PartyRead(), description="Who sells.")
    buyer: PartyRead = Field(default=PartyRead(), description="Who buys.")
    number: str | None = Field(default=None, description="The document's own number.", examples=["2026-0042"])
    issue_date: date | None = Field(default=None, description="The date of the document.", examples=["2026-03-01"])
    issue_time: time | None = Field(default=None, description="The time on the document.", examples=["14:30:00"])
    due_date: date | None = Field(default=None, description="When it is to be paid.", examples=["2026-03-31"])
    currency: str | None = Field(default=None, description="Of all amounts (ISO 4217).", examples=["EUR"])
    subtotal: Amount | None = _amount("The sum before what is added to it.", "10.00")
    taxes: list[TaxRead] = Field(default=[], description="One for each rate.")
    tip: Amount | None = _amount("The tip.", "1.00")
    discount: Amount | None = _amount("Positive; lowers the total.", "0.50")
    total: Amount | None = _amount("What is to be paid, tax included.", "11.90")
    payment_method: PaymentMethod | None = Field(default=None, description="How it was paid.", examples=["card"])
    payment_last_digits: str | None = Field(default=None, description="The last digits of the card.", examples=["4242"])
    line_items: list[LineItemRead] = Field(default=[], description="What was sold, in printed order.")
    category: str | None = Field(default=None, description="What it was for.", examples=["Groceries"])
    language: str | None = Field(default=None, description="Of the document (ISO 639-1).", examples=["en"])
    notes: str | None = Field(default=None, description="Anything else.", examples=["Paid by the office."])


class EvidenceRead(BaseModel):
    """Where on the document a value was read."""

    page: int = Field(description="The page, from 1.", examples=[1])
    box: tuple[float, float, float, float] = Field(
        description="Left, top, right and bottom edge, as fractions of the page's width and height.",
        examples=[[0.62, 0.81, 0.74, 0.84]],
    )
    text: str = Field(description="What stood there.", examples=["TOTAL 11,90"])

    @classmethod
    def of(cls, evidence: Evidence | None) -> "EvidenceRead | None":
        if evidence is None:
            return None
        box = evidence.box
        return cls(page=evidence.page, box=(box.x0, box.y0, box.x1, box.y1), text=evidence.text)


class FieldRead(BaseModel):
    """One value and where it came from."""

    path: str = Field(description="Which value it is.", examples=["line_items.0.amount"])
    label: str = Field(description="What people call it.", examples=["amount of line 1"])
    value: str | None = Field(description="The value as text; null where a person emptied it.", examples=["11.90"])
    reader: str | None = Field(description="Which reader read it; `person` if a person set it.", examples=["layout"])
    version: str | None = Field(description="The reader's version.", examples=["1"])
    confidence: float | None = Field(description="How sure it is, from 0 to 1.", examples=[0.97])
    evidence: EvidenceRead | None = Field(description="Where on the document it was read; null if nothing shows it.")
    locked: bool = Field(description="Whether a person set it, so that a new reading leaves it.", examples=[False])


class ReasonRead(BaseModel):
    """One thing that makes the record doubtful."""

    code: ReasonCode = Field(description="A stable word for programs.", examples=["sum_mismatch"])
    paths: list[str] = Field(description="The values concerned.", examples=[["subtotal", "total"]])
    message: str = Field(description="The reason in a sentence.", examples=["No total was found."])


class RecordSummary(BaseModel):
    """A record in a list."""

    id: UUID = Field(description="The record's id.", examples=["01950000-0000-7000-8000-000000000001"])
    document_id: UUID = Field(description="Its document.", examples=["01950000-0000-7000-8000-000000000001"])
    status: RecordStatus = Field(description="Whether these values were accepted.", examples=["draft"])
    accepted_by: AcceptedBy | None = Field(description="Who accepted them.", examples=["rule"])
    version: int = Field(description="How many times it changed.", examples=[1])
    kind: Kind | None = Field(description="What sort of document it is.", examples=["receipt"])
    merchant: str | None = Field(description="The merchant's name.", examples=["Corner Bakery"])
    issue_date: date | None = Field(description="The date of the document.", examples=["2026-03-01"])
    currency: str | None = Field(description="ISO 4217.", examples=["EUR"])
    total: Amount | None = _amount("What is to be paid.", "11.90")
    reasons: list[ReasonCode] = Field(description="What makes it doubtful.", examples=[["missing_date"]])
    created_at: datetime = Field(description="When it was drafted.", examples=["2026-03-01T12:00:00Z"])
    updated_at: datetime = Field(description="When it changed last.", examples=["2026-03-01T12:00:00Z"])

    @classmethod
    def of(cls, record: Record) -> "RecordSummary":
        return cls(
            **_head(record),
            kind=record.data.kind,
            merchant=record.data.merchant.name,
            issue_date=record.data.issue_date,
            currency=record.data.currency,
            total=record.data.total,
            reasons=[reason.code for reason in record.reasons],
        )


class RecordRead(BaseModel):
    """A record with the source of each value."""

    id: UUID = Field(description="The record's id.", examples=["01950000-0000-7000-8000-000000000001"])
    document_id: UUID = Field(description="Its document.", examples=["01950000-0000-7000-8000-000000000001"])
    extraction_id: UUID | None = Field(
        description="The extraction that it was drafted from.", examples=["01950000-0000-7000-8000-000000000002"]
    )
    status: RecordStatus = Field(description="Whether these values were accepted.", examples=["draft"])
    accepted_by: AcceptedBy | None = Field(description="Who accepted them.", examples=["rule"])
    version: int = Field(description="Send it along with a change.", examples=[1])
    data: InvoiceDataRead = Field(description="What the document says.")
    fields: list[FieldRead] = Field(description="Every value that there is, or that a person emptied.")
    reasons: list[ReasonRead] = Field(description="What makes the record doubtful.")
    created_at: datetime = Field(description="When it was drafted.", examples=["2026-03-01T12:00:00Z"])
    updated_at: datetime = Field(description="When it changed last.", examples=["2026-03-01T12:00:00Z"])

    @classmethod
    def of(cls, record: Record) -> "RecordRead":
        return cls(
            **_head(record),
            extraction_id=record.extraction_id,
            data=InvoiceDataRead.model_validate(record.data),
            fields=_fields(record),
            reasons=[reason_read(reason) for reason in record.reasons],
        )


class ChangeRead(_FromDomain):
    """One value as it was and as it became."""

    id: UUID = Field(description="The change's id.", examples=["01950000-0000-7000-8000-000000000003"])
    version: int = Field(description="Of the record, after the change.", examples=[2])
    by: str = Field(description="The reader with its version, or the person.", examples=["layout 1"])
    at: datetime = Field(description="When it changed.", examples=["2026-03-01T12:00:00Z"])
    path: str = Field(description="Which value.", examples=["total"])
    before: str | None = Field(description="What it was.", examples=["11.80"])
    after: str | None = Field(description="What it became.", examples=["11.90"])

    @classmethod
    def of(cls, change: Change) -> "ChangeRead":
        return cls.model_validate(change)


def reason_read(reason: Reason) -> ReasonRead:
    """Return a reason with its sentence."""
    return ReasonRead(code=reason.code, paths=[*reason.paths], message=sentence(reason))


def _head(record: Record) -> dict[str, Any]:
    return {
        "id": record.id,
        "document_id": record.document_id,
        "status": record.status,
        "accepted_by": record.accepted_by,
        "version": record.version,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
    }


def _fields(record: Record) -> list[FieldRead]:
    found = values(record.data)
    emptied = [path for path in record.locked if not value_of(record.data, path) and path not in found]
    return [_field(record, path, found.get(path)) for path in (*found, *sorted(emptied, key=order))]


def _field(record: Record, path: FieldPath, value: Value | None) -> FieldRead:
    source = record.sources.get(path)
    return FieldRead(
        path=path,
        label=label(path),
        value=None if value is None else written(value),
        reader=source.reader if source else None,
        version=source.version if source else None,
        confidence=source.confidence if source else None,
        evidence=EvidenceRead.of(source.evidence) if source else None,
        locked=path in record.locked or list_of(path) in record.locked,
    )
