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
    Attempt,
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
from counterfoil.jobs.plain import plain_json, plain_text
from counterfoil.jobs.protocols import JobStore

PROGRESS_PAUSE = timedelta(milliseconds=250)
MAX_LINE = 2_000
MAX_PROGRESS_MESSAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The handler completed its job itself; how that left it."""

    after: Job
    attempt: Attempt


@dataclass(slots=True, kw_only=True)
class JobContext:
    """One attempt at a job, as its handler sees it; for one thread."""

    job: Job
    lease: Lease
    database: Database
    store: JobStore
    new_id: IdSource
    monotonic: Callable[[], float] = time.monotonic
    settled: Settled | None = field(default=None, init=False)
    _open: Transaction | None = field(default=None, init=False)
    _last_progress: float = field(default=float("-inf"), init=False)

    @property
    def workspace(self) -> WorkspaceId:
        return self.job.workspace

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open a transaction that commits only while this attempt still holds the job.

        Whatever else is asked of the context meanwhile joins it: in one of its own it would wait for this one for ever.

        Raises:
            LeaseLost: another attempt has taken over.
        """
        if self._open:
            yield self._open
            return
        with self.database.transaction() as tx:
            if not self.store.holds(tx, self.job.id, self.lease):
                raise LeaseLost(self.job.id)
            self._open = tx
            try:
                yield tx
            finally:
                self._open = None

    def complete(self, tx: Transaction, result: Json | None = None) -> None:
        """Complete the job in the same transaction as its effects, so that neither is there without the other.

        Raises:
            LeaseLost: another attempt has taken over; let it roll the effects back.
        """
        now = tx.now()
        outcome = Completed(result=None if result is None else plain_json(result))
        settled = Settled(after=move(self.job, outcome, now), attempt=attempt_of(self.job, outcome, now))
        if not self.store.settle(tx, self.lease, settled.after, settled.attempt):
            raise LeaseLost(self.job.id)
        tx.after_commit(lambda: self._mark_settled(settled))

    def _mark_settled(self, settled: Settled) -> None:
        self.settled = settled

    def step(self, name: str, work: Callable[[], Json]) -> Json:
        """Do a part of the work once: after a crash, what it gave is taken from the job's row instead.

        Name it anew when the code behind it gives something else than before.
        """
        with self._reading() as tx:
            found = self.store.step(tx, self.workspace, self.job.id, name)
        if found is not None:
            return found
        result = plain_json(work())
        with self.transaction() as tx:
            self.store.add_step(tx, self.workspace, self.job.id, name, result, tx.now())
        return result

    def progress(self, processed: int, total: int | None = None, *, failed: int = 0, message: str = "") -> None:
        """Tell how far the work is; updates that come too quickly after one another are left out, but not the last."""
        now = self.monotonic()
        if now - self._last_progress < PROGRESS_PAUSE.total_seconds() and processed != total:
            return
        self._last_progress = now
        progress = Progress(
            total=None if total is None else max(0, total),
            processed=max(0, processed),
            failed=max(0, failed),
            message=plain_text(message[:MAX_PROGRESS_MESSAGE]),
        )
        with self._writing() as tx:
            if not self.store.set_progress(tx, self.job.id, self.lease, progress):
                raise LeaseLost(self.job.id)

    def log(self, message: str, level: LogLevel = LogLevel.INFO, **metadata: Any) -> None:
        """Write a line to the job's log, where the people who wait for it can read it."""
        with self._writing() as tx:
            line = LogLine(
                id=self.new_id(),
                job=self.job.id,
                level=level,
                message=plain_text(message[:MAX_LINE]),
                metadata=plain_json(metadata),
                created_at=tx.now(),
            )
            self.store.add_log(tx, self.workspace, line)

    @contextmanager
    def _writing(self) -> Iterator[Transaction]:
        if self._open:
            yield self._open
            return
        with self.database.transaction() as tx:
            yield tx

    @contextmanager
    def _reading(self) -> Iterator[Transaction]:
        if self._open:
            yield self._open
            return
        with self.database.reading() as tx:
            yield tx
