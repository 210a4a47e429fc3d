"""What the documents' service and the readers need from outside: tables, bytes, decoders, and what comes next."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol
from uuid import UUID

from PIL import Image

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.archives import ArchiveEntry
from counterfoil.documents.domain import Document, DocumentId, Incoming, Inspected, Join, MediaType, Sha256, Word
from counterfoil.documents.hand_ins import Batch, HandIn
from counterfoil.foundation.database import Transaction
from counterfoil.foundation.paging import Page, Paging
from counterfoil.jobs.domain import BatchId, Job, JobId, JobStatus


class OpenPage(Protocol):
    """One page of an open document."""

    @property
    def number(self) -> int:
        """Count from 1."""
        ...

    def picture(self, *, longest_side: int | None = None) -> Image.Image:
        """Return the page in RGB as a person sees it.

        Pictures come in their own resolution, PDF pages at 200 dots an inch; `longest_side` (pixels) scales down to it.
        """
        ...

    def size(self, *, longest_side: int | None = None) -> tuple[int, int]:
        """Return width and height of that picture in pixels, without drawing it."""
        ...

    def words(self) -> Sequence[Word]:
        """Return the words of a PDF page's text layer in file order; none for pictures and scans."""
        ...


class OpenDocument(Protocol):
    """A document while it is open."""

    @property
    def pages(self) -> Sequence[OpenPage]:
        """What a person sees of it."""
        ...

    @property
    def drawn(self) -> bool:
        """Tell whether we drew the pages ourselves, from what the document holds for machines."""
        ...

    def xml_files(self) -> Iterator[bytes]:
        """Return what it holds for machines to read: XML that is attached to a PDF, or the XML that it is itself."""
        ...


class PageSource(Protocol):
    """Opens documents of every accepted media type, page by page, without holding all in memory."""

    def open(self, path: Path, media_type: MediaType) -> AbstractContextManager[OpenDocument]:
        """Open a document.

        Raises:
            UnreadableDocument: the bytes cannot be decoded.
            EncryptedDocument: it needs a password.
            TooManyPages, TooManyPixels: it is larger than what is read.
        """
        ...


class Decoder(Protocol):
    """Looks into files that nobody has looked into yet; whatever they do to a decoder, the caller is safe."""

    def warm_up(self) -> None:
        """Load what decoding needs, so that the first document does not wait for it."""
        ...

    def inspect(self, path: Path) -> Inspected:
        """Find out what a file is, by its content and by decoding its first page.

        Raises:
            InvalidInput: it cannot be accepted; the class says why.
        """
        ...

    def picture(self, path: Path, media_type: MediaType, number: int) -> bytes:
        """Return a page, counted from 1, as a PNG to be looked at.

        Raises:
            InvalidInput: it cannot be decoded.
        """
        ...

    def join(self, parts: Sequence[tuple[Path, MediaType]], max_bytes: int) -> bytes:
        """Return a PDF of all pages of some files, in order; of the same files, the same bytes.

        Raises:
            PartIsEInvoice: there is one among them.
            DocumentTooLarge, TooManyPages: it would be larger than what is accepted.
            InvalidInput: one of them cannot be decoded.
        """
        ...


class ByteStore(Protocol):
    """Keeps the bytes of documents, the same bytes of a workspace once."""

    def incoming(self, content: BinaryIO, max_bytes: int) -> AbstractContextManager[Incoming]:
        """Bring bytes to the disk while counting and hashing them; at the end they are gone unless they were kept.

        Raises:
            DocumentTooLarge: there are more than `max_bytes`.
            StorageFull, StorageUnavailable: they cannot be written.
        """
        ...

    def keep(self, workspace: WorkspaceId, incoming: Incoming) -> None:
        """Move bytes to their place for good; when this returns, a power cut does not lose them."""
        ...

    def path(self, workspace: WorkspaceId, sha256: Sha256) -> Path:
        """Return where bytes are kept.

        Raises:
            BytesMissing: they are not there.
        """
        ...

    def picture(self, workspace: WorkspaceId, sha256: Sha256, number: int, draw: Callable[[], bytes]) -> Path:
        """Return where the picture of a page is, drawing it the first time."""
        ...

    def sweep(self, now: datetime) -> int:
        """Remove what interrupted hand-ins left behind; return how many."""
        ...


class Archives(Protocol):
    """Looks into archives without trusting a word of them."""

    def recognises(self, content: BinaryIO) -> bool:
        """Tell whether this is an archive, and go back to its beginning."""
        ...

    def entries(self, content: BinaryIO, *, max_entries: int, max_bytes: int) -> Sequence[ArchiveEntry]:
        """Return the files in it, to be opened one after the other.

        Raises:
            InvalidInput: the archive as a whole is refused; the class says why.
        """
        ...


