"""Reads any document by its layout: words from its text layer or by OCR, then fields from the words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from counterfoil.extraction.domain import Extraction, PageText, WordOrigin
from counterfoil.extraction.layout.assembly import assemble
from counterfoil.extraction.layout.choice import Choice, choose
from counterfoil.extraction.layout.finders import FINDERS
from counterfoil.extraction.layout.paper import Paper, paper_of
from counterfoil.extraction.layout.rows import in_reading_order
from counterfoil.extraction.layout.several import shows_several
from counterfoil.extraction.reading import Reading
from counterfoil.records.domain import FieldPath, Reason, ReasonCode

NAME = "layout"
VERSION = "3"
_ON_EVERY_RECEIPT = frozenset((FieldPath("total"), FieldPath("issue_date")))
_MOST_CLOSELY = 3  # pages that are looked at again


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutReader:
    """Works for every document, offline."""

    name: str = NAME
    version: str = VERSION
    exact: ClassVar[bool] = False

    def read(self, reading: Reading) -> Extraction:
        first = extraction_of(reading.texts)
        if not _may_have_missed(first):
            return first
        closer = extraction_of(reading.closer_texts)
        return closer if len(_missing(closer)) < len(_missing(first)) else first


def _may_have_missed(extraction: Extraction) -> bool:
    """Say whether OCR saw words on a few pages, but not what every receipt has: a line of it may have been missed."""
    seen = [page for page in extraction.pages if page.origin is WordOrigin.OCR]
    return 0 < len(seen) <= _MOST_CLOSELY and any(page.words for page in seen) and bool(_missing(extraction))


def _missing(extraction: Extraction) -> frozenset[FieldPath]:
    return _ON_EVERY_RECEIPT - extraction.sources.keys()


def extraction_of(pages: Sequence[PageText]) -> Extraction:
    """Return the fields that the words of a document's pages show."""
    paper = paper_of(pages)
    choice = choice_on(paper)
    data, sources = assemble(choice.chosen, reader=NAME, version=VERSION)
    return Extraction(
        reader=NAME,
        version=VERSION,
        data=data,
        sources=sources,
        pages=in_reading_order(pages, [row.span for row in paper.rows]),
        reasons=tuple(_reasons(pages, paper)),
        considered=choice.considered,
    )


def choice_on(paper: Paper) -> Choice:
    """Choose among what all finders propose."""
    return choose(paper, [candidate for find in FINDERS for candidate in find(paper)])


def _reasons(pages: Sequence[PageText], paper: Paper) -> Iterator[Reason]:
    if shows_several(pages, paper, lambda part: choice_on(paper_of([part]))):
        yield Reason(code=ReasonCode.SEVERAL_RECEIPTS)
