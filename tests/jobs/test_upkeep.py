"""What the engine does by itself is done in time, by one process, and whatever else goes wrong."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database, DatabaseUnavailable
from counterfoil.jobs.domain import Call, DeadReason, JobId, JobStatus
from counterfoil.jobs.infrastructure.local import EventBell
from counterfoil.jobs.infrastructure.turns import EveryTurn, SharedTurns
from counterfoil.jobs.moves import Failed, Waiting
from counterfoil.jobs.protocols import Candidate, Room, Turns
from counterfoil.jobs.upkeep.release import chosen
from counterfoil.jobs.upkeep.retention import Retention
from counterfoil.jobs.upkeep.rounds import MOST_IN_A_ROW, Duty, Upkeep
from tests.conftest import ACME
from tests.support.clock import FixedClock, TimedDatabase
from tests.support.engine import Engine
from tests.support.handlers import greet, light
from tests.support.jobs import make_job
from tests.support.stores import FAILURE, add, claim, settle, stored
from tests.support.waiting import wait_until

GREET = light(greet)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def time() -> FixedClock:
    return FixedClock(datetime(2026, 3, 1, 12, 0, tzinfo=UTC))


@pytest.fixture
def engine(database: Database, time: FixedClock, tmp_path: Path) -> Iterator[Engine]:
    timed = TimedDatabase(database.url, time)
    yield Engine(database=timed, folder=tmp_path)
    timed.close()


# --- release ---

QUEUES, BATCHES = ["slow", "quick"], [UUID(int=1), UUID(int=2)]
candidates = st.builds(
    Candidate,
    call=st.builds(
        Call, job=st.uuids().map(JobId), queue=st.sampled_from(QUEUES), priority=st.integers(min_value=0, max_value=10)
    ),
    batch=st.sampled_from([None, *BATCHES]),
    key=st.sampled_from([None, (ACME, "a"), (ACME, "b")]),
)
rooms = st.builds(
    Room,
    queues=st.dictionaries(st.sampled_from(QUEUES), st.integers(-2, 4)),
    batches=st.dictionaries(st.sampled_from(BATCHES), st.none() | st.integers(-2, 4)),
)


@given(st.lists(candidates, max_size=20, unique_by=lambda one: one.call.job), rooms)
def test_of_those_that_are_due_each_is_released_that_has_a_place_behind_those_before_it(
    due: list[Candidate], room: Room
) -> None:
    released = {call.job for call in chosen(due, room)}
    queues, batches, keys = Counter[str](), Counter[UUID | None](), set[object]()
    for one in due:
        left_in_queue, left_in_batch = room.queues.get(one.call.queue), room.batches.get(one.batch or UUID(int=0))
        has_a_place = (
            (left_in_queue is None or queues[one.call.queue] < left_in_queue)
            and (left_in_batch is None or batches[one.batch] < left_in_batch)
            and (one.key is None or one.key not in keys)
        )
        assert (one.call.job in released) is has_a_place
        if has_a_place:
            queues[one.call.queue] += 1
            batches[one.batch] += 1
            keys.add(one.key)


def test_release_rings_once_it_has_released_something(engine: Engine, workspace: WorkspaceId, time: FixedClock) -> None:
    engine.enqueue(workspace, GREET, scheduled_for=time.now() + MINUTE)
    assert engine.release() == 0
    assert not engine.bell.wait(0)
    time.pass_by(MINUTE)
    assert engine.release() == 1
    assert engine.bell.wait(0)


def test_a_paused_queue_keeps_its_limit_and_a_limited_one_its_pause(engine: Engine, time: FixedClock) -> None:
    assert engine.queues.limit("default", 2).paused_at is None
    assert engine.queues.pause("default").at_most == 2
    time.pass_by(MINUTE)
    assert engine.queues.limit("default", None).paused_at == time.now() - MINUTE
    resumed = engine.queues.resume("default")
    assert (resumed.at_most, resumed.paused_at) == (None, None)
    assert engine.queues.all() == [resumed]


# --- lateness ---


def test_a_job_whose_deadline_passed_before_it_began_is_dead_and_so_is_the_hope_of_who_waits_for_it(
    engine: Engine, workspace: WorkspaceId, time: FixedClock
) -> None:
    soon, later = time.now() + MINUTE, time.now() + DAY
    running = engine.enqueue(workspace, GREET, deadline=soon)
    (held,) = claim(engine.database)
    late = engine.enqueue(workspace, GREET, deadline=soon)
    child = engine.enqueue(workspace, GREET, after=[late])
    early = engine.enqueue(workspace, GREET, deadline=later)
    assert engine.lateness() == 0
    time.pass_by(MINUTE)
    assert engine.lateness() == 1
    dead = engine.jobs.get(workspace, late)
    assert (dead.status, dead.dead_reason, dead.ready) == (JobStatus.DEAD_LETTER, DeadReason.DEADLINE_PASSED, False)
    found = [engine.jobs.get(workspace, job).status for job in (child, running, early)]
    assert found == [JobStatus.CANCELLED, JobStatus.PROCESSING, JobStatus.PENDING]
    assert settle(engine.database, held, Failed(failure=FAILURE, not_before=later), time.now())
    assert engine.lateness() == 1  # what failed has not begun again
    assert engine.jobs.get(workspace, running).dead_reason is DeadReason.DEADLINE_PASSED


def test_a_job_whose_answer_is_overdue_is_tried_again(engine: Engine, workspace: WorkspaceId, time: FixedClock) -> None:
    job = engine.enqueue(workspace, GREET)
    (held,) = claim(engine.database)
    assert settle(engine.database, held, Waiting(deadline=time.now() + MINUTE), time.now())
    assert engine.lateness() == 0
    time.pass_by(MINUTE)
    assert engine.lateness() == 1
    overdue = engine.jobs.get(workspace, job)
    assert (overdue.status, overdue.lease, overdue.due_at) == (JobStatus.FAILED, None, time.now())
    assert engine.release() == 1
    assert claim(engine.database)[0].attempts == 2


# --- stragglers ---


def test_children_that_were_left_behind_are_moved_on_in_every_workspace(
    engine: Engine, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    children = []
    for owner in (workspace, other_workspace):
        parent = engine.enqueue(owner, GREET)
        child = engine.enqueue(owner, GREET, after=[parent])
        children += [(owner, child), (owner, engine.enqueue(owner, GREET, after=[child]))]
    for held in claim(engine.database, 2):
        assert settle(engine.database, held, Failed(failure=FAILURE, retry=False))  # and dies before it could follow
    assert {engine.jobs.get(*child).status for child in children} == {JobStatus.BLOCKED}
    assert engine.stragglers() == 2
    assert {engine.jobs.get(*child).status for child in children} == {JobStatus.CANCELLED}
    assert engine.stragglers() == 0


# --- retention ---


class Told:
    """An observer of clean-ups that remembers."""

    def __init__(self) -> None:
        self.removed: list[int] = []
        self.failures = 0

    def cleaned_up(self, removed: int, seconds: float) -> None:
        assert seconds >= 0
        self.removed.append(removed)

    def clean_up_failed(self) -> None:
        self.failures += 1


def retention(engine: Engine, told: Told, *, most: int = 100) -> Retention:
    return Retention(
        database=engine.database,
        store=engine.upkeep_store,
        observer=told,
        keep_finished=DAY,
        keep_dead=30 * DAY,
        most_dead=most,
    )


def test_what_is_over_is_kept_as_long_as_was_promised(engine: Engine, workspace: WorkspaceId, time: FixedClock) -> None:
    ages = {JobStatus.COMPLETED: DAY, JobStatus.CANCELLED: DAY, JobStatus.DEAD_LETTER: 30 * DAY}
    made = time.now() - 60 * DAY
    kept = [make_job(workspace, ready=False, status=one, ended_at=time.now() - age) for one, age in ages.items()]
    gone = [
        make_job(workspace, ready=False, status=one, created_at=made, ended_at=time.now() - age - MINUTE)
        for one, age in ages.items()
    ]
    add(engine.database, *kept, *gone)
    told = Told()
    assert (retention(engine, told).finished(), retention(engine, told).dead()) == (2, 1)
    assert told.removed == [1]
    for job in kept:
        assert stored(engine.database, job).status is job.status
    with pytest.raises(AssertionError):
        stored(engine.database, gone[0])


def test_of_too_many_dead_letters_the_newest_stay_and_a_failure_is_told(
    engine: Engine, workspace: WorkspaceId, time: FixedClock
) -> None:
    dead = [
        make_job(workspace, ready=False, status=JobStatus.DEAD_LETTER, ended_at=time.now() - number * MINUTE)
        for number in range(5)
    ]
    add(engine.database, *dead)
    told = Told()
    assert retention(engine, told, most=2).dead() == 3
    assert [stored(engine.database, job).id for job in dead[:2]] == [job.id for job in dead[:2]]
    broken = retention(engine, told, most="many")  # type: ignore[arg-type]  # no database compares with that
    if not engine.database.is_sqlite:
        with pytest.raises(Exception, match="many"):
            broken.dead()
        assert told.failures == 1
    assert told.removed == [3]


# --- turns ---


def test_of_twenty_that_come_at_once_one_takes_the_turn(database: Database, time: FixedClock) -> None:
    if database.is_sqlite:
        assert EveryTurn().mine("sweep", MINUTE)
        return
    timed = TimedDatabase(database.url, time)
    turns, together = SharedTurns(timed), Barrier(20)

    def take(_: int) -> bool:
        together.wait(60)
        return turns.mine("sweep", MINUTE)

    with ThreadPoolExecutor(20) as threads:
        for _ in range(3):
            assert sum(threads.map(take, range(20))) == 1
            assert turns.mine(f"another {time.now()}", MINUTE)
            time.pass_by(timedelta(seconds=47))
            assert not turns.mine("sweep", MINUTE)
            time.pass_by(timedelta(seconds=1))  # a little before its time, for nobody comes on the dot
    timed.close()


# --- rounds ---


class Rota:
    """Gives out turns as the test wants them, and remembers what for."""

    def __init__(self, *, mine: bool = True) -> None:
        self.is_mine = mine
        self.asked: list[timedelta] = []

    def mine(self, name: str, every: timedelta) -> bool:
        self.asked.append(every)
        return self.is_mine


class Now:
    """A monotonic clock that stands still until it is moved."""

    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def upkeep(duties: list[Duty], turns: Turns, now: Callable[[], float]) -> Upkeep:
    return Upkeep(duties=duties, bell=EventBell(), turns=turns, poll=timedelta(milliseconds=10), monotonic=now)


def test_each_duty_is_done_at_its_pace_and_those_of_one_pace_share_a_turn() -> None:
    done, rota, now = Counter[str](), Rota(), Now()

    def doing(name: str) -> Callable[[], int]:
        def work() -> int:
            done[name] += 1
            return 0

        return work

    duties = [
        Duty(name="one", every=MINUTE, work=doing("one")),
        Duty(name="two", every=MINUTE, work=doing("two")),
        Duty(name="daily", every=DAY, work=doing("daily")),
    ]
    rounds = upkeep(duties, rota, now)
    rounds.tick()
    rounds.tick()
    assert done == {"one": 1, "two": 1, "daily": 1}
    now.seconds += 60
    rounds.tick()
    assert done == {"one": 2, "two": 2, "daily": 1}
    assert rota.asked == [MINUTE, DAY, MINUTE]
    rota.is_mine = False
    now.seconds += 60
    rounds.tick()
    assert done["one"] == 2


def test_a_duty_goes_on_while_it_finds_something_but_not_for_ever_and_none_hinders_the_next() -> None:
    left, calls = [3], Counter[str]()

    def some() -> int:
        calls["some"] += 1
        left[0] -= 1
        return left[0]

    def always() -> int:
        calls["always"] += 1
        return 1

    def broken() -> int:
        calls["broken"] += 1
        raise ValueError

    def away() -> int:
        calls["away"] += 1
        raise DatabaseUnavailable

    duties = [Duty(name=one.__name__, every=MINUTE, work=one) for one in (broken, away, some, always)]
    upkeep(duties, EveryTurn(), Now()).tick()
    assert calls == {"broken": 1, "away": 1, "some": 3, "always": MOST_IN_A_ROW}


def test_a_ring_is_followed_at_once_by_those_duties_that_may_be_rung_for() -> None:
    calls = Counter[str]()

    def rung() -> int:
        calls["rung"] += 1
        return 0

    def patient() -> int:
        calls["patient"] += 1
        return 0

    duties = [
        Duty(name="rung", every=DAY, work=rung, when_rung=True),
        Duty(name="patient", every=DAY, work=patient),
    ]
    rounds = upkeep(duties, EveryTurn(), Now())
    rounds.start()
    try:
        wait_until(lambda: calls["rung"] == 1)
        rounds.bell.ring()
        wait_until(lambda: calls["rung"] == 2)
    finally:
        rounds.stop()
    assert calls["patient"] == 1
