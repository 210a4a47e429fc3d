"""A reading: one document, open before the readers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from PIL import Image

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import Sha256, Word
from counterfoil.documents.protocols import OpenDocument, OpenPage
from counterfoil.extraction.domain import Extraction, PageText, WordOrigin
from counterfoil.extraction.layout.labels import announces_anything
from counterfoil.records.domain import Reason

_LONGEST_SIDE = 2000  # pixels of a picture that OCR is given
_REAL_WORDS = 12  # words of a text layer that is not only a stamp on a scan


class WordFinder(Protocol):
    """Finds the words on a picture: OCR."""

    def find(self, picture: Image.Image, *, closely: bool = False) -> tuple[tuple[Word, ...], int]:
        """Return the words, and by how many degrees clockwise the picture had to be turned to read them.

        To look closely costs more, and finds lines that are missed at first.
        """
        ...


@dataclass(kw_only=True)
class Reading:
    """What a reader is given of a document. Its words are looked for once, however many readers ask for them."""

    document: OpenDocument
    workspace: WorkspaceId
    sha256: Sha256
    word_finder: WordFinder
    last_try: bool = True
    """Whether nobody tries again if a reader fails."""
    remarks: list[Reason] = field(default_factory=list)
    """What readers saw that left the document to the others."""
    found: Extraction | None = None
    """What the readers before have made of it."""

    @cached_property
    def texts(self) -> tuple[PageText, ...]:
        """The words of each page: of its text layer if there is a real one, else by OCR.

        A program that embeds fonts without saying which letters they hold leaves text that nobody can read: then OCR
        makes sense of pages whose text makes none. What makes sense to neither is in a language that we do not know,
        and better in its own letters.
        """
        layers = [(page, tuple(page.words())) for page in self.document.pages]
        if not self.document.drawn and not any(_makes_sense(words) for _, words in layers):
            seen = tuple(self._text(page, ()) for page, _ in layers)
            if any(_makes_sense(page.words) for page in seen) or not any(_is_text(words) for _, words in layers):
                return seen
        return tuple(self._text(page, words) for page, words in layers)

    @cached_property
    def closer_texts(self) -> tuple[PageText, ...]:
        """The same, the pages that OCR reads looked at closely."""
        seen = {text.number for text in self.texts if text.origin is WordOrigin.OCR}
        closer = {
            page.number: self._text(page, (), closely=True) for page in self.document.pages if page.number in seen
        }
        return tuple(closer.get(text.number, text) for text in self.texts)

    def _text(self, page: OpenPage, words: tuple[Word, ...], *, closely: bool = False) -> PageText:
        if self.document.drawn or _is_text(words):
            width, height = page.size(longest_side=_LONGEST_SIDE)
            return PageText(number=page.number, width=width, height=height, origin=WordOrigin.TEXT_LAYER, words=words)
        picture = page.picture(longest_side=_LONGEST_SIDE)
        found, turned = self.word_finder.find(picture, closely=closely)
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


def _makes_sense(words: Sequence[Word]) -> bool:
    """Tell whether anything is called by its name; every receipt says at least what is a total, a date or a tax."""
    return announces_anything(" ".join(word.text for word in words))
