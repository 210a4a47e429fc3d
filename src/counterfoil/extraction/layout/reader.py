"""Reads any document by its layout: words from its text layer or by OCR, then fields from the words."""

from collections.abc import Sequence
from dataclasses import dataclass

from counterfoil.documents.domain import Word
from counterfoil.documents.protocols import OpenPage
from counterfoil.extraction.domain import Extraction, PageText, WordOrigin
from counterfoil.extraction.layout.assembly import assemble
from counterfoil.extraction.layout.choice import Chosen, choose
from counterfoil.extraction.layout.finders import FINDERS
from counterfoil.extraction.layout.paper import paper_of
from counterfoil.extraction.layout.rows import rows_of
from counterfoil.extraction.protocols import WordFinder

NAME = "layout"
VERSION = "1"
_LONGEST_SIDE = 2000  # pixels of a picture that OCR is given
_REAL_WORDS = 12  # words of a text layer that is not only a stamp on a scan


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutReader:
    """Works for every document, offline."""

    word_finder: WordFinder

    @property
    def name(self) -> str:
        return NAME

    @property
    def version(self) -> str:
        return VERSION

    def read(self, pages: Sequence[OpenPage]) -> Extraction:
        return extraction_of([self._text(page) for page in pages])

    def _text(self, page: OpenPage) -> PageText:
        words = page.words()
        picture = page.picture(longest_side=_LONGEST_SIDE)
        if _is_text(words):
            return PageText(
                number=page.number,
                width=picture.width,
                height=picture.height,
                origin=WordOrigin.TEXT_LAYER,
                words=tuple(words),
            )
        found, turned = self.word_finder.find(picture)
        return PageText(
            number=page.number,
            width=picture.width,
            height=picture.height,
            origin=WordOrigin.OCR,
            words=found,
            turned=turned,
        )


def _is_text(words: Sequence[Word]) -> bool:
    return sum(any(letter.isalnum() for letter in word.text) for word in words) >= _REAL_WORDS


def extraction_of(pages: Sequence[PageText]) -> Extraction:
    """Return the fields that the words of a document's pages show."""
    data, sources = assemble(chosen_on(pages), reader=NAME, version=VERSION)
    return Extraction(
        reader=NAME, version=VERSION, data=data, sources=sources, pages=tuple(_in_order(page) for page in pages)
    )


def chosen_on(pages: Sequence[PageText]) -> tuple[Chosen, ...]:
    """Return what all finders propose that was taken."""
    paper = paper_of(pages)
    return choose(paper, [candidate for find in FINDERS for candidate in find(paper)])


def _in_order(page: PageText) -> PageText:
    """Return the page with its words in reading order."""
    words = tuple(token.word for row in rows_of(page) for token in row.tokens)
    return PageText(
        number=page.number, width=page.width, height=page.height, origin=page.origin, words=words, turned=page.turned
    )
