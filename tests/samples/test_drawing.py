"""Drawn samples are the same for the same seed, add up, and show what their truth says."""

import io
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pypdfium2
import pytest
from PIL import Image

from counterfoil.documents.domain import MediaType
from counterfoil.documents.infrastructure.pages import DecodedPages
from counterfoil.extraction.evaluation.truths import read_truths
from counterfoil.samples import inventing, tax_ids
from counterfoil.samples.drawing import (
    TRUTH,
    Drawing,
    FolderNotEmpty,
    FolderUnusable,
    NothingToDraw,
    draw,
    draw_one,
    letters_of,
    write,
)
from counterfoil.samples.fonts import BOOK_FACES, EMBEDDED, TYPEWRITERS
from counterfoil.samples.kinds import INVOICES, Form, Kind
from counterfoil.samples.trade import Invoice, Receipt, Sale
from counterfoil.samples.wording import Country, Manner, countries, language, manner_of

each_kind = pytest.mark.parametrize("kind", list(Kind))
each_country = pytest.mark.parametrize("country", list(countries().values()), ids=lambda country: country.code)
FAST = (Form.PDF, Form.UBL, Form.CII, Form.FACTURX)


def page_text(content: bytes) -> str:
    """Return the letters of a PDF's text layer without any blanks."""
    with pypdfium2.PdfDocument(content) as file:
        text = "".join(page.get_textpage().get_text_range() for page in file)
    return "".join(text.split())


def sales(kind: Kind, country: Country) -> Iterator[tuple[Sale, Manner]]:
    for seed in range(8):
        random = Random(f"{kind}{seed}")
        yield inventing.invent(kind, country, random), manner_of(country, random)


def fields_of(drawing: Drawing) -> dict[str, Any]:
    fields = drawing.truth["fields"]
    assert isinstance(fields, dict)
    return fields


@each_kind
@each_country
def test_every_kind_is_drawn_in_every_country_and_shows_what_its_truth_says(kind: Kind, country: Country) -> None:
    random = Random(5)
    drawing = draw_one("x", kind, country, Form.PDF, random)
    random.seed(5)
    manner = manner_of(country, random)
    text, fields = page_text(drawing.content), fields_of(drawing)
    assert isinstance(drawing.truth["extra"], dict)
    taxes = [tax["amount"] for tax in drawing.truth["extra"]["taxes"]] if "tax" in fields else []
    amounts = (fields["total"], *([fields["subtotal"]] if "subtotal" in fields else []), *taxes)
    for words in (fields["invoice_number"], fields["merchant"], *(manner.amount(Decimal(one)) for one in amounts)):
        assert "".join(words.split()) in text
    for item in fields.get("line_items", ()):
        assert "".join(item["description"].split()) in text
        assert "".join(manner.amount(Decimal(item["amount"])).split()) in text


@each_kind
@each_country
def test_sums_add_up(kind: Kind, country: Country) -> None:
    for sale, _ in sales(kind, country):
        charged = sum(item.charged for item in sale.items)
        assert sale.subtotal + sale.tax == (charged if sale.prices_hold_tax else charged + sale.tax)
        assert all(tax.base + tax.amount == tax.gross for tax in sale.taxes)
        more = sale.tip + sale.rounding if isinstance(sale, Receipt) else Decimal(0)
        assert sale.total == sale.subtotal + sale.tax + more
        assert all(item.charged > 0 for item in sale.items)


@each_country
def test_amounts_have_the_coins_of_their_country(country: Country) -> None:
    unit = Decimal(1).scaleb(-country.decimals)
    for kind in Kind:
        for sale, _ in sales(kind, country):
            assert {amount % unit for amount in (sale.total, sale.tax, sale.subtotal)} == {Decimal(0)}
            if isinstance(sale, Receipt) and sale.cash:
                assert sale.cash >= sale.total
                assert sale.total % Decimal(country.cash_step or unit) == 0


@each_kind
@each_country
def test_the_words_can_be_drawn_by_a_typewriter_and_a_book_font(kind: Kind, country: Country) -> None:
    spoken = language(country.language)
    everything = "".join(
        word for words in (spoken.words, spoken.goods) for several in words.values() for word in several
    )
    for sale, manner in sales(kind, country):
        for faces in (TYPEWRITERS, BOOK_FACES, EMBEDDED):
            assert any(face.draws(letters_of(sale, manner) + everything) for face in faces)


def test_a_font_that_lacks_a_letter_says_so() -> None:
    assert [face.draws("Łódź, Köln, ½ € · ¥") for face in TYPEWRITERS] == [False, True]


def test_all_languages_have_the_same_words() -> None:
    spoken = [language(country.language) for country in countries().values()]
    for part in ("words", "units", "names", "goods"):
        assert len({frozenset(getattr(one, part)) for one in spoken}) == 1
    assert {len(one.months) for one in spoken} == {12}


@pytest.mark.parametrize("forms", [FAST, (Form.PHOTO,), (Form.PICTURE,), (Form.SCAN,), (Form.SCANNED_PDF,)], ids=str)
def test_the_same_seed_gives_the_same_bytes_and_another_one_gives_others(forms: tuple[Form, ...]) -> None:
    count = 12 if forms is FAST else 1
    once, again, other = (list(draw(count, seed, forms=forms)) for seed in (1, 1, 2))
    assert once == again
    assert not {drawing.content for drawing in once} & {drawing.content for drawing in other}


