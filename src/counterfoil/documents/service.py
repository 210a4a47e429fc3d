"""Use cases of documents: receive one, look at it, have it read again."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import (
    Document,
    DocumentEmpty,
    DocumentId,
    DocumentJoined,
    DocumentNotFound,
    Incoming,
    Inspected,
    PageNotFound,
    Received,
    Sha256,
    safe_name,
)
from counterfoil.documents.protocols import ByteStore, Decoder, DocumentStore, NextStep, ReadAgain, TargetCheck
from counterfoil.foundation.clock import Clock
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.ids import IdSource
from counterfoil.foundation.paging import Page, Paging
from counterfoil.jobs.domain import JobId

MAX_BYTES = 10 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentService:
    """What the rest of the house may ask about documents."""

    database: Database
    store: DocumentStore
    byte_store: ByteStore
    decoder: Decoder
    targets: TargetCheck
    next_step: NextStep
    read_again: ReadAgain
    clock: Clock
    new_id: IdSource
    max_bytes: int = MAX_BYTES

    def receive(
        self,
        workspace: WorkspaceId,
        name: str,
        content: BinaryIO,
        *,
        target_id: UUID | None = None,
        notion_database_id: str | None = None,
    ) -> Received:
        """Accept a file.

        When this returns, its bytes and its job are on disk; when it raises, there is neither document nor job. A crash
        between the two leaves at most bytes that no document names.
        """
        target = self.target(workspace, target_id, notion_database_id)
        document = self.admit(workspace, name, content, target)
        with self.database.transaction(workspace) as tx:
            return self.accept(tx, document, self.next_step)

    def target(self, workspace: WorkspaceId, target_id: UUID | None, notion_database_id: str | None) -> UUID | None:
        """Return the target that a hand-in names; None when it names none.

        Raises:
            NotFound: the workspace has no such target.
        """
        return self.targets.resolve(workspace, target_id, notion_database_id)

    def admit(self, workspace: WorkspaceId, name: str, content: BinaryIO, target: UUID | None) -> Document:
        """Look at a file and bring its bytes to their place; it is a document once it is accepted as well."""
        with self.byte_store.incoming(content, self.max_bytes) as incoming:
            if not incoming.size:
                raise DocumentEmpty
            inspected = self.decoder.inspect(incoming.path)
            self.byte_store.keep(workspace, incoming)
        return self._document(workspace, name, incoming, inspected, target)

    def accept(self, tx: Transaction, document: Document, next_step: NextStep) -> Received:
        """Accept a document that was admitted, with the job that `next_step` makes of it."""
        first = self.store.first_with(tx, document.workspace, document.sha256)
        self.store.add(tx, document.workspace, document)
        job_id = next_step(tx, document)
        return Received(document=document, job_id=job_id, same_as=first.id if first else None)

    def _document(
        self, workspace: WorkspaceId, name: str, incoming: Incoming, inspected: Inspected, target: UUID | None
    ) -> Document:
        return Document(
            id=DocumentId(self.new_id()),
            workspace=workspace,
            name=safe_name(name, inspected.media_type),
            media_type=inspected.media_type,
            sha256=incoming.sha256,
            size=incoming.size,
            page_count=inspected.page_count,
            received_at=self.clock.now(),
            target=target,
        )

    def get(self, workspace: WorkspaceId, document_id: DocumentId) -> Document:
        with self.database.reading(workspace) as tx:
            return self.find(tx, workspace, document_id)

    def find(self, tx: Transaction, workspace: WorkspaceId, document_id: DocumentId) -> Document:
        """Return a document as this transaction sees it."""
        document = self.store.find(tx, workspace, document_id)
        if not document:
            raise DocumentNotFound(document_id)
        return document

    def hold(self, tx: Transaction, workspace: WorkspaceId, document_id: DocumentId) -> Document:
        """Return a document and keep others from joining it until the transaction ends."""
        document = self.store.hold(tx, workspace, document_id)
        if not document:
            raise DocumentNotFound(document_id)
        return document

    def page(self, workspace: WorkspaceId, paging: Paging, sha256: Sha256 | None = None) -> Page[Document]:
        """Return a page of all documents, or of those with the same bytes, the newest first."""
        with self.database.reading(workspace) as tx:
            return self.store.page(tx, workspace, paging, sha256)

    def first_with_same_bytes(self, tx: Transaction, document: Document) -> Document | None:
        """Return the first document of the workspace with the same bytes, unless that is this one."""
        first = self.store.first_with(tx, document.workspace, document.sha256)
        return first if first and first.id != document.id else None

    def path(self, document: Document) -> Path:
        """Return where the bytes of a document are; they must not be changed there."""
        return self.byte_store.path(document.workspace, document.sha256)

    def picture(self, document: Document, number: int) -> Path:
        """Return where the picture of a page is, counted from 1, a PNG."""
        if not 1 <= number <= document.page_count:
            raise PageNotFound(number, document.page_count)

        def draw() -> bytes:
            return self.decoder.picture(self.path(document), document.media_type, number)

        return self.byte_store.picture(document.workspace, document.sha256, number, draw)

    def to_read_again(self, workspace: WorkspaceId, document_id: DocumentId) -> Document:
        """Return a document that can be read again.

        Raises:
            DocumentNotFound: it is not there.
            DocumentJoined: it is read in another.
        """
        document = self.get(workspace, document_id)
        if document.joined_into:
            raise DocumentJoined(document)
        self.path(document)
        return document

    def reprocess(self, workspace: WorkspaceId, document_id: DocumentId) -> JobId:
        """Have a document read again; the errors are those of `to_read_again`."""
        document = self.to_read_again(workspace, document_id)
        with self.database.transaction(workspace) as tx:
            return self.read_again(tx, document)

    def warm_up(self) -> None:
        """Make the first hand-in as quick as the next."""
        self.decoder.warm_up()

    def sweep(self) -> int:
        """Remove what interrupted hand-ins left behind; done when a process starts. Returns how many."""
        return self.byte_store.sweep(self.clock.now())
