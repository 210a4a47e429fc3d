"""Bringing a document's file to Notion, to be attached to a page within the hour."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from counterfoil.access.domain import WorkspaceId
from counterfoil.targets.infrastructure.notion.client import NotionClient
from counterfoil.targets.protocols import SourceFile

LARGEST_PART: Final = 20 * 2**20
_PART: Final = 10 * 2**20
_ALWAYS_TAKEN: Final = 5 * 2**20
"""What every workspace takes, whatever its plan; for larger files it is asked."""
_EXTENSIONS: Final = {
    "application/pdf": ".pdf",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/tiff": ".tiff",
    "image/heic": ".heic",
}
"""The types of ours that Notion takes; XML and BMP it does not."""
_SAME: Final = {".jpg": {".jpg", ".jpeg"}, ".tiff": {".tif", ".tiff"}}
_LONGEST_NAME: Final = 900  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NotUploaded:
    """Why a file does not go to Notion, in a sentence."""

    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploaded:
    """A file that can be attached."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploads:
    """Uploads files with one token."""

    client: NotionClient

    def upload(self, workspace: WorkspaceId, version: str, file: SourceFile) -> Uploaded | NotUploaded:
        """Upload a file. One that is uploaded again and never attached, Notion forgets by itself."""
        if not is_taken(file):
            return NotUploaded(problem=f"Notion takes no files of type {file.media_type}; {file.name} is not attached.")
        if file.size > _ALWAYS_TAKEN and file.size > (most := self._largest(workspace, version)):
            return NotUploaded(
                problem=f"{file.name} is larger than the {most / 2**20:.0f} MB that this Notion workspace takes."
            )
        name = named(file)
        made = self.client.post(workspace, version, "file_uploads", _order(name, file))
        self._send(workspace, version, made["id"], name, file)
        return Uploaded(id=made["id"], name=name)

    def _send(self, workspace: WorkspaceId, version: str, upload: str, name: str, file: SourceFile) -> None:
        path, client = f"file_uploads/{upload}/send", self.client.going_on()
        if file.size <= LARGEST_PART:
            client.send(workspace, version, path, {"file": (name, file.path.read_bytes(), file.media_type)})
            return
        for number, part in enumerate(_parts(file), start=1):
            form = {"file": (name, part, file.media_type), "part_number": str(number)}
            client.send(workspace, version, path, form)
        client.post(workspace, version, f"file_uploads/{upload}/complete", {})

    def _largest(self, workspace: WorkspaceId, version: str) -> int:
        me = self.client.get(workspace, version, "users/me")
        limits = me.get("bot", {}).get("workspace_limits", {})
        return int(limits.get("max_file_upload_size_in_bytes", _ALWAYS_TAKEN))


def is_taken(file: SourceFile) -> bool:
    """Tell whether Notion takes files of this type at all."""
    return file.media_type in _EXTENSIONS


def named(file: SourceFile) -> str:
    """Return a name that Notion takes: its ending says the type, and it is not too long."""
    right = _EXTENSIONS[file.media_type]
    path = PurePath(file.name)
    ending = path.suffix if path.suffix.lower() in _SAME.get(right, {right}) else right
    stem = (path.stem if ending == path.suffix else path.name).encode()[: _LONGEST_NAME - len(ending.encode())]
    return stem.decode(errors="ignore") + ending


def _order(name: str, file: SourceFile) -> dict[str, object]:
    order: dict[str, object] = {"filename": name, "content_type": file.media_type}
    if file.size <= LARGEST_PART:
        return {**order, "mode": "single_part"}
    return {**order, "mode": "multi_part", "number_of_parts": -(-file.size // _PART)}


def _parts(file: SourceFile) -> Iterator[bytes]:
    with file.path.open("rb") as source:
        while part := source.read(_PART):
            yield part
