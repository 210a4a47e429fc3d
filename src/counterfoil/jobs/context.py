"""What a handler is given besides its payload: its job, and ways to tell how it goes, all under its lease."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.ids import IdSource
from counterfoil.jobs.domain import (
    Completed,
    Job,
    Json,
    Lease,
    LeaseLost,
    LogLevel,
    LogLine,
    Progress,
    attempt_of,
    move,
)
from counterfoil.jobs.protocols import JobStore

PROGRESS_PAUSE = timedelta(milliseconds=250)


@dataclass(slots=True, kw_only=True)
class JobContext:
    """One attempt at a job, as its handler sees it."""

    job: Job
    lease: Lease
    database: Database
    store: JobStore
    new_id: IdSource
    monotonic: Callable[[], float] = time.monotonic
    settled: bool = field(default=False, init=False)
    _last_progress: float = field(default=float("-inf"), init=False)

    @property
    def workspace(self) -> WorkspaceId:
        return self.job.workspace

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open a transaction that commits only while this attempt still holds the job.

        Raises:
            LeaseLost: another attempt has taken over.
        """
        with self.database.transaction() as tx:
            if not self.store.holds(tx, self.job.id, self.lease):
                raise LeaseLost(self.job.id)
            yield tx

    def complete(self, tx: Transaction, result: Json | None = None) -> None:
        """Complete the job in the same transaction as its effects, so that neither is there without the other."""
        now = tx.now()
        outcome = Completed(result=result)
        after = move(self.job, outcome, now)
        if not self.store.settle(tx, self.lease, after, attempt_of(self.job, outcome, now)):
            raise LeaseLost(self.job.id)
        tx.after_commit(self._mark_settled)

    def _mark_settled(self) -> None:
        self.settled = True

    def step(self, name: str, work: Callable[[], Json]) -> Json:
        """Do a part of the work once: after a crash, what it gave is taken from the job's row instead.

        Name it anew when the code behind it gives something else than before.
        """
        with self.database.reading() as tx:
            found = self.store.step(tx, self.workspace, self.job.id, name)
        if found is not None:
            return found
        result = work()
        with self.transaction() as tx:
            self.store.add_step(tx, self.workspace, self.job.id, name, result, tx.now())
        return result

    def progress(self, processed: int, total: int | None = None, *, failed: int = 0, message: str = "") -> None:
        """Tell how far the work is; updates that come too quickly after one another are left out, but not the last."""
        progress = Progress(total=total, processed=max(0, processed), failed=max(0, failed), message=message[:500])
        now = self.monotonic()
        if now - self._last_progress < PROGRESS_PAUSE.total_seconds() and processed != total:
            return
        self._last_progress = now
        with self.database.transaction() as tx:
            if not self.store.set_progress(tx, self.job.id, self.lease, progress):
                raise LeaseLost(self.job.id)

    def log(self, message: str, level: LogLevel = LogLevel.INFO, **metadata: Any) -> None:
        """Write a line to the job's log, where the people who wait for it can read it."""
        with self.database.transaction() as tx:
            line = LogLine(
                id=self.new_id(),
                job=self.job.id,
                level=level,
                message=message[:2000],
                metadata=metadata,
                created_at=tx.now(),
            )
            self.store.add_log(tx, self.workspace, line)
