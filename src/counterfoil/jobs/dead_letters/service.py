"""What people do with dead letters."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.foundation.paging import Page, Paging
from counterfoil.jobs.changes import JobChanges
from counterfoil.jobs.dead_letters.domain import DeadLetterNotFound, Group
from counterfoil.jobs.dead_letters.protocols import DeadLetterStore
from counterfoil.jobs.domain import Job, JobDetail, JobId, JobStatus, Json
from counterfoil.jobs.protocols import JobFilter
from counterfoil.jobs.service import JobService
from counterfoil.jobs.upkeep.retention import CleanUpObserver


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetters:
    """Looks through dead letters and changes them, one or many."""

    database: Database
    store: DeadLetterStore
    jobs: JobService
    changes: JobChanges
    observer: CleanUpObserver
    kept_for: timedelta
    """How old dead letters are that a clean-up removes which names none."""

    def page(self, workspace: WorkspaceId, paging: Paging, wanted: JobFilter) -> Page[Job]:
        """Return dead letters, newest job first."""
        return self.jobs.page(workspace, paging, _dead(wanted))

    def groups(self, workspace: WorkspaceId, wanted: JobFilter) -> Sequence[Group]:
        """Return how many dead letters there are of each type and error, the most frequent first."""
        with self.database.reading(workspace) as tx:
            return self.store.groups(tx, workspace, _dead(wanted))

    def get(self, workspace: WorkspaceId, job: JobId) -> JobDetail:
        """Return a dead letter with its attempts.

        Raises:
            JobNotFound: this workspace has no such job.
            DeadLetterNotFound: the job is no dead letter.
        """
        found = self.jobs.detail(workspace, job)
        if found.job.status is not JobStatus.DEAD_LETTER:
            raise DeadLetterNotFound(job)
        return found

    def retry(self, workspace: WorkspaceId, job: JobId, payload: Json | None) -> Job:
        """Try one again; the errors are those of `JobChanges.retry`."""
        return self.changes.retry(workspace, job, payload)

    def retry_many(self, workspace: WorkspaceId, wanted: JobFilter) -> int:
        """Try all again that match, except those that were retried too often; return how many."""
        return self.changes.retry_many(workspace, wanted)

    def remove(self, workspace: WorkspaceId, job: JobId) -> None:
        """Remove one with its history; the errors are those of `get`."""
        self.get(workspace, job)
        self.changes.remove(workspace, job)

    def clean_up(self, workspace: WorkspaceId, wanted: JobFilter, older_than: timedelta | None) -> int:
        """Remove those that match and died so long ago; return how many. If neither is said, the age is `kept_for`."""
        if older_than is None and wanted == JobFilter():
            older_than = self.kept_for
        if older_than is not None:
            with self.database.reading(workspace) as tx:
                wanted = replace(wanted, ended_before=tx.now() - older_than)
        began = time.monotonic()
        try:
            removed = self.changes.remove_many(workspace, wanted)
        except Exception:
            self.observer.clean_up_failed()
            raise
        self.observer.cleaned_up(removed, time.monotonic() - began)
        return removed


def _dead(wanted: JobFilter) -> JobFilter:
    return replace(wanted, status=JobStatus.DEAD_LETTER)
