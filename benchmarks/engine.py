"""Our own side: the only file here that knows how the job engine is put together."""

import signal
from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any, ClassVar

from pydantic import BaseModel
from sqlalchemy import text

from benchmarks.contestants import Place
from benchmarks.crew import Crew, wait_until
from benchmarks.work import Work, do
from counterfoil.access.domain import DEFAULT_WORKSPACE
from counterfoil.access.infrastructure.sql import SqlWorkspaceStore
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.settings import Settings
from counterfoil.jobs.attempts import AttemptRunner, Ended
from counterfoil.jobs.context import JobContext
from counterfoil.jobs.domain import Attempt, Job, Lease, Returned, WorkerId
from counterfoil.jobs.infrastructure.local import LocalDispatcher
from counterfoil.jobs.infrastructure.sql import SqlJobStore
from counterfoil.jobs.infrastructure.workers import LockedWorkerStore, SqlWorkerStore
from counterfoil.jobs.protocols import WorkerStore
from counterfoil.jobs.service import JobService
from counterfoil.jobs.types import Handled, JobType, JobTypes
from counterfoil.jobs.upkeep import Upkeep
from counterfoil.jobs.worker import Worker
from counterfoil.migrations import migrate


class Told(BaseModel):
    """The payload: what `Work` says."""

    number: int
    seconds: float
    line: bool


def handle(context: JobContext, told: Told) -> None:
    """Leave the mark first: it tells when the handler began."""
    do(told.number, told.seconds)
    if told.line:
        context.log("Did nothing", number=told.number)


NO_OP = JobType(name="no_op", payload=Told, light=True)


class NoGuard:
    """Stands where children are run: there are only light jobs here."""

    def warm_up(self) -> None: ...

    def run(self, job: Job) -> Ended | Returned:
        raise AssertionError(job)

    def interrupt(self) -> None: ...

    def close(self) -> None: ...


class Nobody:
    """Observes nothing."""

    def attempt_ended(self, after: Job, attempt: Attempt) -> None: ...


def _default(setting: str) -> Any:
    """Return what a worker is given when nobody sets anything."""
    return Settings.model_fields[setting].default


