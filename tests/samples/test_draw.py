"""The samples are what their truth says, and are the kinds of files that they are meant to be."""

import json
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from xml.etree import ElementTree as ET

import pypdfium2
import pytest

from counterfoil.documents.domain import MediaType
from counterfoil.documents.infrastructure.pages import DecodedPages
from counterfoil.samples import cii, facturx
from counterfoil.samples.drawing import TRUTH
from samples import draw, sales

TYPES = {
    ".jpg": MediaType.JPEG,
    ".png": MediaType.PNG,
    ".tiff": MediaType.TIFF,
    ".pdf": MediaType.PDF,
}
RAM = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"

Truth = dict[str, Any]
TRUTHS: list[Truth] = [json.loads(line) for line in (draw.FOLDER / TRUTH).read_text(encoding="utf-8").splitlines()]
BY_FILE = {truth["file"]: truth for truth in TRUTHS}

each_sample = pytest.mark.parametrize("truth", TRUTHS, ids=lambda truth: truth["file"])


def words(truth: Truth) -> list[list[str]]:
    """Return the words of the text layer, page by page."""
    path = draw.FOLDER / truth["file"]
    with DecodedPages().open(path, TYPES[path.suffix]) as document:
        return [[word.text for word in page.words()] for page in document.pages]


def test_drawing_again_gives_the_same_truth() -> None:
    assert draw.truth() == (draw.FOLDER / TRUTH).read_text(encoding="utf-8")


def test_the_samples_are_small_enough_to_be_shipped() -> None:
    assert sum((draw.FOLDER / file).stat().st_size for file in BY_FILE) < 1_500_000


@each_sample
def test_every_amount_is_quantity_times_price(truth: Truth) -> None:
    for item in truth["fields"]["line_items"]:
        amount = Decimal(item["quantity"]) * Decimal(item["unit_price"])
        assert Decimal(item["amount"]) == amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


@each_sample
def test_the_sums_add_up(truth: Truth) -> None:
    fields, extra = truth["fields"], truth["extra"]
    subtotal, tax, total = (Decimal(fields[name]) for name in ("subtotal", "tax", "total"))
    items = sum(Decimal(item["amount"]) for item in fields["line_items"])
    assert sum(Decimal(rate["base"]) for rate in extra["taxes"]) == subtotal
    assert sum(Decimal(rate["amount"]) for rate in extra["taxes"]) == tax
    assert total == subtotal + tax + Decimal(extra.get("tip", 0))
    assert items in (subtotal, subtotal + tax)


@each_sample
def test_every_tax_is_its_rate_of_its_base(truth: Truth) -> None:
    for tax in truth["extra"]["taxes"]:
        exact = Decimal(tax["base"]) * Decimal(tax["rate"]) / 100
        assert abs(Decimal(tax["amount"]) - exact) <= Decimal("0.01")


@each_sample
def test_a_sample_opens_with_its_pages(truth: Truth) -> None:
    path = draw.FOLDER / truth["file"]
    with DecodedPages().open(path, TYPES[path.suffix]) as document:
        pictures = [page.picture(longest_side=200) for page in document.pages]
    assert len(pictures) == truth["extra"]["pages"]
    assert all(any(picture.convert("L").histogram()[:160]) for picture in pictures), "something is printed on each"


@each_sample
def test_only_the_samples_that_say_so_have_a_text_layer(truth: Truth) -> None:
    assert all(bool(page) == truth["extra"]["text_layer"] for page in words(truth))


@pytest.mark.parametrize("file", ["invoice-text.pdf", "invoice-facturx.pdf"])
def test_what_the_truth_says_stands_on_the_page(file: str) -> None:
    fields = BY_FILE[file]["fields"]
    printed = "".join(word for page in words(BY_FILE[file]) for word in page)
    for item in fields["line_items"]:
        assert item["description"].replace(" ", "") in printed
    for amount in (fields["subtotal"], fields["tax"], fields["total"]):
        assert amount.replace(".", ",") in printed.replace(".", "")
    for name in ("merchant", "invoice_number"):
        assert fields[name].replace(" ", "") in printed


def attached() -> bytes:
    with pypdfium2.PdfDocument(draw.FOLDER / "invoice-facturx.pdf") as file:
        (attachment,) = [file.get_attachment(index) for index in range(file.count_attachments())]
        assert attachment.get_name() == facturx.FILE_NAME
        return bytes(attachment.get_data())


def said(root: ET.Element, *path: str) -> str:
    """Return the text at the first such path anywhere below."""
    text = root.findtext(".//" + "/".join(RAM + name for name in path))
    assert text is not None, path
    return text


def test_writing_the_xml_again_gives_what_is_attached() -> None:
    assert cii.xml(sales.OUTFITTER) == attached()


def test_the_attached_xml_agrees_with_the_truth() -> None:
    invoice, truth = ET.fromstring(attached()), BY_FILE["invoice-facturx.pdf"]
    fields, extra = truth["fields"], truth["extra"]
    sums = "SpecifiedTradeSettlementHeaderMonetarySummation"
    issued = invoice.findtext(".//{*}ExchangedDocument/{*}IssueDateTime/{*}DateTimeString")
    due = invoice.findtext(".//{*}DueDateDateTime/{*}DateTimeString")
    assert invoice.findtext(".//{*}ExchangedDocument/{*}ID") == fields["invoice_number"]
    assert (issued, due) == (fields["date"].replace("-", ""), fields["due_date"].replace("-", ""))
    assert said(invoice, "SellerTradeParty", "Name") == fields["merchant"]
    assert said(invoice, "BuyerTradeParty", "Name") == extra["buyer"]
    assert said(invoice, "SpecifiedTaxRegistration", "ID") == extra["tax_id"]
    assert said(invoice, sums, "TaxBasisTotalAmount") == fields["subtotal"]
    assert said(invoice, sums, "TaxTotalAmount") == fields["tax"]
    assert said(invoice, sums, "GrandTotalAmount") == fields["total"]
    assert said(invoice, "InvoiceCurrencyCode") == fields["currency"]


def test_the_lines_of_the_attached_xml_agree_with_the_truth() -> None:
    lines = [
        {
            "description": said(line, "SpecifiedTradeProduct", "Name"),
            "quantity": said(line, "BilledQuantity"),
            "unit_price": said(line, "ChargeAmount"),
            "amount": said(line, "LineTotalAmount"),
        }
        for line in ET.fromstring(attached()).iter(f"{RAM}IncludedSupplyChainTradeLineItem")
    ]
    assert lines == BY_FILE["invoice-facturx.pdf"]["fields"]["line_items"]
