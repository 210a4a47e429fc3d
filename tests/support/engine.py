"""An engine for tests: a worker to run jobs in, upkeep, and stand-ins for what surrounds them."""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database, DatabaseUnavailable, Transaction
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.attempts import AttemptRunner, Ended
from counterfoil.jobs.batches import JobBatches
from counterfoil.jobs.changes import JobChanges
from counterfoil.jobs.domain import Attempt, Job, JobId, JobStatus, Order
from counterfoil.jobs.following import Following
from counterfoil.jobs.infrastructure.children import ChildPool
from counterfoil.jobs.infrastructure.leases import SqlLeaseStore
from counterfoil.jobs.infrastructure.local import EventBell, LocalDispatcher
from counterfoil.jobs.infrastructure.presence import FilePresence
from counterfoil.jobs.infrastructure.session import SessionLock, SessionPresence
from counterfoil.jobs.infrastructure.sql import SqlJobStore
from counterfoil.jobs.infrastructure.tables import JobRow
from counterfoil.jobs.infrastructure.turns import EveryTurn
from counterfoil.jobs.infrastructure.upkeep import SqlUpkeepStore
from counterfoil.jobs.moves import Returned
from counterfoil.jobs.places import Places
from counterfoil.jobs.protocols import Presence
from counterfoil.jobs.queues import QueueService
from counterfoil.jobs.service import JobService
from counterfoil.jobs.types import Handled, JobType, JobTypes
from counterfoil.jobs.upkeep.lateness import Lateness
from counterfoil.jobs.upkeep.release import Release
from counterfoil.jobs.upkeep.rescue import Rescue
from counterfoil.jobs.upkeep.rounds import Duty, Upkeep
from counterfoil.jobs.upkeep.stragglers import Stragglers
from counterfoil.jobs.worker import Guard, Worker
from tests.support.handlers import Handler, Note, all_handled, light, runner
from tests.support.waiting import wait_until


@dataclass(slots=True)
class Endings:
    """An observer that remembers."""

    seen: list[tuple[Job, Attempt]] = field(default_factory=list)

    def attempt_ended(self, after: Job, attempt: Attempt) -> None:
        self.seen.append((after, attempt))


class MoodyDatabase(Database):
    """A database that refuses some transactions, and after some that it committed says that it did not."""

    refusals = 0
    lies = 0

    @contextmanager
    def transaction(self, workspace: UUID | None = None) -> Iterator[Transaction]:
        if self.refusals > 0:
            self.refusals -= 1
            raise DatabaseUnavailable
        with super().transaction(workspace) as tx:
            yield tx
        if self.lies > 0:
            self.lies -= 1
            raise DatabaseUnavailable


class NoGuard:
    """Stands in where a test has only light jobs, so that no process is started."""

    def warm_up(self) -> None: ...

    def run(self, job: Job) -> Ended | Returned:
        raise AssertionError(job)

    def cancel(self, job: JobId) -> bool:
        return False

    def interrupt(self) -> None: ...

    def close(self) -> None: ...


class NoHerald:
    """Calls nobody: the bell is for this process, and workers in others look by themselves often enough.

    The one for PostgreSQL has a thread that never ends, and would outlive a test's database.
    """

    def call(self) -> None: ...


