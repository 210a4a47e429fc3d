"""A worker: claims jobs, runs as many at once as it has slots, settles them, and ends without losing any."""

import os
import random
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

import structlog

from counterfoil.foundation.database import Database, DatabaseUnavailable
from counterfoil.foundation.ids import IdSource
from counterfoil.jobs.attempts import AttemptRunner
from counterfoil.jobs.domain import (
    Completed,
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

LONGEST_BACKOFF_SECONDS = 10.0

log = structlog.get_logger()


class Guard(Protocol):
    """Runs jobs apart from the worker, so that none can take it down."""

    def warm_up(self) -> None: ...

    def run(self, job: Job) -> Completed | Failed | Returned | None: ...

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
    _running: dict[JobId, Job] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.id = WorkerId(self.new_id())

    def run(self) -> None:
        """Work until `stop`, then finish what is running, or give it back when the grace is over."""
        self._register()
        with self._beating(), ThreadPoolExecutor(self.concurrency, "job") as slots:
            self.guard.warm_up()
            while not self._stopping.is_set():
                self._survive(lambda: self._turn(slots))
            self._wind_down()
        self._survive(self._sign_off)
        log.info("worker_stopped", worker_id=str(self.id))

    def stop(self) -> None:
        """Ask the worker to take no more jobs and to end; a second time does no harm."""
        self._stopping.set()
        self.dispatcher.ring()

    def _register(self) -> None:
        name = f"{socket.gethostname()}:{os.getpid()}"
        with self.database.transaction() as tx:
            self.workers.register(tx, self.id, name, tx.now())
        log.info("worker_started", worker_id=str(self.id), queues=sorted(self.queues), concurrency=self.concurrency)

    def _sign_off(self) -> None:
        with self.database.transaction() as tx:
            self.workers.bury(tx, self.id, tx.now())

    def _turn(self, slots: ThreadPoolExecutor) -> None:
        """Do upkeep, fill the free slots, and sleep unless more may be waiting."""
        self.upkeep.tick()
        free = self.concurrency - len(self._running)
        claimed = self._claim(free) if free else []
        for job in claimed:
            slots.submit(self._work, job)
        if not free or len(claimed) < free:
            # Workers that started together would otherwise ask together for ever.
            self.dispatcher.wait(self.poll_every.total_seconds() * random.uniform(0.75, 1.25))  # noqa: S311 - no secret

    def _claim(self, limit: int) -> Collection[Job]:
        with self.database.transaction() as tx:
            jobs = self.jobs.claim(tx, self.id, Lease(self.new_id()), self.queues, tx.now(), limit)
        self._running.update({job.id: job for job in jobs})
        return jobs

    def _work(self, job: Job) -> None:
        """Run one job to its end in a thread of its own."""
        try:
            outcome = self._attempt(job)
            if outcome:
                self._survive(lambda: self._settle(job, outcome))
        except Exception:
            log.exception("slot_failed", job_id=str(job.id))
        finally:
            self._running.pop(job.id, None)
            self.dispatcher.ring()

    def _attempt(self, job: Job) -> Outcome | None:
        light = job.type not in self.types or self.types.get(job.type).type.light
        return self.light.run(job) if light else self.guard.run(job)

    def _settle(self, job: Job, outcome: Outcome) -> None:
        assert job.lease  # noqa: S101 - true of every claimed job
        with self.database.transaction() as tx:
            now = tx.now()
            after = move(job, outcome, now)
            attempt = attempt_of(job, outcome, now)
            kept = self.jobs.settle(tx, job.lease, after, attempt)
        if not kept:
            log.warning("outcome_refused", job_id=str(job.id))
            return
        self.observer.attempt_ended(after, attempt)
        if after.status is JobStatus.DEAD_LETTER:
            log.error("job_dead", job_id=str(job.id), job_type=job.type, reason=after.dead_reason)

    def _wind_down(self) -> None:
        """Let running jobs finish; kill what has not by the end of the grace, so that it goes back to the queue."""
        over = time.monotonic() + self.grace.total_seconds()
        while self._running and time.monotonic() < over:
            self.dispatcher.wait(self.poll_every.total_seconds())
        self.guard.close()

    @contextmanager
    def _beating(self) -> Iterator[None]:
        """Beat in a thread of its own, which no busy handler can hold up."""
        silent = threading.Event()

        def beat() -> None:
            while not silent.wait(self.beat_every.total_seconds()):
                self._survive(self._beat)

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
            # Somebody took us for dead and freed our jobs. What still runs is refused; we go on under another name.
            log.error("worker_was_given_up", worker_id=str(self.id))
            self.id = WorkerId(self.new_id())
            self._register()

    def _survive(self, action: Callable[[], None]) -> None:
        """Repeat the action while the database is away, with growing pauses; give up only when the grace is over."""
        pause = 0.1
        gives_up = None
        while True:
            try:
                return action()
            except DatabaseUnavailable as error:
                log.warning("database_unavailable", error=repr(error.__cause__), retry_in=round(pause, 1))
            if self._stopping.is_set():
                gives_up = gives_up or time.monotonic() + self.grace.total_seconds()
                if time.monotonic() > gives_up:
                    log.error("gave_up_on_database")
                    return None
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
            pause = min(2 * pause, LONGEST_BACKOFF_SECONDS)
