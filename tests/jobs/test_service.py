"""Whoever orders work has it done once, behind what it waits for, and hears what is wrong with the order."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.paging import Paging
from counterfoil.jobs.domain import Job, JobId, JobStatus, Order, Queue
from counterfoil.jobs.errors import (
    InvalidPayload,
    JobNotFound,
    KeyUsedOtherwise,
    ParentNotFound,
    PayloadTooLarge,
    UnknownJobType,
)
from counterfoil.jobs.moves import CancelWanted, Claimed, Completed, Event, Failed, move
from counterfoil.jobs.plain import MAX_PAYLOAD_BYTES
from counterfoil.jobs.types import JobType
from tests.support.clock import FixedClock, TimedDatabase
from tests.support.engine import Engine
from tests.support.handlers import Note, greet, light
from tests.support.stores import FAILURE, LEASES, STORE, WORKER, claim

GREET = light(greet)
DEATH = Failed(failure=FAILURE, retry=False)


@pytest.fixture
def engine(database: Database, tmp_path: Path) -> Engine:
    return Engine(database=database, folder=tmp_path)


def happen(engine: Engine, workspace: WorkspaceId, job: JobId, *events: Event) -> Job:
    """Let this happen to a job, whatever led to it."""
    with engine.database.transaction() as tx:
        found = STORE.get(tx, workspace, job, hold=True)
        assert found
        for event in events:
            found = move(found, event, tx.now())
        STORE.save(tx, found)
    return found


def end(engine: Engine, workspace: WorkspaceId, job: JobId, how: JobStatus) -> None:
    """Bring a job to its end without moving anybody on."""
    claimed = Claimed(worker=WORKER, lease=new_id())  # type: ignore[arg-type]  # any will do
    ways: dict[JobStatus, tuple[Event, ...]] = {
        JobStatus.COMPLETED: (claimed, Completed()),
        JobStatus.DEAD_LETTER: (claimed, DEATH),
        JobStatus.CANCELLED: (CancelWanted(),),
    }
    assert happen(engine, workspace, job, *ways[how]).status is how


# --- what is ordered ---


def test_a_job_is_as_its_type_has_it_where_the_order_says_nothing(engine: Engine, workspace: WorkspaceId) -> None:
    job_type = JobType(name="light_greet", payload=Note, queue="slow", priority=7, max_attempts=4, memory_mb=99)
    job = engine.jobs.get(workspace, engine.enqueue(workspace, job_type, "Ada"))
    assert (job.queue, job.priority, job.max_attempts, job.memory_mb) == ("slow", 7, 4, 99)
    assert (job.payload, job.status, job.ready) == ({"text": "Ada", "number": 0}, JobStatus.PENDING, True)
    ordered = engine.jobs.get(workspace, engine.enqueue(workspace, job_type, queue="quick", priority=0))
    assert (ordered.queue, ordered.priority) == ("quick", 0)


def test_many_jobs_are_ordered_at_once_in_their_order(engine: Engine, workspace: WorkspaceId) -> None:
    notes = [Note(number=number) for number in range(20)]
    with engine.database.transaction() as tx:
        made = engine.jobs.enqueue_many(tx, workspace, GREET, notes, Order(priority=5))
    assert sorted(made) == list(made)
    found = [engine.jobs.get(workspace, job) for job in made]
    assert [job.payload["number"] for job in found] == list(range(20))
    assert {(job.priority, job.ready) for job in found} == {(5, True)}
    with engine.database.transaction() as tx:
        assert engine.jobs.enqueue_many(tx, workspace, GREET, []) == []


@pytest.mark.parametrize("order", [Order(idempotency_key="k"), Order(after=[JobId(new_id())])])
def test_many_jobs_share_neither_a_key_nor_parents(engine: Engine, workspace: WorkspaceId, order: Order) -> None:
    with engine.database.transaction() as tx, pytest.raises(AssertionError):
        engine.jobs.enqueue_many(tx, workspace, GREET, [Note(), Note()], order)


def test_a_job_of_a_name_has_to_be_known_and_to_fit(engine: Engine, workspace: WorkspaceId) -> None:
    made = engine.jobs.create(workspace, "light_greet", {"text": "Ada"}, Order())
    assert (made.type, made.payload["text"]) == ("light_greet", "Ada")
    with pytest.raises(UnknownJobType):
        engine.jobs.create(workspace, "nobody_knows", {}, Order())
    with pytest.raises(InvalidPayload, match="number"):
        engine.jobs.create(workspace, "light_greet", {"number": "many"}, Order())
    with pytest.raises(PayloadTooLarge):
        engine.jobs.create(workspace, "light_greet", {"text": "x" * MAX_PAYLOAD_BYTES}, Order())
    assert [job.id for job in engine.jobs.page(workspace, Paging()).items] == [made.id]


def test_a_job_in_a_limited_queue_is_not_ready_before_upkeep_found_it_a_place(
    engine: Engine, workspace: WorkspaceId
) -> None:
    engine.queues.limit("default", 1)
    jobs = [engine.enqueue(workspace, GREET) for _ in range(2)]
    assert not claim(engine.database)
    assert engine.release() == 1
    assert [job.id for job in claim(engine.database, 9)] == jobs[:1]
    assert engine.queues.all() == [Queue(name="default", at_most=1)]


# --- idempotency keys ---


@pytest.fixture
def time() -> FixedClock:
    return FixedClock(datetime(2026, 3, 1, 12, 0, tzinfo=UTC))


@pytest.fixture
def timed(database: Database, time: FixedClock, tmp_path: Path) -> Any:
    database = TimedDatabase(database.url, time)
    yield Engine(database=database, folder=tmp_path)
    database.close()


def test_of_fifty_who_ask_for_the_same_at_once_all_get_the_same_job(
    engine: Engine, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    neighbour = engine.enqueue(other_workspace, GREET, "Ada", idempotency_key="k")
    together = Barrier(50)

    def ask(_: int) -> JobId:
        together.wait(60)
        return engine.enqueue(workspace, GREET, "Ada", idempotency_key="k")

    with ThreadPoolExecutor(50) as threads:
        made = set(threads.map(ask, range(50)))
    assert len(made) == 1
    assert neighbour not in made
    assert {job.id for job in engine.jobs.page(workspace, Paging()).items} == made


def test_of_many_who_ask_for_different_things_by_one_key_the_first_wins(engine: Engine, workspace: WorkspaceId) -> None:
    together = Barrier(20)

    def ask(number: int) -> JobId | None:
        together.wait(60)
        try:
            return engine.enqueue(workspace, GREET, number=number, idempotency_key="k")
        except KeyUsedOtherwise:
            return None

    with ThreadPoolExecutor(20) as threads:
        made = [job for job in threads.map(ask, range(20)) if job]
    assert [job.id for job in engine.jobs.page(workspace, Paging()).items] == made


@pytest.mark.parametrize(
    "other",
    [
        {"text": "Eve"},
        {"number": 1},
        {"queue": "quick"},
        {"priority": 9},
        {"concurrency_key": "c"},
        {"deadline": datetime(2030, 1, 1, tzinfo=UTC)},
        {"scheduled_for": datetime(2030, 1, 1, tzinfo=UTC)},
    ],
)
def test_a_key_that_comes_with_another_request_is_refused(
    engine: Engine, workspace: WorkspaceId, other: dict[str, Any]
) -> None:
    first = engine.enqueue(workspace, GREET, "Ada", idempotency_key="k")
    with pytest.raises(KeyUsedOtherwise):
        engine.enqueue(workspace, GREET, **{"text": "Ada", "idempotency_key": "k"} | other)
    assert engine.enqueue(workspace, GREET, "Ada", idempotency_key="k") == first


def test_a_key_that_comes_with_other_parents_is_refused(engine: Engine, workspace: WorkspaceId) -> None:
    one, other = (engine.enqueue(workspace, GREET) for _ in range(2))
    child = engine.enqueue(workspace, GREET, idempotency_key="k", after=[one, other])
    assert engine.enqueue(workspace, GREET, idempotency_key="k", after=[other, one]) == child
    for after in ([], [one]):
        with pytest.raises(KeyUsedOtherwise):
            engine.enqueue(workspace, GREET, idempotency_key="k", after=after)


def test_a_key_is_remembered_also_when_a_parent_was_removed_since(
    engine: Engine, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    parent = engine.enqueue(workspace, GREET)
    child = engine.enqueue(workspace, GREET, idempotency_key="k", after=[parent], despite_parents=True)
    engine.changes.cancel(workspace, parent)
    engine.changes.remove(workspace, parent)
    assert engine.enqueue(workspace, GREET, idempotency_key="k", after=[parent], despite_parents=True) == child
    with pytest.raises(KeyUsedOtherwise):
        engine.enqueue(workspace, GREET, idempotency_key="k", after=[parent])
    for stranger in ({"idempotency_key": "other"}, {"idempotency_key": None}):
        with pytest.raises(ParentNotFound):
            engine.enqueue(workspace, GREET, after=[parent], despite_parents=True, **stranger)
    with pytest.raises(ParentNotFound):
        engine.enqueue(other_workspace, GREET, idempotency_key="k", after=[parent], despite_parents=True)


def test_a_key_is_remembered_for_a_day_whatever_became_of_the_job(
    timed: Engine, workspace: WorkspaceId, time: FixedClock
) -> None:
    first = timed.enqueue(workspace, GREET, "Ada", idempotency_key="k")
    end(timed, workspace, first, JobStatus.COMPLETED)
    time.pass_by(timedelta(hours=24, seconds=-1))
    assert timed.enqueue(workspace, GREET, "Ada", idempotency_key="k") == first
    time.pass_by(timedelta(seconds=1))
    second = timed.enqueue(workspace, GREET, "Eve", idempotency_key="k")
    assert second != first
    assert timed.enqueue(workspace, GREET, "Eve", idempotency_key="k") == second
    assert timed.jobs.get(workspace, first).status is JobStatus.COMPLETED


# --- jobs that wait for others ---


def test_a_job_waits_until_all_its_parents_are_over(engine: Engine, workspace: WorkspaceId) -> None:
    parents = [engine.enqueue(workspace, GREET) for _ in range(2)]
    child = engine.enqueue(workspace, GREET, after=parents)
    for parent in parents:
        job = engine.jobs.get(workspace, child)
        assert (job.status, job.ready) == (JobStatus.BLOCKED, False)
        end(engine, workspace, parent, JobStatus.COMPLETED)
        engine.following.ended([engine.jobs.get(workspace, parent)])
    assert engine.jobs.get(workspace, child).status is JobStatus.PENDING
    assert engine.release() == 1
    assert claim(engine.database)[0].id == child


@pytest.mark.parametrize(
    ("how", "despite", "becomes"),
    [
        (JobStatus.COMPLETED, False, JobStatus.PENDING),
        (JobStatus.DEAD_LETTER, False, JobStatus.CANCELLED),
        (JobStatus.CANCELLED, False, JobStatus.CANCELLED),
        (JobStatus.DEAD_LETTER, True, JobStatus.PENDING),
        (JobStatus.CANCELLED, True, JobStatus.PENDING),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_what_becomes_of_a_job_whose_parent_is_over(
    engine: Engine, workspace: WorkspaceId, how: JobStatus, despite: bool, becomes: JobStatus, late: bool
) -> None:
    """It makes no difference whether the child was made before its parent's end, or after."""
    parent = engine.enqueue(workspace, GREET)

    def enqueue() -> JobId:
        return engine.enqueue(workspace, GREET, after=[parent], despite_parents=despite)

    child = None if late else enqueue()
    end(engine, workspace, parent, how)
    child = child or enqueue()
    engine.following.ended([engine.jobs.get(workspace, parent)])
    job = engine.jobs.get(workspace, child)
    assert job.status is becomes
    assert (job.failure.code if job.failure else None) == ("parent_ended" if becomes is JobStatus.CANCELLED else None)


