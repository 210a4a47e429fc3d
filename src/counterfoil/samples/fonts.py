"""The fonts that samples are drawn with: those that every PDF viewer has, and some that come along in packages."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

_WESTERN = "cp1252"  # what fonts that viewers bring can draw


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """A font with its bold one, which may be the same."""

    regular: str
    bold: str

    @property
    def has_bold(self) -> bool:
        return self.bold != self.regular

    def cell(self, size: float) -> float:
        """Return how wide every letter of a typewriter font is."""
        return float(pdfmetrics.stringWidth("0", self.regular, size))

    def draws(self, letters: str) -> bool:
        """Say whether the font has all these letters."""
        return all(_has(name, letter) for name in {self.regular, self.bold} for letter in set(letters))


def _has(name: str, letter: str) -> bool:
    font = pdfmetrics.getFont(name)
    if isinstance(font, TTFont):
        return ord(letter) in font.face.charToGlyph
    return _is_western(letter)


@cache
def _is_western(letter: str) -> bool:
    try:
        letter.encode(_WESTERN)
    except UnicodeEncodeError:
        return False
    return True


def _register(name: str, package: str, *path: str) -> str:
    pdfmetrics.registerFont(TTFont(name, str(files(package).joinpath(*path))))
    return name


COURIER = Face(regular="Courier", bold="Courier-Bold")
HELVETICA = Face(regular="Helvetica", bold="Helvetica-Bold")
TIMES = Face(regular="Times-Roman", bold="Times-Bold")
VERA = Face(
    regular=_register("Vera", "reportlab", "fonts", "Vera.ttf"),
    bold=_register("VeraBd", "reportlab", "fonts", "VeraBd.ttf"),
)
OPEN_SANS = Face(
    regular=_register("OpenSans", "ttf_opensans", "ttf", "OpenSans-Regular.ttf"),
    bold=_register("OpenSansBd", "ttf_opensans", "ttf", "OpenSans-Bold.ttf"),
)
_MONO = _register("DejaVuSansMono", "barcode", "fonts", "DejaVuSansMono.ttf")
DEJAVU_MONO = Face(regular=_MONO, bold=_MONO)

TYPEWRITERS = (COURIER, DEJAVU_MONO)
BOOK_FACES = (HELVETICA, TIMES, VERA, OPEN_SANS)
EMBEDDED = (VERA, OPEN_SANS)  # a file for archives has to bring its fonts along
