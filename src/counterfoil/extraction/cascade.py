"""The cascade: readers in order, the cheapest exact one first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import Sha256
from counterfoil.documents.protocols import OpenDocument
from counterfoil.extraction.domain import Extraction
from counterfoil.extraction.protocols import Reader
from counterfoil.extraction.reading import Reading, WordFinder

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cascade:
    """Has a document read by one reader after the other, until one reads exactly.

    Each is given what those before it found, and may return something better.
    """

    readers: Sequence[Reader]
    word_finder: WordFinder

    @property
    def name(self) -> str:
        """Name the readers and their versions: bytes are read once for each such name."""
        return " ".join(f"{reader.name}/{reader.version}" for reader in self.readers)

    def read(
        self, document: OpenDocument, workspace: WorkspaceId, sha256: Sha256, *, last_try: bool = True
    ) -> Extraction | None:
        """Return what the document with these bytes says; None if no reader knows its kind.

        On the last try, what can be read without an outside service that fails is returned rather than its error.
        """
        reading = Reading(
            document=document, workspace=workspace, sha256=sha256, word_finder=self.word_finder, last_try=last_try
        )
        for reader in self.readers:
            extraction = reader.read(reading)
            if extraction is None:
                continue
            log.info("document_read", reader=reader.name, values=len(extraction.sources))
            reading.found = extraction
            if reader.exact:
                break
        found = reading.found
        return replace(found, reasons=(*reading.remarks, *found.reasons)) if found else None
