"""Opens documents: pictures, PDFs and XML.

Decoders are attacked through their input: use this only in a process that may be killed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from counterfoil.documents.domain import MediaType, TooManyPages
from counterfoil.documents.infrastructure.pdf import open_pdf
from counterfoil.documents.infrastructure.pictures import open_picture
from counterfoil.documents.infrastructure.xml import open_xml
from counterfoil.documents.protocols import OpenDocument

MAX_PAGES = 200
# A telephone's 50-megapixel picture and an A4 page at 600 dots an inch (35 million) pass. Decoding, turning and
# flattening one takes up to three copies of 4 bytes a pixel, 720 MB in all; reading a document may use 1 GB.
MAX_PIXELS = 60_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedPages:
    """A page source for every accepted media type. HEIC needs the extra `heic`."""

    max_pages: int = MAX_PAGES
    max_pixels: int = MAX_PIXELS

    @contextmanager
    def open(self, path: Path, media_type: MediaType) -> Iterator[OpenDocument]:
        """Open the document; its pages can be used until the context ends."""
        match media_type:
            case MediaType.PDF:
                with open_pdf(path, max_pixels=self.max_pixels) as pdf:
                    self._count(len(pdf.pages))
                    yield pdf
            case MediaType.XML:
                with open_xml(path, max_pixels=self.max_pixels) as xml:
                    yield xml
            case _:
                with open_picture(path, media_type, max_pixels=self.max_pixels, count=self._count) as picture:
                    yield picture

    def _count(self, pages: int) -> None:
        if pages > self.max_pages:
            raise TooManyPages(pages, self.max_pages)
