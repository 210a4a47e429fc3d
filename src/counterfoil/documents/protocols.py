"""What the documents' service and the readers need from outside: pages as pictures and printed words."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from PIL import Image

from counterfoil.documents.domain import MediaType, Word


class OpenPage(Protocol):
    """One page of an open document."""

    @property
    def number(self) -> int:
        """Count from 1."""
        ...

    def picture(self, *, longest_side: int | None = None) -> Image.Image:
        """Return the page in RGB as a person sees it.

        Pictures come in their own resolution, PDF pages at 200 dots an inch; `longest_side` (pixels) scales down to it.
        """
        ...

    def words(self) -> Sequence[Word]:
        """Return the words of a PDF page's text layer in file order; none for pictures and scans."""
        ...


class PageSource(Protocol):
    """Opens documents of every accepted media type, page by page, without holding all in memory."""

    def open(self, path: Path, media_type: MediaType) -> AbstractContextManager[Sequence[OpenPage]]:
        """Open a document.

        Raises:
            UnreadableDocument: the bytes cannot be decoded.
            EncryptedDocument: it needs a password.
        """
        ...
