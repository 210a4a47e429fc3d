"""A documents' room for tests: real tables, bytes and decoders; what comes next is only noted."""

import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import Document, DocumentId, PartAccepted
from counterfoil.documents.infrastructure.bytes import FileBytes
from counterfoil.documents.infrastructure.decoding import LimitedDecoder
from counterfoil.documents.infrastructure.pages import DecodedPages
from counterfoil.documents.infrastructure.sql import SqlDocumentStore, SqlJoinStore
from counterfoil.documents.joining import JoinService
from counterfoil.documents.protocols import ByteStore
from counterfoil.documents.service import DocumentService
from counterfoil.foundation.clock import Clock, SystemClock
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.errors import NotFound
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.domain import JobId

LIMIT = 300_000
TARGET = UUID("00000000-0000-7000-8000-0000000000aa")
NOTION = "0123456789abcdef0123456789abcdef"


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTarget:
    """Every workspace has one target, known by two names."""

    def resolve(self, workspace: WorkspaceId, target_id: UUID | None, notion_database_id: str | None) -> UUID | None:
        if target_id in {None, TARGET} and notion_database_id in {None, NOTION}:
            return TARGET if target_id or notion_database_id else None
        raise NotFound("There is no such target.")


@dataclass(slots=True, kw_only=True)
class NotedSteps:
    """Notes what would be enqueued; fails when it is told to."""

    read: list[Document] = field(default_factory=list)
    read_again: list[Document] = field(default_factory=list)
    error: Exception | None = None

    def next_step(self, tx: Transaction, document: Document) -> JobId:
        if self.error:
            raise self.error
        tx.after_commit(lambda: self.read.append(document))
        return JobId(new_id())

    def again(self, tx: Transaction, document: Document) -> JobId:
        tx.after_commit(lambda: self.read_again.append(document))
        return JobId(new_id())


def document_service(
    database: Database, folder: Path, clock: Clock, steps: NotedSteps, byte_store: ByteStore | None = None
) -> DocumentService:
    return DocumentService(
        database=database,
        store=SqlDocumentStore(),
        byte_store=byte_store or FileBytes(folder=folder),
        decoder=LimitedDecoder(pages=DecodedPages(max_pages=5), memory_mb=512, seconds=10),
        targets=OneTarget(),
        next_step=steps.next_step,
        read_again=steps.again,
        clock=clock,
        new_id=new_id,
        max_bytes=LIMIT,
    )


@dataclass(slots=True, kw_only=True)
class NotedParts:
    """Notes what is set aside; fails at one part when it is told to."""

    aside: list[tuple[DocumentId, DocumentId]] = field(default_factory=list)
    refused: DocumentId | None = None

    def __call__(self, tx: Transaction, part: Document, joined: Document) -> None:
        if part.id == self.refused:
            raise PartAccepted(part)
        tx.after_commit(lambda: self.aside.append((part.id, joined.id)))


def join_service(documents: DocumentService, parts: NotedParts) -> JoinService:
    return JoinService(database=documents.database, store=SqlJoinStore(), documents=documents, set_aside=parts)


class Crash(NotedSteps):
    """The process dies between the bytes and the commit."""

    def next_step(self, tx: Transaction, document: Document) -> JobId:
        os.kill(os.getpid(), signal.SIGKILL)
        return JobId(new_id())


def receive_and_die(url: str, folder: str, workspace: str) -> None:
    """Receive `taxi.png` in that folder, in a process of its own, which dies before the commit."""
    service = document_service(Database(url), Path(folder) / "data", SystemClock(), Crash())
    with (Path(folder) / "taxi.png").open("rb") as content:
        service.receive(WorkspaceId(UUID(workspace)), "taxi.png", content)
