"""Whatever happens to jobs and workers, in whatever order: none is lost, none is stuck, none is completed twice."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.ids import first_id, new_id
from counterfoil.jobs.context import JobContext
from counterfoil.jobs.domain import (
    FINAL,
    AttemptKey,
    BatchId,
    Ending,
    Failure,
    Job,
    JobId,
    JobStatus,
    Lease,
    Order,
    WorkerId,
)
from counterfoil.jobs.errors import (
    CallbackNotFound,
    CallbackRefused,
    IllegalMove,
    KeyUsedOtherwise,
    LeaseLost,
    ParentNotFound,
    RetriesUsedUp,
)
from counterfoil.jobs.following import Following
from counterfoil.jobs.infrastructure.presence import BeatPresence
from counterfoil.jobs.infrastructure.tables import JobAttemptRow, JobRow
from counterfoil.jobs.journal import Journal
from counterfoil.jobs.moves import Completed, Failed, Outcome, Postponed, Returned, Stopped, Waiting
from counterfoil.jobs.protocols import settlement_of
from counterfoil.jobs.settling import Settler
from counterfoil.jobs.types import JobType
from counterfoil.jobs.upkeep.retention import Retention
from tests.conftest import ACME, BIRCH, prepare
from tests.support.clock import FixedClock, TimedDatabase
from tests.support.engine import Endings, Engine
from tests.support.handlers import Note
from tests.support.postgres import PostgresServer

FAILURE = Failure(code="network_error", message="The line is dead.")
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
UNDER_WAY = {JobStatus.PROCESSING, JobStatus.WAITING}


class Abandoning(Following):
    """Follows nobody, as a process that died between settling and following."""

    def ended(self, jobs: Sequence[Job]) -> None: ...


class Uncounted:
    """Wants no figures about clean-ups."""

    def cleaned_up(self, removed: int, seconds: float) -> None: ...

    def clean_up_failed(self) -> None: ...


@dataclass(slots=True, kw_only=True)
class Life:
    """What has to be true of a job, by what was seen to happen to it."""

    id: JobId
    workspace: WorkspaceId
    parents: Collection[JobId]
    despite_parents: bool
    holder: Lease | None = None
    waits: bool = False
    """An attempt is over, but an answer to it is not."""
    settled: int = 0
    charged: int = 0
    """Attempts that count against the allowance."""
    completed: int = 0
    endings: dict[Lease, type[Outcome]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A callback's token as an attempt gave it out."""

    secret: str
    job: JobId
    lease: Lease
    final: bool


