"""A document is one file handed in; its pages are what a person would see of it."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import NewType
from uuid import UUID

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.errors import Conflict, InvalidInput, NotFound, ServiceUnavailable
from counterfoil.jobs.domain import JobId

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
    XML = "application/xml"

    @property
    def extension(self) -> str:
        """Return the usual ending of a file's name, without the dot."""
        return {MediaType.JPEG: "jpg", MediaType.TIFF: "tif"}.get(self, self.value.partition("/")[2])


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
    target: UUID | None = None
    """Where its record is to go, if that was said when it was handed in."""
    joined_into: DocumentId | None = None
    """The document in which its pages are read with others; then it is not read by itself any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """Bytes that are on disk but not yet accepted."""

    path: Path
    size: int  # bytes
    sha256: Sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """What a file turned out to be."""

    media_type: MediaType
    page_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A document that was accepted, and the job that reads it."""

    document: Document
    job_id: JobId
    same_as: DocumentId | None  # the first document with the same bytes, if they were handed in before


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """What a document was joined of. A document is a part of one other at most."""

    document: DocumentId
    workspace: WorkspaceId
    parts: tuple[DocumentId, ...]
    """In the order of their pages."""
    job: JobId
    idempotency_key: str | None = None


MAX_PARTS = 20
MAX_NAME_LENGTH = 200
_MAX_EXTENSION_LENGTH = 10
_MAX_PATH_DEPTH = 5
_INVISIBLE_CATEGORIES = {"Cc", "Cs", "Zl", "Zp"}
# Signs that turn the direction of what follows, so that "gpj.exe" shows as "exe.jpg", and the byte order mark.
_TURNING = {0x061C, 0x200E, 0x200F, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}


def safe_name(name: str, media_type: MediaType) -> str:
    """Return a name that can be shown and offered for saving, whatever was sent; it is never part of a path of ours."""
    return _clean(name.replace("\\", "/").rpartition("/")[2]) or f"document.{media_type.extension}"


def safe_path(name: str) -> str:
    """Return a name with its folders, to be shown only; empty when there is nothing in it to show."""
    parts = filter(None, map(_clean, name.replace("\\", "/").split("/")))
    return "/".join(list(parts)[-_MAX_PATH_DEPTH:])


def _clean(name: str) -> str:
    visible = (
        sign for sign in name if unicodedata.category(sign) not in _INVISIBLE_CATEGORIES and ord(sign) not in _TURNING
    )
    clean = unicodedata.normalize("NFC", "".join(visible)).strip()
    return _cut(clean) if clean.strip(". ") else ""


def _cut(name: str) -> str:
    """Shorten a name so that its extension stays."""
    if len(name) <= MAX_NAME_LENGTH:
        return name
    extension = PurePosixPath(name).suffix
    if len(extension) > _MAX_EXTENSION_LENGTH:
        extension = ""
    return name[: MAX_NAME_LENGTH - len(extension)].rstrip() + extension


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

    def __init__(self, what: str) -> None:
        super().__init__(f"This looks like {what}, but it is damaged or incomplete.")


class EncryptedDocument(InvalidInput):
    """A PDF that needs a password."""

    code = "encrypted_document"
    advice = "Save the PDF without its password and hand that in."

    def __init__(self) -> None:
        super().__init__("This PDF is protected by a password.")


class DocumentEmpty(InvalidInput):
    """There is not one byte in it."""

    code = "document_empty"
    advice = "Check the file on your own machine: it may not have been saved or copied to its end."

    def __init__(self) -> None:
        super().__init__("This file is empty.")


class DocumentTooLarge(InvalidInput):
    """It has more bytes than one document may have."""

    code = "document_too_large"
    status = 413
    advice = "Scan at 300 dots an inch or fewer, save pictures as JPEG, or hand the pages in one by one."

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"This file is larger than the {max_bytes / (1 << 20):.3g} MB that a document may have.")


class TooManyPixels(InvalidInput):
    """A picture that would take more memory than reading a document may."""

    code = "too_many_pixels"
    advice = "Save the picture smaller: 300 dots an inch are enough for reading."

    def __init__(self, width: int, height: int, max_pixels: int) -> None:
        super().__init__(
            f"This picture has {width} x {height} pixels; at most {max_pixels / 1_000_000:g} million are read."
        )