def test_more_samples_begin_with_the_same_ones() -> None:
    few, many = (list(draw(count, 3, forms=FAST)) for count in (3, 6))
    assert many[:3] == few


def test_every_kind_in_every_country_comes_before_one_comes_again() -> None:
    names = [drawing.name for drawing in draw(104, 1, forms=[Form.PDF])]
    assert len({name.split("-", 1)[1] for name in names}) == len(Kind) * len(countries())


@pytest.mark.parametrize(
    ("form", "kind", "media_type"),
    [
        (Form.PHOTO, Kind.INVOICE, MediaType.JPEG),
        (Form.PICTURE, Kind.SLIP, MediaType.PNG),
        (Form.SCAN, Kind.RECEIPT, MediaType.TIFF),
        (Form.SCANNED_PDF, Kind.LONG_INVOICE, MediaType.PDF),
        (Form.FACTURX, Kind.LONG_INVOICE, MediaType.PDF),
        (Form.UBL, Kind.CREDIT_NOTE, MediaType.XML),
    ],
)
def test_a_form_opens_as_what_it_is_with_all_its_pages(
    form: Form, kind: Kind, media_type: MediaType, tmp_path: Path
) -> None:
    drawing = draw_one("x", kind, countries()["DE"], form, Random(9))
    (tmp_path / drawing.name).write_bytes(drawing.content)
    extra = drawing.truth["extra"]
    assert isinstance(extra, dict)
    with DecodedPages().open(tmp_path / drawing.name, media_type) as document:
        if not document.drawn:
            assert len(document.pages) == extra["pages"]
        assert any(page.words() for page in document.pages) is extra["text_layer"]
        assert bool(list(document.xml_files())) is form.is_e_invoice


@pytest.mark.parametrize("kind", [Kind.INVOICE, Kind.HOTEL, Kind.CREDIT_NOTE])
def test_what_may_be_photographed_fits_on_one_page(kind: Kind) -> None:
    for seed in range(40):
        extra = draw_one("x", kind, countries()["IT"], Form.PDF, Random(seed)).truth["extra"]
        assert isinstance(extra, dict)
        assert extra["pages"] == 1


def test_a_photo_is_of_the_colours_of_a_table() -> None:
    drawing = draw_one("x", Kind.RECEIPT, countries()["FR"], Form.PHOTO, Random(2))
    corner = Image.open(io.BytesIO(drawing.content)).convert("RGB").getpixel((3, 3))
    assert isinstance(corner, tuple)
    assert corner[0] > corner[2] + 20


@pytest.mark.parametrize("kind", sorted(INVOICES))
def test_an_invoice_goes_to_another_firm_and_only_a_credit_note_names_an_older_one(kind: Kind) -> None:
    for sale, _ in sales(kind, countries()["IT"]):
        assert isinstance(sale, Invoice)
        assert bool(sale.corrects) is (kind is Kind.CREDIT_NOTE)
        assert sale.corrects != sale.number
        assert sale.delivered < sale.issued < sale.due


def test_tax_numbers_and_accounts_pass_their_checks() -> None:
    random = Random(4)
    numbers = {code: tax_ids.tax_id(code, random) for code in countries()}
    assert numbers["US"] == ""
    french = int(numbers["FR"][4:])
    assert int(numbers["FR"][2:4]) == (12 + 3 * (french % 97)) % 97
    assert tax_ids.luhn(numbers["IT"][:-1]) == numbers["IT"][-1]
    british = numbers["GB"][2:]
    weighted = sum(int(digit) * weight for digit, weight in zip(british[:7], range(8, 1, -1), strict=True))
    assert (weighted + int(british[7:])) % 97 == 0
    for code in ("DE", "PL", "GB"):
        account = tax_ids.iban(code, random)
        assert int("".join(str(int(sign, 36)) for sign in account[4:] + account[:4])) % 97 == 1


def test_what_is_written_can_be_measured_at_once(tmp_path: Path) -> None:
    seen: list[str] = []
    write(tmp_path / "new" / "samples", draw(4, 1, forms=FAST), progress=lambda drawing: seen.append(drawing.name))
    truths = read_truths(tmp_path / "new" / "samples" / TRUTH)
    assert [truth.file for truth in truths] == seen
    assert all((tmp_path / "new" / "samples" / name).stat().st_size for name in seen)


def test_each_truth_is_there_as_soon_as_its_file_is(tmp_path: Path) -> None:
    def broken() -> Iterator[Drawing]:
        yield from draw(2, 1, forms=FAST)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, broken())
    rows = [json.loads(line) for line in (tmp_path / TRUTH).read_text(encoding="utf-8").splitlines()]
    assert {row["file"] for row in rows} == {path.name for path in tmp_path.iterdir()} - {TRUTH}


def test_a_folder_with_files_is_left_alone_unless_forced(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FolderNotEmpty):
        write(tmp_path, draw(1, 1, forms=FAST))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    write(tmp_path, draw(1, 1, forms=FAST), force=True)
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert (tmp_path / TRUTH).exists()


def test_a_folder_that_cannot_be_made_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderUnusable, match="file/below"):
        write(tmp_path / "file" / "below", draw(1, 1, forms=FAST))


def test_kinds_that_do_not_exist_in_a_form_are_said() -> None:
    with pytest.raises(NothingToDraw):
        next(draw(1, 1, kinds=[Kind.SLIP], forms=[Form.UBL]))
