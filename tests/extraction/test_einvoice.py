"""What an e-invoice says is read exactly, whatever its syntax; what its page does not show is said."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from counterfoil.access.domain import DEFAULT_WORKSPACE
from counterfoil.extraction.cascade import Cascade
from counterfoil.extraction.domain import PageText
from counterfoil.extraction.einvoice.codes import payment_method_of
from counterfoil.extraction.einvoice.reader import EInvoiceReader, data_of
from counterfoil.extraction.layout.reader import LayoutReader
from counterfoil.foundation.xml import DamagedXml, ForbiddenXml
from counterfoil.records.domain import InvoiceData, Kind, LineItem, Party, PaymentMethod, ReasonCode, Tax
from counterfoil.records.fields import values
from tests.support import einvoices
from tests.support.papers import page
from tests.support.readings import SHA256, FakeDocument, FakePage, FakeWordFinder, reading_of

SAID = InvoiceData(
    kind=Kind.INVOICE,
    merchant=Party(
        name="Alpha Lights Ltd", address="Harbour Street 1, 10115 Berlin", tax_id="DE123456789", phone="+49 30 1"
    ),
    buyer=Party(name="Beta Works Ltd"),
    number="R-77",
    issue_date=date(2026, 3, 5),
    due_date=date(2026, 4, 4),
    currency="EUR",
    subtotal=Decimal("27.00"),
    taxes=(Tax(rate=Decimal(19), base=Decimal("27.00"), amount=Decimal("5.13")),),
    discount=Decimal("3.00"),
    total=Decimal("32.13"),
    payment_method=PaymentMethod.CARD,
    payment_last_digits="1234",
    line_items=(
        LineItem(
            description="Blue pen",
            quantity=Decimal(2),
            unit="pcs",
            unit_price=Decimal(5),
            tax_rate=Decimal(19),
            amount=Decimal("10.00"),
        ),
        LineItem(
            description="Green lamp",
            quantity=Decimal(1),
            unit="XYZ",
            unit_price=Decimal("20.00"),
            tax_rate=Decimal(19),
            amount=Decimal("20.00"),
        ),
    ),
    notes="Thank you",
)
PAGE = (
    "Alpha Lights Ltd, Harbour Street 1, 10115 Berlin",
    "Invoice R-77                    5 March 2026",
    "2 Blue pen                             10.00",
    "1 Green lamp                           20.00",
    "Discount                                3.00",
    "Net                                    27.00",
    "VAT 19 %                                5.13",
    "Total EUR                              32.13",
)
ATTACKS = [
    pytest.param(
        b'<!DOCTYPE Invoice [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Invoice>&b;</Invoice>', ForbiddenXml, id="bomb"
    ),
    pytest.param(
        b'<!DOCTYPE Invoice [<!ENTITY f SYSTEM "file:///etc/passwd">]><Invoice>&f;</Invoice>', ForbiddenXml, id="file"
    ),
    pytest.param(b'<!DOCTYPE Invoice SYSTEM "http://127.0.0.1/x.dtd"><Invoice/>', ForbiddenXml, id="document type"),
    pytest.param(b"<Invoice>", DamagedXml, id="cut off"),
    pytest.param(b'<?xml version="1.0" encoding="nonsense"?><Invoice/>', DamagedXml, id="unknown encoding"),
]


@pytest.mark.parametrize("content", [einvoices.cii(), einvoices.zugferd_1(), einvoices.ubl()], ids=["CII", "1", "UBL"])
def test_every_syntax_says_the_same(content: bytes) -> None:
    assert data_of(content) == SAID


def test_a_credit_note_is_one_and_its_lines_are_read() -> None:
    assert data_of(einvoices.ubl_credit_note()) == replace(SAID, kind=Kind.CREDIT_NOTE)
    of_code = data_of(einvoices.cii().replace(b"<ram:TypeCode>380", b"<ram:TypeCode>381"))
    assert of_code is not None
    assert of_code.kind is Kind.CREDIT_NOTE


def test_the_sum_of_the_taxes_is_taken_in_the_invoices_own_currency_where_it_stands_alone() -> None:
    data = data_of(einvoices.cii_without_taxes())
    assert data is not None
    assert data.taxes == (Tax(amount=Decimal("5.13")),)


@pytest.mark.parametrize(
    ("price", "expected"), [(b"50.0000", Decimal(5)), (b"5.0000", Decimal("5.00")), (b"1.00", Decimal("0.1"))]
)
def test_a_price_for_several_is_taken_for_one_unless_the_line_shows_that_it_is_already(
    price: bytes, expected: Decimal
) -> None:
    data = data_of(einvoices.ubl().replace(b">50.0000<", b">" + price + b"<"))
    assert data is not None
    assert data.line_items[0].unit_price == expected


@pytest.mark.parametrize("number", [b"", b"NaN", b"Infinity", b"1e400", b"12,50", b"1.12345678901234"])
def test_what_is_no_amount_is_none(number: bytes) -> None:
    data = data_of(einvoices.ubl().replace(b">32.13<", b">" + number + b"<"))
    assert data is not None
    assert data.total is None


@pytest.mark.parametrize("day", [b"2026-02-30", b"5.3.2026", b"soon", b""])
def test_what_is_no_date_is_none(day: bytes) -> None:
    data = data_of(einvoices.ubl().replace(b">2026-03-05<", b">" + day + b"<"))
    assert data is not None
    assert data.issue_date is None


def test_xml_of_other_kinds_is_left_to_other_readers() -> None:
    assert data_of(b"<order/>") is None
    assert EInvoiceReader().read(reading_of(xml=[b"<order/>"])) is None
    assert EInvoiceReader().read(reading_of()) is None


def test_a_means_of_payment_may_be_left_open() -> None:
    assert [payment_method_of(code) for code in (None, "1", "ZZZ", "97", "58")] == [
        None,
        None,
        None,
        PaymentMethod.OTHER,
        PaymentMethod.TRANSFER,
    ]


@pytest.mark.parametrize(("content", "error"), ATTACKS)
def test_xml_that_attacks_or_is_damaged_is_refused(content: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        data_of(content)


def read(*pages: PageText, xml: bytes) -> "tuple[InvoiceData, list[ReasonCode], str]":
    """Have a hybrid document read by the cascade."""
    printed = [FakePage(printed=one.words, number=one.number) for one in pages]
    cascade = Cascade(readers=[EInvoiceReader(), LayoutReader()], word_finder=FakeWordFinder())
    extraction = cascade.read(FakeDocument(pages=printed, xml=[xml]), DEFAULT_WORKSPACE, SHA256)
    assert extraction is not None
    return extraction.data, [reason.code for reason in extraction.reasons], extraction.reader


def test_a_page_that_shows_the_same_gives_no_reason_to_ask() -> None:
    assert read(page(*PAGE), xml=einvoices.cii()) == (SAID, [], "einvoice")


def test_a_page_that_shows_something_else_is_a_reason_to_ask() -> None:
    forged = [row.replace("32.13", "23.13") for row in PAGE]
    data, reasons, _ = read(page(*forged), xml=einvoices.cii())
    assert data.total == Decimal("32.13")
    assert reasons == [ReasonCode.PAGE_DIFFERS]


def test_a_number_that_differs_by_a_letter_is_another() -> None:
    other = [row.replace("R-77", "R-78") for row in PAGE]
    assert read(page(*other), xml=einvoices.cii())[1] == [ReasonCode.PAGE_DIFFERS]


def test_a_number_of_two_digits_is_found_where_it_stands_alone() -> None:
    short = [row.replace("R-77", "#77") for row in PAGE]
    xml = einvoices.cii().replace(b"R-77", b"77")
    assert read(page(*short), xml=xml)[1] == []
    assert read(page(*PAGE), xml=xml)[1] == [ReasonCode.PAGE_DIFFERS]


@pytest.mark.parametrize(("content", "error"), ATTACKS)
def test_behind_refused_xml_the_page_is_read_and_it_is_said(content: bytes, error: type[Exception]) -> None:
    data, reasons, reader = read(page(*PAGE), xml=content)
    assert (data.total, reasons, reader) == (Decimal("32.13"), [ReasonCode.EINVOICE_REFUSED], "layout")


def test_the_words_of_the_page_come_in_reading_order() -> None:
    shuffled = replace(page(*PAGE), words=tuple(reversed(page(*PAGE).words)))
    extraction = EInvoiceReader().read(reading_of(shuffled, xml=[einvoices.cii()]))
    assert extraction is not None
    assert [word.text for word in extraction.pages[0].words[:3]] == ["Alpha", "Lights", "Ltd,"]


def test_every_value_has_a_source_and_most_are_shown_where_they_stand() -> None:
    extraction = EInvoiceReader().read(reading_of(page(*PAGE), xml=[einvoices.cii()]))
    assert extraction is not None
    assert set(extraction.sources) == set(values(extraction.data))
    shown = {path: source.evidence.text for path, source in extraction.sources.items() if source.evidence}
    assert shown["total"] == "32.13"  # type: ignore[index]  # paths are text
    assert shown["merchant.address"] == "Harbour Street 1, 10115 Berlin"  # type: ignore[index]
    assert shown["issue_date"] == "5 March 2026"  # type: ignore[index]
    assert "currency" not in shown
