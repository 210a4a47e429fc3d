"""Whether a file shows several receipts: parts that are each a whole one, and tell of different purchases."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import combinations
from typing import Self

from rapidfuzz import fuzz

from counterfoil.documents.domain import Box, Word
from counterfoil.extraction.domain import PageText
from counterfoil.extraction.layout.choice import Choice
from counterfoil.extraction.layout.dates import dates_in
from counterfoil.extraction.layout.labelled import labelled_amounts
from counterfoil.extraction.layout.labels import Label
from counterfoil.extraction.layout.paper import Paper
from counterfoil.records.domain import ISSUE_DATE, MERCHANT, TOTAL, Evidence, FieldPath

NUMBER = FieldPath("number")
_ANNOUNCED = 0.5  # how surely words have to call an amount a total, or a date the paper's
_NAMED = 0.65  # how surely a line has to be a name, if that alone tells two receipts apart
_FEWEST_WORDS = 12  # on a receipt
_GUTTER = 0.012  # of the picture's width or height between two receipts, at least
_GUTTERS = 4  # the widest ones are tried
_OTHER_NAME = 50  # two names are less alike than that (of 100)


def shows_several(pages: Sequence[PageText], paper: Paper, read: Callable[[PageText], Choice]) -> bool:
    """Tell whether there are several. `paper` has all pages; `read` chooses among what is found on a part."""
    totals = [one.amount.span.evidence for one in labelled_amounts(paper, Label.TOTAL)]
    dates = [
        row.span.between(found.start, found.end).evidence for row in paper.rows for found in dates_in(row.span.text)
    ]
    for parts in _partings(pages):
        likely = [part for part in parts if _is_any_on(part, totals) and _is_any_on(part, dates)]
        receipts = [found for part in likely if len(likely) > 1 and (found := _Receipt.of(read(part)))]
        if any(one.is_other_than(other) for one, other in combinations(receipts, 2)):
            return True
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Receipt:
    """What tells one receipt from another."""

    total: object
    issued: object
    number: object
    merchant: str

    @classmethod
    def of(cls, choice: Choice) -> Self | None:
        """Return the receipt that was read, if it is a whole one: with a total and a date of its own."""
        found = {one.candidate.path: one.candidate for one in choice.chosen}
        total, issued = found.get(TOTAL), found.get(ISSUE_DATE)
        if total is None or issued is None or min(total.score, issued.score) < _ANNOUNCED:
            return None
        number, merchant = found.get(NUMBER), found.get(MERCHANT)
        return cls(
            total=total.value,
            issued=issued.value,
            number=number.value if number else None,
            merchant=str(merchant.value).casefold() if merchant and merchant.score >= _NAMED else "",
        )

    def is_other_than(self, other: Self) -> bool:
        """Tell whether it is of another purchase, not another page of the same paper."""
        if self.number and other.number:
            return self.number != other.number and (self.total, self.issued) != (other.total, other.issued)
        if self.total == other.total:
            return False
        return self.issued != other.issued or self._is_named_otherwise(other)

    def _is_named_otherwise(self, other: Self) -> bool:
        return bool(self.merchant and other.merchant) and fuzz.ratio(self.merchant, other.merchant) < _OTHER_NAME


def _is_any_on(part: PageText, found: Sequence[Evidence]) -> bool:
    edge = reduce(Box.union, (word.box for word in part.words)) if part.words else None
    return edge is not None and any(one.page == part.number and edge.union(one.box) == edge for one in found)


def _partings(pages: Sequence[PageText]) -> Iterator[Sequence[PageText]]:
    """Yield ways to part the file: by pages, or a page where nothing is printed from edge to edge."""
    if len(pages) > 1:
        yield pages
        return
    for page in pages:
        yield from _parted(page, lambda box: (box.x0, box.x1))
        yield from _parted(page, lambda box: (box.y0, box.y1))


def _parted(page: PageText, extent: Callable[[Box], tuple[float, float]]) -> Iterator[Sequence[PageText]]:
    """Yield a page's two parts on each side of its widest gutters along one direction."""
    words = sorted(page.words, key=lambda word: extent(word.box)[0])
    gutters: list[tuple[float, int]] = []
    reach = 0.0
    for place, word in enumerate(words):
        start, end = extent(word.box)
        if start - reach >= _GUTTER and _FEWEST_WORDS <= place <= len(words) - _FEWEST_WORDS:
            gutters.append((start - reach, place))
        reach = max(reach, end)
    for _, place in sorted(gutters, reverse=True)[:_GUTTERS]:
        yield [_of(page, words[:place]), _of(page, words[place:])]


def _of(page: PageText, words: Sequence[Word]) -> PageText:
    return replace(page, words=tuple(words))
