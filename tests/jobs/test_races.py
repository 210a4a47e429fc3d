"""Many at once, refusals at any statement, answers that are lost: what was accepted is done once, and nothing twice."""

import random
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import event, select, update

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database, DatabaseUnavailable
from counterfoil.foundation.failpoints import armed
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.context import JobContext
from counterfoil.jobs.domain import Backoff, Ending, Failure, JobId, JobStatus, Lease, Order, WorkerId
from counterfoil.jobs.errors import IllegalMove, KeyUsedOtherwise, LeaseLost, ParentNotFound
from counterfoil.jobs.infrastructure.tables import JobAttemptRow, JobRow
from counterfoil.jobs.journal import Journal
from counterfoil.jobs.moves import Failed, move
from tests.support import handlers
from tests.support.clock import RunningClock, TimedDatabase
from tests.support.engine import Engine, NoGuard, enqueue_many, statuses
from tests.support.handlers import Note, effects, light
from tests.support.injection import Fault, Faults, FaultyDatabase
from tests.support.jobs import make_job
from tests.support.schedules import Slots, make_schedule
from tests.support.waiting import wait_until


@pytest.fixture
def engine(database: Database, tmp_path: Path) -> Engine:
    effects.metadata.create_all(database.engine)
    return Engine(database=database, folder=tmp_path, guard=NoGuard(), concurrency=4)


def completions(engine: Engine) -> Counter[JobId]:
    with engine.database.reading() as tx:
        return Counter(
            tx.execute(select(JobAttemptRow.job_id).where(JobAttemptRow.ending == Ending.COMPLETED)).scalars()
        )


# --- answers that are lost ---


@contextmanager
def behind(engine: Engine, faults: Faults) -> Iterator[Engine]:
    """Have an engine on the same database, some of whose transactions fail."""
    database = FaultyDatabase(engine.url, faults)
    yield Engine(database=database, folder=engine.folder, guard=NoGuard(), concurrency=4)
    database.close()


def at(*numbers: int, fault: Fault = Fault.EXECUTE_AND_TIMEOUT) -> Faults:
    return Faults(at={("writing", number): fault for number in numbers})


def test_a_job_with_a_key_whose_commit_was_not_answered_is_there_once_when_it_is_handed_in_again(
    engine: Engine, workspace: WorkspaceId
) -> None:
    with behind(engine, at(1, 2)) as moody:
        for _ in range(2):
            with pytest.raises(DatabaseUnavailable):
                moody.enqueue(workspace, light(handlers.greet), idempotency_key="once")
        job = moody.enqueue(workspace, light(handlers.greet), idempotency_key="once")
    assert statuses(engine) == {JobStatus.PENDING: 1}
    assert engine.jobs.get(workspace, job).id == job


def test_a_retry_whose_commit_was_not_answered_is_refused_the_second_time(
    engine: Engine, workspace: WorkspaceId
) -> None:
    dead = make_job(workspace, status=JobStatus.DEAD_LETTER, ready=False, attempts=5, dead_reason="attempts_used_up")
    with engine.database.transaction() as tx:
        engine.store.add(tx, [dead])
    with behind(engine, at(1)) as moody:
        with pytest.raises(DatabaseUnavailable):
            moody.changes.retry(workspace, dead.id)
        with pytest.raises(IllegalMove):
            moody.changes.retry(workspace, dead.id)
    retried = engine.jobs.get(workspace, dead.id)
    assert (retried.status, retried.attempts, retried.retries) == (JobStatus.PENDING, 0, 1)


@pytest.mark.parametrize("fault", list(Fault))
def test_a_schedule_whose_firing_was_not_answered_fires_each_slot_once(
    engine: Engine, workspace: WorkspaceId, fault: Fault
) -> None:
    slots = Slots(engine.database)
    hour = slots.now().replace(minute=0, second=0, microsecond=0)
    slots.add(make_schedule(workspace, next_run_at=hour - timedelta(hours=2), cron="0 * * * *"))
    with behind(engine, at(1, 2, fault=fault)) as moody:
        scheduler = Slots(moody.database).scheduler
        for _ in range(2):
            with suppress(DatabaseUnavailable):
                scheduler()
        scheduler()
    assert len(slots.keys()) == len(set(slots.keys())) == 3


def test_a_process_that_fails_in_the_midst_of_firing_leaves_no_half_of_it(
    engine: Engine, workspace: WorkspaceId
) -> None:
    slots = Slots(engine.database)
    slots.add(
        make_schedule(workspace, next_run_at=slots.now().replace(minute=0, second=0, microsecond=0), cron="0 * * * *")
    )
    with armed("schedule.firing=raise*1"):
        slots.scheduler()
        assert slots.keys() == []
        slots.scheduler()
    assert len(slots.keys()) == 1


