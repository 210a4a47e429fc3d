"""Pages of pictures by Pillow, of PDFs by PDFium.

Decoders are attacked through their input: use this only in a process that may be killed.
"""

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from math import sqrt
from pathlib import Path

import pypdfium2
import pypdfium2.raw as pdfium
from PIL import ExifTags, Image, ImageOps

from counterfoil.documents.domain import (
    Box,
    EncryptedDocument,
    MediaType,
    TooManyPages,
    TooManyPixels,
    UnreadableDocument,
    UnsupportedMediaType,
    Word,
)
from counterfoil.documents.protocols import OpenPage

PDF_DOTS_PER_INCH = 200
MAX_PAGES = 200
# A telephone's 50-megapixel picture and an A4 page at 600 dots an inch (35 million) pass. Decoding, turning and
# flattening one takes up to three copies of 4 bytes a pixel, 720 MB in all; reading a document may use 1 GB.
MAX_PIXELS = 60_000_000
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
_DECODER_ERRORS = (OSError, SyntaxError, ValueError)
_ANIMATED = {MediaType.GIF, MediaType.WEBP, MediaType.PNG}


# Pillow's own limit would warn or refuse before the size can be told; every picture is measured below instead.
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedPages:
    """A page source for every accepted media type. HEIC needs the extra `heic`."""

    max_pages: int = MAX_PAGES
    max_pixels: int = MAX_PIXELS

    @contextmanager
    def open(self, path: Path, media_type: MediaType) -> Iterator[Sequence[OpenPage]]:
        """Open the document; its pages can be used until the context ends."""
        if media_type is MediaType.PDF:
            with _open_pdf(path) as pdf:
                self._count(len(pdf))
                yield [_PdfPage(file=pdf, number=number, max_pixels=self.max_pixels) for number in _numbers(len(pdf))]
        else:
            with _open_picture(path, media_type) as file:
                frames = self._measured(file, media_type)
                yield [_PicturePage(file=file, media_type=media_type, number=number) for number in _numbers(frames)]

    def _count(self, pages: int) -> None:
        if pages > self.max_pages:
            raise TooManyPages(pages, self.max_pages)

    def _measured(self, file: Image.Image, media_type: MediaType) -> int:
        """Check the size of each page by its header, before anything is decoded, and return how many there are."""
        self._measure(file)
        if media_type in _ANIMATED:
            return 1  # the frames of an animation are one page; those of a TIFF are one each
        try:
            frames: int = getattr(file, "n_frames", 1)
            self._count(frames)
            for frame in range(1, frames):
                file.seek(frame)
                self._measure(file)
        except _DECODER_ERRORS as error:
            raise UnreadableDocument(media_type) from error
        return frames

    def _measure(self, file: Image.Image) -> None:
        if file.width * file.height > self.max_pixels:
            raise TooManyPixels(file.width, file.height, self.max_pixels)


def _numbers(pages: int) -> range:
    return range(1, pages + 1)


def _open_picture(path: Path, media_type: MediaType) -> Image.Image:
    if media_type is MediaType.HEIC:
        _register_heic()
    try:
        return Image.open(path, formats=[_PILLOW_FORMATS[media_type]])
    except _DECODER_ERRORS as error:
        raise UnreadableDocument(media_type) from error


def _register_heic() -> None:
    try:
        import pi_heif  # an extra: only those who hand in HEIC have it
    except ImportError as error:
        raise UnsupportedMediaType("a HEIC picture", "Save it as JPEG, or have the extra `heic` installed.") from error
    pi_heif.register_heif_opener()


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
            return _scaled(_on_white(_upright(self.file)), longest_side)
        except _DECODER_ERRORS as error:
            raise UnreadableDocument(self.media_type) from error

    def words(self) -> Sequence[Word]:
        return ()


def _upright(picture: Image.Image) -> Image.Image:
    """Turn a picture as its EXIF data says; one that needs no turning is not copied, since it may be large."""
    if picture.getexif().get(ExifTags.Base.Orientation, 1) == 1:
        return picture
    return ImageOps.exif_transpose(picture)


def _on_white(picture: Image.Image) -> Image.Image:
    """Return the picture in RGB, what is transparent in it as white paper; always a copy."""
    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return picture.convert("RGB")
    drawn = picture if picture.mode == "RGBA" else picture.convert("RGBA")
    paper = Image.new("RGB", drawn.size, "white")
    paper.paste(drawn, mask=drawn)
    return paper


def _scaled(picture: Image.Image, longest_side: int | None) -> Image.Image:
    if longest_side:
        picture.thumbnail((longest_side, longest_side))
    return picture


@contextmanager
def _open_pdf(path: Path) -> Iterator[pypdfium2.PdfDocument]:
    try:
        file = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        if error.err_code == pdfium.FPDF_ERR_PASSWORD:
            raise EncryptedDocument from error
        raise UnreadableDocument(MediaType.PDF) from error
    try:
        if not len(file):
            raise UnreadableDocument(MediaType.PDF)
        yield file
    finally:
        file.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _PdfPage:
    """One page of a PDF, loaded each time it is asked, so that a long document takes no more memory."""

    file: pypdfium2.PdfDocument
    number: int
    max_pixels: int

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
            width, height = (max(side, 1.0) for side in page.get_size())
            scale = min(PDF_DOTS_PER_INCH / _POINTS_PER_INCH, sqrt(self.max_pixels / (width * height)))
            if longest_side:
                scale = min(scale, longest_side / max(width, height))
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
