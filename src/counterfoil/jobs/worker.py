"""A worker: claims jobs, runs as many at once as it has slots, has them settled, and ends without losing any.

    claim ──→ buffer ──→ slots: a thread each ──→ settler ──→ database
                            ├ light: the handler itself
                            └ guarded: watches a child process

Quick jobs are claimed ahead, at most one more than there are slots, and go back unharmed when the worker ends.
"""

import gc
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

import structlog

from counterfoil.foundation.database import Database, DatabaseUnavailable
from counterfoil.foundation.failpoints import failpoint
from counterfoil.foundation.ids import IdSource
from counterfoil.foundation.pauses import LONGEST_SECONDS, growing_pauses
from counterfoil.jobs.attempts import AttemptRunner, Ended, failure_of
from counterfoil.jobs.context import Settled
from counterfoil.jobs.domain import DEATHS_TO_RUN_ALONE, AttemptKey, Job, JobId, Lease, WorkerId
from counterfoil.jobs.following import Following
from counterfoil.jobs.journal import Journal
from counterfoil.jobs.moves import Failed, Outcome, Returned
from counterfoil.jobs.protocols import Bell, JobStore, LeaseStore, Observer, Presence, settlement_of
from counterfoil.jobs.settling import Settler
from counterfoil.jobs.slots import Slots

BEAT_SECONDS = 0.5
LONGEST_SILENCE_SECONDS = 1.0
"""How long the heart pauses while the database is away: it has to be heard within the others' grace afterwards."""
HANDING_BACK_SECONDS = 5.0
HELP_SECONDS = 0.002
QUICK_SECONDS = 0.02
"""Jobs that take less on average are worth claiming ahead."""

T = TypeVar("T")

log = structlog.get_logger()


class Guard(Protocol):
    """Runs jobs apart from the worker, so that none can take it down."""

    def warm_up(self) -> None: ...

    def run(self, job: Job) -> Ended | Returned: ...

    def cancel(self, job: JobId) -> bool: ...

    def interrupt(self) -> None: ...

    def close(self) -> None: ...