def test_claims_and_settlements_that_fail_or_only_seem_to_lose_nothing(engine: Engine, workspace: WorkspaceId) -> None:
    jobs = enqueue_many(engine, workspace, handlers.take_effect, 60)
    faults = Faults(rate=0.1)
    with behind(engine, faults) as moody, moody.working():
        wait_until(lambda: sum(statuses(engine)[one] for one in JobStatus if one.final) == 60)
    assert faults.met
    with engine.database.reading() as tx:
        effected = set(tx.execute(select(effects.c.job_id)).scalars())
    done = completions(engine)
    assert set(done) == effected
    assert set(done.values()) == {1}
    # Whose handler was refused both times is dead, and has no effect.
    assert statuses(engine)[JobStatus.DEAD_LETTER] == len(set(jobs) - effected)


# --- refusals at any statement ---


@contextmanager
def refusals(database: Database, rate: float) -> Iterator[Counter[str]]:
    """Refuse statements as a server does: for a deadlock, a serialisation failure, a lock held too long."""
    faults = Faults(rate=rate)
    chance = random.Random(faults.seed)
    met: Counter[str] = Counter()
    lock = threading.Lock()

    def refuse(_cursor: object, statement: str, *_: object) -> None:
        with lock:
            if faults.next(statement.split()[0]) is None:
                return
            error = _busy() if database.is_sqlite else chance.choice(_REFUSALS)()
            met[type(error).__name__] += 1
        raise error

    names = ("do_execute", "do_execute_no_params", "do_executemany")
    for name in names:
        event.listen(database.engine, name, refuse)
    try:
        yield met
    finally:
        for name in names:
            event.remove(database.engine, name, refuse)


_REFUSALS: Sequence[type[Exception]] = (
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
    psycopg.errors.LockNotAvailable,
    psycopg.errors.QueryCanceled,
)


def _busy() -> Exception:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return error


def test_statements_that_are_refused_by_chance_lose_no_job_and_do_none_twice(
    engine: Engine, workspace: WorkspaceId
) -> None:
    enqueue_many(engine, workspace, handlers.greet, 150)
    for number in range(10):
        engine.enqueue(workspace, light(handlers.greet), concurrency_key=f"key {number % 3}")
    with refusals(engine.database, 0.05) as met, engine.working():
        wait_until(lambda: _counted(engine) == 160)
    assert met
    assert statuses(engine) == {JobStatus.COMPLETED: 160}
    assert set(completions(engine).values()) == {1}


def _counted(engine: Engine) -> int:
    with suppress(DatabaseUnavailable):
        return statuses(engine)[JobStatus.COMPLETED]
    return 0


# --- many at once ---


def test_ten_thousand_jobs_that_fail_at_once_come_back_spread_as_documented(workspace: WorkspaceId) -> None:
    """By the distance of Kolmogorov and Smirnov to an even spread over half of the delay."""
    now = datetime(2026, 3, 1, tzinfo=UTC)
    job = make_job(
        workspace,
        status=JobStatus.PROCESSING,
        attempts=1,
        max_attempts=1_000,
        backoff=Backoff(base=timedelta(seconds=60)),
        lease=Lease(new_id()),
        worker=WorkerId(new_id()),
    )
    number = 10_000
    failed = (move(job, Failed(failure=Failure(code="storm", message="")), now) for _ in range(number))
    shares = sorted(((after.due_at - now).total_seconds() - 60) / 30 for after in failed)
    distance = max(max(share - i / number, (i + 1) / number - share) for i, share in enumerate(shares))
    assert distance * number**0.5 < 2.5  # by chance once in 130,000 times
    assert 0 <= shares[0] < shares[-1] <= 1


def test_a_key_that_a_hundred_clients_use_at_once_makes_one_job(engine: Engine, workspace: WorkspaceId) -> None:
    gate = threading.Barrier(10)

    def hand_in(_: int) -> JobId:
        gate.wait()
        return engine.enqueue(workspace, light(handlers.greet), "same", idempotency_key="once")

    with ThreadPoolExecutor(10) as pool:
        jobs = set(pool.map(hand_in, range(100)))
    assert len(jobs) == 1
    assert sum(statuses(engine).values()) == 1
    with pytest.raises(KeyUsedOtherwise):
        engine.enqueue(workspace, light(handlers.greet), "another", idempotency_key="once")