class TooManyPages(InvalidInput):
    """More pages than one document may have."""

    code = "too_many_pages"
    advice = "Hand in only the pages of the receipt or invoice."

    def __init__(self, page_count: int, max_pages: int) -> None:
        super().__init__(f"This document has {page_count} pages; at most {max_pages} are read.")


class DemandingDocument(InvalidInput):
    """Decoding it takes more memory or time than any honest document does."""

    code = "document_too_demanding"
    advice = "Print the file to a new PDF, or hand in a picture of it."

    def __init__(self) -> None:
        super().__init__("Opening this file takes more memory or time than a document may.")


class UnsupportedMediaType(InvalidInput):
    """It is something else than a picture, a PDF or an e-invoice."""

    code = "unsupported_media_type"
    status = 415
    advice = "Hand in a picture (JPEG, PNG, WebP, TIFF, GIF, BMP, HEIC), a PDF, or an e-invoice (UBL or CII XML)."

    def __init__(self, what: str, instead: str = "") -> None:
        super().__init__(f"By its content this file is {what}; that is not accepted. {instead}".rstrip())


class MediaTypeMismatch(InvalidInput):
    """A file made to be taken for different things by different programs."""

    code = "media_type_mismatch"
    status = 415
    advice = "Print the file to a new PDF and hand that in."

    def __init__(self) -> None:
        super().__init__("This file is a PDF and a ZIP archive at once.")


class DocumentNotFound(NotFound):
    """No document with this id, or not in this workspace."""

    code = "document_not_found"

    def __init__(self, document_id: DocumentId) -> None:
        super().__init__(f"There is no document {document_id}.")


class PageNotFound(NotFound):
    """The document has fewer pages."""

    code = "page_not_found"
    advice = "Pages count from 1 to the document's `page_count`."

    def __init__(self, number: int, page_count: int) -> None:
        super().__init__(f"There is no page {number}; the document has {page_count}.")


class InvalidParts(InvalidInput):
    """Nothing can be joined of these: too few, too many, or one of them twice."""

    code = "invalid_parts"
    advice = "Name each document once, in the order of the pages."

    def __init__(self) -> None:
        super().__init__(f"A document is joined of 2 to {MAX_PARTS} different documents.")


class PartIsEInvoice(InvalidInput):
    """An e-invoice among the parts: what it says for machines would be lost."""

    code = "part_is_einvoice"
    advice = "Hand the e-invoice in by itself, and join the others without it."

    def __init__(self, number: int) -> None:
        super().__init__(f"Part {number} is an e-invoice or has one attached; it is complete as it is.")


class PartAccepted(Conflict):
    """A part whose record may have been delivered: joined, its purchase would be booked twice."""

    code = "part_accepted"
    advice = "If it is a part all the same, see to its row first, then hand all the files in again and join those."

    def __init__(self, part: Document) -> None:
        super().__init__(f"The record of {part.name} was accepted, so it may have been delivered already.")


class PartsForDifferentTargets(Conflict):
    """Parts that were handed in for different targets."""

    code = "parts_for_different_targets"
    advice = "Hand the files in again, for one target, and join those."

    def __init__(self) -> None:
        super().__init__("These documents were handed in for different targets.")


class DocumentJoined(Conflict):
    """The document's pages are read in another."""

    code = "document_joined"
    advice = "Look at that document. To have the pages read otherwise, hand the files in again."

    def __init__(self, document: Document) -> None:
        super().__init__(f"{document.name} was joined with others; its pages are read in {document.joined_into}.")


class BytesMissing(NotFound):
    """The document is known, but its bytes are no longer where they were kept."""

    code = "document_bytes_missing"
    advice = "Bring the data folder back from a back-up, or hand the document in again."

    def __init__(self, sha256: Sha256) -> None:
        super().__init__(f"The bytes {sha256} are no longer in the data folder.")


class StorageUnavailable(ServiceUnavailable):
    """The data folder cannot be written."""

    code = "storage_unavailable"
    advice = "The operator has to look at the data folder; hand the document in again afterwards."

    def __init__(self, reason: str) -> None:
        super().__init__(f"The document could not be kept: {reason}.")


class StorageFull(StorageUnavailable):
    """There is no room left for the bytes."""

    code = "storage_full"
    advice = "The operator has to make room in the data folder; hand the document in again afterwards."
