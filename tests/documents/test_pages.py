"""Pages are shown as a person sees them, within bounds."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from counterfoil.documents.domain import MediaType, TooManyPages, TooManyPixels, UnreadableDocument
from counterfoil.documents.infrastructure.pages import DecodedPages
from tests.support import files

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