def test_a_key_is_free_again_when_its_time_is_over(engine: Engine, workspace: WorkspaceId) -> None:
    old = engine.enqueue(workspace, light(handlers.greet), "one", idempotency_key="daily")
    with engine.database.transaction() as tx:
        long_ago = tx.now() - engine.jobs.keys_last
        tx.execute(update(JobRow).where(JobRow.id == old).values(created_at=long_ago))
    new = engine.enqueue(workspace, light(handlers.greet), "another", idempotency_key="daily")
    assert new != old
    assert engine.enqueue(workspace, light(handlers.greet), "another", idempotency_key="daily") == new


@pytest.mark.parametrize("length", [0, 256, 257, 10_000])
def test_a_key_of_any_length_is_a_key(engine: Engine, workspace: WorkspaceId, length: int) -> None:
    key = "".join(random.Random(length).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=length))
    jobs = {engine.enqueue(workspace, light(handlers.greet), idempotency_key=key) for _ in range(2)}
    other = engine.enqueue(workspace, light(handlers.greet), idempotency_key=key + "!")
    assert len(jobs) == 1
    assert other not in jobs
    alone = [engine.enqueue(workspace, light(handlers.greet), concurrency_key=key) for _ in range(2)]
    with engine.working():
        assert {engine.await_status(workspace, job).status for job in alone} == {JobStatus.COMPLETED}


def test_cancelling_meets_claims_runs_completions_retries_and_leaves_every_job_in_one_end(
    engine: Engine, workspace: WorkspaceId
) -> None:
    jobs = [
        *enqueue_many(engine, workspace, handlers.take_effect, 60),
        *enqueue_many(engine, workspace, handlers.fail_once, 60),
        *enqueue_many(engine, workspace, handlers.greet, 60),
    ]
    children = [
        engine.enqueue(workspace, light(handlers.greet), after=[parent], despite_parents=number % 2 == 0)
        for number, parent in enumerate(jobs[::6])
    ]

    def cancel(job: JobId) -> bool:
        try:
            engine.changes.cancel(workspace, job)
        except IllegalMove:
            return False
        return True

    shuffled = random.Random(7).sample(jobs, len(jobs))
    with engine.working(), ThreadPoolExecutor(3) as pool:
        answers = dict(zip(shuffled, pool.map(cancel, shuffled), strict=True))
        over = [engine.await_status(workspace, job) for job in [*jobs, *children]]
    assert {job.status for job in over} <= {JobStatus.COMPLETED, JobStatus.CANCELLED}
    done = completions(engine)
    for job in over:
        assert done[job.id] == (job.status is JobStatus.COMPLETED)
        assert job.worker is None
        if answers.get(job.id) is False:  # it was over before: nobody has cancelled it
            assert job.status is JobStatus.COMPLETED
    with engine.database.reading() as tx:
        effected = set(tx.execute(select(effects.c.job_id)).scalars())
    assert effected == {job.id for job in over[:60] if job.status is JobStatus.COMPLETED}


def test_of_many_who_retry_the_same_dead_letter_one_does(engine: Engine, workspace: WorkspaceId) -> None:
    dead = make_job(workspace, status=JobStatus.DEAD_LETTER, ready=False, attempts=5, dead_reason="attempts_used_up")
    with engine.database.transaction() as tx:
        engine.store.add(tx, [dead])
    gate = threading.Barrier(8)

    def retry(_: int) -> bool:
        gate.wait()
        with suppress(IllegalMove):
            engine.changes.retry(workspace, dead.id)
            return True
        return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(retry, range(8))) == 1
    assert engine.jobs.get(workspace, dead.id).retries == 1


# --- clocks ---


def test_when_the_databases_clock_steps_back_work_goes_on_and_nothing_is_lost(
    database: Database, workspace: WorkspaceId, tmp_path: Path
) -> None:
    """What was due by the clock as it was before may wait until it is that late again; what is ready does not."""
    clock = RunningClock(datetime(2026, 3, 1, 12, 0, tzinfo=UTC))
    timed = TimedDatabase(database.url, clock)
    engine = Engine(database=timed, folder=tmp_path, guard=NoGuard())
    ready = [engine.enqueue(workspace, light(handler)) for handler in (handlers.greet, handlers.fail_once)]
    due = engine.enqueue(workspace, light(handlers.greet), concurrency_key="before")
    clock.pass_by(timedelta(hours=-1))
    later = [
        engine.enqueue(workspace, light(handlers.fail_once)),
        engine.enqueue(workspace, light(handlers.greet), concurrency_key="after"),
        engine.enqueue(workspace, light(handlers.greet), after=ready),
    ]
    with engine.working():
        done = [engine.await_status(workspace, job) for job in [*ready, *later]]
        assert {job.status for job in done} == {JobStatus.COMPLETED}
        assert engine.jobs.get(workspace, due).status is JobStatus.PENDING
        clock.pass_by(timedelta(hours=1))
        assert engine.await_status(workspace, due).status is JobStatus.COMPLETED
    assert all(job.started_at and job.ended_at and job.started_at <= job.ended_at for job in done)
    timed.close()


