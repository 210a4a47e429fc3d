"""Records to test with: complete data, sources for it, and services that remember what they called."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from counterfoil.documents.domain import Box, DocumentId
from counterfoil.foundation.clock import Clock
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.ids import new_id
from counterfoil.records.domain import Evidence, InvoiceData, Kind, LineItem, Party, Record, Source, Sources, Tax
from counterfoil.records.fields import values
from counterfoil.records.infrastructure.sql import SqlRecordStore
from counterfoil.records.service import RecordService
from counterfoil.reviews.domain import DeliveryRule
from counterfoil.reviews.infrastructure.sql import SqlReviewStore
from counterfoil.reviews.service import ReviewService

THRESHOLD = 0.85
BAKERY = InvoiceData(
    kind=Kind.RECEIPT,
    merchant=Party(name="Corner Bakery", address="1 Main Street, Springfield"),
    issue_date=date(2026, 2, 28),
    currency="EUR",
    subtotal=Decimal("10.00"),
    taxes=(Tax(rate=Decimal(7), base=Decimal("10.00"), amount=Decimal("0.70")),),
    total=Decimal("10.70"),
    line_items=(
        LineItem(description="Rye bread", quantity=Decimal(2), amount=Decimal("6.00")),
        LineItem(description="Rolls", quantity=Decimal("0.5"), unit="kg", amount=Decimal("4.00")),
    ),
)
"""A receipt about which there is no doubt on 1 March 2026."""


def a_document() -> DocumentId:
    return DocumentId(new_id())


def a_box() -> Box:
    return Box(x0=0.1, y0=0.2, x1=0.3, y1=0.25)


def sources_of(data: InvoiceData, *, confidence: float = 0.95, version: str = "1") -> Sources:
    """Return a reader's sources for every value."""
    evidence = Evidence(page=1, box=a_box(), text="as printed")
    source = Source(reader="layout", version=version, confidence=confidence, evidence=evidence)
    return dict.fromkeys(values(data), source)


@dataclass(frozen=True, slots=True)
class Called:
    """Remembers which records it was called with."""

    records: list[Record] = field(default_factory=list)

    def __call__(self, tx: Transaction, record: Record) -> None:
        self.records.append(record)

    @property
    def versions(self) -> list[tuple[UUID, int]]:
        return [(record.id, record.version) for record in self.records]


def record_service(database: Database, clock: Clock, *, next_step: Called, on_change: Called) -> RecordService:
    return RecordService(
        database=database,
        store=SqlRecordStore(),
        clock=clock,
        new_id=new_id,
        threshold=THRESHOLD,
        next_step=next_step,
        on_change=on_change,
    )


def review_service(
    database: Database, clock: Clock, records: RecordService, delivery: DeliveryRule = DeliveryRule.WHEN_SURE
) -> ReviewService:
    return ReviewService(
        database=database,
        store=SqlReviewStore(),
        records=records,
        clock=clock,
        new_id=new_id,
        delivery=delivery,
        threshold=THRESHOLD,
        time_to_answer=timedelta(hours=48),
    )
