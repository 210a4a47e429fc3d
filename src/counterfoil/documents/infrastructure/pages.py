"""Pages of pictures by Pillow, of PDFs by PDFium.

Decoders are attacked through their input: use this only in a process that may be killed.
"""

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image, ImageOps

from counterfoil.documents.domain import Box, EncryptedDocument, MediaType, UnreadableDocument, Word
from counterfoil.documents.protocols import OpenPage

PDF_DOTS_PER_INCH = 200
_POINTS_PER_INCH = 72
_DEVICE = 1_000_000  # PDFium answers in whole device units: on so large a device nothing is lost by it
_PILLOW_FORMATS = {
    MediaType.JPEG: "JPEG",
    MediaType.PNG: "PNG",
    MediaType.WEBP: "WEBP",
    MediaType.TIFF: "TIFF",
    MediaType.GIF: "GIF",
    MediaType.BMP: "BMP",
    MediaType.HEIC: "HEIF",
}
_ANIMATED = {MediaType.GIF, MediaType.WEBP, MediaType.PNG}


class DecodedPages:
    """A page source for every accepted media type. HEIC needs the extra `heic`."""

    @contextmanager
    def open(self, path: Path, media_type: MediaType) -> Iterator[Sequence[OpenPage]]:
        """Open the document; its pages can be used until the context ends."""
        opened = _open_pdf(path) if media_type is MediaType.PDF else _open_picture(path, media_type)
        with opened as pages:
            yield pages


@contextmanager
def _open_picture(path: Path, media_type: MediaType) -> Iterator[Sequence[OpenPage]]:
    if media_type is MediaType.HEIC:
        import pi_heif  # an extra: only those who hand in HEIC have it

        pi_heif.register_heif_opener()
    try:
        file = Image.open(path, formats=[_PILLOW_FORMATS[media_type]])
    except (OSError, Image.DecompressionBombError) as error:
        raise UnreadableDocument(media_type) from error
    with file:
        # The frames of an animation are one page; those of a TIFF are one each.
        frames = 1 if media_type in _ANIMATED else getattr(file, "n_frames", 1)
        yield [_PicturePage(file=file, media_type=media_type, number=number) for number in range(1, frames + 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _PicturePage:
    """One frame of a picture file."""

    file: Image.Image
    media_type: MediaType
    number: int

    def picture(self, *, longest_side: int | None = None) -> Image.Image:
        try:
            self.file.seek(self.number - 1)
            if longest_side and self.media_type is MediaType.JPEG:
                self.file.draft("RGB", (longest_side, longest_side))
            upright = ImageOps.exif_transpose(self.file)
            return _scaled(_on_white(upright), longest_side)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise UnreadableDocument(self.media_type) from error

    def words(self) -> Sequence[Word]:
        return ()


def _on_white(picture: Image.Image) -> Image.Image:
    """Return the picture in RGB, what is transparent in it as white paper."""
    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return picture.convert("RGB")
    drawn = picture.convert("RGBA")
    paper = Image.new("RGBA", drawn.size, "white")
    return Image.alpha_composite(paper, drawn).convert("RGB")


def _scaled(picture: Image.Image, longest_side: int | None) -> Image.Image:
    if longest_side:
        picture.thumbnail((longest_side, longest_side))
    return picture


@contextmanager
def _open_pdf(path: Path) -> Iterator[Sequence[OpenPage]]:
    try:
        file = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        if error.err_code == pdfium.FPDF_ERR_PASSWORD:
            raise EncryptedDocument from error
        raise UnreadableDocument(MediaType.PDF) from error
    try:
        if not len(file):
            raise UnreadableDocument(MediaType.PDF)
        yield [_PdfPage(file=file, number=number) for number in range(1, len(file) + 1)]
    finally:
        file.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _PdfPage:
    """One page of a PDF, loaded each time it is asked, so that a long document takes no more memory."""

    file: pypdfium2.PdfDocument
    number: int

    @contextmanager
    def _loaded(self) -> Iterator[pypdfium2.PdfPage]:
        try:
            page = self.file[self.number - 1]
        except pypdfium2.PdfiumError as error:
            raise UnreadableDocument(MediaType.PDF) from error
        try:
            yield page
        finally:
            page.close()

    def picture(self, *, longest_side: int | None = None) -> Image.Image:
        with self._loaded() as page:
            scale = PDF_DOTS_PER_INCH / _POINTS_PER_INCH
            if longest_side:
                scale = min(scale, longest_side / max(page.get_size()))
            picture: Image.Image = page.render(scale=scale).to_pil().convert("RGB")
            return _scaled(picture, longest_side)

    def words(self) -> Sequence[Word]:
        with self._loaded() as page:
            text = page.get_textpage()
            try:
                return list(_words(page, text))
            finally:
                text.close()


def _words(page: pypdfium2.PdfPage, text: pypdfium2.PdfTextPage) -> Iterator[Word]:
    letters = [(index, chr(pdfium.FPDFText_GetUnicode(text, index))) for index in range(text.count_chars())]
    for blank, run in groupby(letters, key=lambda letter: not letter[1].isprintable() or letter[1].isspace()):
        if blank:
            continue
        word = list(run)
        boxes = [_box(page, text.get_charbox(index, loose=True)) for index, _ in word]
        yield Word(text="".join(letter for _, letter in word), box=_around(boxes))


def _around(boxes: Sequence[Box]) -> Box:
    around = boxes[0]
    for box in boxes[1:]:
        around = around.union(box)
    return around


def _box(page: pypdfium2.PdfPage, corners: tuple[float, float, float, float]) -> Box:
    """Turn a box in the PDF's own units, which count upwards and may be rotated, into one on the page picture."""
    left, bottom, right, top = corners
    ax, ay = _point(page, left, top)
    bx, by = _point(page, right, bottom)
    return Box(x0=min(ax, bx), y0=min(ay, by), x1=max(ax, bx), y1=max(ay, by))


def _point(page: pypdfium2.PdfPage, x: float, y: float) -> tuple[float, float]:
    across, down = ctypes.c_int(), ctypes.c_int()
    pdfium.FPDF_PageToDevice(page, 0, 0, _DEVICE, _DEVICE, 0, x, y, across, down)
    return across.value / _DEVICE, down.value / _DEVICE