class DocumentStore(Protocol):
    """The table of documents."""

    def add(self, tx: Transaction, workspace: WorkspaceId, document: Document) -> None: ...

    def find(self, tx: Transaction, workspace: WorkspaceId, document_id: DocumentId) -> Document | None: ...

    def hold(self, tx: Transaction, workspace: WorkspaceId, document_id: DocumentId) -> Document | None:
        """Find a document and keep others from joining it until the transaction ends."""
        ...

    def mark_joined(
        self, tx: Transaction, workspace: WorkspaceId, parts: Sequence[DocumentId], into: DocumentId
    ) -> None:
        """Note in which document the pages of others are read."""
        ...

    def first_with(self, tx: Transaction, workspace: WorkspaceId, sha256: Sha256) -> Document | None:
        """Return the first document that was handed in with these bytes."""
        ...

    def page(
        self, tx: Transaction, workspace: WorkspaceId, paging: Paging, sha256: Sha256 | None = None
    ) -> Page[Document]:
        """Return a page of all documents, or of those with the same bytes, the newest first."""
        ...


class JoinStore(Protocol):
    """The table of what documents were joined of."""

    def add(self, tx: Transaction, join: Join) -> bool:
        """Keep a join; return False if the workspace has one with its idempotency key."""
        ...

    def find(self, tx: Transaction, workspace: WorkspaceId, document_id: DocumentId) -> Join | None:
        """Return what a document was joined of, if it was."""
        ...

    def with_key(self, tx: Transaction, workspace: WorkspaceId, key: str) -> Join | None: ...


class TargetCheck(Protocol):
    """Knows which targets a workspace has."""

    def resolve(self, workspace: WorkspaceId, target_id: UUID | None, notion_database_id: str | None) -> UUID | None:
        """Return the target that a hand-in names; None when it names none.

        Raises:
            NotFound: the workspace has no such target.
        """
        ...


class NextStep(Protocol):
    """What happens to a document that was just received: its job is enqueued in the same transaction."""

    def __call__(self, tx: Transaction, document: Document) -> JobId: ...


class SetAside(Protocol):
    """What happens to a document whose pages are read in another from now on: nobody is asked about it any more."""

    def __call__(self, tx: Transaction, part: Document, joined: Document) -> None:
        """Set it aside in the transaction that joins it.

        Raises:
            PartAccepted: its record may have been delivered.
        """
        ...


class ReadAgain(Protocol):
    """Enqueues a new reading of a document that is already there."""

    def __call__(self, tx: Transaction, document: Document) -> JobId: ...


class BatchStore(Protocol):
    """The tables of batches and of what was handed in with them."""

    def add(self, tx: Transaction, batch: Batch) -> bool:
        """Keep a new batch; return False if the workspace has one with its idempotency key."""
        ...

    def find(self, tx: Transaction, workspace: WorkspaceId, batch: BatchId) -> Batch | None: ...

    def with_key(self, tx: Transaction, workspace: WorkspaceId, key: str) -> Batch | None: ...

    def page(self, tx: Transaction, workspace: WorkspaceId, paging: Paging) -> Page[Batch]:
        """Return a page of batches, the newest first."""
        ...

    def hold(self, tx: Transaction, workspace: WorkspaceId, batch: BatchId) -> Batch | None:
        """Return a batch and keep others from changing it until the transaction ends."""
        ...

    def seal(self, tx: Transaction, workspace: WorkspaceId, batch: BatchId) -> None:
        """Note that all files are there. The first time counts."""
        ...

    def cancel(self, tx: Transaction, workspace: WorkspaceId, batch: BatchId) -> None:
        """Note that no more files are accepted. The first time counts."""
        ...

    def add_hand_in(self, tx: Transaction, workspace: WorkspaceId, batch: BatchId, hand_in: HandIn) -> None:
        """Keep what became of a file, and count it. The caller holds the batch."""
        ...

    def has_hand_in(self, tx: Transaction, workspace: WorkspaceId, batch: BatchId, position: int) -> bool: ...

    def hand_ins(self, tx: Transaction, workspace: WorkspaceId, batch: BatchId) -> Sequence[HandIn]:
        """Return what became of each file, in order."""
        ...


class JobCounts(Protocol):
    """How many jobs of a batch stand where."""

    @property
    def counts(self) -> Mapping[JobStatus, int]: ...


class BatchJobs(Protocol):
    """The engine's part in a batch: it lets at most so many of its jobs be processed at once."""

    def start(self, tx: Transaction, workspace: WorkspaceId, *, description: str, at_most: int | None) -> BatchId: ...

    def get(self, workspace: WorkspaceId, batch: BatchId) -> JobCounts: ...

    def jobs(self, workspace: WorkspaceId, batch: BatchId) -> Sequence[Job]:
        """Return the jobs that were enqueued with the batch."""
        ...

    def cancel(self, workspace: WorkspaceId, batch: BatchId) -> object:
        """Cancel what is not finished. May be repeated."""
        ...


class BatchStep(Protocol):
    """What happens to a document of a batch: its job is enqueued in the same transaction, as one of the batch's."""

    def __call__(self, tx: Transaction, document: Document, batch: BatchId) -> JobId: ...
