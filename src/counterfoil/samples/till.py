"""What a till prints: a strip of paper in one typewriter font, set as a PDF page that can be rendered to a picture."""

import io
from dataclasses import dataclass
from typing import TypeAlias

import pypdfium2
from PIL import Image
from reportlab.graphics.barcode.code128 import Code128
from reportlab.pdfgen.canvas import Canvas

from counterfoil.samples.fonts import COURIER, Face

_MARGIN = 13.0  # points
_SIZE = 8.2  # points of the font
_LEADING = 10.2
_POINTS_PER_INCH = 72
_FILLED_AND_STROKED = 2  # how a font without a bold one is made heavier


@dataclass(frozen=True, slots=True)
class Text:
    """A line of the strip, `right` at its right edge; `scale` widens and heightens the letters."""

    words: str
    right: str = ""
    scale: float = 1.0
    bold: bool = False
    centred: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One letter from edge to edge."""

    letter: str


@dataclass(frozen=True, slots=True)
class Gap:
    """White paper."""

    points: float


@dataclass(frozen=True, slots=True)
class Bars:
    """A bar code."""

    value: str


Line: TypeAlias = Text | Rule | Gap | Bars


def strip(lines: tuple[Line, ...], *, columns: int, dots_per_inch: int, bold: bool) -> Image.Image:
    """Print the lines on a strip that is as long as they need; grey, black on white."""
    return rendered(strip_page(lines, columns=columns, bold=bold), dots_per_inch)[0]


def strip_page(lines: tuple[Line, ...], *, columns: int, bold: bool, face: Face = COURIER) -> bytes:
    """Return the strip as a PDF page that is as long as it needs to be."""
    width = columns * face.cell(_SIZE) + 2 * _MARGIN
    height = sum(_height(line) for line in lines) + 2 * _MARGIN
    content = io.BytesIO()
    canvas = Canvas(content, pagesize=(width, height), invariant=1, initialFontName=face.regular)
    y = height - _MARGIN
    for line in lines:
        y -= _height(line)
        _print(canvas, line, y, width, face, bold=bold)
    canvas.save()
    return content.getvalue()


def rendered(content: bytes, dots_per_inch: int) -> list[Image.Image]:
    """Return the pages of a PDF as grey pictures."""
    with pypdfium2.PdfDocument(content) as file:
        return [
            page.render(scale=dots_per_inch / _POINTS_PER_INCH, grayscale=True).to_pil().convert("L") for page in file
        ]


def _height(line: Line) -> float:
    match line:
        case Text():
            return _LEADING * line.scale
        case Rule():
            return _LEADING
        case Gap():
            return line.points
        case Bars():
            return 34


def _print(canvas: Canvas, line: Line, y: float, width: float, face: Face, *, bold: bool) -> None:
    match line:
        case Text():
            heavy = bold or line.bold
            canvas.setFont(face.bold if heavy else face.regular, _SIZE * line.scale)
            spare = width - 2 * _MARGIN - canvas.stringWidth(line.words)
            base = y + 2 * line.scale
            mode = _FILLED_AND_STROKED if heavy and not face.has_bold else None
            canvas.setLineWidth(0.3)
            canvas.drawString(_MARGIN + (spare / 2 if line.centred else 0), base, line.words, mode=mode)
            canvas.drawRightString(width - _MARGIN, base, line.right, mode=mode)
        case Rule(letter):
            canvas.setFont(face.regular, _SIZE)
            canvas.drawString(_MARGIN, y + 2, letter * round((width - 2 * _MARGIN) / face.cell(_SIZE)))
        case Bars():
            bars = Code128(line.value, barHeight=28, barWidth=0.95)
            bars.drawOn(canvas, (width - bars.width) / 2, y + 3)
        case Gap():
            pass
