"""Drawn documents are read as what they say: texts and e-invoices without OCR, and a few pictures with it."""

from pathlib import Path
from random import Random

import pytest

from counterfoil.documents.infrastructure.pages import DecodedPages
from counterfoil.extraction.cascade import Cascade
from counterfoil.extraction.einvoice.reader import EInvoiceReader
from counterfoil.extraction.evaluation.running import evaluate
from counterfoil.extraction.evaluation.truths import read_truths
from counterfoil.extraction.infrastructure.ocr import RapidOcrWords
from counterfoil.extraction.layout.reader import LayoutReader
from counterfoil.samples.drawing import TRUTH, Drawing, draw_one, write
from counterfoil.samples.kinds import INVOICES, Form, Kind
from counterfoil.samples.wording import countries
from tests.support.readings import FakeWordFinder

FIELDS = ("total", "date", "invoice_number", "currency")


def drawing(kind: Kind, country: str, form: Form) -> Drawing:
    return draw_one("x", kind, countries()[country], form, Random(f"{kind}/{country}/{form}"))


def misread(one: Drawing, folder: Path, *, by_ocr: bool = False) -> dict[str, tuple[str, str | None]]:
    """Return what is read otherwise than the truth says: what it should be, and what was read."""
    write(folder, [one])
    cascade = Cascade(
        readers=(EInvoiceReader(), LayoutReader()), word_finder=RapidOcrWords() if by_ocr else FakeWordFinder()
    )
    (prediction,), _ = evaluate(folder / TRUTH, cascade, DecodedPages())
    (truth,) = read_truths(folder / TRUTH)
    read = {name: value.value for name, value in prediction.values.items()}
    return {
        name: (truth.values[name], read.get(name))
        for name in FIELDS
        if name in truth.values and not truth.accepts(name, read.get(name, ""))
    }


@pytest.mark.parametrize("kind", sorted(INVOICES))
@pytest.mark.parametrize("form", [Form.UBL, Form.CII, Form.FACTURX])
@pytest.mark.parametrize("country", [code for code, country in countries().items() if country.e_invoices])
def test_e_invoices_are_read_exactly(kind: Kind, form: Form, country: str, tmp_path: Path) -> None:
    assert misread(drawing(kind, country, form), tmp_path) == {}


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("country", list(countries()))
def test_texts_are_read_exactly(kind: Kind, country: str, tmp_path: Path) -> None:
    assert misread(drawing(kind, country, Form.PDF), tmp_path) == {}


@pytest.mark.parametrize(
    ("kind", "country", "form"),
    [
        (Kind.SUPERMARKET, "DE", Form.PHOTO),
        (Kind.RESTAURANT, "US", Form.PICTURE),
        (Kind.RECEIPT, "FR", Form.SCAN),
        (Kind.HOTEL, "GB", Form.SCANNED_PDF),
        (Kind.INVOICE, "NL", Form.PHOTO),
    ],
)
def test_pictures_show_their_total_and_date(kind: Kind, country: str, form: Form, tmp_path: Path) -> None:
    assert {"total", "date"}.isdisjoint(misread(drawing(kind, country, form), tmp_path, by_ocr=True))