@dataclass(slots=True, kw_only=True)
class Worker:
    """One worker process's life, from `run` to `stop`."""

    database: Database
    jobs: JobStore
    leases: LeaseStore
    presence: Presence
    light_types: Collection[str]
    bell: Bell
    upkeep: Bell
    following: Following
    guard: Guard
    light: AttemptRunner
    observer: Observer
    new_id: IdSource
    queues: Collection[str]
    concurrency: int
    poll_every: timedelta
    grace: timedelta
    id: WorkerId = field(init=False)
    settler: Settler = field(init=False)
    _stopping: threading.Event = field(default_factory=threading.Event, init=False)
    _unsure: threading.Event = field(default_factory=threading.Event, init=False)
    _freed: threading.Event = field(default_factory=threading.Event, init=False)
    """Something of ours was settled."""
    _buried: threading.Event = field(default_factory=threading.Event, init=False)
    """Others took us for dead, and we have no new name yet."""
    _slots: "Slots[_Held]" = field(init=False)
    _held: "dict[AttemptKey, _Held]" = field(default_factory=dict, init=False)
    """What is ours until it is settled. By attempt: who was given up may get a job again that it still runs."""
    _at_work: "dict[AttemptKey, _Held]" = field(default_factory=dict, init=False)
    """What is claimed and has not ended."""
    _guarded: set[AttemptKey] = field(default_factory=set, init=False)
    _alone: set[AttemptKey] = field(default_factory=set, init=False)
    _mean_seconds: float = field(default=QUICK_SECONDS, init=False)
    _next_look: float = field(default=0.0, init=False)
    _alone_waits: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.id = WorkerId(self.new_id())
        self._slots = Slots(self.concurrency, self._take_up)
        self.settler = Settler(
            database=self.database,
            jobs=self.jobs,
            leases=self.leases,
            following=self.following,
            observer=self.observer,
            upkeep=self.upkeep,
            on_done=self._let_go,
            on_doubt=self._unsure.set,
        )

    def run(self) -> None:
        """Work until `stop`, then finish what is running, or give it back when the grace is over."""
        with self.in_service():
            self._survive(self.guard.warm_up, whatever=True)
            while not self._stopping.is_set():
                self._survive(self._turn, whatever=True)
            self._wind_down()

    @contextmanager
    def in_service(self) -> Iterator[None]:
        """Be known as a worker, and settle what ends, while the context lasts."""
        self._survive(self._register, whatever=True)
        self.settler.start()
        gc.freeze()  # what is there by now stays; each full collection would look through all of it again
        with self._beating():
            try:
                yield
            finally:
                self.guard.close()
                self.settler.close(self.grace.total_seconds())
        self._survive(lambda: self.presence.leave(self.id))
        log.info("worker_stopped", worker_id=str(self.id))

    def perform(self, job: JobId) -> bool:
        """Claim this job and bring it to its end; return False if there is nothing to be done about it.

        For processes that are told what to do, one at a time, while they are in service. Once the worker is to stop,
        the job has the grace to finish, and is given back after it.
        """
        held = self._survive(lambda: self._claim_one(job), whatever=True)
        if self._unsure.is_set():
            self._survive(self._recover, whatever=True)
        if held is None:
            return False
        self._slots.put([held], quick=False)
        while held.key in self._held:
            self._freed.clear()
            if held.key in self._held and not self._freed.wait(self.poll_every.total_seconds()):
                self._survive(self._look_around, whatever=True)
            if self._stopping.is_set():
                self._wind_down()
                return True
        return True

    def _claim_one(self, job: JobId) -> "_Held | None":
        if self._buried.is_set():
            return None
        with self.database.transaction() as tx:
            claimed = self.leases.claim_one(tx, self.id, Lease(self.new_id()), job)
        return self._hold([claimed])[0] if claimed else None

    def stop(self) -> None:
        """Ask the worker to take no more jobs and to end; a second time does no harm.

        It may be called by a signal's handler: that runs in the midst of anything, so what needs a lock is left to a
        thread.
        """
        threading.Thread(target=self._stop, daemon=True).start()

    def _stop(self) -> None:
        self._stopping.set()
        self.bell.ring()

    def _register(self) -> None:
        """Take a new name, at every try: one whose registration seems to have failed may be known already."""
        worker = WorkerId(self.new_id())
        self.presence.register(worker, f"{socket.gethostname()}:{os.getpid()}")
        self.id = worker
        log.info("worker_started", worker_id=str(worker), queues=sorted(self.queues), concurrency=self.concurrency)

    def _turn(self) -> None:
        """Claim what there is room for, and sleep unless more may be waiting."""
        if self._unsure.is_set():
            self._recover()
        self._look_around()
        wanted = 0 if self._stopping.is_set() else self._appetite()
        claimed = self._claim(wanted) if wanted else ()
        if self._slots.help():
            self.bell.wait(HELP_SECONDS)
        elif len(claimed) < wanted or not wanted:
            # Workers that started together would otherwise ask together for ever.
            self.bell.wait(self.poll_every.total_seconds() * random.uniform(0.75, 1.25))  # noqa: S311 - no secret

    def _appetite(self) -> int:
        """Return how many jobs to claim: enough for the free slots, and a buffer of one more where they are quick."""
        if self._alone or self._buried.is_set():
            return 0
        if self._alone_waits:
            return 0 if self._at_work else 1
        room = self.concurrency + (self.concurrency + 1 if self._is_quick else 0) - len(self._at_work)
        # A few at a time would cost more than they are worth; but no slot is to stand idle meanwhile.
        return room if room > self.concurrency // 2 or len(self._at_work) < self.concurrency else 0

    @property
    def _is_quick(self) -> bool:
        return self._mean_seconds < QUICK_SECONDS and not self._guarded

    def _claim(self, limit: int) -> Sequence[Job]:
        alone, self._alone_waits = self._alone_waits, False
        with self.database.transaction() as tx:
            jobs = self.leases.claim(tx, self.id, Lease(self.new_id()), self.queues, limit, alone=alone)
        self._slots.put(self._hold(jobs), quick=self._is_quick)
        return jobs

    def _hold(self, jobs: Sequence[Job]) -> "Sequence[_Held]":
        if jobs:
            failpoint("job.claimed")
        now = time.monotonic()
        claimed = [_Held(job=job, light=job.type in self.light_types and not job.suspect, claimed=now) for job in jobs]
        for held in claimed:
            self._held[held.key] = self._at_work[held.key] = held
            if not held.light:
                self._guarded.add(held.key)
            if held.job.deaths >= DEATHS_TO_RUN_ALONE:
                self._alone.add(held.key)
        return claimed

    def _look_around(self) -> None:
        """Look, not too often, for jobs that somebody cancelled and for those that have to run alone."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + self.poll_every.total_seconds()
        with self.database.reading() as tx:
            unwanted = self.leases.to_stop(tx, self.id) if self._at_work else ()
            self._alone_waits = self.leases.alone_waits(tx, self.queues)
        for job in unwanted:
            self.guard.cancel(job)

    def _recover(self) -> None:
        """Give back what the database says is ours and we do not have: the answer to a claim was lost."""
        self._unsure.clear()
        known = set(self._held)
        with self.database.reading() as tx:
            ours = self.leases.claimed_by(tx, self.id)
        for job in ours:
            assert job.lease  # noqa: S101 - true of every claimed job, as is the next
            assert job.started_at  # noqa: S101
            if (job.id, job.lease) not in known:
                log.warning("job_given_back", job_id=str(job.id), job_type=job.type)
                self.settler.put(settlement_of(job, Returned(), job.started_at))

    def _take_up(self, held: "_Held") -> None:
        try:
            self._work(held)
        except Exception as error:
            # Else nobody would ever settle it: it would be held as long as this worker lives.
            self._settle(held, Failed(failure=failure_of(error, "internal_error")), Journal())
            raise
        finally:
            self._leave(held)
            if self._appetite():
                self.bell.ring()

    def _work(self, held: "_Held") -> None:
        journal = Journal()
        try:
            failpoint("job.begun")
            ended = self.light.run(held.job, journal) if held.light else self.guard.run(held.job)
        except Exception as error:
            log.exception("slot_failed", job_id=str(held.job.id))
            ended = Failed(failure=failure_of(error, "internal_error"))
        seconds = held.seconds()
        self._mean_seconds += 0.1 * (seconds - self._mean_seconds)
        self._conclude(held, ended, journal)

    def _conclude(self, held: "_Held", ended: Ended | Returned, journal: Journal) -> None:
        match ended:
            case None:
                self._let_go([held.key])
            case Settled():
                self._let_go([held.key])
                self._survive(lambda: self._keep(journal, ended.after), whatever=True)
                self.settler.tell(ended.after, ended.attempt)
                self._survive(lambda: self.following.ended([ended.after]), whatever=True)
            case outcome:
                self._settle(held, outcome, journal)

    def _keep(self, journal: Journal, job: Job) -> None:
        """Write what a handler still said after it had completed its job."""
        if lines := journal.unkept():
            with self.database.transaction(job.workspace) as tx:
                self.leases.add_logs(tx, job.workspace, lines)

    def _settle(self, held: "_Held", outcome: Outcome, journal: Journal) -> None:
        if not held.settled:
            held.settled = True
            self.settler.put(settlement_of(held.job, outcome, held.now(), journal.unkept()))

    def _leave(self, held: "_Held") -> None:
        self._at_work.pop(held.key, None)
        self._guarded.discard(held.key)
        self._alone.discard(held.key)

    def _let_go(self, attempts: Sequence[AttemptKey]) -> None:
        for attempt in attempts:
            self._held.pop(attempt, None)
        self._freed.set()

    def _wind_down(self) -> None:
        """Give back what has not begun, let the rest finish, and give back what has not by the end of the grace."""
        self._empty_buffer()
        self._wait_while(lambda: bool(self._at_work), self.grace.total_seconds())
        self.guard.close()
        self._wait_while(lambda: bool(self._guarded), HANDING_BACK_SECONDS)
        for held in list(self._at_work.values()):  # light ones: they cannot be killed, but what they say is refused
            self._settle(held, Returned(), Journal())
        self._slots.close()

    def _empty_buffer(self) -> None:
        for held in self._slots.empty():
            self._settle(held, Returned(), Journal())
            self._leave(held)

    def _wait_while(self, condition: Callable[[], bool], seconds: float) -> None:
        over = time.monotonic() + seconds
        while condition() and (left := over - time.monotonic()) > 0:
            self.bell.wait(min(left, self.poll_every.total_seconds()))

    @contextmanager
    def _beating(self) -> Iterator[None]:
        """Beat in a thread of its own, which no busy handler can hold up."""
        silent = threading.Event()

        def beat() -> None:
            while not silent.wait(BEAT_SECONDS):
                self._survive(self._beat, whatever=True, longest=LONGEST_SILENCE_SECONDS)

        heart = threading.Thread(target=beat, name="heart", daemon=True)
        heart.start()
        try:
            yield
        finally:
            silent.set()
            heart.join()

    def _beat(self) -> None:
        if not self.presence.beat(self.id):
            self._start_over()

    def _start_over(self) -> None:
        """End what still runs, which would be refused, and claim no more before we have a new name.

        Jobs that were claimed under the old one would be taken for those of a worker that died with them.
        """
        log.error("worker_was_given_up", worker_id=str(self.id))
        self._buried.set()
        self._forget_buffer()
        self.guard.interrupt()
        self._register()
        self._buried.clear()

    def _forget_buffer(self) -> None:
        """Run nothing that others have now."""
        for held in self._slots.empty():
            self._leave(held)
            self._let_go([held.key])

    def _survive(
        self, action: Callable[[], T], *, whatever: bool = False, longest: float = LONGEST_SECONDS
    ) -> T | None:
        """Repeat the action while the database is away, with growing pauses; give up only when the grace is over.

        With `whatever`, other errors are survived as well: a worker that ended by one would take its jobs with it.
        """
        pauses = growing_pauses(longest)
        gives_up = None
        while True:
            pause = next(pauses)
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
            time.sleep(pause)


@dataclass(slots=True, kw_only=True)
class _Held:
    """A job that this worker has claimed."""

    job: Job
    light: bool
    claimed: float
    settled: bool = False

    @property
    def key(self) -> AttemptKey:
        assert self.job.lease  # noqa: S101 - true of every claimed job
        return self.job.id, self.job.lease

    def seconds(self) -> float:
        """Return how long ago it was claimed."""
        return time.monotonic() - self.claimed

    def now(self) -> datetime:
        """Return the database's time without asking it."""
        assert self.job.started_at  # noqa: S101 - true of every claimed job
        return self.job.started_at + timedelta(seconds=self.seconds())
