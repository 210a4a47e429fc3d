"""What a file is, is found out by its content, whatever it does to the decoder."""

from pathlib import Path

import pikepdf
import pytest
from PIL import Image

from counterfoil.documents.domain import (
    DemandingDocument,
    EncryptedDocument,
    Inspected,
    MediaType,
    MediaTypeMismatch,
    TooManyPages,
    TooManyPixels,
    UnreadableDocument,
    UnsupportedMediaType,
)
from counterfoil.documents.infrastructure.decoding import LimitedDecoder, draw, inspect
from counterfoil.documents.infrastructure.pages import DecodedPages
from counterfoil.foundation.errors import InvalidInput
from counterfoil.foundation.xml import DamagedXml, ForbiddenXml
from tests.support import einvoices, files

PAGES = DecodedPages()
ROOT = Path(__file__).parents[2]
XML_OF_TWO_PAGES = Inspected(media_type=MediaType.XML, page_count=2)


@pytest.fixture
def decoder() -> LimitedDecoder:
    return LimitedDecoder(pages=PAGES, memory_mb=512, seconds=10)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "incoming"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (files.picture("JPEG"), Inspected(media_type=MediaType.JPEG, page_count=1)),
        (files.picture("PNG"), Inspected(media_type=MediaType.PNG, page_count=1)),
        (files.picture("WEBP"), Inspected(media_type=MediaType.WEBP, page_count=1)),
        (files.picture("GIF"), Inspected(media_type=MediaType.GIF, page_count=1)),
        (files.picture("BMP"), Inspected(media_type=MediaType.BMP, page_count=1)),
        (files.tiff(3), Inspected(media_type=MediaType.TIFF, page_count=3)),
        (files.pdf(2), Inspected(media_type=MediaType.PDF, page_count=2)),
        (einvoices.cii(), XML_OF_TWO_PAGES),
        (einvoices.ubl(), XML_OF_TWO_PAGES),
        (einvoices.ubl().decode().replace("UTF-8", "UTF-16").encode("utf-16"), XML_OF_TWO_PAGES),
        (b"\xef\xbb\xbf" + einvoices.ubl(), XML_OF_TWO_PAGES),
        (einvoices.ubl().partition(b"?>")[2], XML_OF_TWO_PAGES),
    ],
)
def test_what_is_accepted_is_known_by_its_content(
    decoder: LimitedDecoder, path: Path, content: bytes, expected: Inspected
) -> None:
    path.write_bytes(content)
    assert decoder.inspect(path) == inspect(path, PAGES) == expected


REFUSED = [
    pytest.param(files.noisy_jpeg()[:5000], UnreadableDocument, id="truncated JPEG"),
    pytest.param(files.picture("PNG", (600, 600))[:-40], UnreadableDocument, id="truncated PNG"),
    pytest.param(files.tiff(1)[:-200], UnreadableDocument, id="truncated TIFF"),
    pytest.param(files.picture("WEBP")[:-20], UnreadableDocument, id="truncated WebP"),
    pytest.param(b"%PDF-1.7\n%%EOF\n", UnreadableDocument, id="PDF without anything"),
    pytest.param(files.png_header(50_000, 50_000), TooManyPixels, id="PNG of 50 000 x 50 000"),
    pytest.param(files.png_with_text_bomb(), UnreadableDocument, id="PNG with a text bomb"),
    pytest.param(files.encrypted_pdf(), EncryptedDocument, id="encrypted PDF"),
    pytest.param(b"Total 12.50 EUR\n", UnsupportedMediaType, id="text"),
    pytest.param(b"<html><body>Total</body></html>", UnsupportedMediaType, id="web page"),
    pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", UnsupportedMediaType, id="SVG"),
    pytest.param(b"<?xml version='1.0'?><rsm:CrossIndustryInvoice/>", DamagedXml, id="XML without its namespace"),
    pytest.param(b"<?xml version='1.0'?><order/>", UnsupportedMediaType, id="other XML"),
    pytest.param(einvoices.ubl()[:-20], DamagedXml, id="truncated XML"),
    pytest.param(b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY a 'b'>]><Invoice>&a;</Invoice>", ForbiddenXml, id="DTD"),
    pytest.param(files.archive(), UnsupportedMediaType, id="ZIP"),
    pytest.param(files.archive() + files.pdf(), UnsupportedMediaType, id="ZIP with a PDF behind it"),
    pytest.param(files.pdf() + files.archive(), MediaTypeMismatch, id="PDF with a ZIP behind it"),
    pytest.param(b"\x00\x01\x02\x03", UnsupportedMediaType, id="noise"),
]


