"""Settling: attempts that ended are written down many at a time, by one thread, as fast as the database takes them.

While one batch is being written the next one gathers. When they come faster than they can be written, the slots that
bring them wait.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from counterfoil.foundation.database import Database, DatabaseUnavailable, Transaction
from counterfoil.foundation.failpoints import failpoint
from counterfoil.foundation.pauses import growing_pauses
from counterfoil.jobs.domain import Attempt, AttemptKey, Failure, Job, JobStatus
from counterfoil.jobs.following import Following
from counterfoil.jobs.moves import Failed, move
from counterfoil.jobs.protocols import Bell, JobStore, LeaseStore, Observer, Settlement, settlement_of

AT_ONCE = 200
MOST_WAITING = 1_000

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Settler:
    """Writes down how attempts ended. `on_kept` hears of each job that is off the worker's hands."""

    database: Database
    jobs: JobStore
    leases: LeaseStore
    following: Following
    observer: Observer
    upkeep: Bell
    on_done: Callable[[Sequence[AttemptKey]], None]
    on_doubt: Callable[[], None]
    _queue: "queue.Queue[Settlement | None]" = field(default_factory=lambda: queue.Queue(MOST_WAITING), init=False)
    _giving_up: threading.Event = field(default_factory=threading.Event, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="settler", daemon=True)
        self._thread.start()

    def put(self, settlement: Settlement) -> None:
        """Have a settlement written; wait if too many others wait."""
        self._queue.put(settlement)

    def close(self, seconds: float) -> None:
        """Write what is left, but try no longer than so many seconds if the database is away."""
        if self._thread is None:
            return
        self._queue.put(None)
        self._thread.join(seconds)
        self._giving_up.set()
        self._thread.join()

    def tell(self, after: Job, attempt: Attempt) -> None:
        """Tell everybody who wants to know how an attempt left its job."""
        self.observer.attempt_ended(after, attempt)
        if after.status is JobStatus.DEAD_LETTER:
            log.error("job_dead", job_id=str(after.id), job_type=after.type, reason=after.dead_reason)

    def _run(self) -> None:
        last = False
        while not last:
            batch, last = self._gather()
            if batch:
                self._settle(batch)

    def _gather(self) -> tuple[Sequence[Settlement], bool]:
        """Return what waits to be written, at least one; and whether it is the last."""
        batch: list[Settlement] = []
        one = self._queue.get()
        while one is not None:
            batch.append(one)
            if len(batch) == AT_ONCE:
                return batch, False
            try:
                one = self._queue.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _settle(self, batch: Sequence[Settlement]) -> None:
        """Write a batch, however often it takes. One row that no database takes must not hold up the others."""
        pauses = growing_pauses()
        while True:
            pause = next(pauses)
            try:
                return self._write(batch)
            except DatabaseUnavailable as error:
                log.warning("database_unavailable", error=repr(error.__cause__), retry_in=round(pause, 1))
            except Exception:
                log.exception("settlement_failed", jobs=len(batch))
                return self._settle_each(batch)
            self.on_doubt()
            if self._giving_up.is_set():
                log.error("gave_up_on_database", unsettled=len(batch))
                return None
            time.sleep(pause)

    def _settle_each(self, batch: Sequence[Settlement]) -> None:
        if len(batch) > 1:
            for one in batch:
                self._settle([one])
        else:
            self._settle_as_failed(batch[0])

    def _settle_as_failed(self, unwritable: Settlement) -> None:
        """Say of a job whose outcome cannot be written that it failed; if not even that works, it is given back."""
        try:
            self._write([_failed(unwritable)])
        except Exception:
            log.exception("settlement_lost", job_id=str(unwritable.after.id))
            self.on_done([unwritable.attempt.key])
            self.on_doubt()

    def _write(self, batch: Sequence[Settlement]) -> None:
        with self.database.transaction() as tx:
            saved = self.leases.settle(tx, batch)
            self._answer(tx, [one for one in saved if one.after.status is JobStatus.WAITING])
            ended = [one.after for one in saved if one.after.status.final]
            has_children = bool(ended and self.leases.children_of(tx, [job.id for job in ended]))
            failpoint("job.settling")
        failpoint("job.settled")
        self.on_done([one.attempt.key for one in batch])
        if len(saved) < len(batch):
            log.warning("outcomes_refused", number=len(batch) - len(saved))
        try:
            self._follow(saved, ended if has_children else ())
        except Exception:
            log.exception("not_followed", jobs=len(saved))  # what is settled is settled; upkeep looks for what is left

    def _follow(self, saved: Sequence[Settlement], parents: Sequence[Job]) -> None:
        for one in saved:
            self.tell(one.after, one.attempt)
        if parents:
            self.following.ended(parents)
        self.following.left([one.after for one in saved])

    def _answer(self, tx: Transaction, waiting: Sequence[Settlement]) -> None:
        """Move on what waits for an answer that came while its attempt was still ending."""
        if not waiting:
            return
        answers = self.leases.answers(tx, [(one.attempt.job, one.attempt.lease) for one in waiting])
        for one in waiting:
            answer = answers.get(one.after.id)
            job = self.jobs.get(tx, one.after.workspace, one.after.id, hold=True) if answer else None
            # A settlement that was only recognised may lie back for long: the job may have gone on since.
            if answer and job and job.status is JobStatus.WAITING and job.lease == one.attempt.lease:
                self.jobs.save(tx, move(job, answer, one.attempt.ended_at))
                tx.after_commit(self.upkeep.ring)


def _failed(unwritable: Settlement) -> Settlement:
    failure = Failure(code="internal_error", message="Its outcome could not be written down.")
    return settlement_of(unwritable.job, Failed(failure=failure), unwritable.attempt.ended_at)
