"""The jobs of a dead worker run again, and what it still writes is refused."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.domain import DeadReason, Ending, Job, JobStatus, Lease, WorkerId
from counterfoil.jobs.infrastructure.presence import BeatPresence
from counterfoil.jobs.upkeep.rescue import Rescue
from tests.support.engine import Engine
from tests.support.handlers import greet, light
from tests.support.jobs import make_job


@pytest.fixture
def engine(database: Database, tmp_path: Path) -> Engine:
    return Engine(database=database, folder=tmp_path)


@pytest.fixture
def gone(database: Database) -> BeatPresence:
    """A proof of life by which every worker is dead a moment after it was registered."""
    return BeatPresence(database, every=timedelta(0), lapse=timedelta(seconds=-1))


def register(presence: BeatPresence) -> WorkerId:
    worker = WorkerId(new_id())
    presence.register(worker, "host:1")
    return worker


def claimed(engine: Engine, workspace: WorkspaceId, worker: WorkerId) -> Job:
    with engine.database.transaction() as tx:
        engine.store.add(tx, [make_job(workspace)])
        return engine.leases.claim(tx, worker, Lease(new_id()), ["default"], 1)[0]


def test_the_jobs_of_a_dead_worker_go_back_and_its_late_writes_are_refused(
    engine: Engine, gone: BeatPresence, workspace: WorkspaceId
) -> None:
    job = claimed(engine, workspace, register(gone))
    rescue = engine.rescue(gone)
    assert [rescue(), rescue()] == [1, 0]
    after = engine.jobs.get(workspace, job.id)
    assert (after.status, after.attempts, after.deaths) == (JobStatus.PENDING, 0, 1)
    assert job.lease
    with engine.database.transaction() as tx:
        assert not engine.leases.holds(tx, job.id, job.lease)
    assert [attempt.ending for attempt in engine.jobs.attempts(workspace, job.id)] == [Ending.LOST]
    assert [attempt.ending for _, attempt in engine.endings.seen] == [Ending.LOST]
    assert engine.upkeep_bell._rung.is_set()  # it can be released at once


def test_a_job_that_a_worker_claimed_after_its_burial_is_rescued_too(
    engine: Engine, gone: BeatPresence, workspace: WorkspaceId
) -> None:
    worker = register(gone)
    with engine.database.transaction() as tx:
        gone.bury(tx, worker)
    claimed(engine, workspace, worker)
    assert engine.rescue(gone)() == 1


def test_two_that_rescue_at_once_rescue_each_job_once(
    engine: Engine, gone: BeatPresence, workspace: WorkspaceId
) -> None:
    worker = register(gone)
    jobs = [claimed(engine, workspace, worker) for _ in range(10)]
    start = threading.Barrier(3)
    rescue = engine.rescue(gone)

    def act() -> None:
        start.wait(10)
        rescue()

    threads = [threading.Thread(target=act) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    rescue()  # what one left alone because another had it locked just then
    assert [engine.jobs.get(workspace, job.id).deaths for job in jobs] == [1] * 10
    assert len(engine.endings.seen) == 10


def test_cancelling_that_meets_the_rescue_leaves_nothing_to_be_run_again(
    engine: Engine, gone: BeatPresence, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    """Whichever comes first: a job that was lost is cancelled, with who waited for it, and a neighbour's goes back."""
    worker = register(gone)
    jobs = [claimed(engine, workspace, worker) for _ in range(30)]
    theirs = [claimed(engine, other_workspace, worker) for _ in range(3)]
    children = [engine.enqueue(workspace, light(greet), after=[job.id]) for job in jobs]
    start = threading.Barrier(3)
    rescue = engine.rescue(gone)

    def cancel(some: Sequence[Job]) -> None:
        start.wait(10)
        for job in some:
            engine.changes.cancel(workspace, job.id)

    def save() -> None:
        start.wait(10)
        rescue()

    acts: list[Callable[[], None]] = [partial(cancel, jobs[::2]), partial(cancel, jobs[1::2]), save]
    with ThreadPoolExecutor(3) as threads:
        for act in [threads.submit(act) for act in acts]:
            act.result(60)
    while rescue():  # what one left alone because another had it locked just then
        pass
    assert {engine.jobs.get(workspace, job).status for job in children} == {JobStatus.CANCELLED}
    for job in jobs:
        after = engine.jobs.get(workspace, job.id)
        assert (after.status, after.attempts, after.worker, after.lease) == (JobStatus.CANCELLED, 0, None, None)
        assert [attempt.ending for attempt in engine.jobs.attempts(workspace, job.id)] == [Ending.LOST]
    for job in theirs:
        assert engine.jobs.get(other_workspace, job.id).status is JobStatus.PENDING


def test_the_jobs_of_a_living_worker_are_left_alone(engine: Engine, workspace: WorkspaceId) -> None:
    presence = engine.presence()
    worker = WorkerId(new_id())
    presence.register(worker, "host:1")
    job = claimed(engine, workspace, worker)
    assert engine.rescue()() == 0
    assert engine.jobs.get(workspace, job.id) == job
    presence.leave(worker)


def test_a_job_that_workers_die_with_becomes_poison(engine: Engine, gone: BeatPresence, workspace: WorkspaceId) -> None:
    job = make_job(workspace)
    with engine.database.transaction() as tx:
        engine.store.add(tx, [job])
    deaths = []
    for _ in range(3):
        deaths.append(die_with(engine, gone, engine.rescue(gone), job))
        engine.release()
    assert deaths == [1, 2, 3]
    after = engine.jobs.get(workspace, job.id)
    assert (after.status, after.dead_reason, after.attempts) == (JobStatus.DEAD_LETTER, DeadReason.POISON, 0)


def die_with(engine: Engine, gone: BeatPresence, rescue: Rescue, job: Job) -> int:
    """Return how many workers have died with the job after one more did."""
    worker = register(gone)
    with engine.database.transaction() as tx:
        assert engine.leases.claim_one(tx, worker, Lease(new_id()), job.id)
    rescue()
    return engine.jobs.get(job.workspace, job.id).deaths


def test_upkeep_with_nothing_to_do_takes_no_write_lock(engine: Engine, workspace: WorkspaceId) -> None:
    upkeep = engine.upkeep()
    with engine.database.transaction():  # on SQLite nobody else can write meanwhile
        upkeep.tick()
    with engine.database.transaction() as tx:
        engine.store.add(tx, [make_job(workspace, ready=False)])
    assert engine.release() == 1
