"""Draws a document's pages as one JPEG that n8n takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final, Protocol

from PIL import Image

from counterfoil.documents.domain import Document
from counterfoil.targets.errors import NothingToShow

MOST_BYTES: Final = 8 * 2**20
"""n8n takes 16 MiB of JSON unless it is told otherwise, in which a picture is a third larger than it is."""
_MOST_PAGES: Final = 4
_LONGEST_SIDE: Final = 2000
_QUALITIES: Final = (85, 70, 50)


class PageSource(Protocol):
    """Has pictures of pages."""

    def picture(self, document: Document, number: int) -> Path: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PagePictures:
    """Draws pages below one another: of a long document the first ones, and the last, where the sums are."""

    pages: PageSource

    def jpeg(self, document: Document) -> bytes:
        if not document.page_count:
            raise NothingToShow(document.name)
        side = _LONGEST_SIDE
        while True:
            sheet = _stacked([_drawn(self.pages.picture(document, number), side) for number in shown(document)])
            for quality in _QUALITIES:
                content = _saved(sheet, quality)
                if len(content) <= MOST_BYTES:
                    return content
            side //= 2


def shown(document: Document) -> Sequence[int]:
    """Return the numbers of the pages that are drawn, counted from 1."""
    count = document.page_count
    return range(1, count + 1) if count <= _MOST_PAGES else (*range(1, _MOST_PAGES), count)


def _drawn(path: Path, side: int) -> Image.Image:
    with Image.open(path) as page:
        picture = page.convert("RGB")
    picture.thumbnail((side, side))
    return picture


def _stacked(pages: Sequence[Image.Image]) -> Image.Image:
    sheet = Image.new("RGB", (max(one.width for one in pages), sum(one.height for one in pages)), "white")
    top = 0
    for one in pages:
        sheet.paste(one, (0, top))
        top += one.height
    return sheet


def _saved(sheet: Image.Image, quality: int) -> bytes:
    saved = BytesIO()
    sheet.save(saved, "JPEG", quality=quality)
    return saved.getvalue()