class JobsInAnyOrder(RuleBasedStateMachine):
    """Plays handlers, workers that die, upkeep and people against one database, with a clock of its own."""

    url = ""

    workers = Bundle("workers")
    batches = Bundle("batches")
    attempts = Bundle("attempts")
    tokens = Bundle("tokens")

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.clock = FixedClock(datetime(2026, 3, 1, 12, 0, tzinfo=UTC))
        self.database = TimedDatabase(self.url or f"sqlite:///{Path(self.folder.name) / 'machine.db'}", self.clock)
        prepare(self.database)
        self.engine = Engine(database=self.database, folder=Path(self.folder.name))
        self.presence = BeatPresence(self.database, every=timedelta(0), lapse=1_000 * DAY)
        numbers = count()
        # Ids tell when a job was made, and retention goes by that.
        self.service = replace(
            self.engine.jobs, new_id=lambda: UUID(int=first_id(self.clock.now()).int + next(numbers))
        )
        self.lives: dict[JobId, Life] = {}
        self.removed: set[JobId] = set()
        self.keys: dict[tuple[WorkspaceId, str], tuple[JobId, datetime, object]] = {}
        self.limits: dict[BatchId, tuple[WorkspaceId, int | None]] = {}
        self.asked: set[tuple[JobId, Lease]] = set()
        self.answers: dict[str, object] = {}
        self.somebody_died = False
        """Since the last look for stragglers somebody may have left children behind."""

    # --- what people and other rooms do ---

    @rule(target=batches, workspace=st.sampled_from([ACME, BIRCH]), at_most=st.sampled_from([None, 1, 2]))
    def start_batch(self, workspace: WorkspaceId, at_most: int | None) -> BatchId:
        with self.database.transaction() as tx:
            batch = self.engine.batches.start(tx, workspace, at_most=at_most)
        self.limits[batch] = workspace, at_most
        return batch

    @rule(batch=batches, number=st.integers(1, 4), key=st.sampled_from([None, "a"]))
    def enqueue_in_batch(self, batch: BatchId, number: int, key: str | None) -> None:
        workspace, _ = self.limits[batch]
        order = Order(batch=batch, concurrency_key=key)
        with self.database.transaction() as tx:
            made = self.service.enqueue_many(tx, workspace, job_type(2), [Note()] * number, order)
        self._begin(made, workspace, order)

    @rule(
        workspace=st.sampled_from([ACME, BIRCH]),
        most=st.integers(1, 3),
        priority=st.integers(0, 10),
        key=st.sampled_from([None, None, "a", "b"]),
        wait=st.sampled_from([0, 0, 30]),
        deadline=st.sampled_from([None, None, 45, 3600]),
    )
    def enqueue(
        self, workspace: WorkspaceId, most: int, priority: int, key: str | None, wait: int, deadline: int | None
    ) -> None:
        now = self.clock.now()
        order = Order(
            priority=priority,
            concurrency_key=key,
            scheduled_for=now + timedelta(seconds=wait) if wait else None,
            deadline=now + timedelta(seconds=deadline) if deadline else None,
        )
        with self.database.transaction() as tx:
            made = self.service.enqueue(tx, workspace, job_type(most), Note(), order)
        self._begin([made], workspace, order)

    @rule(
        which=st.lists(st.integers(0, 20), min_size=1, max_size=3, unique=True),
        despite=st.booleans(),
        wait=st.sampled_from([0, 30]),
        key=st.sampled_from([None, "a"]),
    )
    def enqueue_behind_others(self, which: list[int], despite: bool, wait: int, key: str | None) -> None:
        """Enqueue a job behind others of its workspace, be they unfinished, over or removed."""
        known = [*self.lives.values()][::-1]
        parents = [known[one] for one in which if one < len(known)]
        parents = [one for one in parents if one.workspace == parents[0].workspace]
        if not parents:
            return
        order = Order(
            after=[one.id for one in parents],
            despite_parents=despite,
            scheduled_for=self.clock.now() + timedelta(seconds=wait) if wait else None,
            concurrency_key=key,
        )
        gone = self.removed & set(order.after)
        try:
            with self.database.transaction() as tx:
                made = self.service.enqueue(tx, parents[0].workspace, job_type(2), Note(), order)
        except ParentNotFound:
            assert gone
        else:
            assert not gone
            self._begin([made], parents[0].workspace, order)

    @rule(
        workspace=st.sampled_from([ACME, BIRCH]), name=st.sampled_from(["one", "two"]), text=st.sampled_from(["x", "y"])
    )
    def enqueue_under_a_key(self, workspace: WorkspaceId, name: str, text: str) -> None:
        order = Order(idempotency_key=name)
        before = self.keys.get((workspace, name))
        known = before and before[0] not in self.removed and self.clock.now() - before[1] < DAY
        try:
            with self.database.transaction() as tx:
                made = self.service.enqueue(tx, workspace, job_type(2), Note(text=text), order)
        except KeyUsedOtherwise:
            assert known
            assert before
            assert before[2] != text
            return
        if known:
            assert before
            assert (made, text) == (before[0], before[2])
            return
        assert made not in self.lives
        self.keys[workspace, name] = made, self.clock.now(), text
        self._begin([made], workspace, order)

    @rule(which=st.integers(0, 20))
    def cancel(self, which: int) -> None:
        life = self._pick(which)
        if life is None:
            return
        before = self.engine.jobs.get(life.workspace, life.id)
        try:
            after = self.engine.changes.cancel(life.workspace, life.id)
        except IllegalMove:
            assert before.status.final
        else:
            expected = JobStatus.PROCESSING if before.status is JobStatus.PROCESSING else JobStatus.CANCELLED
            assert after.status is expected

    @rule(batch=batches)
    def cancel_batch(self, batch: BatchId) -> None:
        workspace, _ = self.limits[batch]
        counts = self.engine.batches.cancel(workspace, batch).counts
        assert {status for status in counts if not status.final} <= {JobStatus.PROCESSING}

    @rule(workspace=st.sampled_from([ACME, BIRCH]))
    def retry_dead_letters(self, workspace: WorkspaceId) -> None:
        for row in self._rows():
            if row.status == JobStatus.DEAD_LETTER and row.workspace_id == workspace:
                try:
                    self.engine.changes.retry(workspace, row.id)
                except RetriesUsedUp:
                    assert row.retries == self.engine.changes.retry_limit
                else:
                    self.lives[row.id].charged = 0

    @rule(token=tokens, says=st.sampled_from(["yes", "no"]))
    def answer(self, token: Token, says: str) -> None:
        life = self.lives[token.job]
        said, answer = self.answers.get(token.secret), {"says": says}
        try:
            assert self.engine.changes.answer(token.secret, answer) == token.job
        except CallbackNotFound:
            assert token.job in self.removed
        except CallbackRefused:
            assert token.job not in self.removed
            assert said != answer if said else life.holder != token.lease
        else:
            assert token.job not in self.removed
            assert said == answer if said else life.holder == token.lease
            self.answers[token.secret] = answer

    # --- what workers do ---

    @initialize(target=workers)
    def first_worker(self) -> WorkerId:
        return self._start_worker()

    @rule(target=workers)
    def another_worker(self) -> WorkerId:
        return self._start_worker()

    @rule(worker=consumes(workers))
    def worker_dies(self, worker: WorkerId) -> None:
        with self.database.transaction() as tx:
            self.presence.bury(tx, worker)

    @rule(target=attempts, worker=workers, limit=st.integers(1, 4))
    def claim(self, worker: WorkerId, limit: int) -> Any:
        """Do a worker's turn; also that of one that others took for dead."""
        return multiple(*self._claim(worker, limit))

    @rule(target=tokens, job=attempts, final=st.booleans())
    def give_out_a_token(self, job: Job, final: bool) -> Any:
        life = self.lives[job.id]
        holds = life.holder == job.lease and not life.waits
        assert job.lease
        if (job.id, job.lease) in self.asked:
            return multiple()
        try:
            secret = self._context(job).callback_token(final=final)
        except LeaseLost:
            assert not holds
            return multiple()
        assert holds
        token = Token(secret=secret, job=job.id, lease=job.lease, final=final)
        self.asked.add((job.id, job.lease))
        return token

    @rule(
        jobs=st.lists(attempts, min_size=1, max_size=4, unique_by=lambda job: job.id),
        kind=st.sampled_from([Completed, Completed, Failed, Failed, Returned, Postponed, Waiting, Waiting, Stopped]),
        retry=st.booleans(),
        wait=st.sampled_from([30, 7200]),
        dies=st.booleans(),
    )
    def settle(self, jobs: list[Job], kind: type[Outcome], retry: bool, wait: int, dies: bool) -> None:
        """Settle as any attempt does, also one that has been settled or superseded; some die before they can follow."""
        self._settle(
            jobs, self._outcome(kind, retry=retry, until=self.clock.now() + timedelta(seconds=wait)), dies=dies
        )

    # --- what upkeep does ---

    @rule(seconds=st.sampled_from([1, 60, 3600, 86_400]))
    def let_time_pass(self, seconds: int) -> None:
        self.clock.pass_by(timedelta(seconds=seconds))

    @rule()
    def release(self) -> None:
        self.engine.release()

    @rule()
    def rescue(self) -> None:
        before = len(self.engine.endings.seen)
        self.engine.rescue(self.presence)()
        for after, attempt in self.engine.endings.seen[before:]:
            life = self.lives[after.id]
            life.settled += 1
            life.endings[attempt.lease] = type(attempt.ending)  # type: ignore[assignment]  # no outcome is like it
            life.holder = None
            self.somebody_died |= after.status.final

    @rule()
    def look_for_the_late(self) -> None:
        self.engine.lateness()
        now = self.clock.now()
        for row in self._rows():
            begun = row.status in UNDER_WAY or row.status in FINAL
            assert begun or row.deadline is None or row.deadline > now
            assert row.status != JobStatus.WAITING or row.answer_due_at > now

    @rule()
    def look_for_stragglers(self) -> None:
        self.engine.stragglers()
        self.somebody_died = False

    @rule(finished=st.sampled_from([MINUTE, DAY]), dead=st.sampled_from([MINUTE, DAY]), most=st.integers(0, 3))
    def remove_what_is_over(self, finished: timedelta, dead: timedelta, most: int) -> None:
        before = {row.id: row for row in self._rows()}
        retention = Retention(
            database=self.database,
            store=self.engine.upkeep_store,
            observer=Uncounted(),
            keep_finished=finished,
            keep_dead=dead,
            most_dead=most,
        )
        number = retention.finished() + retention.dead()
        gone = before.keys() - {row.id for row in self._rows()}
        assert len(gone) == number
        assert all(before[job].status in FINAL for job in gone)
        awaited = {
            parent for row in before.values() if row.status == "blocked" for parent in self.lives[row.id].parents
        }
        assert not gone & awaited
        self.removed |= gone

    # --- what has to hold after each of these ---

    @invariant()
    def each_job_stands_somewhere_and_none_is_lost(self) -> None:
        rows = self._rows()
        assert {row.id for row in rows} == self.lives.keys() - self.removed
        for row in rows:
            self._see(self.lives[row.id], row)
            life = self.lives[row.id]
            processed, waits = row.status == JobStatus.PROCESSING, row.status == JobStatus.WAITING
            assert row.attempts == life.charged + (processed or waits) <= row.max_attempts
            assert row.lease == life.holder
            assert (processed or waits) == (row.lease is not None)
            assert processed == (row.worker_id is not None)
            assert waits == life.waits == (row.answer_due_at is not None)
            assert not row.ready or (row.status == JobStatus.PENDING and row.due_at <= self.clock.now())
            assert (row.status in FINAL) == (row.ended_at is not None)
            assert (row.status == JobStatus.COMPLETED) == (row.completed_at is not None) == (life.completed == 1)
            assert (row.status == JobStatus.DEAD_LETTER) == (row.dead_reason is not None)
            assert (row.status == JobStatus.FAILED) == (row.next_retry_at is not None)
            assert row.cancel_requested_at is None or row.status in {*FINAL, JobStatus.PROCESSING}

    @invariant()
    def attempts_are_those_that_were_settled_and_at_most_one_completed(self) -> None:
        with self.database.reading() as tx:
            by_job = select(JobAttemptRow.job_id, func.count().label("number")).group_by(JobAttemptRow.job_id)
            kept = {row.job_id: row.number for row in tx.execute(by_job)}
            done = tx.execute(select(JobAttemptRow.job_id).where(JobAttemptRow.ending == Ending.COMPLETED)).scalars()
            completed = Counter(done)
        there = [life for life in self.lives.values() if life.id not in self.removed]
        assert kept == {life.id: life.settled for life in there if life.settled}
        assert max(completed.values(), default=0) <= 1
        assert max((life.completed for life in there), default=0) <= 1

    @invariant()
    def nothing_is_ready_or_under_way_beyond_its_limits(self) -> None:
        keys, batches = Counter[object](), Counter[BatchId]()
        for row in self._rows():
            if row.ready or row.status in UNDER_WAY:
                keys[row.workspace_id, row.concurrency_key] += row.concurrency_key is not None
                batches[row.batch_id] += 1
        assert max(keys.values(), default=0) <= 1
        for batch, (_, at_most) in self.limits.items():
            assert at_most is None or batches[batch] <= at_most

    @invariant()
    def who_is_blocked_waits_for_somebody_or_is_found_by_upkeep(self) -> None:
        rows = {row.id: row for row in self._rows()}
        left = {
            row.id
            for row in rows.values()
            if row.status == JobStatus.BLOCKED
            and all(rows[parent].status in FINAL for parent in self.lives[row.id].parents if parent in rows)
        }
        with self.database.reading() as tx:
            assert {job.id for job in self.engine.upkeep_store.unblocked(tx, 1_000)} == left
        assert self.somebody_died or not left

    @invariant()
    def nobody_goes_before_those_that_it_waits_for(self) -> None:
        rows = {row.id: row for row in self._rows()}
        ran = {row.id for row in rows.values() if row.status == JobStatus.COMPLETED or row.status in UNDER_WAY}
        for child in ran:
            life = self.lives[child]
            for parent in life.parents:
                assert life.despite_parents or rows[child].retries or self.lives[parent].completed, (child, parent)

    def teardown(self) -> None:
        try:
            self._bring_all_to_an_end()
        finally:
            with self.database.transaction() as tx:
                for table in ("job_attempts", "jobs", "job_batches", "workers", "workspaces"):
                    tx.connection.exec_driver_sql(f"DELETE FROM {table}")
            self.database.close()
            self.folder.cleanup()

    def _bring_all_to_an_end(self) -> None:
        """Let a worker that never fails work until nothing is left: whatever happened, no job may be stuck."""
        with self.database.transaction() as tx:
            for row in self._rows():
                if row.worker_id:
                    self.presence.bury(tx, row.worker_id)
        worker = self._start_worker()
        for _ in range(len(self.lives) + 5):
            self.clock.pass_by(DAY)
            self.look_for_the_late()
            self.rescue()
            self.look_for_stragglers()
            self.each_job_stands_somewhere_and_none_is_lost()
            while claimed := self._claim(worker, 50):
                self._settle(claimed, Completed(), dies=False)
            if all(row.status in FINAL for row in self._rows()):
                break
        unfinished = [row for row in self._rows() if row.status not in FINAL]
        assert not unfinished
        self.each_job_stands_somewhere_and_none_is_lost()
        self.nobody_goes_before_those_that_it_waits_for()

    # --- how ---

    def _rows(self) -> Sequence[Any]:
        with self.database.reading() as tx:
            return tx.execute(select(*JobRow.__table__.columns)).all()

    def _pick(self, which: int) -> Life | None:
        there = [life for life in self.lives.values() if life.id not in self.removed]
        return there[-1 - which] if which < len(there) else None

    def _begin(self, made: Collection[JobId], workspace: WorkspaceId, order: Order) -> None:
        for job in made:
            self.lives[job] = Life(
                id=job, workspace=workspace, parents=order.after, despite_parents=order.despite_parents
            )

    def _start_worker(self) -> WorkerId:
        worker = WorkerId(new_id())
        self.presence.register(worker, "host:1")
        return worker

    def _claim(self, worker: WorkerId, limit: int) -> list[Job]:
        self.engine.release()
        with self.database.transaction() as tx:
            claimed = [*self.engine.leases.claim(tx, worker, Lease(new_id()), ["default"], limit)]
            claimed += self.engine.leases.claim(tx, worker, Lease(new_id()), ["default"], 1, alone=True)
        for job in claimed:
            self.lives[job.id].holder = job.lease
        return claimed

    def _context(self, job: Job) -> JobContext:
        assert job.lease
        return JobContext(
            job=job,
            lease=job.lease,
            database=self.database,
            store=self.engine.leases,
            new_id=new_id,
            journal=Journal(),
        )

    @staticmethod
    def _outcome(kind: type[Outcome], *, retry: bool, until: datetime) -> Outcome:
        if kind is Failed:
            return Failed(failure=FAILURE, retry=retry)
        if kind is Postponed:
            return Postponed(until=until, reason="The service is down.")
        return Waiting(deadline=until) if kind is Waiting else kind()  # type: ignore[call-arg]  # the others say nothing

    def _settle(self, jobs: Sequence[Job], outcome: Outcome, *, dies: bool) -> None:
        saved, done = Endings(), list[AttemptKey]()
        following = self.engine.following
        if dies:
            following = Abandoning(**{name: getattr(following, name) for name in following.__slots__})
        settler = Settler(
            database=self.database,
            jobs=self.engine.store,
            leases=self.engine.leases,
            following=following,
            observer=saved,
            upkeep=self.engine.upkeep_bell,
            on_done=done.extend,
            on_doubt=lambda: pytest.fail("the database was there"),
        )
        for job in jobs:
            settler.put(settlement_of(job, outcome, self.clock.now()))
        settler.start()
        settler.close(60)
        assert sorted(job for job, _ in done) == sorted(job.id for job in jobs)
        self.somebody_died |= dies
        self._note_settled(jobs, outcome, {after.id for after, _ in saved.seen})

    def _note_settled(self, jobs: Sequence[Job], outcome: Outcome, saved: Collection[JobId]) -> None:
        accepted = set()
        for job in jobs:
            life = self.lives[job.id]
            assert job.lease
            if life.endings.get(job.lease) is type(outcome) and job.id not in self.removed:
                accepted.add(job.id)  # said before
            elif life.holder == job.lease and not life.waits:
                accepted.add(job.id)
                life.endings[job.lease] = type(outcome)
                life.settled += 1
                life.waits = isinstance(outcome, Waiting)
                life.holder = job.lease if life.waits else None
                life.charged += isinstance(outcome, Completed | Failed | Stopped)
                life.completed += isinstance(outcome, Completed)
        assert saved == accepted

    def _see(self, life: Life, row: Any) -> None:
        """Note what became of a job whose answer came, or is not waited for any longer."""
        if life.waits and row.status != JobStatus.WAITING:
            life.waits, life.holder = False, None
            life.charged += row.status != JobStatus.PENDING  # the attempt that goes on is counted by its next claim
            life.completed += row.status == JobStatus.COMPLETED


def job_type(most: int) -> JobType[Note]:
    return JobType(name="light_greet", payload=Note, max_attempts=most, light=True)


_QUIETLY = settings(deadline=None, suppress_health_check=list(HealthCheck))

TestOnSqlite = JobsInAnyOrder.TestCase
TestOnSqlite.settings = settings(_QUIETLY, max_examples=25, stateful_step_count=40)


def test_on_postgresql(postgres: PostgresServer) -> None:
    with postgres.database() as url:

        class OnPostgresql(JobsInAnyOrder):
            """The same, on an empty PostgreSQL database."""

        OnPostgresql.url = url
        run_state_machine_as_test(OnPostgresql, settings=settings(_QUIETLY, max_examples=8, stateful_step_count=30))
