"""Whatever happens to jobs and workers, in whatever order: none is lost, none is completed twice."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select

from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.domain import Ending, Failure, Job, JobId, JobStatus, Lease, WorkerId
from counterfoil.jobs.infrastructure.presence import BeatPresence
from counterfoil.jobs.infrastructure.tables import JobAttemptRow, JobRow
from counterfoil.jobs.moves import Completed, Failed, Outcome, Retried, Returned, move
from counterfoil.jobs.protocols import settlement_of
from tests.conftest import ACME, BIRCH, prepare
from tests.support.jobs import Engine, make_job
from tests.support.postgres import PostgresServer
from tests.support.stores import LEASES, STORE, release

FAILURE = Failure(code="network_error", message="The line is dead.")


class JobsInAnyOrder(RuleBasedStateMachine):
    """Plays handlers, workers that die, upkeep and people against one database, with a clock of its own."""

    url = ""

    workers = Bundle("workers")
    attempts = Bundle("attempts")

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.database = Database(self.url or f"sqlite:///{Path(self.folder.name) / 'machine.db'}")
        prepare(self.database)
        self.now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
        self.jobs: set[JobId] = set()
        self.settled: Counter[JobId] = Counter()
        self.completed: Counter[JobId] = Counter()
        self.charged: Counter[JobId] = Counter()  # attempts that count against the allowance
        self.holders: dict[JobId, Lease | None] = {}
        self.ended: dict[tuple[JobId, Lease | None], type[Outcome]] = {}
        self.presence = BeatPresence(self.database, every=timedelta(0), lapse=timedelta(days=1))
        self.engine = Engine(database=self.database, folder=Path(self.folder.name))

    @initialize(target=workers)
    def first_worker(self) -> WorkerId:
        return self.start_worker()

    @rule(target=workers)
    def another_worker(self) -> WorkerId:
        return self.start_worker()

    def start_worker(self) -> WorkerId:
        worker = WorkerId(new_id())
        self.presence.register(worker, "host:1")
        return worker

    @rule(
        key=st.sampled_from([None, "a", "b"]),
        workspace=st.sampled_from([ACME, BIRCH]),
        priority=st.integers(0, 10),
        most=st.integers(1, 3),
        wait=st.sampled_from([0, 30]),
        number=st.integers(1, 3),
    )
    def enqueue(self, key: str | None, workspace: Any, priority: int, most: int, wait: int, number: int) -> None:
        for _ in range(number):
            job = make_job(
                workspace,
                concurrency_key=key,
                priority=priority,
                max_attempts=most,
                due_at=self.now + timedelta(seconds=wait),
                ready=key is None and not wait,
            )
            with self.database.transaction() as tx:
                STORE.add(tx, [job])
            self.jobs.add(job.id)

    @rule(seconds=st.sampled_from([1, 60, 3600]))
    def let_time_pass(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(target=attempts, worker=workers, limit=st.integers(1, 4))
    def claim(self, worker: WorkerId, limit: int) -> list[Job]:
        """Do a worker's turn: release what is due, and claim."""
        release(self.database, self.now, limit)
        with self.database.transaction() as tx:
            claimed = [*LEASES.claim(tx, worker, Lease(new_id()), ["default"], limit)]
            claimed += LEASES.claim(tx, worker, Lease(new_id()), ["default"], 1, alone=True)
        self.holders.update({job.id: job.lease for job in claimed})
        return claimed

    @rule(
        claimed=attempts,
        outcome=st.sampled_from(
            [Completed(), Failed(failure=FAILURE), Failed(failure=FAILURE, retry=False), Returned()]
        ),
    )
    def settle(self, claimed: list[Job], outcome: Outcome) -> None:
        """Settle as any attempt does, also one that has been settled or superseded."""
        kinds = {job.id: type(outcome) for job in claimed}
        first = {job.id for job in claimed if self.holders[job.id] == job.lease}
        with self.database.transaction() as tx:
            saved = LEASES.settle(tx, [settlement_of(job, outcome, self.now) for job in claimed])
        repeated = {job.id for job in claimed if self.ended.get((job.id, job.lease)) is kinds[job.id]}
        assert {one.after.id for one in saved} == first | repeated
        for job in claimed:
            if job.id in first:
                self.holders[job.id] = None
                self.ended[job.id, job.lease] = type(outcome)
                self.settled[job.id] += 1
                self.charged[job.id] += isinstance(outcome, Completed | Failed)
                self.completed[job.id] += isinstance(outcome, Completed)

    @rule(worker=consumes(workers))
    def worker_dies(self, worker: WorkerId) -> None:
        with self.database.transaction() as tx:
            self.presence.bury(tx, worker)

    @rule()
    def rescue(self) -> None:
        before = len(self.engine.endings.seen)
        self.engine.rescue(self.presence)()
        for after, _ in self.engine.endings.seen[before:]:
            self.settled[after.id] += 1
            self.holders[after.id] = None

    @rule()
    def person_retries_dead_letters(self) -> None:
        with self.database.transaction() as tx:
            query = select(JobRow.workspace_id, JobRow.id).where(JobRow.status == JobStatus.DEAD_LETTER)
            for row in tx.execute(query).all():
                dead = STORE.get(tx, row.workspace_id, row.id, hold=True)
                assert dead
                STORE.save(tx, move(dead, Retried(), self.now))
                self.charged[dead.id] = 0

    @invariant()
    def every_job_is_in_one_state_that_makes_sense(self) -> None:
        with self.database.reading() as tx:
            rows = tx.execute(select(*JobRow.__table__.columns)).all()
        assert {row.id for row in rows} == self.jobs
        for row in rows:
            under_way = row.status == JobStatus.PROCESSING
            assert row.attempts == self.charged[row.id] + under_way <= row.max_attempts
            assert row.lease == self.holders.get(row.id)
            assert under_way == (row.lease is not None) == (row.worker_id is not None)
            assert not row.ready or row.status == JobStatus.PENDING
            assert (row.status == JobStatus.COMPLETED) == (row.completed_at is not None)
            assert (row.status == JobStatus.DEAD_LETTER) == (row.dead_reason is not None)
            assert (row.status == JobStatus.FAILED) == (row.next_retry_at is not None)

    @invariant()
    def attempts_are_those_that_were_settled_and_at_most_one_completed(self) -> None:
        with self.database.reading() as tx:
            by_job = select(JobAttemptRow.job_id, func.count().label("number")).group_by(JobAttemptRow.job_id)
            kept = {row.job_id: row.number for row in tx.execute(by_job)}
            done = tx.execute(select(JobAttemptRow.job_id).where(JobAttemptRow.ending == Ending.COMPLETED)).scalars()
            completed = Counter(done)
        assert kept == +self.settled
        assert completed == +self.completed
        assert max(completed.values(), default=0) <= 1

    @invariant()
    def of_a_concurrency_key_one_job_at_most_is_under_way(self) -> None:
        with self.database.reading() as tx:
            query = select(JobRow.workspace_id, JobRow.concurrency_key, JobRow.status, JobRow.ready).where(
                JobRow.concurrency_key.is_not(None)
            )
            under_way = Counter(
                (row.workspace_id, row.concurrency_key)
                for row in tx.execute(query)
                if row.ready or row.status == JobStatus.PROCESSING
            )
        assert max(under_way.values(), default=0) <= 1

    def teardown(self) -> None:
        with self.database.transaction() as tx:
            for table in ("job_attempts", "jobs", "workers", "workspaces"):
                tx.connection.exec_driver_sql(f"DELETE FROM {table}")
        self.database.close()
        self.folder.cleanup()


_QUIETLY = settings(deadline=None, suppress_health_check=list(HealthCheck))

TestOnSqlite = JobsInAnyOrder.TestCase
TestOnSqlite.settings = settings(_QUIETLY, max_examples=25, stateful_step_count=40)


def test_on_postgresql(postgres: PostgresServer) -> None:
    with postgres.database() as url:

        class OnPostgresql(JobsInAnyOrder):
            """The same, on an empty PostgreSQL database."""

        OnPostgresql.url = url
        run_state_machine_as_test(OnPostgresql, settings=settings(_QUIETLY, max_examples=8, stateful_step_count=30))
