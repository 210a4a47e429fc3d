"""What services and handlers ask of the engine works behind a wall on PostgreSQL, and as quickly."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, insert, text

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.paging import Paging
from counterfoil.jobs.context import JobContext
from counterfoil.jobs.domain import Job, JobStatus, Lease, WorkerId
from counterfoil.jobs.errors import JobNotFound, LeaseLost
from counterfoil.jobs.infrastructure.rows import identity_of, row_of
from counterfoil.jobs.infrastructure.tables import JobRow
from counterfoil.jobs.journal import Journal
from tests.conftest import ACME, BIRCH, prepare
from tests.support.engine import Engine
from tests.support.handlers import greet, guarded
from tests.support.jobs import make_job
from tests.support.postgres import PostgresServer

ALL = Paging(limit=50)


class WalledDatabase(Database):
    """A database whose every transaction is in one workspace."""

    workspace: WorkspaceId

    @contextmanager
    def transaction(self, workspace: UUID | None = None) -> Iterator[Transaction]:
        with super().transaction(self.workspace) as tx:
            yield tx

    @contextmanager
    def reading(self, workspace: UUID | None = None) -> Iterator[Transaction]:
        with super().reading(self.workspace) as tx:
            yield tx


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    with postgres.database() as url:
        yield url


@pytest.fixture
def free(url: str, tmp_path: Path) -> Iterator[Engine]:
    """The engine as it is for its own work."""
    database = Database(url)
    prepare(database)
    yield Engine(database=database, folder=tmp_path)
    database.close()


@contextmanager
def within(free: Engine, workspace: WorkspaceId) -> Iterator[Engine]:
    """Ask the engine from behind a wall."""
    database = WalledDatabase(free.database.url)
    database.workspace = workspace
    try:
        yield Engine(database=database, folder=free.folder)
    finally:
        database.close()


def claim(free: Engine) -> Job:
    with free.database.transaction() as tx:
        (job,) = free.leases.claim(tx, WorkerId(new_id()), Lease(new_id()), ["default"], 5)
    return job


def context_of(engine: Engine, job: Job) -> JobContext:
    assert job.lease
    return JobContext(
        job=job,
        lease=job.lease,
        database=engine.database,
        store=engine.leases,
        new_id=new_id,
        journal=Journal(),
    )


def test_a_job_is_enqueued_worked_on_and_completed_behind_the_wall(free: Engine) -> None:
    with within(free, ACME) as acme:
        job_id = acme.enqueue(ACME, guarded(greet), concurrency_key="one")
        free.release()
        job = claim(free)
        context = context_of(acme, job)
        context.log("Began")
        context.keep_lines()
        context.progress(1, 2, message="half")
        assert context.step("first", lambda: {"n": 1}) == context.step("first", dict) == {"n": 1}
        with context.transaction() as tx:
            context.complete(tx, {"done": True})
        done = acme.jobs.get(ACME, job_id)
        assert (done.status, done.result) == (JobStatus.COMPLETED, {"done": True})
        assert [one.number for one in acme.jobs.attempts(ACME, job_id)] == [1]
        assert [line.message for line in acme.jobs.logs(ACME, job_id, ALL).items] == ["Began"]
        assert [one.id for one in acme.jobs.page(ACME, ALL).items] == [job_id]


def test_a_dead_letter_is_retried_behind_the_wall(free: Engine) -> None:
    with free.database.transaction() as tx:
        dead = make_job(ACME, status=JobStatus.DEAD_LETTER, ready=False)
        free.store.add(tx, [dead])
    with within(free, ACME) as acme:
        assert acme.changes.retry(ACME, dead.id).status is JobStatus.PENDING


def test_what_names_no_workspace_cannot_reach_over_the_wall(free: Engine) -> None:
    job_id = free.enqueue(ACME, guarded(greet))
    job = claim(free)
    with within(free, BIRCH) as birch:
        with pytest.raises(LeaseLost):
            context_of(birch, job).progress(1, 1)
        with pytest.raises(LeaseLost), context_of(birch, job).transaction():
            pass
        with pytest.raises(JobNotFound):
            birch.jobs.get(ACME, job_id)  # not even with the right name
        with birch.database.reading() as tx:
            assert not free.upkeep_store.has_work(tx)


def test_a_wall_costs_a_list_one_comparison_and_none_of_its_indexes(free: Engine) -> None:
    owners = [ACME if number % 20 == 0 else BIRCH for number in range(4_000)]
    finished = [make_job(one, status=JobStatus.COMPLETED, ready=False) for one in owners]
    with free.database.transaction() as tx:
        tx.execute(insert(JobRow), [row_of(job) | identity_of(job) for job in finished])
        tx.execute(text("ANALYZE jobs"))
    with within(free, ACME) as acme:
        for paging in (ALL, Paging(limit=50, after=finished[2_000].id)):
            plan, added = explained(free, paging), explained(acme, paging)
            for line in plan:
                added.remove(line)
            assert any("Index Cond: " in line for line in plan), plan
            assert [line.split("(")[0] for line in added] == ["->  Result", "One-Time Filter: "], added


def explained(engine: Engine, paging: Paging) -> list[str]:
    """Return how the database goes about a list of jobs."""
    statements: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, values: object, *_: object) -> None:
        statements.append((statement, values))

    event.listen(engine.database.engine, "before_cursor_execute", note)
    assert len(engine.jobs.page(ACME, paging).items) == 50
    event.remove(engine.database.engine, "before_cursor_execute", note)
    ((statement, values),) = [one for one in statements if "FROM jobs" in one[0]]
    with engine.database.reading() as tx:
        rows = tx.connection.exec_driver_sql(f"EXPLAIN (COSTS OFF) {statement}", values)
        return [row[0].strip() for row in rows]
