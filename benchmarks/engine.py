"""Our own side: the only file here that knows how the job engine is put together."""

import signal
from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property
from typing import ClassVar

from pydantic import BaseModel
from sqlalchemy import text

from benchmarks.contestants import Place
from benchmarks.crew import Crew, wait_until
from benchmarks.work import Work, do
from counterfoil.access.domain import DEFAULT_WORKSPACE
from counterfoil.access.infrastructure.sql import SqlWorkspaceStore
from counterfoil.engine import Engine
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.metrics import Metrics
from counterfoil.foundation.settings import Settings
from counterfoil.jobs.attempts import AttemptRunner, Ended
from counterfoil.jobs.context import JobContext
from counterfoil.jobs.domain import Attempt, Job, JobId, Lease, WorkerId
from counterfoil.jobs.infrastructure.leases import SqlLeaseStore
from counterfoil.jobs.infrastructure.upkeep import SqlUpkeepStore
from counterfoil.jobs.moves import Returned
from counterfoil.jobs.types import Handled, JobType, JobTypes
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

    def cancel(self, job: JobId) -> bool:
        raise AssertionError(job)

    def interrupt(self) -> None: ...

    def close(self) -> None: ...


def _told(work: Work) -> Told:
    return Told(number=work.number, seconds=work.seconds, line=work.line)


class Nobody:
    """Observes nothing."""

    def attempt_ended(self, after: Job, attempt: Attempt) -> None: ...


class Counterfoil:
    """The engine as the house builds it, on SQLite or PostgreSQL."""

    name: ClassVar[str] = "Counterfoil"
    settings: ClassVar[str] = "WORKER_CONCURRENCY=50; light jobs"
    workers_a_process: ClassVar[int] = 1

    def __init__(self, place: Place) -> None:
        self._place = place

    @cached_property
    def _engine(self) -> Engine:
        settings = Settings(data_dir=self._place.folder, database_url=self._place.url, worker_concurrency=50)
        least, most = settings.database_pool_min, settings.database_pool_max
        database = Database(self._place.url, pool_size=least, max_overflow=most - least)
        return Engine.build(settings, database, Metrics(), JobTypes([NO_OP]), Nobody())

    @property
    def _database(self) -> Database:
        return self._engine.database

    def prepare(self) -> None:
        migrate(self._database)
        with self._database.transaction() as tx:
            SqlWorkspaceStore().ensure_default(tx)

    def enqueue(self, work: Work) -> None:
        with self._database.transaction(DEFAULT_WORKSPACE) as tx:
            self._engine.jobs.enqueue(tx, DEFAULT_WORKSPACE, NO_OP, _told(work))

    def enqueue_many(self, works: Sequence[Work]) -> None:
        with self._database.transaction(DEFAULT_WORKSPACE) as tx:
            self._engine.jobs.enqueue_many(tx, DEFAULT_WORKSPACE, NO_OP, [_told(work) for work in works])

    def work(self) -> None:
        handlers = {NO_OP.name: Handled(type=NO_OP, handler=handle)}
        runner = AttemptRunner(handlers=handlers, database=self._database, store=SqlLeaseStore(), new_id=new_id)
        worker = self._engine.worker(runner, NoGuard())
        signal.signal(signal.SIGTERM, lambda *_: worker.stop())
        with self._engine.upkept():
            worker.run()

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
            jobs = SqlLeaseStore().claim(tx, WorkerId(new_id()), Lease(new_id()), [NO_OP.queue], limit)
        return len(jobs)

    def remove(self, limit: int) -> int:
        with self._database.transaction() as tx:
            return SqlUpkeepStore().remove_finished(tx, tx.now() + timedelta(days=1), limit)

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
