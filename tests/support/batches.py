"""Batches for tests: real tables, bytes and archives; the engine is played by a list of jobs, decoders by a glance."""

import os
import signal
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.batches import BatchService
from counterfoil.documents.domain import Document, Inspected, MediaType, UnsupportedMediaType
from counterfoil.documents.hand_ins import FileToHandIn
from counterfoil.documents.infrastructure.archives import ZipArchives
from counterfoil.documents.infrastructure.batches import SqlBatchStore
from counterfoil.foundation.clock import Clock, SystemClock
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.domain import BatchId, Job, JobId, JobStatus
from tests.support.documents import LIMIT, NotedSteps, document_service
from tests.support.jobs import make_job


@dataclass(frozen=True, slots=True)
class QuickDecoder:
    """Takes what begins as a PNG for one, and nothing else; starts no process."""

    def warm_up(self) -> None: ...

    def inspect(self, path: Path) -> Inspected:
        if path.read_bytes().startswith(b"\x89PNG"):
            return Inspected(media_type=MediaType.PNG, page_count=1)
        raise UnsupportedMediaType("something else")

    def picture(self, path: Path, media_type: MediaType, number: int) -> bytes:
        raise AssertionError(path)

    def join(self, parts: Sequence[tuple[Path, MediaType]], max_bytes: int) -> bytes:
        raise AssertionError(parts)


@dataclass(frozen=True, slots=True)
class Counted:
    """How many jobs stand where."""

    counts: Mapping[JobStatus, int]


@dataclass(slots=True)
class PlayedEngine:
    """Holds the jobs of batches in memory, and moves them when it is told to. Its steps fail when told to."""

    made: dict[JobId, Job] = field(default_factory=dict)
    at_most: dict[BatchId, int | None] = field(default_factory=dict)
    again: list[Document] = field(default_factory=list)
    error: Exception | None = None
    dies_at: int | None = None
    begun: int = 0

    def start(self, tx: Transaction, workspace: WorkspaceId, *, description: str, at_most: int | None) -> BatchId:
        batch = BatchId(new_id())
        tx.after_commit(lambda: self.at_most.update({batch: at_most}))
        return batch

    def get(self, workspace: WorkspaceId, batch: BatchId) -> Counted:
        return Counted(Counter(job.status for job in self.jobs(workspace, batch)))

    def jobs(self, workspace: WorkspaceId, batch: BatchId) -> Sequence[Job]:
        return [job for job in self.made.values() if (job.workspace, job.batch_id) == (workspace, batch)]

    def cancel(self, workspace: WorkspaceId, batch: BatchId) -> None:
        for job in self.jobs(workspace, batch):
            if not job.status.final:
                self.moves(job.id, JobStatus.CANCELLED)

    def next_step(self, tx: Transaction, document: Document, batch: BatchId) -> JobId:
        self.begun += 1
        if self.error:
            raise self.error
        if self.begun == self.dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        job = make_job(document.workspace, id=JobId(new_id()), batch_id=batch)
        tx.after_commit(lambda: self.made.update({job.id: job}))
        return job.id

    def read_again(self, tx: Transaction, document: Document, batch: BatchId) -> JobId:
        tx.after_commit(lambda: self.again.append(document))
        return self.next_step(tx, document, batch)

    def moves(self, job: JobId, status: JobStatus, **changes: Any) -> None:
        self.made[job] = replace(self.made[job], status=status, **changes)


def batch_service(database: Database, folder: Path, clock: Clock, engine: PlayedEngine, **changes: Any) -> BatchService:
    service = BatchService(
        database=database,
        store=SqlBatchStore(),
        documents=replace(document_service(database, folder, clock, NotedSteps()), decoder=QuickDecoder()),
        jobs=engine,
        archives=ZipArchives(max_entry_bytes=LIMIT),
        next_step=engine.next_step,
        read_again=engine.read_again,
    )
    return replace(service, **changes)


def file(name: str, content: bytes) -> FileToHandIn:
    return FileToHandIn(name=name, open=lambda: BytesIO(content))


def receive_and_die(url: str, folder: str, workspace: str, key: str) -> None:
    """Receive the files in that folder, in a process of its own, which dies at the second."""
    service = batch_service(Database(url), Path(folder) / "data", SystemClock(), PlayedEngine(dies_at=2))
    service.receive(WorkspaceId(UUID(workspace)), files_in(Path(folder)), idempotency_key=key)


def files_in(folder: Path) -> list[FileToHandIn]:
    return [file(path.name, path.read_bytes()) for path in sorted(folder.glob("*.png"))]
