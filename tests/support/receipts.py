"""A receipt to test with, and sources for what it says."""

from datetime import date
from decimal import Decimal

from counterfoil.documents.domain import Box, DocumentId
from counterfoil.foundation.ids import new_id
from counterfoil.records.domain import Evidence, InvoiceData, Kind, LineItem, Party, Source, Sources, Tax
from counterfoil.records.fields import values

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
