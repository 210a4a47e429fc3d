"""A worker: claims jobs, runs as many at once as it has slots, settles them, and ends without losing any."""

import os
import random
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

import structlog

from counterfoil.foundation.database import Database, DatabaseUnavailable
from counterfoil.foundation.ids import IdSource
from counterfoil.jobs.attempts import AttemptRunner, Ended, failure_of
from counterfoil.jobs.context import Settled
from counterfoil.jobs.domain import (
    Attempt,
    Failed,
    Job,
    JobId,
    JobStatus,
    Lease,
    Outcome,
    Returned,
    WorkerId,
    attempt_of,
    move,
)
from counterfoil.jobs.protocols import Dispatcher, JobStore, Observer, WorkerStore
from counterfoil.jobs.types import JobTypes
from counterfoil.jobs.upkeep import Upkeep

LONGEST_PAUSE_SECONDS = 10.0
HANDING_BACK_SECONDS = 5.0

log = structlog.get_logger()


class Guard(Protocol):
    """Runs jobs apart from the worker, so that none can take it down."""

    def warm_up(self) -> None: ...

    def run(self, job: Job) -> Ended | Returned: ...

    def interrupt(self) -> None: ...

    def close(self) -> None: ...


@dataclass(slots=True, kw_only=True)
class Worker:
    """One worker process's life, from `run` to `stop`."""

    database: Database
    jobs: JobStore
    workers: WorkerStore
    types: JobTypes
    upkeep: Upkeep
    dispatcher: Dispatcher
    guard: Guard
    light: AttemptRunner
    observer: Observer
    new_id: IdSource
    queues: Collection[str]
    concurrency: int
    beat_every: timedelta
    poll_every: timedelta
    grace: timedelta
    id: WorkerId = field(init=False)
    _stopping: threading.Event = field(default_factory=threading.Event, init=False)
    _unsure: threading.Event = field(default_factory=threading.Event, init=False)
    _running: dict[JobId, Job] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.id = WorkerId(self.new_id())

    def run(self) -> None:
        """Work until `stop`, then finish what is running, or give it back when the grace is over."""
        self._survive(self._register, whatever=True)
        with self._beating():
            try:
                self._survive(self.guard.warm_up, whatever=True)
                while not self._stopping.is_set():
                    self._survive(self._turn, whatever=True)
                self._wind_down()
            finally:
                self.guard.close()
        self._survive(self._sign_off)
        log.info("worker_stopped", worker_id=str(self.id))

    def stop(self) -> None:
        """Ask the worker to take no more jobs and to end; a second time does no harm.

        It may be called by a signal's handler: that runs in the midst of anything, so what needs a lock is left to a
        thread.
        """
        threading.Thread(target=self._stop, daemon=True).start()

    def _stop(self) -> None:
        self._stopping.set()
        self.dispatcher.ring()

    def _register(self) -> None:
        """Take a new name, at every try: one whose registration seems to have failed may be known already."""
        worker = WorkerId(self.new_id())
        name = f"{socket.gethostname()}:{os.getpid()}"
        with self.database.transaction() as tx:
            self.workers.register(tx, worker, name, tx.now())
        self.id = worker
        log.info("worker_started", worker_id=str(worker), queues=sorted(self.queues), concurrency=self.concurrency)

    def _sign_off(self) -> None:
        with self.database.transaction() as tx:
            self.workers.bury(tx, self.id, tx.now())

    def _turn(self) -> None:
        """Do upkeep, fill the free slots, and sleep unless more may be waiting."""
        if self._unsure.is_set():
            self._recover()
        self.upkeep.tick()
        free = self.concurrency - len(self._running)
        claimed = self._claim(free) if free and not self._stopping.is_set() else []
        for job in claimed:
            # As a daemon: a handler that never ends must not keep the process from ending.
            threading.Thread(target=self._work, args=(job,), name="job", daemon=True).start()
        if not free or len(claimed) < free:
            # Workers that started together would otherwise ask together for ever.
            self.dispatcher.wait(self.poll_every.total_seconds() * random.uniform(0.75, 1.25))  # noqa: S311 - no secret

    def _claim(self, limit: int) -> Collection[Job]:
        with self.database.transaction() as tx:
            jobs = self.jobs.claim(tx, self.id, Lease(self.new_id()), self.queues, tx.now(), limit)
        self._running.update({job.id: job for job in jobs})
        return jobs

    def _recover(self) -> None:
        """Give back what the database says is ours and we do not run: the answer to a claim or settlement was lost."""
        self._unsure.clear()
        known = set(self._running)
        with self.database.reading() as tx:
            ours = self.jobs.claimed_by(tx, self.id)
        for job in ours:
            if job.id not in known:
                log.warning("job_given_back", job_id=str(job.id), job_type=job.type)
                self._settle(job, Returned())

    def _work(self, job: Job) -> None:
        """Run one job to its end in a thread of its own."""
        try:
            self._carry_out(job)
        finally:
            self._running.pop(job.id, None)
            self.dispatcher.ring()

    def _carry_out(self, job: Job) -> None:
        try:
            self._conclude(job, self._attempt(job))
        except Exception as error:
            log.exception("slot_failed", job_id=str(job.id))
            self._conclude(job, Failed(failure=failure_of(error, "internal_error")))

    def _attempt(self, job: Job) -> Ended | Returned:
        return self.light.run(job) if self._is_light(job) else self.guard.run(job)

    def _is_light(self, job: Job) -> bool:
        return job.type not in self.types or self.types.get(job.type).type.light

    def _conclude(self, job: Job, ended: Ended | Returned) -> None:
        match ended:
            case None:
                return
            case Settled():
                self._tell(ended.after, ended.attempt)
            case outcome:
                self._survive(lambda: self._settle(job, outcome))

    def _settle(self, job: Job, outcome: Outcome) -> None:
        assert job.lease  # noqa: S101 - true of every claimed job
        with self.database.transaction() as tx:
            now = tx.now()
            after = move(job, outcome, now)
            attempt = attempt_of(job, outcome, now)
            kept = self.jobs.settle(tx, job.lease, after, attempt)
        if kept:
            self._tell(after, attempt)
        else:
            log.warning("outcome_refused", job_id=str(job.id))

    def _tell(self, after: Job, attempt: Attempt) -> None:
        self.observer.attempt_ended(after, attempt)
        if after.status is JobStatus.DEAD_LETTER:
            log.error("job_dead", job_id=str(after.id), job_type=after.type, reason=after.dead_reason)

    def _wind_down(self) -> None:
        """Let running jobs finish; what has not by the end of the grace is killed and given back to the queue."""
        self._wait_while(lambda: bool(self._running), self.grace.total_seconds())
        self.guard.close()
        self._wait_while(lambda: not all(map(self._is_light, list(self._running.values()))), HANDING_BACK_SECONDS)
        for job in list(self._running.values()):  # light ones: they cannot be killed, but what they still do is refused
            self._conclude(job, Returned())

    def _wait_while(self, condition: Callable[[], bool], seconds: float) -> None:
        over = time.monotonic() + seconds
        while condition() and (left := over - time.monotonic()) > 0:
            self.dispatcher.wait(min(left, self.poll_every.total_seconds()))

    @contextmanager
    def _beating(self) -> Iterator[None]:
        """Beat in a thread of its own, which no busy handler can hold up."""
        silent = threading.Event()

        def beat() -> None:
            while not silent.wait(self.beat_every.total_seconds()):
                self._survive(self._beat, whatever=True)

        heart = threading.Thread(target=beat, name="heart", daemon=True)
        heart.start()
        try:
            yield
        finally:
            silent.set()
            heart.join()

    def _beat(self) -> None:
        with self.database.transaction() as tx:
            alive = self.workers.beat(tx, self.id, tx.now())
        if not alive:
            # Somebody took us for dead and freed our jobs. What still runs would be refused; start over.
            log.error("worker_was_given_up", worker_id=str(self.id))
            self._register()
            self.guard.interrupt()

    def _survive(self, action: Callable[[], None], *, whatever: bool = False) -> None:
        """Repeat the action while the database is away, with growing pauses; give up only when the grace is over.

        With `whatever`, other errors are survived as well: a worker that ended by one would take its jobs with it.
        """
        pause = 0.1
        gives_up = None
        while True:
            try:
                return action()
            except DatabaseUnavailable as error:
                log.warning("database_unavailable", error=repr(error.__cause__), retry_in=round(pause, 1))
            except Exception:
                if not whatever:
                    raise
                log.exception("worker_stumbled", retry_in=round(pause, 1))
            self._unsure.set()
            if self._stopping.is_set():
                gives_up = gives_up or time.monotonic() + self.grace.total_seconds()
                if time.monotonic() > gives_up:
                    log.error("gave_up_on_database")
                    return None
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
