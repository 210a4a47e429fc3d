"""The bytes of documents as files in the data folder, each named by its SHA-256, and the pictures drawn of their pages.

incoming/…                                      on their way in; nothing here is accepted yet
documents/<workspace>/<first two of sha>/<sha>  kept for good
pages/<workspace>/<first two of sha>/<sha>-<page>.png   drawn when first asked for; may be removed at any time
"""

import errno
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import (
    BytesMissing,
    DocumentTooLarge,
    Incoming,
    Sha256,
    StorageFull,
    StorageUnavailable,
)
from counterfoil.foundation.files import make_folder, sync_folder, write_atomically

INCOMING = "incoming"
STALE_AFTER = timedelta(hours=1)
_PIECE = 1 << 20
# EFBIG is what a limit on the size of files answers.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileBytes:
    """A byte store in a folder of this machine."""

    folder: Path

    @contextmanager
    def incoming(self, content: BinaryIO, max_bytes: int) -> Iterator[Incoming]:
        """Bring bytes to the disk, synced, holding only a piece of them at a time; at the end they are gone or kept."""
        with _storage():
            make_folder(self._incoming)
            handle, name = tempfile.mkstemp(dir=self._incoming)
        path = Path(name)
        try:
            with _storage(), os.fdopen(handle, "wb") as file:
                incoming = _written(content, file, path, max_bytes)
            yield incoming
        finally:
            path.unlink(missing_ok=True)

    def keep(self, workspace: WorkspaceId, incoming: Incoming) -> None:
        """Move bytes to their place, over those that are there already: they are the same.

        Whoever comes second syncs the folders too, since the first may not have come to it yet.
        """
        place = self._place(workspace, incoming.sha256)
        with _storage():
            make_folder(place.parent)
            incoming.path.replace(place)
            for folder in place.parents[:4]:  # up to the data folder
                sync_folder(folder)

    def path(self, workspace: WorkspaceId, sha256: Sha256) -> Path:
        place = self._place(workspace, sha256)
        if not place.is_file():
            raise BytesMissing(sha256)
        return place

    def picture(self, workspace: WorkspaceId, sha256: Sha256, number: int, draw: Callable[[], bytes]) -> Path:
        path = self.folder / "pages" / str(workspace) / sha256[:2] / f"{sha256}-{number}.png"
        if not path.is_file():
            drawn = draw()
            with _storage():
                write_atomically(path, lambda file: file.write(drawn))
        return path

    def sweep(self, now: datetime) -> int:
        """Remove what hand-ins that broke off have left; what is younger than an hour may still be under way."""
        stale = [path for path in self._incoming.glob("*") if _age(path, now) > STALE_AFTER]
        for path in stale:
            path.unlink(missing_ok=True)
        return len(stale)

    @property
    def _incoming(self) -> Path:
        return self.folder / INCOMING

    def _place(self, workspace: WorkspaceId, sha256: Sha256) -> Path:
        return self.folder / "documents" / str(workspace) / sha256[:2] / sha256


def _written(content: BinaryIO, file: BinaryIO, path: Path, max_bytes: int) -> Incoming:
    sha256, size = hashlib.sha256(), 0
    while piece := content.read(_PIECE):
        size += len(piece)
        if size > max_bytes:
            raise DocumentTooLarge(max_bytes)
        sha256.update(piece)
        file.write(piece)
    file.flush()
    os.fsync(file.fileno())
    return Incoming(path=path, size=size, sha256=Sha256(sha256.hexdigest()))


def _age(path: Path, now: datetime) -> timedelta:
    try:
        return now - datetime.fromtimestamp(path.stat().st_mtime, tz=now.tzinfo)
    except FileNotFoundError:  # another process swept it
        return timedelta(0)


@contextmanager
def _storage() -> Iterator[None]:
    """Turn what the file system says into errors of ours."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise (StorageFull(reason) if error.errno in _FULL else StorageUnavailable(reason)) from error