def test_a_child_of_an_unfinished_and_a_dead_job_waits_for_both(engine: Engine, workspace: WorkspaceId) -> None:
    dead, unfinished = (engine.enqueue(workspace, GREET) for _ in range(2))
    end(engine, workspace, dead, JobStatus.DEAD_LETTER)
    child = engine.enqueue(workspace, GREET, after=[dead, unfinished])
    assert engine.jobs.get(workspace, child).status is JobStatus.BLOCKED
    end(engine, workspace, unfinished, JobStatus.COMPLETED)
    engine.following.ended([engine.jobs.get(workspace, unfinished)])
    assert engine.jobs.get(workspace, child).status is JobStatus.CANCELLED


def test_a_chain_is_cancelled_to_its_end_and_goes_on_behind_those_that_do_not_mind(
    engine: Engine, workspace: WorkspaceId
) -> None:
    first = engine.enqueue(workspace, GREET)
    second = engine.enqueue(workspace, GREET, after=[first])
    third = engine.enqueue(workspace, GREET, after=[second])
    stubborn = engine.enqueue(workspace, GREET, after=[second], despite_parents=True)
    behind = engine.enqueue(workspace, GREET, after=[stubborn])
    end(engine, workspace, first, JobStatus.DEAD_LETTER)
    engine.following.ended([engine.jobs.get(workspace, first)])
    found = [engine.jobs.get(workspace, job).status for job in (second, third, stubborn, behind)]
    assert found == [JobStatus.CANCELLED, JobStatus.CANCELLED, JobStatus.PENDING, JobStatus.BLOCKED]


