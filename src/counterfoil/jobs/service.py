"""What the rest of the house may ask of the engine: enqueue work, look at it, try it again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.ids import IdSource
from counterfoil.foundation.paging import Page, Paging
from counterfoil.jobs.domain import (
    Attempt,
    IllegalMove,
    Job,
    JobId,
    JobNotFound,
    JobStatus,
    LogLine,
    Retried,
    move,
)
from counterfoil.jobs.plain import plain_json, plain_text
from counterfoil.jobs.protocols import Dispatcher, JobStore
from counterfoil.jobs.types import JobType


@dataclass(frozen=True, slots=True, kw_only=True)
class JobService:
    """The front door of the engine."""

    database: Database
    store: JobStore
    dispatcher: Dispatcher
    new_id: IdSource

    def enqueue(
        self,
        tx: Transaction,
        workspace: WorkspaceId,
        job_type: JobType[Any],
        payload: BaseModel,
        *,
        scheduled_for: datetime | None = None,
        concurrency_key: str | None = None,
        description: str = "",
    ) -> JobId:
        """Make a job in the caller's transaction: it is there if and only if that commits. Workers are rung afterwards.

        Of the jobs of one `concurrency_key` in a workspace, one at a time is processed.
        """
        now = tx.now()
        job = Job(
            id=JobId(self.new_id()),
            workspace=workspace,
            type=job_type.name,
            queue=job_type.queue,
            payload=plain_json(payload.model_dump(mode="json")),
            status=JobStatus.PENDING,
            priority=job_type.priority,
            created_at=now,
            due_at=scheduled_for or now,
            max_attempts=job_type.max_attempts,
            backoff=job_type.backoff,
            timeout_seconds=job_type.timeout_seconds,
            memory_mb=job_type.memory_mb,
            # A job with nothing to wait for can be claimed at once; the others are released by upkeep.
            ready=scheduled_for is None and concurrency_key is None,
            scheduled_for=scheduled_for,
            concurrency_key=concurrency_key,
            description=plain_text(description),
        )
        self.store.add(tx, job)
        tx.after_commit(self.dispatcher.ring)
        return job.id

    def get(self, workspace: WorkspaceId, job: JobId) -> Job:
        """Return a job.

        Raises:
            JobNotFound: this workspace has no such job.
        """
        with self.database.reading() as tx:
            return self._found(tx, workspace, job)

    def page(
        self, workspace: WorkspaceId, paging: Paging, *, status: JobStatus | None = None, type_: str | None = None
    ) -> Page[Job]:
        """Return jobs, newest first."""
        with self.database.reading() as tx:
            return self.store.page(tx, workspace, paging, status=status, type_=type_)

    def attempts(self, workspace: WorkspaceId, job: JobId) -> Sequence[Attempt]:
        """Return a job's ended attempts, first to last."""
        with self.database.reading() as tx:
            self._found(tx, workspace, job)
            return self.store.attempts(tx, workspace, job)

    def logs(self, workspace: WorkspaceId, job: JobId, paging: Paging) -> Page[LogLine]:
        """Return a job's log, newest line first."""
        with self.database.reading() as tx:
            self._found(tx, workspace, job)
            return self.store.logs(tx, workspace, job, paging)

    def retry(self, workspace: WorkspaceId, job: JobId) -> Job:
        """Give a dead letter a fresh allowance of attempts; the old attempts are kept.

        Raises:
            IllegalMove: the job is no dead letter, or no longer.
        """
        with self.database.transaction() as tx:
            before = self._found(tx, workspace, job)
            after = move(before, Retried(), tx.now())
            if not self.store.retry(tx, before, after):
                raise IllegalMove(self._found(tx, workspace, job), Retried())  # somebody else was quicker
            tx.after_commit(self.dispatcher.ring)
            return after

    def has_work(self) -> bool:
        """Tell whether workers have, or could have, something to do just now, in any workspace."""
        with self.database.reading() as tx:
            return self.store.busy(tx) or self.store.due(tx, tx.now())

    def counts(self) -> Mapping[tuple[str, JobStatus], int]:
        """Return how many unfinished jobs and dead letters there are, by queue and status, over all workspaces."""
        with self.database.reading() as tx:
            return self.store.counts(tx)

    def _found(self, tx: Transaction, workspace: WorkspaceId, job: JobId) -> Job:
        found = self.store.get(tx, workspace, job)
        if found is None:
            raise JobNotFound(job)
        return found
