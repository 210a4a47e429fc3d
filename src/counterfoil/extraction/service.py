"""Reading documents: each once, by the cascade of readers."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import Document, DocumentId
from counterfoil.documents.protocols import PageSource
from counterfoil.extraction.cascade import Cascade
from counterfoil.extraction.domain import Extraction, ExtractionMissing, NoReader
from counterfoil.extraction.lookalikes import alike, marks_of
from counterfoil.extraction.protocols import ExtractionArchive, ExtractionStore
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import IdSource
from counterfoil.records.domain import ExtractionId


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractionService:
    """What the rest of the house may ask about what documents say."""

    database: Database
    store: ExtractionStore
    archive: ExtractionArchive
    pages: PageSource
    cascade: Cascade
    new_id: IdSource

    def read(
        self, document: Document, path: Path, *, again: bool = False, last_try: bool = True
    ) -> tuple[ExtractionId, Extraction]:
        """Return what the document says; bytes that were read before are not read again, unless `again`.

        On the `last_try` nothing outside keeps them from being read. Those whose extraction's file is gone are.

        The extraction's file is on the disk before the row that names it. A crash in between leaves a file that
        nothing names, and the next attempt reads anew.
        """
        if not again:
            with self.database.reading(document.workspace) as tx:
                known = self.store.find(tx, document.workspace, document.sha256, self.cascade.name)
            if known and (kept := self.archive.load(document.workspace, known)):
                return known, _as_kept(kept)
        extraction = self._read(document, path, last_try=last_try)
        made = ExtractionId(self.new_id())
        self.archive.save(document.workspace, made, extraction)
        with self.database.transaction(document.workspace) as tx:
            self.store.add(tx, document, made, self.cascade.name, extraction)
        return made, extraction

    def lookalike(
        self, document: Document, extraction: Extraction, apart_from: Collection[DocumentId] = ()
    ) -> DocumentId | None:
        """Return an earlier document of other bytes that shows the same as one that was read, if there is one."""
        marks = marks_of(extraction.pages)
        with self.database.reading(document.workspace) as tx:
            found = self.store.sharing_marks(tx, document, marks) if marks else ()
        for extraction_id, other in found:
            if other in apart_from:
                continue
            kept = self.archive.load(document.workspace, extraction_id)
            if kept and alike(extraction, kept):
                return other
        return None

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

    def _read(self, document: Document, path: Path, *, last_try: bool) -> Extraction:
        with self.pages.open(path, document.media_type) as opened:
            extraction = self.cascade.read(opened, document.workspace, document.sha256, last_try=last_try)
        if extraction is None:
            raise NoReader(document.media_type)
        return extraction


def _as_kept(extraction: Extraction) -> Extraction:
    """Return an extraction as it is for those who come after it was made: they pay no model for it."""
    return replace(extraction, model=replace(extraction.model, kept=True)) if extraction.model else extraction