@dataclass(slots=True, kw_only=True)
class Engine:
    """The whole engine on one database, as one process has it."""

    database: Database
    folder: Path
    guard: Guard | None = None
    more: Sequence[Handled[Any]] = ()
    concurrency: int = 2
    lapse: timedelta = timedelta(seconds=60)
    grace: timedelta = timedelta(seconds=30)
    beat_every: timedelta = timedelta(milliseconds=200)
    lock_grace: timedelta = timedelta(seconds=3)
    upkeep_every: timedelta = timedelta(milliseconds=200)
    bell: EventBell = field(default_factory=EventBell)
    upkeep_bell: EventBell = field(default_factory=EventBell)
    endings: Endings = field(default_factory=Endings)
    store: SqlJobStore = field(default_factory=SqlJobStore)
    leases: SqlLeaseStore = field(default_factory=SqlLeaseStore)
    upkeep_store: SqlUpkeepStore = field(default_factory=SqlUpkeepStore)

    @property
    def types(self) -> JobTypes:
        return JobTypes(handled.type for handled in all_handled(self.more).values())

    @property
    def dispatcher(self) -> LocalDispatcher:
        return LocalDispatcher(self.bell, NoHerald())

    @property
    def following(self) -> Following:
        return Following(
            database=self.database,
            jobs=self.store,
            leases=self.leases,
            places=self.places,
            upkeep=self.upkeep_bell,
        )

    @property
    def places(self) -> Places:
        return Places(database=self.database, store=self.upkeep_store)

    @property
    def jobs(self) -> JobService:
        return JobService(
            database=self.database,
            store=self.store,
            upkeep_store=self.upkeep_store,
            types=self.types,
            dispatcher=self.dispatcher,
            places=self.places,
            upkeep=self.upkeep_bell,
            new_id=new_id,
        )

    @property
    def changes(self) -> JobChanges:
        return JobChanges(
            database=self.database,
            store=self.store,
            types=self.types,
            following=self.following,
            upkeep=self.upkeep_bell,
            retry_limit=3,
            retry_delay=timedelta(0),
        )

    @property
    def batches(self) -> JobBatches:
        return JobBatches(database=self.database, store=self.store, changes=self.changes, new_id=new_id)

    @property
    def queues(self) -> QueueService:
        return QueueService(database=self.database, store=self.upkeep_store, upkeep=self.upkeep_bell)

    def presence(self) -> Presence:
        """Return a proof of life as another process would have one."""
        if self.database.is_sqlite:
            return FilePresence(self.database, self.folder / "workers", every=self.beat_every, lapse=self.lapse)
        session = SessionLock(self.url, self.bell.ring)
        return SessionPresence(self.database, session, every=self.beat_every, lapse=self.lapse, grace=self.lock_grace)

    @property
    def url(self) -> str:
        return self.database.engine.url.render_as_string(hide_password=False)

    def rescue(self, presence: Presence | None = None) -> Rescue:
        return Rescue(
            database=self.database,
            leases=self.leases,
            store=self.upkeep_store,
            presence=presence or self.presence(),
            observer=self.endings,
            following=self.following,
            upkeep=self.upkeep_bell,
        )

    @property
    def release(self) -> Release:
        return Release(database=self.database, store=self.upkeep_store, dispatcher=self.dispatcher)

    @property
    def lateness(self) -> Lateness:
        return Lateness(database=self.database, jobs=self.store, store=self.upkeep_store, following=self.following)

    @property
    def stragglers(self) -> Stragglers:
        return Stragglers(database=self.database, store=self.upkeep_store, following=self.following)

    def upkeep(self, presence: Presence | None = None) -> Upkeep:
        often = self.upkeep_every
        return Upkeep(
            duties=(
                Duty(name="rescue", every=often, work=self.rescue(presence)),
                Duty(name="release", every=often, work=self.release, when_rung=True),
                Duty(name="lateness", every=often, work=self.lateness),
                Duty(name="stragglers", every=often, work=self.stragglers),
            ),
            bell=self.upkeep_bell,
            turns=EveryTurn(),
            poll=often,
        )

    def worker(self) -> Worker:
        handled = all_handled(self.more)
        return Worker(
            database=self.database,
            jobs=self.store,
            leases=self.leases,
            presence=self.presence(),
            light_types={one.name for one in self.types if one.light},
            bell=self.bell,
            upkeep=self.upkeep_bell,
            following=self.following,
            guard=self.guard or ChildPool(partial(runner, self.url), preload=["tests.support.handlers"]),
            light=AttemptRunner(handlers=handled, database=self.database, store=self.leases, new_id=new_id),
            observer=self.endings,
            new_id=new_id,
            queues=["default"],
            concurrency=self.concurrency,
            poll_every=timedelta(milliseconds=200),
            grace=self.grace,
        )

    def enqueue(
        self, workspace: WorkspaceId, job_type: JobType[Note], text: str = "", *, number: int = 0, **order: Any
    ) -> JobId:
        with self.database.transaction() as tx:
            return self.jobs.enqueue(tx, workspace, job_type, Note(text=text, number=number), Order(**order))

    @contextmanager
    def working(self) -> Iterator[Worker]:
        """Run a worker and upkeep in threads and end them."""
        worker = self.worker()
        upkeep = self.upkeep(worker.presence)
        thread = threading.Thread(target=worker.run, name="worker")
        thread.start()
        upkeep.start()
        try:
            yield worker
        finally:
            worker.stop()
            thread.join(60)
            upkeep.stop()
            assert not thread.is_alive()

    def await_status(self, workspace: WorkspaceId, job: JobId, *wanted: JobStatus, seconds: float = 40) -> Job:
        """Wait until the job stands at one of these, or is final."""
        found: list[Job] = []

        def there() -> bool:
            found[:] = [self.jobs.get(workspace, job)]
            return found[0].status in wanted or (not wanted and found[0].status.final)

        wait_until(there, seconds=seconds)
        return found[0]


def enqueue_many(engine: Engine, workspace: WorkspaceId, handler: Handler, number: int) -> Sequence[JobId]:
    """Have so many light jobs done by this handler, made in one transaction."""
    with engine.database.transaction() as tx:
        return engine.jobs.enqueue_many(tx, workspace, light(handler), [Note()] * number)


def statuses(engine: Engine) -> Counter[str]:
    """Count the jobs of all workspaces by where they stand."""
    with engine.database.reading() as tx:
        counted = tx.execute(
            select(JobRow.status.label("key"), func.count().label("number")).group_by(JobRow.status)
        ).all()
    return Counter({str(row.key): int(row.number) for row in counted})
