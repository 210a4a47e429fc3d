"""What the engine needs from outside: a store of jobs, a proof of workers' lives, and something that rings workers."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Transaction
from counterfoil.foundation.paging import Page, Paging
from counterfoil.jobs.domain import Attempt, Job, JobId, JobStatus, Json, Lease, LogLine, Progress, WorkerId


class JobStore(Protocol):
    """Keeps jobs. What a worker writes names its lease, and is refused once the job has gone to another attempt."""

    def add(self, tx: Transaction, job: Job) -> None:
        """Keep a new job."""
        ...

    def get(self, tx: Transaction, workspace: WorkspaceId, job: JobId) -> Job | None:
        """Return a job of this workspace."""
        ...

    def page(
        self, tx: Transaction, workspace: WorkspaceId, paging: Paging, *, status: JobStatus | None, type_: str | None
    ) -> Page[Job]:
        """Return jobs of this workspace, newest first."""
        ...

    def attempts(self, tx: Transaction, workspace: WorkspaceId, job: JobId) -> Sequence[Attempt]:
        """Return the ended attempts of a job, first to last."""
        ...

    def logs(self, tx: Transaction, workspace: WorkspaceId, job: JobId, paging: Paging) -> Page[LogLine]:
        """Return the log lines of a job, newest first."""
        ...

    def retry(self, tx: Transaction, before: Job, after: Job) -> bool:
        """Save a job that a person moved, unless it has moved meanwhile: then return False."""
        ...

    def due(self, tx: Transaction, now: datetime) -> bool:
        """Tell whether there is anything to release; this only reads."""
        ...

    def release(self, tx: Transaction, now: datetime, limit: int) -> int:
        """Make due jobs ready whose concurrency key is free; return how many.

        Only one transaction at a time does this; the others return 0 at once.
        """
        ...

    def claim(
        self, tx: Transaction, worker: WorkerId, lease: Lease, queues: Collection[str], now: datetime, limit: int
    ) -> Sequence[Job]:
        """Take ready jobs, in the order of their claim keys."""
        ...

    def settle(self, tx: Transaction, lease: Lease, after: Job, attempt: Attempt) -> bool:
        """Save how an attempt left its job, and the attempt; return False if the lease has moved on."""
        ...

    def holds(self, tx: Transaction, job: JobId, lease: Lease) -> bool:
        """Tell whether this lease is still the job's, and keep it so until the transaction ends."""
        ...

    def set_progress(self, tx: Transaction, job: JobId, lease: Lease, progress: Progress) -> bool:
        """Save how far an attempt is; return False if the lease has moved on."""
        ...

    def add_log(self, tx: Transaction, workspace: WorkspaceId, line: LogLine) -> None:
        """Keep a line of a job's log."""
        ...

    def step(self, tx: Transaction, workspace: WorkspaceId, job: JobId, name: str) -> Json | None:
        """Return what a finished step of the job gave, or None if it is not finished."""
        ...

    def add_step(
        self, tx: Transaction, workspace: WorkspaceId, job: JobId, name: str, result: Json, now: datetime
    ) -> None:
        """Keep what a step gave. The caller holds the lease."""
        ...

    def claimed_by(self, tx: Transaction, worker: WorkerId) -> Sequence[Job]:
        """Return the jobs that are being processed by this worker."""
        ...

    def orphans(self, tx: Transaction, limit: int) -> Sequence[Job]:
        """Return jobs that are being processed by workers that have ended."""
        ...

    def busy(self, tx: Transaction) -> bool:
        """Tell whether any job is ready or being processed, over all workspaces."""
        ...

    def counts(self, tx: Transaction) -> Mapping[tuple[str, JobStatus], int]:
        """Return how many jobs are not completed or cancelled, by queue and status, over all workspaces."""
        ...


class WorkerStore(Protocol):
    """Keeps which workers there are, and how their deaths are noticed."""

    def register(self, tx: Transaction, worker: WorkerId, name: str, now: datetime) -> None:
        """Note a worker that starts."""
        ...

    def beat(self, tx: Transaction, worker: WorkerId, now: datetime) -> bool:
        """Note that a worker lives; return False if it has been given up for dead."""
        ...

    def dead(self, tx: Transaction, now: datetime, lapse: timedelta) -> Sequence[WorkerId]:
        """Return the workers that are certainly or very probably dead and not yet buried."""
        ...

    def bury(self, tx: Transaction, worker: WorkerId, now: datetime) -> None:
        """Note that a worker has ended, by itself or not."""
        ...


class Dispatcher(Protocol):
    """Rings workers when there may be work. The bell may be lost or heard twice: the row is the truth."""

    def ring(self) -> None:
        """Say that there may be work."""
        ...

    def wait(self, seconds: float) -> None:
        """Return when the bell rings, or after so many seconds."""
        ...


class Observer(Protocol):
    """Is told how attempts end, for metrics."""

    def attempt_ended(self, after: Job, attempt: Attempt) -> None: ...
