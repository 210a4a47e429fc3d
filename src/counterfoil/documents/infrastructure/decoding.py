"""What a file is and what its pages look like, found out in a child process that may die of it."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TypeVar, TypeVarTuple

import pylibmagic  # noqa: F401 - makes the library that it brings known to `magic`, so it comes first

import magic  # isort: skip
import structlog
from PIL import Image

from counterfoil.documents.domain import (
    DemandingDocument,
    Inspected,
    MediaType,
    MediaTypeMismatch,
    UnreadableDocument,
    UnsupportedMediaType,
)
from counterfoil.documents.infrastructure.joining import join
from counterfoil.documents.infrastructure.pages import DecodedPages
from counterfoil.documents.infrastructure.xml import is_xml
from counterfoil.foundation.children import ChildFailed, ChildKilled, ChildTimedOut, run_limited

MEMORY_MB = 1024
SECONDS = 20.0
PATIENCE_WITH_PARTS = 3  # times as many seconds: each of them has been looked at before
PICTURE_LONGEST_SIDE = 2_000  # pixels
_GLANCE_LONGEST_SIDE = 200  # pixels; a first page is looked at only to see that it can be
_PNG_COMPRESSION = 3  # several times quicker than the usual 6, and a little larger
_ZIP_END = b"PK\x05\x06"
_ZIP_END_LENGTH = 22
_ZIP_MAX_COMMENT = 0xFFFF
_ACCEPTED = {media_type.value: media_type for media_type in MediaType} | {
    "image/heif": MediaType.HEIC,
    "image/x-ms-bmp": MediaType.BMP,
}
_ARCHIVES = {
    "application/zip",
    "application/gzip",
    "application/x-gzip",
    "application/x-7z-compressed",
    "application/x-rar",
    "application/x-tar",
}
_OFFICE = (
    "application/vnd.openxmlformats",
    "application/vnd.oasis",
    "application/vnd.ms-",
    "application/msword",
    "application/CDFV2",
)

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")

log = structlog.get_logger()

# Loaded here, and so before children are forked, since each child would have to do it again.
_magic = magic.Magic(mime=True)
Image.init()


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitedDecoder:
    """A decoder that works in limited children. `pages` says how many pages and pixels are accepted."""

    pages: DecodedPages
    memory_mb: int = MEMORY_MB
    seconds: float = SECONDS

    def warm_up(self) -> None:
        run_limited(ready, memory_mb=self.memory_mb, seconds=self.seconds)

    def inspect(self, path: Path) -> Inspected:
        return self._limited(inspect, path, self.pages, what="a picture, a PDF or XML")

    def picture(self, path: Path, media_type: MediaType, number: int) -> bytes:
        return self._limited(draw, path, self.pages, media_type, number, what=media_type)

    def join(self, parts: Sequence[tuple[Path, MediaType]], max_bytes: int) -> bytes:
        what = "a picture or a PDF"
        return self._limited(join, parts, self.pages, max_bytes, what=what, patience=PATIENCE_WITH_PARTS)

    def _limited(
        self, function: Callable[[*Arguments], Result], *args: *Arguments, what: str, patience: float = 1
    ) -> Result:
        try:
            return run_limited(function, *args, memory_mb=self.memory_mb, seconds=self.seconds * patience)
        except (ChildTimedOut, ChildKilled) as error:
            log.warning("decoding_ended", reason=str(error))
            raise DemandingDocument from error
        except ChildFailed as error:
            # Decoders meet damage with all kinds of errors: to the caller it is damage, to us perhaps a fault of ours.
            log.warning("decoding_failed", exc_info=error)
            raise UnreadableDocument(what) from error


def ready() -> None:
    """Do nothing: to be called, it has been loaded, and the decoders with it."""


def inspect(path: Path, source: DecodedPages) -> Inspected:
    """Find out what a file is and decode its first page. For a child process."""
    media_type = _media_type(path)
    with source.open(path, media_type) as document:
        document.pages[0].picture(longest_side=_GLANCE_LONGEST_SIDE)
        return Inspected(media_type=media_type, page_count=len(document.pages))


def draw(path: Path, source: DecodedPages, media_type: MediaType, number: int) -> bytes:
    """Return a page as PNG. For a child process."""
    drawn = BytesIO()
    with source.open(path, media_type) as document:
        picture = document.pages[number - 1].picture(longest_side=PICTURE_LONGEST_SIDE)
        picture.save(drawn, "PNG", compress_level=_PNG_COMPRESSION)
    return drawn.getvalue()


def _media_type(path: Path) -> MediaType:
    found: str = _magic.from_file(str(path))
    media_type = _ACCEPTED.get(found)
    if found.startswith("text/") and is_xml(path):
        media_type = MediaType.XML
    if not media_type:
        raise _refusal(found)
    if media_type is MediaType.PDF and _ends_as_zip(path):
        raise MediaTypeMismatch
    return media_type


def _refusal(found: str) -> UnsupportedMediaType:
    """Return the error that names what was handed in and says what to do instead."""
    if found in _ARCHIVES:
        return UnsupportedMediaType(f"an archive ({found})", "Unpack it, or export an office document as PDF.")
    if found.startswith(_OFFICE):
        return UnsupportedMediaType(f"an office document ({found})", "Export it as PDF.")
    if found == "application/octet-stream":
        return UnsupportedMediaType("of no known type")
    return UnsupportedMediaType(f"of type {found}")


def _ends_as_zip(path: Path) -> bool:
    """Tell whether a ZIP archive ends exactly where the file does, as none does that is only attached to a PDF."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _ZIP_END_LENGTH - _ZIP_MAX_COMMENT))
        tail = file.read()
    at = tail.rfind(_ZIP_END)
    if at < 0 or len(tail) - at < _ZIP_END_LENGTH:
        return False
    comment_length = int.from_bytes(tail[at + 20 : at + 22], "little")
    return at + _ZIP_END_LENGTH + comment_length == len(tail)
