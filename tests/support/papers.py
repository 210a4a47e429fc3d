"""Papers written by hand: rows of text laid out in a fixed pitch, as a till prints them."""

from collections.abc import Iterable

from counterfoil.documents.domain import Box, Word
from counterfoil.extraction.domain import PageText, WordOrigin
from counterfoil.extraction.layout.candidates import Candidate
from counterfoil.extraction.layout.paper import Paper, paper_of
from counterfoil.extraction.layout.rows import Span, rows_of

_LETTER, _LINE, _PITCH = 10, 20, 30  # pixels: a letter's width and height, and from row to row
_WIDTH, _HEIGHT = 800, 1600
_HEAD = 5  # rows left free for words of other sizes


def page(*rows: str, number: int = 1) -> PageText:
    """Return a page with these rows; several blanks leave a gap as wide as they are."""
    words = [
        Word(text=text, box=_box(start * _LETTER, index * _PITCH + _PITCH, len(text) * _LETTER))
        for index, row in enumerate(rows)
        for start, text in _placed(row)
    ]
    return PageText(number=number, width=_WIDTH, height=_HEIGHT, origin=WordOrigin.OCR, words=tuple(words))


def paper(*rows: str) -> Paper:
    """Return a paper of one page with these rows."""
    return paper_of([page(*rows)])


def paper_set(words: Iterable[tuple[str, float, float, float]], *rows: str) -> Paper:
    """Return a paper with words of any size above rows of usual size.

    Each word comes with its left end, its top and its height in pixels; its letters are half as wide as they are high.
    """
    large = [
        Word(text=text, box=_box_of(left, top, len(text) * height / 2, height)) for text, left, top, height in words
    ]
    usual = page(*[""] * _HEAD, *rows)
    words_of_all = (*large, *usual.words)
    return paper_of([PageText(number=1, width=_WIDTH, height=_HEIGHT, origin=WordOrigin.OCR, words=words_of_all)])


def best(candidates: Iterable[Candidate], path: str | None = None) -> object:
    """Return the value of the candidate that fits best, of those for a field if one is named; None without any."""
    fitting = [one for one in candidates if path in (None, one.path)]
    return max(fitting, key=lambda one: one.score).value if fitting else None


def row(text: str) -> Span:
    """Return one row of a page."""
    return rows_of(page(text))[0]


def _placed(text: str) -> list[tuple[int, str]]:
    places, at = [], 0
    for part in text.split(" "):
        if part:
            places.append((at, part))
        at += len(part) + 1
    return places


def _box(left: int, top: int, width: int) -> Box:
    return _box_of(left, top, width, _LINE)


def _box_of(left: float, top: float, width: float, height: float) -> Box:
    return Box(x0=left / _WIDTH, y0=top / _HEIGHT, x1=(left + width) / _WIDTH, y1=(top + height) / _HEIGHT)
