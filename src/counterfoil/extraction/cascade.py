"""The cascade: readers in order, the cheapest exact one first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from counterfoil.documents.protocols import OpenDocument
from counterfoil.extraction.domain import Extraction
from counterfoil.extraction.protocols import Reader
from counterfoil.extraction.reading import Reading, WordFinder

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cascade:
    """Has a document read by the first reader that knows its kind."""

    readers: Sequence[Reader]
    word_finder: WordFinder

    @property
    def name(self) -> str:
        """Name the readers and their versions: bytes are read once for each such name."""
        return " ".join(f"{reader.name}/{reader.version}" for reader in self.readers)

    def read(self, document: OpenDocument) -> Extraction | None:
        """Return what the document says; None if no reader knows its kind."""
        reading = Reading(document=document, word_finder=self.word_finder)
        for reader in self.readers:
            extraction = reader.read(reading)
            if extraction is not None:
                log.info("document_read", reader=reader.name, values=len(extraction.sources))
                return replace(extraction, reasons=(*reading.remarks, *extraction.reasons))
        return None