# --- families ---


def test_a_job_cannot_wait_for_what_is_not_there_or_a_neighbours(
    engine: Engine, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    """As a job can only wait for jobs that are there, none can wait for itself, or in a circle."""
    theirs = engine.enqueue(other_workspace, light(handlers.greet))
    for parent in (JobId(new_id()), theirs):
        with pytest.raises(ParentNotFound):
            engine.enqueue(workspace, light(handlers.greet), after=[parent])
    assert sum(statuses(engine).values()) == 1


def test_a_job_that_waits_for_thousands_begins_once_after_the_last(engine: Engine, workspace: WorkspaceId) -> None:
    parents = enqueue_many(engine, workspace, handlers.greet, 2_000)
    child = engine.enqueue(workspace, light(handlers.greet), after=parents)
    with engine.working():
        done = engine.await_status(workspace, child)
    assert (done.status, done.attempts) == (JobStatus.COMPLETED, 1)
    assert statuses(engine) == {JobStatus.COMPLETED: 2_001}
    ended = [engine.jobs.get(workspace, parent).ended_at for parent in parents[::100]]
    assert done.started_at
    assert all(moment and moment <= done.started_at for moment in ended)


def test_a_child_of_the_dead_is_cancelled_and_one_of_the_removed_begins(engine: Engine, workspace: WorkspaceId) -> None:
    dying, going = (engine.enqueue(workspace, light(handler)) for handler in (handlers.fail, handlers.greet))
    of_dead = engine.enqueue(workspace, light(handlers.greet), after=[dying])
    of_gone = engine.enqueue(workspace, light(handlers.greet), after=[going])
    with engine.database.transaction() as tx:  # as if whoever should have followed the parent's end had died
        over = {"status": JobStatus.COMPLETED, "ready": False, "ended_at": tx.now()}
        tx.execute(update(JobRow).where(JobRow.id == going).values(over))
        engine.store.remove(tx, workspace, [going])
    with engine.working():
        dead = engine.await_status(workspace, of_dead)
        assert engine.await_status(workspace, of_gone).status is JobStatus.COMPLETED
    assert dead.status is JobStatus.CANCELLED
    assert dead.failure
    assert dead.failure.code == "parent_ended"


# --- turns and progress ---


def test_a_low_job_begins_in_spite_of_a_steady_stream_of_high_ones(engine: Engine, workspace: WorkspaceId) -> None:
    """Its priority is made up for by its age: ten steps of a minute each at most."""
    low = engine.enqueue(workspace, light(handlers.greet), priority=0)
    claimed: list[JobId] = []
    with engine.database.transaction() as tx:
        older = JobRow.claim_key - 10 * 60 * 1_000_000
        tx.execute(update(JobRow).where(JobRow.id == low).values(claim_key=older))
    for _ in range(3):
        with engine.database.transaction() as tx:
            order = Order(priority=10)
            engine.jobs.enqueue_many(tx, workspace, light(handlers.greet), [Note()] * 5, order)
            jobs = engine.leases.claim(tx, WorkerId(new_id()), Lease(new_id()), ["default"], 2)
            claimed += [job.id for job in jobs]
    assert claimed[0] == low


def test_progress_after_the_end_is_refused(engine: Engine, workspace: WorkspaceId) -> None:
    engine.enqueue(workspace, light(handlers.greet))
    with engine.database.transaction() as tx:
        (job,) = engine.leases.claim(tx, WorkerId(new_id()), Lease(new_id()), ["default"], 1)
    assert job.lease
    given: dict[str, Any] = {"job": job, "lease": job.lease, "database": engine.database, "store": engine.leases}
    context = JobContext(new_id=new_id, journal=Journal(), **given)
    with context.transaction() as tx:
        context.complete(tx, {"done": True})
    with pytest.raises(LeaseLost):
        context.progress(1, 2)
    assert engine.jobs.get(workspace, job.id).progress is None