@pytest.mark.parametrize(("content", "error"), REFUSED)
def test_what_is_not_accepted_is_refused_for_its_reason(
    decoder: LimitedDecoder, path: Path, content: bytes, error: type[InvalidInput]
) -> None:
    path.write_bytes(content)
    with pytest.raises(error) as limited:
        decoder.inspect(path)
    with pytest.raises(error) as direct:
        inspect(path, PAGES)
    assert type(limited.value) is type(direct.value) is error
    assert str(limited.value) == str(direct.value)


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (files.archive(), "Unpack it"),
        (b"<?xml version='1.0'?><order/>", "Hand in UBL or CII"),
        (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(2000), "Export it as PDF"),
    ],
)
def test_what_is_refused_comes_with_what_to_do_instead(
    decoder: LimitedDecoder, path: Path, content: bytes, advice: str
) -> None:
    path.write_bytes(content)
    with pytest.raises(UnsupportedMediaType, match=advice):
        decoder.inspect(path)


def test_a_pdf_of_10_000_pages_is_refused_by_their_number(decoder: LimitedDecoder, path: Path) -> None:
    path.write_bytes(files.pdf(10_000))
    with pytest.raises(TooManyPages, match="10000 pages; at most 200"):
        decoder.inspect(path)


def test_a_zip_that_is_attached_to_a_pdf_does_no_harm(decoder: LimitedDecoder, path: Path) -> None:
    path.write_bytes(files.pdf_with_stream(files.archive()))
    assert decoder.inspect(path).media_type is MediaType.PDF


def test_a_pdf_whose_stream_grows_without_end_is_refused(path: Path) -> None:
    path.write_bytes(files.pdf_with_stream(files.deflate_bomb(900), Filter=pikepdf.Name.FlateDecode))
    with pytest.raises(DemandingDocument):
        LimitedDecoder(pages=PAGES, memory_mb=200, seconds=10).inspect(path)


def test_what_takes_too_long_is_refused(path: Path) -> None:
    path.write_bytes(files.pdf_with_stream(b"q " + b"0 0 200 300 re 0 0 150 250 re f* " * 200_000))
    with pytest.raises(DemandingDocument):
        LimitedDecoder(pages=PAGES, memory_mb=512, seconds=0.3).inspect(path)


def test_an_error_that_no_decoder_should_raise_counts_as_damage(decoder: LimitedDecoder, path: Path) -> None:
    path.write_bytes(files.picture("JPEG"))
    with pytest.raises(UnreadableDocument):
        decoder.picture(path, MediaType.JPEG, number=2)


def test_a_page_is_drawn_at_most_2000_pixels_long(decoder: LimitedDecoder, path: Path, tmp_path: Path) -> None:
    path.write_bytes(files.picture("PNG", (3000, 1500)))
    drawn = tmp_path / "drawn.png"
    drawn.write_bytes(decoder.picture(path, MediaType.PNG, 1))
    assert drawn.read_bytes() == draw(path, PAGES, MediaType.PNG, 1)
    with Image.open(drawn) as picture:
        assert (picture.format, picture.size) == ("PNG", (2000, 1000))


@pytest.mark.parametrize(
    ("name", "pages"),
    [("receipt-photo.jpg", 1), ("invoice-scanned.pdf", 2), ("invoice-text.pdf", 1), ("receipt-two-sides.tiff", 2)],
)
def test_the_samples_are_accepted(decoder: LimitedDecoder, name: str, pages: int) -> None:
    assert decoder.inspect(ROOT / "samples" / name).page_count == pages
