"""Words in the order a person reads them: in rows that follow the paper's angle, and in columns within a row."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from operator import itemgetter
from statistics import median

from counterfoil.documents.domain import Box, Word
from counterfoil.extraction.domain import PageText
from counterfoil.records.domain import Evidence

_COLUMN_GAP = 1.3  # letter heights between two words that belong to different columns
_SAME_ROW = 0.55  # letter heights between the middles of two words of one row, at most
_STEEPEST = 0.36  # slope; a paper that lies worse is not followed


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Token:
    """A word with its place on the straightened page, in pixels, the text upright and its rows level.

    It is itself alone: a word that is printed twice gives two.
    """

    word: Word
    page: int
    left: float
    right: float
    middle: float
    height: float

    @property
    def text(self) -> str:
        return self.word.text


@dataclass(frozen=True, kw_only=True)
class Span:
    """Tokens read together, from left to right: a row, a column's part of a row, or a value within it.

    An address takes the spans of several rows.
    """

    tokens: tuple[Token, ...]

    @cached_property
    def text(self) -> str:
        return " ".join(token.text for token in self.tokens)

    @property
    def page(self) -> int:
        return self.tokens[0].page

    @cached_property
    def left(self) -> float:
        return min(token.left for token in self.tokens)

    @cached_property
    def right(self) -> float:
        return max(token.right for token in self.tokens)

    @cached_property
    def middle(self) -> float:
        return sum(token.middle for token in self.tokens) / len(self.tokens)

    @cached_property
    def height(self) -> float:
        return median(token.height for token in self.tokens)

    @property
    def letter_width(self) -> float:
        """How wide a letter is on the average: a measure of size that no tall or hanging letter changes."""
        return sum(token.right - token.left for token in self.tokens) / sum(len(token.text) for token in self.tokens)

    @property
    def score(self) -> float:
        """How sure the letters are: as sure as its worst word."""
        return min(token.word.score for token in self.tokens)

    @property
    def evidence(self) -> Evidence:
        box = reduce(Box.union, (token.word.box for token in self.tokens))
        return Evidence(page=self.page, box=box, text=self.text)

    def between(self, start: int, end: int) -> "Span":
        """Return the tokens that hold the letters of its text from one place to another, the second not included."""
        inside, at = [], 0
        for token in self.tokens:
            if at < end and at + len(token.text) > start:
                inside.append(token)
            at += len(token.text) + 1
        return Span(tokens=tuple(inside))

    def columns(self) -> "tuple[Span, ...]":
        """Cut a row where the gaps are wide."""
        parts: list[list[Token]] = []
        for token in self.tokens:
            if parts and token.left - parts[-1][-1].right < _COLUMN_GAP * self.height:
                parts[-1].append(token)
            else:
                parts.append([token])
        return tuple(Span(tokens=tuple(part)) for part in parts)


def joined(spans: Iterable[Span]) -> Span:
    """Return the spans as one, in the order given."""
    return Span(tokens=tuple(token for span in spans for token in span.tokens))


def rows_of(page: PageText) -> tuple[Span, ...]:
    """Return the rows of a page from top to bottom."""
    tokens = [_upright(word, page) for word in page.words if word.text.strip()]
    if not tokens:
        return ()
    slope = _slope(tokens)
    level = [_levelled(token, slope) for token in tokens]
    return tuple(Span(tokens=tuple(sorted(row, key=lambda token: token.left))) for row in _grouped(level))


def in_reading_order(pages: Iterable[PageText], rows: Sequence[Span]) -> tuple[PageText, ...]:
    """Return the pages with their words in the order in which a person reads them, which is that of their rows."""
    words: dict[int, list[Word]] = {}
    for row in rows:
        words.setdefault(row.page, []).extend(token.word for token in row.tokens)
    return tuple(replace(page, words=tuple(words.get(page.number, ()))) for page in pages)


def _upright(word: Word, page: PageText) -> Token:
    """Place a word as it lies once the picture is turned."""
    box, width, height = word.box, page.width, page.height
    if page.turned in (90, 270):
        width, height = height, width
    match page.turned:
        case 90:
            x0, y0, x1, y1 = 1 - box.y1, box.x0, 1 - box.y0, box.x1
        case 180:
            x0, y0, x1, y1 = 1 - box.x1, 1 - box.y1, 1 - box.x0, 1 - box.y0
        case 270:
            x0, y0, x1, y1 = box.y0, 1 - box.x1, box.y1, 1 - box.x0
        case _:
            x0, y0, x1, y1 = box.x0, box.y0, box.x1, box.y1
    return Token(
        word=word,
        page=page.number,
        left=x0 * width,
        right=x1 * width,
        middle=(y0 + y1) / 2 * height,
        height=max((y1 - y0) * height, 1.0),
    )


def _slope(tokens: Sequence[Token]) -> float:
    """Return by how much rows fall for each pixel to the right: the middle one of all neighbours' slopes."""
    slopes = []
    by_left = sorted(tokens, key=lambda token: token.left)
    for index, token in enumerate(by_left):
        reach = token.right + 2 * token.height
        for other in by_left[index + 1 :]:
            if other.left > reach:
                break
            run = (other.left + other.right - token.left - token.right) / 2
            rise = other.middle - token.middle
            if other.left > token.right - token.height / 2 and run > 0 and abs(rise) < 0.6 * token.height:
                slopes.append(rise / run)
    slope = median(slopes) if slopes else 0.0
    return slope if abs(slope) < _STEEPEST else 0.0


def _levelled(token: Token, slope: float) -> Token:
    middle = token.middle - slope * (token.left + token.right) / 2
    # A slanted word fills a box that is higher than its letters.
    height = max(token.height - abs(slope) * (token.right - token.left), token.height * 0.4)
    return Token(word=token.word, page=token.page, left=token.left, right=token.right, middle=middle, height=height)


def _grouped(tokens: Sequence[Token]) -> list[list[Token]]:
    """Put each token into the row whose nearest token is about as high, rows in order from the top."""
    rows: list[list[Token]] = []
    for token in sorted(tokens, key=lambda token: token.left):
        near = ((distance, row) for row in rows if (distance := _distance(row[-1], token)) < _SAME_ROW)
        _, best = min(near, key=itemgetter(0), default=(0.0, None))
        if best is not None:
            best.append(token)
        else:
            rows.append([token])
    return sorted(rows, key=lambda row: sum(token.middle for token in row) / len(row))


def _distance(last: Token, token: Token) -> float:
    """Return how many letter heights a token is above or below the end of a row; far if it would lie on it."""
    apart = abs(last.middle - token.middle) / min(last.height, token.height)
    if apart >= _SAME_ROW:
        return apart
    overlap = last.right - token.left
    return apart if overlap < 0.5 * min(last.right - last.left, token.right - token.left) else apart + 1
