"""The engine's stores as people, workers and upkeep use them, with a clock that the test sets."""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import event

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.domain import Attempt, Failure, Job, Lease, WorkerId
from counterfoil.jobs.infrastructure.leases import SqlLeaseStore
from counterfoil.jobs.infrastructure.sql import SqlJobStore
from counterfoil.jobs.infrastructure.upkeep import SqlUpkeepStore
from counterfoil.jobs.moves import Lost, Outcome
from counterfoil.jobs.protocols import settlement_of
from counterfoil.jobs.upkeep.release import chosen
from tests.support.jobs import make_job

STORE = SqlJobStore()
LEASES = SqlLeaseStore()
UPKEEP = SqlUpkeepStore()
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WORKER = WorkerId(new_id())
FAILURE = Failure(code="network_error", message="The line is dead.", stack="Traceback …")


def add(database: Database, *jobs: Job) -> None:
    with database.transaction() as tx:
        STORE.add(tx, jobs)


def claim(
    database: Database, limit: int = 1, *, queues: Collection[str] = ("default",), alone: bool = False
) -> Sequence[Job]:
    with database.transaction() as tx:
        return LEASES.claim(tx, WORKER, Lease(new_id()), queues, limit, alone=alone)


def claimed(database: Database, workspace: WorkspaceId, **facts: Any) -> Job:
    """Return a new job as its first attempt has it."""
    job = make_job(workspace, **facts)
    add(database, job)
    with database.transaction() as tx:
        taken = LEASES.claim_one(tx, WORKER, Lease(new_id()), job.id)
    assert taken
    return taken


def release(database: Database, now: datetime = NOW, limit: int = 100) -> int:
    """Do what upkeep does, at this time; return how many jobs were released."""
    with database.transaction() as tx:
        if not UPKEEP.may_release(tx):
            return 0
        room = UPKEEP.room(tx)
        calls = chosen(UPKEEP.candidates(tx, now, room, limit), room)
        UPKEEP.release(tx, now, [call.job for call in calls])
        return len(calls)


def settle(database: Database, job: Job, outcome: Outcome, now: datetime = NOW) -> bool:
    """Settle an attempt by itself; tell whether its lease held."""
    with database.transaction() as tx:
        return bool(LEASES.settle(tx, [settlement_of(job, outcome, now)]))


def stored(database: Database, job: Job) -> Job:
    with database.reading() as tx:
        found = STORE.get(tx, job.workspace, job.id)
    assert found
    return found


def attempts_at(database: Database, job: Job) -> Sequence[Attempt]:
    with database.reading() as tx:
        return STORE.attempts(tx, job.workspace, job.id)


def superseded(database: Database, workspace: WorkspaceId) -> tuple[Job, Job]:
    """Return a job as an old attempt knows it, and as the attempt does that has taken it over."""
    old = claimed(database, workspace)
    assert settle(database, old, Lost())
    assert release(database) == 1
    (new,) = claim(database)
    return old, new


def plan(database: Database, act: Callable[[Transaction], object]) -> str:
    """Return how the database goes about the statements of an act, which is rolled back."""
    explain = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "
    statements: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        statements.append((statement, parameters))

    with database.engine.connect() as connection, connection.begin() as transaction:
        event.listen(connection, "before_cursor_execute", note)
        act(Transaction(connection))
        transaction.rollback()
    with database.transaction() as tx:
        explained = [tx.connection.exec_driver_sql(explain + statement, values) for statement, values in statements]
        return "\n".join(row[-1] for rows in explained for row in rows)
