"""What reading needs from outside: readers, and places to keep what they made out."""

from collections.abc import Sequence
from typing import Protocol

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import Document, DocumentId, Sha256
from counterfoil.extraction.domain import Extraction
from counterfoil.extraction.reading import Reading
from counterfoil.foundation.database import Transaction
from counterfoil.records.domain import ExtractionId


class Reader(Protocol):
    """Turns a document into an extraction, or says that the document is not of its kind."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str:
        """Change it whenever the same bytes may be read differently."""
        ...

    @property
    def exact(self) -> bool:
        """Tell whether what it reads needs no other reader."""
        ...

    def read(self, reading: Reading) -> Extraction | None:
        """Return what the document says; None to leave it to the other readers.

        A page on which nothing can be read gives an extraction with no fields, not an error.
        """
        ...


class ExtractionStore(Protocol):
    """Remembers which bytes have been read, and by what."""

    def find(self, tx: Transaction, workspace: WorkspaceId, sha256: Sha256, cascade: str | None) -> ExtractionId | None:
        """Return the newest extraction of these bytes by this cascade, or by any."""
        ...

    def add(
        self, tx: Transaction, document: Document, extraction_id: ExtractionId, cascade: str, extraction: Extraction
    ) -> None:
        """Remember an extraction whose content is already on the disk."""
        ...

    def sharing_marks(
        self, tx: Transaction, document: Document, marks: Sequence[int]
    ) -> Sequence[tuple[ExtractionId, DocumentId]]:
        """Return some that share several of the marks, most first, and were read before the document's bytes were."""
        ...


class ExtractionArchive(Protocol):
    """Keeps the content of extractions."""

    def save(self, workspace: WorkspaceId, extraction_id: ExtractionId, extraction: Extraction) -> None:
        """Keep it so that it survives a power cut."""
        ...

    def load(self, workspace: WorkspaceId, extraction_id: ExtractionId) -> Extraction | None:
        """Return what was saved; None if it is gone."""
        ...
