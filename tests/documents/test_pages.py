"""Pages are shown as a person sees them, within bounds."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from counterfoil.documents.domain import MediaType, TooManyPages, TooManyPixels, UnreadableDocument
from counterfoil.documents.infrastructure.pages import DecodedPages
from counterfoil.documents.infrastructure.xml import MOST_PAGES
from tests.support import einvoices, files

PAGES = DecodedPages()


def write(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "document"
    path.write_bytes(content)
    return path


def text_pdf() -> bytes:
    drawn = BytesIO()
    canvas = Canvas(drawn, pagesize=(200, 100))
    canvas.drawString(20, 50, "Total 12.50")
    canvas.save()
    return drawn.getvalue()


def test_a_picture_is_turned_as_its_exif_data_says(tmp_path: Path) -> None:
    drawn, exif = BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(drawn, "JPEG", exif=exif)
    with PAGES.open(write(tmp_path, drawn.getvalue()), MediaType.JPEG) as document:
        (page,) = document.pages
        assert page.picture().size == (20, 40)
        assert list(page.words()) == []


def test_what_is_transparent_shows_as_white_paper(tmp_path: Path) -> None:
    drawn = BytesIO()
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(drawn, "PNG")
    with PAGES.open(write(tmp_path, drawn.getvalue()), MediaType.PNG) as document:
        (page,) = document.pages
        assert page.picture().getpixel((1, 1)) == (255, 255, 255)


def test_an_animation_is_one_page(tmp_path: Path) -> None:
    drawn = BytesIO()
    Image.new("RGB", (9, 9), "red").save(drawn, "GIF", save_all=True, append_images=[Image.new("RGB", (9, 9), "blue")])
    with PAGES.open(write(tmp_path, drawn.getvalue()), MediaType.GIF) as document:
        assert len(document.pages) == 1


def test_the_pages_of_a_tiff_come_in_order(tmp_path: Path) -> None:
    with PAGES.open(write(tmp_path, files.tiff(3)), MediaType.TIFF) as document:
        assert [(page.number, page.picture().width) for page in document.pages] == [(1, 30), (2, 31), (3, 32)]


def test_a_tiff_with_too_many_pages_or_one_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, files.tiff(3))
    with pytest.raises(TooManyPages), DecodedPages(max_pages=2).open(path, MediaType.TIFF):
        pass
    with pytest.raises(TooManyPixels), DecodedPages(max_pixels=31 * 40).open(path, MediaType.TIFF):
        pass


def test_words_of_a_pdf_lie_where_they_are_seen(tmp_path: Path) -> None:
    with PAGES.open(write(tmp_path, text_pdf()), MediaType.PDF) as document:
        (page,) = document.pages
        total, amount = page.words()
    assert (total.text, amount.text) == ("Total", "12.50")
    assert total.box.x0 == pytest.approx(0.1, abs=0.01)
    assert 0.3 < total.box.y0 < total.box.y1 < 0.6
    assert total.box.x1 < amount.box.x0


def test_a_pdf_page_is_drawn_at_200_dots_an_inch_or_smaller(tmp_path: Path) -> None:
    with PAGES.open(write(tmp_path, text_pdf()), MediaType.PDF) as document:
        (page,) = document.pages
        assert page.picture().size == (556, 278)
        assert max(page.picture(longest_side=100).size) == 100


def test_a_pdf_page_as_large_as_a_wall_is_drawn_within_the_limit(tmp_path: Path) -> None:
    path = write(tmp_path, files.pdf(size=(14_400, 14_400)))
    with DecodedPages(max_pixels=250_000).open(path, MediaType.PDF) as document:
        (page,) = document.pages
        assert page.picture().size == (500, 500)


def test_a_pdf_page_without_any_size_is_drawn(tmp_path: Path) -> None:
    with PAGES.open(write(tmp_path, files.pdf(size=(0.01, 0.01))), MediaType.PDF) as document:
        (page,) = document.pages
        assert min(page.picture(longest_side=100).size) >= 1


def test_a_picture_of_another_kind_than_was_said_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDocument), PAGES.open(write(tmp_path, files.picture("PNG")), MediaType.JPEG):
        pass


def test_a_damaged_heic_picture_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDocument), PAGES.open(write(tmp_path, b"\0\0\0\x18ftypheic"), MediaType.HEIC):
        pass


def test_an_e_invoice_is_drawn_with_all_that_stands_in_it(tmp_path: Path) -> None:
    with PAGES.open(write(tmp_path, einvoices.ubl()), MediaType.XML) as document:
        words = {word.text for page in document.pages for word in page.words()}
        assert {"Registration", "Alpha", "Lights", "32.13", "EUR", "H87"} <= words
        assert list(document.xml_files()) == [einvoices.ubl()]
        assert document.drawn
        assert document.pages[0].picture(longest_side=500).size == (354, 500)


def test_letters_that_the_font_has_not_are_drawn_without_their_marks(tmp_path: Path) -> None:
    content = einvoices.ubl().replace(b"Alpha Lights Ltd", "Łódź Źródło \u65e5 Ltd".encode())
    with PAGES.open(write(tmp_path, content), MediaType.XML) as document:
        words = [word.text for word in document.pages[0].words()]
    start = words.index("Łódz")
    assert words[start : start + 4] == ["Łódz", "Zródło", "?", "Ltd"]


def test_of_a_very_long_e_invoice_the_first_pages_are_drawn(tmp_path: Path) -> None:
    note = b"<cbc:Note>again</cbc:Note>"
    content = einvoices.ubl().replace(b"<cbc:Note>Thank you</cbc:Note>", note * 5_000)
    with PAGES.open(write(tmp_path, content), MediaType.XML) as document:
        assert len(document.pages) == MOST_PAGES


def test_what_is_attached_to_a_pdf_is_handed_out_if_it_is_xml(tmp_path: Path) -> None:
    path = write(tmp_path, files.pdf_with_attachments(**{"factur-x.xml": b"<a/>", "NOTES.XML": b"<b/>", "c.txt": b"c"}))
    with PAGES.open(path, MediaType.PDF) as document:
        assert sorted(document.xml_files()) == [b"<a/>", b"<b/>"]
        assert not document.drawn


def test_the_size_of_a_page_is_known_without_drawing_it(tmp_path: Path) -> None:
    drawn, exif = BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (400, 200)).save(drawn, "JPEG", exif=exif)
    for content, media_type in ((drawn.getvalue(), MediaType.JPEG), (text_pdf(), MediaType.PDF)):
        with PAGES.open(write(tmp_path, content), media_type) as document:
            (page,) = document.pages
            for longest_side in (None, 100):
                assert page.size(longest_side=longest_side) == page.picture(longest_side=longest_side).size
