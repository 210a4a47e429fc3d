"""What reading needs from outside: readers, and in them something that finds the words on a picture."""

from collections.abc import Sequence
from typing import Protocol

from PIL import Image

from counterfoil.documents.domain import Word
from counterfoil.documents.protocols import OpenPage
from counterfoil.extraction.domain import Extraction


class Reader(Protocol):
    """Turns a document into an extraction, or says that the document is not of its kind."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str:
        """Change it whenever the same bytes may be read differently."""
        ...

    def read(self, pages: Sequence[OpenPage]) -> Extraction | None:
        """Return what the document says; None if it is not a document for this reader.

        A page on which nothing can be read gives an extraction with no fields, not an error.
        """
        ...


class WordFinder(Protocol):
    """Finds the words on a picture: OCR."""

    def find(self, picture: Image.Image) -> tuple[tuple[Word, ...], int]:
        """Return the words, and by how many degrees clockwise the picture had to be turned to read them."""
        ...
