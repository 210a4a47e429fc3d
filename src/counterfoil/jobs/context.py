"""What a handler is given besides its payload: its job, and ways to tell how it goes, all under its lease."""

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.errors import Cancelled
from counterfoil.foundation.ids import IdSource
from counterfoil.jobs.domain import Attempt, Job, Json, Lease, LogLevel, LogLine, Progress
from counterfoil.jobs.errors import LeaseLost
from counterfoil.jobs.journal import Journal
from counterfoil.jobs.moves import Completed, Waiting
from counterfoil.jobs.plain import plain_json, plain_text
from counterfoil.jobs.protocols import LeaseStore, settlement_of

PROGRESS_PAUSE = timedelta(milliseconds=250)
LOG_PAUSE = timedelta(milliseconds=250)
CHECK_PAUSE = timedelta(seconds=1)
MAX_LINE = 2_000
MAX_PROGRESS_MESSAGE = 500
MAX_COUNT = 2**53


class JobCancelled(Cancelled):
    """Somebody does not want the job any more; let it end the handler."""

    code = "job_cancelled"

    def __init__(self, job: Job) -> None:
        super().__init__(f"Job {job.id} was cancelled.")


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
    store: LeaseStore
    new_id: IdSource
    journal: Journal
    version: int = 1
    monotonic: Callable[[], float] = time.monotonic
    settled: Settled | None = field(default=None, init=False)
    _open: Transaction | None = field(default=None, init=False)
    _token: str | None = field(default=None, init=False)
    _began: float = field(init=False)
    _last_progress: float = field(default=float("-inf"), init=False)
    _last_check: float = field(default=float("-inf"), init=False)

    def __post_init__(self) -> None:
        self._began = self.monotonic()

    @property
    def workspace(self) -> WorkspaceId:
        return self.job.workspace

    @property
    def last_attempt(self) -> bool:
        """Tell whether the job is a dead letter if this attempt fails."""
        return self.job.attempts >= self.job.max_attempts

    def now(self) -> datetime:
        """Return the database's time without asking it: the claim told when the attempt began."""
        assert self.job.started_at  # noqa: S101 - true of every claimed job
        return self.job.started_at + timedelta(seconds=self.monotonic() - self._began)

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
        with self.database.transaction(self.workspace) as tx:
            if not self.store.holds(tx, self.job.id, self.lease):
                raise LeaseLost(self.job.id)
            self._open = tx
            try:
                yield tx
            finally:
                self._open = None

    def complete(self, tx: Transaction, result: Json | None = None) -> None:
        """Complete the job in the same transaction as its effects, so that neither is there without the other.

        What was logged before goes with it, for afterwards the lease is gone.

        Raises:
            LeaseLost: another attempt has taken over; let it roll the effects back.
        """
        outcome = Completed(result=None if result is None else plain_json(result))
        lines = self.journal.unkept()
        saved = self.store.settle(tx, [settlement_of(self.job, outcome, self.now(), lines)])
        if not saved:
            raise LeaseLost(self.job.id)
        tx.after_commit(lambda: self._mark_settled(Settled(after=saved[0].after, attempt=saved[0].attempt), lines))

    def _mark_settled(self, settled: Settled, lines: Sequence[LogLine]) -> None:
        self.settled = settled
        self.journal.kept(lines)

    def step(self, name: str, work: Callable[[], Json]) -> Json:
        """Do a part of the work once: after a crash, what it gave is taken from the job's row instead.

        What it gave under another version of the job type is not used.
        """
        with self._reading() as tx:
            found = self.store.step(tx, self.workspace, self.job.id, name, self.version)
        if found is not None:
            return found
        result = plain_json(work())
        with self.transaction() as tx:
            self.store.add_step(tx, self.workspace, self.job.id, name, self.version, result, tx.now())
        return result

    def check(self) -> None:
        """Stop here if nobody wants the job any more; cheap enough for every turn of a loop.

        Raises:
            JobCancelled: it was cancelled.
        """
        if not self._pause_over("_last_check", CHECK_PAUSE):
            return
        with self._reading() as tx:
            if self.store.cancel_wanted(tx, self.workspace, self.job.id):
                raise JobCancelled(self.job)

    def progress(self, processed: int, total: int | None = None, *, failed: int = 0, message: str = "") -> None:
        """Tell how far the work is; updates that come too quickly after one another are left out, but not the last.

        Raises:
            JobCancelled: nobody wants the job any more.
            LeaseLost: another attempt has taken over.
        """
        self.check()
        if not self._pause_over("_last_progress", PROGRESS_PAUSE) and processed != total:
            return
        progress = Progress(
            total=None if total is None else _count(total),
            processed=_count(processed),
            failed=_count(failed),
            message=plain_text(message[:MAX_PROGRESS_MESSAGE]),
        )
        with self._writing() as tx:
            if not self.store.set_progress(tx, self.job.id, self.lease, progress):
                raise LeaseLost(self.job.id)

    def log(self, message: str, level: LogLevel = LogLevel.INFO, **metadata: Any) -> None:
        """Write a line to the job's log, where the people who wait for it can read it a moment later."""
        line = LogLine(
            id=self.new_id(),
            job=self.job.id,
            level=level,
            message=plain_text(message[:MAX_LINE]),
            metadata=plain_json(metadata) if metadata else {},
            created_at=self.now(),
        )
        self.journal.add(line)

    def is_slow(self) -> bool:
        """Tell whether it takes so long that somebody may want to follow it."""
        return self.monotonic() - self._began > LOG_PAUSE.total_seconds()

    def keep_lines(self) -> None:
        """Write the lines that are not kept yet, if the attempt still holds the job or has completed it itself."""
        lines = self.journal.unkept()
        if not lines:
            return
        with self.database.transaction(self.workspace) as tx:
            if not self.settled and not self.store.holds(tx, self.job.id, self.lease):
                return  # perhaps the handler has just completed the job, and we shall hear of it
            self.store.add_logs(tx, self.workspace, lines)
        self.journal.kept(lines)

    def callback_token(self, *, final: bool = False) -> str:
        """Return a secret by which an outside system can call back; then return `Waiting` from the handler.

        With `final` its answer is the job's result; else the job is run again, behind its finished steps, and finds
        the answer by `answer`. An attempt has one secret: who asks again, because a call seemed to fail, gives out the
        same, and whichever call arrived is answered. What is said last of `final` counts.
        """
        self._token = token = self._token or secrets.token_urlsafe(32)
        with self.transaction() as tx:
            self.store.expect_answer(
                tx, self.workspace, self.job.id, self.lease, token_hash=hash_of(token), final=final
            )
        return token

    def wait(self, seconds: float) -> Waiting:
        """Return what the handler has to return to wait so long for the call back."""
        return Waiting(deadline=self.now() + timedelta(seconds=seconds))

    def answer(self) -> Json | None:
        """Return what the outside system said to the last attempt that asked it, or None before that."""
        with self._reading() as tx:
            return self.store.answer(tx, self.workspace, self.job.id)

    def _pause_over(self, mark: str, pause: timedelta) -> bool:
        now = self.monotonic()
        if now - getattr(self, mark) < pause.total_seconds():
            return False
        setattr(self, mark, now)
        return True

    @contextmanager
    def _writing(self) -> Iterator[Transaction]:
        if self._open:
            yield self._open
            return
        with self.database.transaction(self.workspace) as tx:
            yield tx

    @contextmanager
    def _reading(self) -> Iterator[Transaction]:
        if self._open:
            yield self._open
            return
        with self.database.reading(self.workspace) as tx:
            yield tx


def hash_of(token: str) -> str:
    """Return the form in which a callback's token is kept, from which it cannot be had back."""
    return hashlib.sha256(token.encode()).hexdigest()


def _count(number: float) -> int:
    """Bring what a handler counted into bounds: not a number and less than nothing are nothing."""
    return int(min(number, MAX_COUNT)) if number > 0 else 0
