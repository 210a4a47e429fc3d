"""A dead worker is noticed and its jobs run again; a living one is left alone."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from counterfoil.jobs.infrastructure.workers import LockedWorkerStore, SqlWorkerStore

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.domain import DeadReason, Ending, Job, JobStatus, Lease, WorkerId
from counterfoil.jobs.protocols import WorkerStore
from tests.support.jobs import Engine, make_job

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LAPSE = timedelta(seconds=60)
HOLD_A_LOCK = "import fcntl, sys; f = open(sys.argv[1], 'r+'); fcntl.flock(f, fcntl.LOCK_EX); print('held'); input()"


@pytest.fixture
def engine(database: Database, tmp_path: Path) -> Engine:
    return Engine(database=database, folder=tmp_path, lapse=LAPSE)


def register(database: Database, store: WorkerStore, now: datetime = NOW) -> WorkerId:
    worker = WorkerId(new_id())
    with database.transaction() as tx:
        store.register(tx, worker, "host:1", now)
    return worker


def dead(database: Database, store: WorkerStore, now: datetime = NOW) -> list[WorkerId]:
    with database.transaction() as tx:
        return list(store.dead(tx, now, LAPSE))


def claimed(engine: Engine, workspace: WorkspaceId, worker: WorkerId) -> Job:
    with engine.database.transaction() as tx:
        engine.store.add(tx, make_job(workspace))
        return engine.store.claim(tx, worker, Lease(new_id()), ["default"], NOW, 1)[0]


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[tuple[WorkerId, "subprocess.Popen[str]"]]:
    """Another process that holds the lock of a worker."""
    worker = WorkerId(new_id())
    folder = tmp_path / "workers"
    folder.mkdir()
    path = folder / f"{worker}.lock"
    path.touch()
    command = [sys.executable, "-c", HOLD_A_LOCK, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield worker, process
        process.kill()


# --- by a silent heart ---


def test_a_worker_that_has_been_silent_for_longer_than_the_lapse_is_dead(database: Database) -> None:
    store = SqlWorkerStore()
    silent, beating = register(database, store), register(database, store)
    with database.transaction() as tx:
        assert store.beat(tx, beating, NOW + LAPSE)
    assert dead(database, store, NOW + LAPSE) == []
    assert dead(database, store, NOW + LAPSE + timedelta(seconds=1)) == [silent]


def test_a_buried_worker_is_not_found_dead_again_and_hears_of_it_at_its_next_beat(database: Database) -> None:
    store = SqlWorkerStore()
    worker = register(database, store)
    with database.transaction() as tx:
        store.bury(tx, worker, NOW)
        assert not store.beat(tx, worker, NOW)
    assert dead(database, store, NOW + 2 * LAPSE) == []


# --- by a lock that fell free ---


def test_a_living_worker_is_never_given_up_however_long_it_is_silent(
    database: Database, tmp_path: Path, holder: tuple[WorkerId, "subprocess.Popen[str]"]
) -> None:
    worker, _ = holder
    with database.transaction() as tx:
        SqlWorkerStore().register(tx, worker, "host:2", NOW)
    assert dead(database, LockedWorkerStore(tmp_path / "workers"), NOW + timedelta(days=365)) == []


def test_the_lock_of_a_killed_process_falls_free(
    database: Database, tmp_path: Path, holder: tuple[WorkerId, "subprocess.Popen[str]"]
) -> None:
    worker, process = holder
    with database.transaction() as tx:
        SqlWorkerStore().register(tx, worker, "host:2", NOW)
    process.kill()
    process.wait(10)
    assert dead(database, LockedWorkerStore(tmp_path / "workers"), NOW) == [worker]


def test_a_worker_without_a_lock_file_is_dead(database: Database, tmp_path: Path) -> None:
    worker = register(database, SqlWorkerStore())
    assert dead(database, LockedWorkerStore(tmp_path)) == [worker]


def test_a_worker_store_sees_its_own_workers_and_those_of_its_neighbours_living(
    database: Database, tmp_path: Path
) -> None:
    ours, theirs = LockedWorkerStore(tmp_path), LockedWorkerStore(tmp_path)
    register(database, ours)
    register(database, theirs)
    assert dead(database, ours) == dead(database, theirs) == []


def test_a_worker_that_signs_off_leaves_no_lock_file(database: Database, tmp_path: Path) -> None:
    store = LockedWorkerStore(tmp_path)
    worker = register(database, store)
    assert list(tmp_path.glob("*.lock"))
    with database.transaction() as tx:
        store.bury(tx, worker, NOW)
    assert not list(tmp_path.glob("*.lock"))
    assert dead(database, store) == []


# --- rescue ---


def test_the_jobs_of_a_dead_worker_go_back_and_its_late_writes_are_refused(
    engine: Engine, workspace: WorkspaceId
) -> None:
    store = SqlWorkerStore()
    worker = register(engine.database, store)  # at a time long past
    job = claimed(engine, workspace, worker)
    upkeep = engine.upkeep(store)
    assert upkeep.rescue() == 1
    assert upkeep.rescue() == 0
    after = engine.jobs.get(workspace, job.id)
    assert (after.status, after.attempts, after.deaths) == (JobStatus.PENDING, 0, 1)
    assert job.lease
    with engine.database.transaction() as tx:
        assert not engine.store.holds(tx, job.id, job.lease)
    assert [attempt.ending for attempt in engine.jobs.attempts(workspace, job.id)] == [Ending.LOST]
    assert [attempt.ending for _, attempt in engine.endings.seen] == [Ending.LOST]


def test_a_job_that_a_worker_claimed_after_its_burial_is_rescued_too(engine: Engine, workspace: WorkspaceId) -> None:
    store = SqlWorkerStore()
    worker = register(engine.database, store)
    with engine.database.transaction() as tx:
        store.bury(tx, worker, NOW)
    claimed(engine, workspace, worker)
    assert engine.upkeep(store).rescue() == 1


def test_two_that_rescue_at_once_rescue_each_job_once(engine: Engine, workspace: WorkspaceId) -> None:
    store = SqlWorkerStore()
    worker = register(engine.database, store)
    jobs = [claimed(engine, workspace, worker) for _ in range(10)]
    start = threading.Barrier(3)
    rescued: list[int] = []

    def rescue() -> None:
        start.wait(10)
        rescued.append(engine.upkeep(store).rescue())

    threads = [threading.Thread(target=rescue) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    engine.upkeep(store).rescue()  # what one left alone because another had it locked just then
    assert [engine.jobs.get(workspace, job.id).deaths for job in jobs] == [1] * 10
    assert len(engine.endings.seen) == 10


def test_the_jobs_of_a_living_worker_are_left_alone(engine: Engine, workspace: WorkspaceId) -> None:
    store = engine.workers()
    with engine.database.transaction() as tx:
        now = tx.now()
    worker = register(engine.database, store, now)
    job = claimed(engine, workspace, worker)
    assert engine.upkeep(store).rescue() == 0
    assert engine.jobs.get(workspace, job.id) == job


def test_a_job_that_workers_die_with_becomes_poison(engine: Engine, workspace: WorkspaceId) -> None:
    store = SqlWorkerStore()
    upkeep = engine.upkeep(store)
    job = claimed(engine, workspace, register(engine.database, store))
    for _ in range(2):
        upkeep.tick()
        worker = register(engine.database, store)
        with engine.database.transaction() as tx:
            assert engine.store.claim(tx, worker, Lease(new_id()), ["default"], NOW, 1)
    upkeep.tick()
    after = engine.jobs.get(workspace, job.id)
    assert (after.status, after.dead_reason) == (JobStatus.DEAD_LETTER, DeadReason.POISON)


def test_upkeep_with_nothing_to_do_takes_no_write_lock(engine: Engine, workspace: WorkspaceId) -> None:
    upkeep = engine.upkeep()
    with engine.database.transaction():  # on SQLite nobody else can write meanwhile
        upkeep.tick()
    with engine.database.transaction() as tx:
        engine.store.add(tx, replace(make_job(workspace), ready=False))
    assert upkeep.release() == 1
