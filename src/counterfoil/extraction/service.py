"""Reading documents: each once, by the first reader in the cascade that knows its kind."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import Document
from counterfoil.documents.protocols import PageSource
from counterfoil.extraction.domain import Extraction, ExtractionMissing, NoReader
from counterfoil.extraction.protocols import ExtractionArchive, ExtractionStore, Reader
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import IdSource
from counterfoil.records.domain import ExtractionId

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractionService:
    """What the rest of the house may ask about what documents say."""

    database: Database
    store: ExtractionStore
    archive: ExtractionArchive
    pages: PageSource
    readers: Sequence[Reader]
    new_id: IdSource

    @property
    def cascade(self) -> str:
        """Name the readers and their versions: bytes are read once for each such name."""
        return " ".join(f"{reader.name}/{reader.version}" for reader in self.readers)

    def read(self, document: Document, path: Path, *, again: bool = False) -> tuple[ExtractionId, Extraction]:
        """Return what the document says; bytes that were read before are not read again, unless `again`.

        Those whose extraction's file is gone are.

        The extraction's file is on the disk before the row that names it. A crash in between leaves a file that
        nothing names, and the next attempt reads anew.
        """
        if not again:
            with self.database.reading(document.workspace) as tx:
                known = self.store.find(tx, document.workspace, document.sha256, self.cascade)
            if known and (kept := self.archive.load(document.workspace, known)):
                return known, kept
        extraction = self._read(document, path)
        made = ExtractionId(self.new_id())
        self.archive.save(document.workspace, made, extraction)
        with self.database.transaction(document.workspace) as tx:
            self.store.add(tx, document, made, self.cascade, extraction)
        return made, extraction

    def latest(self, workspace: WorkspaceId, document: Document) -> tuple[ExtractionId, Extraction]:
        """Return the newest extraction of a document's bytes.

        Raises:
            ExtractionMissing: it has not been read yet, or its file is gone.
        """
        with self.database.reading(workspace) as tx:
            found = self.store.find(tx, workspace, document.sha256, None)
        kept = self.archive.load(workspace, found) if found else None
        if found is None or kept is None:
            raise ExtractionMissing(document.id)
        return found, kept

    def _read(self, document: Document, path: Path) -> Extraction:
        with self.pages.open(path, document.media_type) as pages:
            for reader in self.readers:
                extraction = reader.read(pages)
                if extraction is not None:
                    log.info("document_read", reader=reader.name, values=len(extraction.sources), pages=len(pages))
                    return extraction
        raise NoReader(document.media_type)