def test_a_job_that_waited_for_others_still_waits_for_its_time(
    timed: Engine, workspace: WorkspaceId, time: FixedClock
) -> None:
    parent = timed.enqueue(workspace, GREET)
    later = time.now() + timedelta(hours=1)
    child = timed.enqueue(workspace, GREET, after=[parent], scheduled_for=later)
    end(timed, workspace, parent, JobStatus.COMPLETED)
    timed.following.ended([timed.jobs.get(workspace, parent)])
    job = timed.jobs.get(workspace, child)
    assert (job.status, job.due_at, job.ready) == (JobStatus.PENDING, later, False)
    assert timed.release() == 0
    time.pass_by(timedelta(hours=1))
    assert timed.release() == 1


@pytest.mark.parametrize("whose", ["nobody's", "a neighbour's"])
def test_a_parent_that_is_not_there_is_named_and_nothing_is_made(
    engine: Engine, workspace: WorkspaceId, other_workspace: WorkspaceId, whose: str
) -> None:
    absent = engine.enqueue(other_workspace, GREET) if whose == "a neighbour's" else JobId(new_id())
    there = engine.enqueue(workspace, GREET)
    with pytest.raises(ParentNotFound, match=str(absent)):
        engine.enqueue(workspace, GREET, after=[there, absent])
    assert [job.id for job in engine.jobs.page(workspace, Paging()).items] == [there]


