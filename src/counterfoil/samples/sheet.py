"""An A4 page, set in millimetres from its top left corner."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from counterfoil.samples.fonts import Face
from counterfoil.samples.trade import Item

Align = Literal["left", "right", "centre"]

_TEXT = "#1f2328"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of the table of items; `x` is the edge that its words are set against."""

    head: str
    x: float
    value: Callable[[int, Item], str]
    align: Align = "left"

    def moved(self, x: float) -> "Column":
        return replace(self, x=x)


class Sheet:
    """The page that is being written, and the file that it will be in."""

    def __init__(self, *, face: Face, size: float, title: str, author: str) -> None:
        self.face = face
        self.size = size
        self.content = io.BytesIO()
        self.canvas = Canvas(self.content, pagesize=A4, invariant=1, initialFontName=face.regular)
        self.canvas.setTitle(title)
        self.canvas.setAuthor(author)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float | None = None,
        bold: bool = False,
        colour: str = _TEXT,
        align: Align = "left",
    ) -> None:
        """Write words on the base line `y`."""
        self.canvas.setFont(self.face.bold if bold else self.face.regular, size or self.size)
        self.canvas.setFillColor(HexColor(colour))
        draw = {
            "left": self.canvas.drawString,
            "right": self.canvas.drawRightString,
            "centre": self.canvas.drawCentredString,
        }[align]
        draw(x * mm, A4[1] - y * mm, words)

    def block(self, x: float, y: float, lines: Sequence[str], *, leading: float, colour: str = _TEXT) -> None:
        """Write lines below each other."""
        for number, words in enumerate(lines):
            self.text(x, y + number * leading, words, colour=colour)

    def pairs(self, x0: float, x1: float, y: float, pairs: Sequence[tuple[str, str]], *, leading: float) -> None:
        """Write labels from the left edge and what they say against the right one."""
        for number, (label, value) in enumerate(pairs):
            self.text(x0, y + number * leading, label)
            self.text(x1, y + number * leading, value, align="right")

    def rule(self, x0: float, x1: float, y: float, *, width: float = 0.4, colour: str = _TEXT) -> None:
        self.line((x0, y), (x1, y), width=width, colour=colour)

    def line(
        self, start: tuple[float, float], end: tuple[float, float], *, width: float = 0.4, colour: str = _TEXT
    ) -> None:
        self.canvas.setStrokeColor(HexColor(colour))
        self.canvas.setLineWidth(width)
        self.canvas.line(start[0] * mm, A4[1] - start[1] * mm, end[0] * mm, A4[1] - end[1] * mm)

    def fill(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        self.canvas.setFillColor(HexColor(colour))
        self.canvas.rect(x * mm, A4[1] - (y + height) * mm, width * mm, height * mm, stroke=0, fill=1)

    def disc(self, x: float, y: float, radius: float, colour: str) -> None:
        self.canvas.setFillColor(HexColor(colour))
        self.canvas.circle(x * mm, A4[1] - y * mm, radius * mm, stroke=0, fill=1)

    def heads(self, y: float, columns: Sequence[Column], colour: str = _TEXT) -> None:
        """Write the head of a table."""
        for column in columns:
            self.text(column.x, y, column.head, bold=True, colour=colour, align=column.align)

    def row(self, y: float, columns: Sequence[Column], number: int, item: Item) -> None:
        """Write one item into a table."""
        for column in columns:
            self.text(column.x, y, column.value(number, item), align=column.align)

    def turn(self) -> None:
        """Go on with the next page."""
        self.canvas.showPage()

    def finished(self) -> bytes:
        self.canvas.save()
        return self.content.getvalue()
