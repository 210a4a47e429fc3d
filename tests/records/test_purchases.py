"""Records of the same purchase are known by what they say, and by what does not speak against it."""

from dataclasses import replace
from datetime import date, time
from decimal import Decimal

import pytest

from counterfoil.records.domain import InvoiceData, Kind, Party
from counterfoil.records.purchases import purchase_key, same_purchase

INVOICE = InvoiceData(
    kind=Kind.INVOICE,
    merchant=Party(name="Alpha Lights Ltd", tax_id="DE123456789"),
    number="R-2026/77",
    issue_date=date(2026, 3, 5),
    issue_time=time(12, 30),
    currency="EUR",
    total=Decimal("32.10"),
)


@pytest.mark.parametrize(
    "other",
    [
        INVOICE,
        replace(INVOICE, merchant=Party(name="ALPHA LIGHTS L1D")),
        replace(INVOICE, merchant=Party(name="Alpha", tax_id="DE123456789")),
        replace(INVOICE, number="R2026/77"),
        replace(INVOICE, number=None, issue_time=None, kind=None),
    ],
)
def test_what_differs_only_as_two_readings_do_is_the_same(other: InvoiceData) -> None:
    assert same_purchase(INVOICE, other)
    assert same_purchase(other, INVOICE)


@pytest.mark.parametrize(
    "other",
    [
        replace(INVOICE, number="R-2026/918"),
        replace(INVOICE, issue_time=time(12, 31)),
        replace(INVOICE, kind=Kind.CREDIT_NOTE),
        replace(INVOICE, merchant=Party(name="Harbour Cafe")),
        replace(INVOICE, merchant=Party()),
    ],
)
def test_what_another_paper_would_say_speaks_against_it(other: InvoiceData) -> None:
    assert not same_purchase(INVOICE, other)
    assert not same_purchase(other, INVOICE)


def test_the_key_is_the_same_however_the_total_is_written() -> None:
    keys = {purchase_key(replace(INVOICE, total=Decimal(total))) for total in ("32.1", "32.10", "-32.100")}
    assert keys == {"2026-03-05 32.1"}
    assert purchase_key(replace(INVOICE, total=Decimal("1E+2"))) == "2026-03-05 100"


@pytest.mark.parametrize("data", [replace(INVOICE, total=None), replace(INVOICE, issue_date=None), InvoiceData()])
def test_without_date_or_total_there_is_none(data: InvoiceData) -> None:
    assert purchase_key(data) is None
    assert purchase_key(replace(INVOICE, total=Decimal(0))) is None