def test_a_child_that_is_made_while_its_parent_ends_is_never_left_behind(
    engine: Engine, workspace: WorkspaceId
) -> None:
    """Either it is seen by whoever moves children on, or it sees that its parent is over."""
    parents = [engine.enqueue(workspace, GREET) for _ in range(10)]
    with engine.database.transaction() as tx:
        claimed = LEASES.claim(tx, WORKER, new_id(), ["default"], 10)  # type: ignore[arg-type]  # any will do
    assert {job.id for job in claimed} == set(parents)

    def complete(parent: JobId) -> None:
        done = happen(engine, workspace, parent, Completed())
        engine.following.ended([done])

    def follow(parent: JobId) -> JobId:
        return engine.enqueue(workspace, GREET, after=[parent])

    acts: list[Callable[[], JobId | None]] = []
    for parent in parents:
        acts += [lambda parent=parent: complete(parent), lambda parent=parent: follow(parent)]  # type: ignore[misc]
    with ThreadPoolExecutor(8) as threads:
        children = [child for child in threads.map(lambda act: act(), acts) if child]
    assert len(children) == 10
    assert {engine.jobs.get(workspace, child).status for child in children} == {JobStatus.PENDING}


# --- what is there ---


def test_nothing_of_a_job_is_told_to_a_neighbour(
    engine: Engine, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    job = engine.enqueue(workspace, GREET)
    for ask in (engine.jobs.get, engine.jobs.attempts, lambda who, what: engine.jobs.logs(who, what, Paging())):
        assert ask(workspace, job) is not None
        with pytest.raises(JobNotFound):
            ask(other_workspace, job)
    assert not engine.jobs.page(other_workspace, Paging()).items


def test_there_is_work_while_something_is_ready_due_or_processed(
    timed: Engine, workspace: WorkspaceId, time: FixedClock
) -> None:
    assert not timed.jobs.has_work()
    timed.enqueue(workspace, GREET, scheduled_for=time.now() + timedelta(hours=1))
    assert not timed.jobs.has_work()
    time.pass_by(timedelta(hours=1))
    assert timed.jobs.has_work()
    assert timed.jobs.counts() == {("default", JobStatus.PENDING): 1}
    timed.release()
    (job,) = claim(timed.database)
    assert timed.jobs.has_work()
    assert timed.jobs.counts() == {("default", JobStatus.PROCESSING): 1}
    happen(timed, workspace, job.id, Completed())
    assert not timed.jobs.has_work()
    assert not timed.jobs.counts()
