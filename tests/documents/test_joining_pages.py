"""The pages of several files become one PDF: upright, sharp, in order, and the same bytes each time."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageChops, ImageDraw, ImageOps, ImageStat

from counterfoil.documents.domain import (
    DocumentTooLarge,
    MediaType,
    PartIsEInvoice,
    TooManyPages,
    TooManyPixels,
    UnreadableDocument,
)
from counterfoil.documents.infrastructure.decoding import LimitedDecoder
from counterfoil.documents.infrastructure.joining import SMALLER_SIDE, join
from counterfoil.documents.infrastructure.pages import DecodedPages
from counterfoil.foundation.errors import InvalidInput
from tests.support import einvoices, files

PAGES = DecodedPages()
SAMPLES = Path(__file__).parents[2] / "samples"
PLENTY = 50 << 20
PHOTO = (SAMPLES / "receipt-photo.jpg", MediaType.JPEG)
TEXT = (SAMPLES / "invoice-text.pdf", MediaType.PDF)
TWO_SIDES = (SAMPLES / "receipt-two-sides.tiff", MediaType.TIFF)

Part = tuple[Path, MediaType]


@pytest.fixture
def decoder() -> LimitedDecoder:
    return LimitedDecoder(pages=PAGES, memory_mb=512, seconds=20)


def pictures(folder: Path, content: bytes) -> list[Image.Image]:
    path = folder / "joined.pdf"
    path.write_bytes(content)
    with PAGES.open(path, MediaType.PDF) as document:
        return [page.picture() for page in document.pages]


def difference(one: Image.Image, other: Image.Image) -> float:
    """Return by how much of 255 two pictures differ on average."""
    assert one.size == other.size
    means: list[float] = ImageStat.Stat(ImageChops.difference(one, other.convert("RGB"))).mean
    return max(means)


def saved(folder: Path, name: str, picture: Image.Image, **options: Any) -> Part:
    path = folder / name
    picture.save(path, **options)
    return path, MediaType(f"image/{path.suffix[1:]}")


def a_photo() -> Image.Image:
    with Image.open(PHOTO[0]) as photo:
        return photo.convert("RGB").resize((600, 800))


def test_the_pages_come_in_order_and_text_stays_text(decoder: LimitedDecoder, tmp_path: Path) -> None:
    path = tmp_path / "joined.pdf"
    path.write_bytes(decoder.join([TWO_SIDES, TEXT, PHOTO], PLENTY))
    with PAGES.open(*TEXT) as alone, PAGES.open(path, MediaType.PDF) as joined:
        words = alone.pages[0].words()
        assert [len(page.words()) for page in joined.pages] == [0, 0, len(words), 0]
        assert joined.pages[2].words() == words
        with PAGES.open(*TWO_SIDES) as sides:
            assert [page.size() for page in joined.pages[:2]] == [page.size() for page in sides.pages]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpeg", "webp", "png"])
def test_a_photograph_stands_upright_and_loses_next_to_nothing(tmp_path: Path, orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    part = saved(tmp_path, f"photo.{kind}", a_photo(), exif=exif, quality=95)
    with Image.open(part[0]) as photo:
        upright = ImageOps.exif_transpose(photo).convert("RGB")
    first, second = pictures(tmp_path, join([part, part], PAGES, PLENTY))
    assert difference(first, upright) < 2
    assert difference(first, second) == 0


def test_a_jpeg_is_taken_over_byte_for_byte(tmp_path: Path) -> None:
    assert PHOTO[0].read_bytes() in join([PHOTO, TEXT], PAGES, PLENTY)


def test_a_black_and_white_scan_stays_as_it_is_and_small(tmp_path: Path) -> None:
    scan = Image.new("1", (2480, 3508), 1)
    draw = ImageDraw.Draw(scan)
    for line in range(60):
        draw.text((200, 100 + 50 * line), f"{line} x rye bread and rolls {line * 1.7:.2f} EUR", fill=0, font_size=36)
    parts = [saved(tmp_path, f"{number}.tiff", scan, compression="group4") for number in range(3)]
    content = join(parts, PAGES, PLENTY)
    assert len(content) < 1 << 20
    assert [difference(drawn, scan) for drawn in pictures(tmp_path, content)] == [0, 0, 0]


def test_what_shines_through_is_white_paper(tmp_path: Path) -> None:
    part = saved(tmp_path, "clear.png", Image.new("RGBA", (40, 30), (0, 0, 0, 0)))
    drawn, _ = pictures(tmp_path, join([part, part], PAGES, PLENTY))
    assert drawn.getcolors() == [(1200, (255, 255, 255))]


def test_the_same_parts_give_the_same_bytes_in_any_process(decoder: LimitedDecoder) -> None:
    parts = [PHOTO, TWO_SIDES, TEXT]
    assert decoder.join(parts, PLENTY) == decoder.join(parts, PLENTY) == join(parts, PAGES, PLENTY)
    assert join(parts[::-1], PAGES, PLENTY) != join(parts, PAGES, PLENTY)


def test_large_photographs_are_made_smaller_but_not_unreadable(tmp_path: Path) -> None:
    noise = np.random.default_rng(7).normal(128, 40, (3200, 2400, 3)).clip(0, 255).astype("uint8")
    part = saved(tmp_path, "large.jpeg", Image.fromarray(noise), quality=95)
    size = part[0].stat().st_size
    content = join([part, part], PAGES, int(1.9 * size))
    assert len(content) < 1.9 * size
    assert [drawn.size for drawn in pictures(tmp_path, content)] == [(1875, SMALLER_SIDE)] * 2
    with pytest.raises(DocumentTooLarge):
        join([part, part], PAGES, 100_000)


def test_many_large_scans_take_no_more_memory_than_one(tmp_path: Path) -> None:
    scan = Image.new("1", (5000, 7000), 1)
    path = tmp_path / "scans.tiff"
    scan.save(path, compression="group4", save_all=True, append_images=[scan] * 11)
    content = LimitedDecoder(pages=PAGES, memory_mb=512, seconds=60).join([(path, MediaType.TIFF), TEXT], PLENTY)
    assert content.startswith(b"%PDF")


def _written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "media_type", "error"),
    [
        pytest.param(einvoices.ubl(), MediaType.XML, PartIsEInvoice, id="XML"),
        pytest.param((SAMPLES / "invoice-facturx.pdf").read_bytes(), MediaType.PDF, PartIsEInvoice, id="Factur-X"),
        pytest.param(files.pdf(200), MediaType.PDF, TooManyPages, id="too many pages together"),
        pytest.param(files.png_header(50_000, 50_000), MediaType.PNG, TooManyPixels, id="too many pixels"),
        pytest.param(files.noisy_jpeg()[:200], MediaType.JPEG, UnreadableDocument, id="next to nothing of a JPEG"),
        pytest.param(files.picture("WEBP")[:-20], MediaType.WEBP, UnreadableDocument, id="damaged WebP"),
    ],
)
def test_what_cannot_be_a_part_is_refused(
    decoder: LimitedDecoder, tmp_path: Path, content: bytes, media_type: MediaType, error: type[InvalidInput]
) -> None:
    parts: Sequence[Part] = [TEXT, (_written(tmp_path, "part", content), media_type)]
    with pytest.raises(error):
        decoder.join(parts, PLENTY)


def test_an_e_invoice_is_named_by_its_place(tmp_path: Path) -> None:
    path = _written(tmp_path, "invoice.xml", BytesIO(einvoices.cii()).getvalue())
    with pytest.raises(PartIsEInvoice, match="Part 3 "):
        join([TEXT, PHOTO, (path, MediaType.XML)], PAGES, PLENTY)
