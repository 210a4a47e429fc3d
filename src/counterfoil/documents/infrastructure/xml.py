"""E-invoices that are nothing but XML: drawn for people, an element a line, and handed to machines as they are.

Decoders are attacked through their input: use this only in a process that may be killed.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from itertools import islice
from pathlib import Path
from textwrap import wrap
from typing import Final
from xml.etree.ElementTree import Element

import pypdfium2

from counterfoil.documents.domain import UnsupportedMediaType
from counterfoil.documents.infrastructure.pdf import Pdf
from counterfoil.documents.protocols import OpenPage
from counterfoil.foundation.xml import local_name, parse_xml

INVOICES: Final = {"CrossIndustryInvoice", "CrossIndustryDocument", "Invoice", "CreditNote"}
"""The roots of e-invoices: of CII and of ZUGFeRD 1, and of UBL."""
MOST_PAGES: Final = 20
"""Nobody looks through more; what machines read is never cut."""
_BEGINNING = re.compile(rb"(\xef\xbb\xbf)?\s*(<\?xml\b|<!--|<[\w.-]*:?(CrossIndustry|Invoice|CreditNote))")
_WIDE = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_GLANCE = 512  # bytes
_WIDTH, _HEIGHT, _MARGIN, _LINE, _SIZE, _INDENT = 595, 842, 40, 12, 8, 10  # points
_COLUMN = 300  # points from the left, where values begin
_LETTERS, _LONGEST = 55, 1_000  # letters of a value on a line, and in all
_LINES = (_HEIGHT - 2 * _MARGIN) // _LINE


@dataclass(frozen=True, slots=True, kw_only=True)
class Xml:
    """An open XML file, and the sheets that it was drawn on."""

    content: bytes
    sheets: Pdf

    @property
    def pages(self) -> Sequence[OpenPage]:
        return self.sheets.pages

    @property
    def drawn(self) -> bool:
        return True

    def xml_files(self) -> Iterator[bytes]:
        yield self.content


@dataclass(frozen=True, slots=True)
class _Line:
    depth: int
    name: str
    value: str


def is_xml(path: Path) -> bool:
    """Tell whether a text file is XML."""
    with path.open("rb") as file:
        head = file.read(_GLANCE)
    for mark, encoding in _WIDE:
        if head.startswith(mark):
            head = head.decode(encoding, "ignore").lstrip("\ufeff").encode()
    return _BEGINNING.match(head) is not None


@contextmanager
def open_xml(path: Path, *, max_pixels: int) -> Iterator[Xml]:
    """Open an e-invoice.

    Raises:
        UnsupportedMediaType: it is XML of another kind.
        DamagedXml, ForbiddenXml: it cannot or must not be parsed.
    """
    content = path.read_bytes()
    root = parse_xml(content)
    if local_name(root) not in INVOICES:
        raise UnsupportedMediaType("XML, but not an e-invoice", "Hand in UBL or CII, or the invoice as PDF.")
    drawn = pypdfium2.PdfDocument(_drawn(root))
    try:
        yield Xml(content=content, sheets=Pdf(file=drawn, max_pixels=max_pixels))
    finally:
        drawn.close()


def _drawn(root: Element) -> bytes:
    """Return a PDF that shows what stands in the XML."""
    from reportlab.pdfgen.canvas import Canvas  # with its fonts, only who draws needs it

    _register_fonts()
    sheets = BytesIO()
    canvas = Canvas(sheets, pagesize=(_WIDTH, _HEIGHT), invariant=1)
    lines = _lines(root)
    for _ in range(MOST_PAGES):
        page = list(islice(lines, _LINES))
        for row, line in enumerate(page):
            height = _HEIGHT - _MARGIN - row * _LINE
            canvas.setFont("Vera" if line.value else "VeraBd", _SIZE)
            canvas.drawString(_MARGIN + line.depth * _INDENT, height, _printable(line.name))
            canvas.setFont("Vera", _SIZE)
            canvas.drawString(_COLUMN, height, _printable(line.value))
        canvas.showPage()
        if len(page) < _LINES:
            break
    canvas.save()
    return sheets.getvalue()


def _lines(root: Element) -> Iterator[_Line]:
    """Return what stands in the XML from top to bottom; depth first, but without recursion, for it may be deep."""
    waiting = [(0, root)]
    while waiting:
        depth, element = waiting.pop()
        first, *further = wrap(_value(element), _LETTERS) or [""]
        yield _Line(min(depth, _LETTERS // 4), _spaced(local_name(element)), first)
        yield from (_Line(depth, "", line) for line in further)
        waiting += [(depth + 1, child) for child in reversed(element)]


def _value(element: Element) -> str:
    text = " ".join((element.text or "").split())
    if len(text) > _LONGEST:
        text = f"({len(text)} letters)"
    said = " ".join(value for name, value in element.attrib.items() if name in ("currencyID", "unitCode", "unitID"))
    return f"{text} {said}".strip()


def _spaced(name: str) -> str:
    """Write the name of an element as words."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)


def _printable(text: str) -> str:
    """Return the text in letters that the font has, without their marks where it has them only so."""
    return "".join(letter if ord(letter) in _letters() else _plain(letter) for letter in text)


def _plain(letter: str) -> str:
    bare = unicodedata.normalize("NFKD", letter)[0]
    return bare if ord(bare) in _letters() else "?"


@cache
def _letters() -> frozenset[int]:
    from reportlab.pdfbase import pdfmetrics

    return frozenset(pdfmetrics.getFont("Vera").face.charToGlyph)


@cache
def _register_fonts() -> None:
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    for name in ("Vera", "VeraBd"):
        pdfmetrics.registerFont(TTFont(name, f"{name}.ttf"))
