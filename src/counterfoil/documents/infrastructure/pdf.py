"""Pages of PDFs, their words and what is attached, by PDFium.

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
from PIL import Image

from counterfoil.documents.domain import Box, EncryptedDocument, MediaType, UnreadableDocument, Word

PDF_DOTS_PER_INCH = 200
POINTS_PER_INCH = 72
_DEVICE = 1_000_000  # PDFium answers in whole device units: on so large a device nothing is lost by it


@dataclass(frozen=True, slots=True, kw_only=True)
class Pdf:
    """An open PDF."""

    file: pypdfium2.PdfDocument
    max_pixels: int

    @property
    def pages(self) -> "Sequence[_PdfPage]":
        numbers = range(1, len(self.file) + 1)
        return [_PdfPage(file=self.file, number=number, max_pixels=self.max_pixels) for number in numbers]

    @property
    def drawn(self) -> bool:
        return False

    def xml_files(self) -> Iterator[bytes]:
        try:
            for index in range(self.file.count_attachments()):
                attached = self.file.get_attachment(index)
                if attached.get_name().lower().endswith(".xml"):
                    yield bytes(attached.get_data())
        except pypdfium2.PdfiumError as error:
            raise UnreadableDocument(MediaType.PDF) from error


@contextmanager
def open_pdf(path: Path, *, max_pixels: int) -> Iterator[Pdf]:
    """Open a PDF with at least one page."""
    try:
        file = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        if error.err_code == pdfium.FPDF_ERR_PASSWORD:
            raise EncryptedDocument from error
        raise UnreadableDocument(MediaType.PDF) from error
    try:
        if not len(file):
            raise UnreadableDocument(MediaType.PDF)
        yield Pdf(file=file, max_pixels=max_pixels)
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
            picture: Image.Image = page.render(scale=self._scale(page, longest_side)).to_pil().convert("RGB")
        if longest_side:
            picture.thumbnail((longest_side, longest_side))
        return picture

    def size(self, *, longest_side: int | None = None) -> tuple[int, int]:
        with self._loaded() as page:
            scale = self._scale(page, longest_side)
            width, height = (max(round(side * scale), 1) for side in page.get_size())
            return width, height

    def _scale(self, page: pypdfium2.PdfPage, longest_side: int | None) -> float:
        width, height = (max(side, 1.0) for side in page.get_size())
        scale = min(PDF_DOTS_PER_INCH / POINTS_PER_INCH, sqrt(self.max_pixels / (width * height)))
        return min(scale, longest_side / max(width, height)) if longest_side else scale

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
        lefts, bottoms, rights, tops = zip(*(text.get_charbox(index, loose=True) for index, _ in word), strict=True)
        box = _box(page, (min(lefts), min(bottoms), max(rights), max(tops)))
        yield Word(text="".join(letter for _, letter in word), box=box)


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
