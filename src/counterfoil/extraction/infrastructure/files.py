"""The content of extractions: one JSON file each."""

from pathlib import Path

from pydantic import TypeAdapter

from counterfoil.access.domain import WorkspaceId
from counterfoil.extraction.domain import Extraction
from counterfoil.foundation.files import write_atomically
from counterfoil.records.domain import ExtractionId

_EXTRACTION = TypeAdapter(Extraction)


class ExtractionFiles:
    """Keeps extractions under a folder, by workspace."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, workspace: WorkspaceId, extraction_id: ExtractionId, extraction: Extraction) -> None:
        content = _EXTRACTION.dump_json(extraction, indent=1)
        write_atomically(self._path(workspace, extraction_id), lambda stream: stream.write(content))

    def load(self, workspace: WorkspaceId, extraction_id: ExtractionId) -> Extraction | None:
        try:
            return _EXTRACTION.validate_json(self._path(workspace, extraction_id).read_bytes())
        except FileNotFoundError:
            return None

    def _path(self, workspace: WorkspaceId, extraction_id: ExtractionId) -> Path:
        return self._folder / str(workspace) / str(extraction_id) / "extraction.json"
