"""A batch is documents handed in together; a hand-in is one file of it, and what became of it.

    open ──→ running ──→ completed        open: more files may come; running: some are still to be read
       └────────┴──────→ cancelled

No row says open, running or completed: that follows from what has been handed in and where the jobs stand.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import BinaryIO, Final, TypeAlias

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import DocumentId
from counterfoil.foundation.errors import Conflict, CounterfoilError, InvalidInput, NotFound
from counterfoil.jobs.domain import BatchId, Job, JobId, JobStatus, Progress

Opener: TypeAlias = Callable[[], AbstractContextManager[BinaryIO]]
"""Gives the bytes of a file from their beginning, or raises why they cannot be had."""

QUIET: Final = timedelta(hours=1)
"""After that long without a file, whoever was handing in is taken to be gone."""


class BatchStatus(StrEnum):
    """Where a batch stands."""

    OPEN = "open"
    RUNNING = "running"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class HandInStatus(StrEnum):
    """What became of a file when it was handed in."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileToHandIn:
    """A file that somebody wants read; `open` may be called more than once."""

    name: str
    open: Opener


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a file was refused: the code and the words of an error."""

    code: str
    message: str

    @classmethod
    def of(cls, error: CounterfoilError) -> "Refusal":
        return cls(code=error.code, message=f"{error} {error.advice}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HandIn:
    """One file of a batch. A refused one has an error, the others a document and a job; a duplicate is read as well."""

    position: int
    name: str
    status: HandInStatus
    document_id: DocumentId | None = None
    job_id: JobId | None = None
    same_as: DocumentId | None = None
    error: Refusal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Documents handed in together. `id` is that of the batch of their jobs, too."""

    id: BatchId
    workspace: WorkspaceId
    description: str
    created_at: datetime
    touched_at: datetime
    """When the latest file came."""
    sealed_at: datetime | None = None
    """Since when all files are there that were to come."""
    cancelled_at: datetime | None = None
    total: int = 0
    refused: int = 0
    idempotency_key: str | None = None
    fingerprint: str | None = None
    """Of what was sent with the key, to tell a repetition from a mistake."""

    @property
    def takes_more(self) -> bool:
        """Tell whether the request that made it, repeated, goes on with it."""
        return self.sealed_at is None and self.cancelled_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchView:
    """A batch as it stands at a moment, by the statuses of its jobs."""

    batch: Batch
    jobs: Mapping[JobStatus, int]
    now: datetime

    @property
    def unfinished(self) -> int:
        return sum(number for status, number in self.jobs.items() if not status.final)

    @property
    def status(self) -> BatchStatus:
        if self.batch.cancelled_at:
            return BatchStatus.CANCELLED
        if self.batch.sealed_at is None and not self.broken_off:
            return BatchStatus.OPEN
        return BatchStatus.RUNNING if self.unfinished else BatchStatus.COMPLETED

    @property
    def broken_off(self) -> bool:
        """Tell whether it was never finished being handed in. What was handed in is read all the same."""
        return self.batch.takes_more and self.now - self.batch.touched_at > QUIET

    @property
    def progress(self) -> Progress:
        """Return how far it is. What is finished counts by not being unfinished: old jobs are removed one day."""
        failed = self.batch.refused + self.jobs.get(JobStatus.DEAD_LETTER, 0)
        processed = self.batch.total - self.unfinished
        words = f"{processed} of {self.batch.total} done"
        message = f"{words}, {failed} of them in vain" if failed else words
        return Progress(total=self.batch.total, processed=processed, failed=failed, message=message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A hand-in and the job that it led to, if it did and the job is still kept."""

    hand_in: HandIn
    job: Job | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchDetail:
    """A batch with what became of each of its files."""

    view: BatchView
    outcomes: Sequence[Outcome]


class BatchNotFound(NotFound):
    """No batch with this id, or not in this workspace."""

    code = "batch_not_found"

    def __init__(self, batch: BatchId) -> None:
        super().__init__(f"There is no batch {batch}.")


class BatchWithoutFiles(InvalidInput):
    """A batch of nothing."""

    code = "batch_without_files"
    advice = "Send at least one file, or the id of a document that is to be read again."

    def __init__(self) -> None:
        super().__init__("There is neither a file nor the id of a document in this request.")


class BatchTooLarge(InvalidInput):
    """More than one batch takes."""

    code = "batch_too_large"
    status = 413
    advice = "Hand the files in with several batches."

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"Together these files are larger than the {max_bytes / (1 << 20):.3g} MB of a batch.")


class BatchTooFull(InvalidInput):
    """More files than one batch takes."""

    code = "batch_too_full"
    status = 413
    advice = "Hand the files in with several batches."

    def __init__(self, max_files: int) -> None:
        super().__init__(f"A batch has at most {max_files} documents.")


class BatchKeyReused(Conflict):
    """An idempotency key that was used for other files."""

    code = "batch_key_reused"
    advice = "Send a new `Idempotency-Key` with every new batch; repeat one only with the very same files."

    def __init__(self) -> None:
        super().__init__("A batch with this idempotency key was made of other files.")


class BatchOver(Conflict):
    """A batch that cannot be cancelled any more."""

    code = "batch_over"
    advice = "Nothing is to be done: all of it had been read."

    def __init__(self) -> None:
        super().__init__("Everything in this batch is finished.")


class BatchCancelled(Conflict):
    """A file that came after its batch was cancelled."""

    code = "batch_cancelled"
    advice = "Hand the file in with a new batch if it is wanted after all."

    def __init__(self) -> None:
        super().__init__("The batch was cancelled before this file was accepted.")