class Counterfoil:
    """The engine with its default settings, on SQLite or PostgreSQL."""

    name: ClassVar[str] = "Counterfoil"
    settings: ClassVar[str] = "defaults; light jobs"
    workers_a_process: ClassVar[int] = 1

    def __init__(self, place: Place) -> None:
        self._place = place
        self._store = SqlJobStore()
        self._dispatcher = LocalDispatcher()

    @cached_property
    def _database(self) -> Database:
        least, most = _default("database_pool_min"), _default("database_pool_max")
        return Database(self._place.url, pool_size=least, max_overflow=most - least)

    @cached_property
    def _jobs(self) -> JobService:
        return JobService(database=self._database, store=self._store, dispatcher=self._dispatcher, new_id=new_id)

    def prepare(self) -> None:
        migrate(self._database)
        with self._database.transaction() as tx:
            SqlWorkspaceStore().ensure_default(tx)

    def enqueue(self, work: Work) -> None:
        self.enqueue_many([work])

    def enqueue_many(self, works: Sequence[Work]) -> None:
        with self._database.transaction() as tx:
            for work in works:
                told = Told(number=work.number, seconds=work.seconds, line=work.line)
                self._jobs.enqueue(tx, DEFAULT_WORKSPACE, NO_OP, told)

    def work(self) -> None:
        worker = self._worker()
        signal.signal(signal.SIGTERM, lambda *_: worker.stop())
        worker.run()

    def _worker(self) -> Worker:
        types, workers, observer = JobTypes([Handled(type=NO_OP, handler=handle)]), self._workers(), Nobody()
        return Worker(
            database=self._database,
            jobs=self._store,
            workers=workers,
            types=types,
            upkeep=Upkeep(
                database=self._database,
                jobs=self._store,
                workers=workers,
                observer=observer,
                lapse=timedelta(seconds=_default("worker_lapse_seconds")),
            ),
            dispatcher=self._dispatcher,
            guard=NoGuard(),
            light=AttemptRunner(types=types, database=self._database, store=self._store, new_id=new_id),
            observer=observer,
            new_id=new_id,
            queues=[NO_OP.queue],
            concurrency=_default("worker_concurrency"),
            beat_every=timedelta(seconds=_default("worker_beat_seconds")),
            poll_every=timedelta(seconds=_default("worker_poll_seconds")),
            grace=timedelta(seconds=10),
        )

    def _workers(self) -> WorkerStore:
        if self._place.url.startswith("sqlite"):
            return LockedWorkerStore(self._place.folder / "workers")
        return SqlWorkerStore()

    def settled(self) -> int:
        return self._count("jobs WHERE status = 'completed'")

    def missing(self, jobs: int) -> Sequence[str]:
        rows = {
            "jobs completed": "jobs WHERE status = 'completed'",
            "attempts completed": "job_attempts WHERE ending = 'completed'",
            "attempts in all": "job_attempts",
            "jobs with a log line": "(SELECT DISTINCT job_id FROM job_logs) AS logged",
            "log lines": "job_logs",
        }
        counted = {what: self._count(where) for what, where in rows.items()}
        return [f"{count} of {jobs} {what}" for what, count in counted.items() if count != jobs]

    def _count(self, where: str) -> int:
        with self._database.reading() as tx:
            found: int = tx.execute(text(f"SELECT count(*) FROM {where}")).scalar_one()  # noqa: S608 - our own words
        return found

    def claim(self, limit: int) -> int:
        with self._database.transaction() as tx:
            jobs = self._store.claim(tx, WorkerId(new_id()), Lease(new_id()), [NO_OP.queue], tx.now(), limit)
        return len(jobs)

    def fill(self, *, finished: int, waiting: int) -> None:
        """Let one job be done and another wait, and copy their rows."""
        self.enqueue(Work(number=0))
        with Crew(self, self._place, 1) as crew:
            wait_until(lambda: self.settled() == 1, 60, crew.check)
        self._copy("status = 'completed'", 1, finished - 1)
        self.enqueue(Work(number=1))
        self._copy("ready", finished, waiting - 1)
        if not self._place.url.startswith("sqlite"):
            with self._database.transaction() as tx:
                tx.execute(text("ANALYZE jobs"))  # as autovacuum would before long; on SQLite nobody does

    def _copy(self, template: str, first: int, count: int) -> None:
        """Copy the one row that matches, with ids made of numbers from `first` on, one after the other in turn."""
        lite = self._place.url.startswith("sqlite")
        identity = "printf('%032x', n)" if lite else "lpad(to_hex(n), 32, '0')::uuid"
        series = "WITH RECURSIVE series (n) AS (SELECT :first UNION ALL SELECT n + 1 FROM series WHERE n < :last)"
        if not lite:
            series = "WITH series (n) AS (SELECT generate_series(CAST(:first AS bigint), CAST(:last AS bigint)))"
        with self._database.transaction() as tx:
            one = tx.execute(text(f"SELECT * FROM jobs WHERE {template}"))  # noqa: S608 - our own words
            kept = [f'"{name}"' for name in one.keys() if name not in {"id", "claim_key"}]  # noqa: SIM118 - a result
            one.close()
            into, from_ = ", ".join(["id", "claim_key", *kept]), ", ".join([identity, "claim_key + n", *kept])
            insert = f"INSERT INTO jobs ({into}) {series} SELECT {from_} FROM jobs, series WHERE jobs.id = :id"  # noqa: S608
            which = tx.execute(text(f"SELECT id FROM jobs WHERE {template}")).scalar_one()  # noqa: S608
            tx.execute(text(insert), {"first": first, "last": first + count - 1, "id": which})
