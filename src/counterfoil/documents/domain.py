"""A document is one file handed in; its pages are what a person would see of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.errors import InvalidInput

DocumentId = NewType("DocumentId", UUID)
Sha256 = NewType("Sha256", str)


class MediaType(StrEnum):
    """What may be handed in, by the type its bytes show."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"
    TIFF = "image/tiff"
    GIF = "image/gif"
    BMP = "image/bmp"
    HEIC = "image/heic"
    PDF = "application/pdf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One file handed in. The same bytes handed in twice are two documents with one `sha256`."""

    id: DocumentId
    workspace: WorkspaceId
    name: str
    media_type: MediaType
    sha256: Sha256
    size: int  # bytes
    page_count: int
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A place on a page picture, in fractions (0 to 1) of its width and height, from the top left corner.

    The picture is the page as a person sees it: turned as its EXIF data says, not straightened further.
    """

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def width(self) -> float:
        return self.x1 - self.x0

    @property
    def height(self) -> float:
        return self.y1 - self.y0

    @property
    def centre(self) -> tuple[float, float]:
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2

    def union(self, other: "Box") -> "Box":
        """Return the smallest box around both."""
        return Box(
            x0=min(self.x0, other.x0),
            y0=min(self.y0, other.y0),
            x1=max(self.x1, other.x1),
            y1=max(self.y1, other.y1),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word on a page. `score` is how sure its letters are: 1 where the file itself says so, less from OCR."""

    text: str
    box: Box
    score: float = 1.0


class UnreadableDocument(InvalidInput):
    """The bytes cannot be decoded as what they seem to be."""

    code = "unreadable_document"
    advice = "Open the file on your own machine; if it opens there, save it anew or take a new picture."

    def __init__(self, media_type: MediaType) -> None:
        super().__init__(f"This looks like {media_type}, but it is damaged or incomplete.")


class EncryptedDocument(InvalidInput):
    """A PDF that needs a password."""

    code = "encrypted_document"
    advice = "Save the PDF without its password and hand that in."

    def __init__(self) -> None:
        super().__init__("This PDF is protected by a password.")
