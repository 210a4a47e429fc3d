"""Whatever befalls a worker, and wherever in its work: each job ends once, and is not charged for the worker's fate."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from sqlalchemy import func, select

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database, table_of
from counterfoil.foundation.failpoints import armed
from counterfoil.jobs.domain import Ending, JobStatus
from counterfoil.jobs.infrastructure.tables import JobAttemptRow, JobRow
from tests.support import handlers
from tests.support.engine import Engine, NoGuard, enqueue_many, statuses
from tests.support.handlers import Note, effects, guarded, light
from tests.support.processes import alive
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
JOBS = table_of(JobRow)
ATTEMPTS = table_of(JobAttemptRow)

pytestmark = pytest.mark.faults


@pytest.fixture
def engine(database: Database, tmp_path: Path) -> Engine:
    effects.metadata.create_all(database.engine)
    return Engine(
        database=database,
        folder=tmp_path,
        concurrency=4,
        lapse=timedelta(seconds=2),
        beat_every=timedelta(milliseconds=300),
    )


@contextmanager
def worker_process(
    engine: Engine, *, failpoints: str = "", concurrency: int = 3, grace: float = 30
) -> Iterator["subprocess.Popen[bytes]"]:
    arguments = [engine.url, str(engine.folder), str(concurrency), str(grace)]
    command = [sys.executable, "-m", "tests.support.worker_process", *arguments]
    environment = os.environ | {"FAILPOINTS": failpoints}
    with subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


def attempts_by_ending(engine: Engine) -> Counter[str]:
    with engine.database.reading() as tx:
        counted = tx.execute(
            select(ATTEMPTS.c.ending.label("key"), func.count().label("number")).group_by(ATTEMPTS.c.ending)
        ).all()
    return Counter({str(row.key): int(row.number) for row in counted})


def most_deaths(engine: Engine) -> int:
    with engine.database.reading() as tx:
        return int(tx.execute(select(func.max(JOBS.c.deaths))).scalar_one())


def await_all(engine: Engine, number: int, status: JobStatus = JobStatus.COMPLETED, *, seconds: float = 60) -> None:
    wait_until(lambda: statuses(engine)[status] == number, seconds=seconds)


# --- killed ---


@pytest.mark.parametrize(
    "place",
    ["job.claimed", "job.begun", "job.settling", "job.settled", "transaction.committing*5", "transaction.committed*5"],
)
def test_a_worker_that_is_killed_at_any_step_loses_no_job_and_completes_none_twice(
    engine: Engine, workspace: WorkspaceId, place: str
) -> None:
    name, _, visit = place.partition("*")
    enqueue_many(engine, workspace, handlers.take_effect if visit else handlers.greet, 12)
    with worker_process(engine, failpoints=f"{name}=kill*{visit or 1}") as process:
        assert process.wait(40) == -signal.SIGKILL
    with engine.working():
        await_all(engine, 12)
    endings = attempts_by_ending(engine)
    assert endings[Ending.COMPLETED] == 12
    assert set(endings) <= {Ending.COMPLETED, Ending.LOST}
    with engine.database.reading() as tx:
        assert tx.execute(select(func.max(JOBS.c.attempts))).scalar_one() == 1
        assert tx.execute(select(func.count()).select_from(effects)).scalar_one() == (12 if visit else 0)


def test_everything_that_a_killed_worker_held_is_free_within_seconds_and_finished_by_the_next(
    engine: Engine, workspace: WorkspaceId, tmp_path: Path
) -> None:
    """Twenty run, and twenty-one wait in its buffer."""
    engine.concurrency = 20
    go = tmp_path / "job.go"
    with worker_process(engine, concurrency=20) as process:
        enqueue_many(engine, workspace, handlers.greet, 60)  # so that it takes its jobs to be quick
        await_all(engine, 60)
        with engine.database.transaction() as tx:
            notes = [Note(text=str(tmp_path / "job"))] * 60
            engine.jobs.enqueue_many(tx, workspace, light(handlers.wait_for_a_file), notes)
        wait_until(lambda: statuses(engine)[JobStatus.PROCESSING] >= 41)
        process.kill()
        process.wait(10)
    killed_at = time.monotonic()
    upkeep = engine.upkeep()
    upkeep.start()
    wait_until(lambda: statuses(engine)[JobStatus.PROCESSING] == 0)
    took = time.monotonic() - killed_at
    upkeep.stop()
    assert took < 5
    go.touch()
    with engine.working():
        await_all(engine, 120)
    assert attempts_by_ending(engine) == {Ending.COMPLETED: 120, Ending.LOST: 41}
    assert most_deaths(engine) == 1


def test_eight_processes_on_one_database_lose_no_job_and_do_none_twice(
    engine: Engine, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    """On SQLite they wait for each other's locks all the time; and two of them are killed at it."""
    number = 400
    with ExitStack() as stack:
        processes = [stack.enter_context(worker_process(engine)) for _ in range(8)]
        for some in range(0, number, 40):
            enqueue_many(engine, other_workspace if some % 80 else workspace, handlers.take_effect, 40)
            if some in {120, 240}:
                wait_until(lambda some=some: statuses(engine)[JobStatus.COMPLETED] > some // 2)  # type: ignore[misc]  # its own one
                processes[some // 120].kill()
        await_all(engine, number, seconds=120)
        assert [process.poll() for process in processes].count(None) == 6
    endings = attempts_by_ending(engine)
    assert endings[Ending.COMPLETED] == number
    assert set(endings) <= {Ending.COMPLETED, Ending.LOST}
    assert most_deaths(engine) <= 2
    with engine.database.reading() as tx:
        assert tx.execute(select(func.count()).select_from(effects)).scalar_one() == number


def test_a_job_that_kills_its_workers_is_poison_and_those_beside_it_are_done(
    engine: Engine, workspace: WorkspaceId, tmp_path: Path
) -> None:
    named = tmp_path / "pid"
    killer = engine.enqueue(workspace, light(handlers.kill_the_worker), str(named))
    others = enqueue_many(engine, workspace, handlers.greet, 6)
    workers = 0
    while not engine.jobs.get(workspace, killer).status.final:
        workers += 1
        assert workers <= 4
        with worker_process(engine) as process:
            handlers.note_processes(named, process.pid)
            wait_until(lambda: process.poll() is not None or engine.jobs.get(workspace, killer).status.final)
            process.terminate()  # for to kill the last one as well would be a death of those beside it
            process.wait(40)
        named.unlink()
    with engine.working():
        done = [engine.await_status(workspace, job) for job in others]
    dead = engine.jobs.get(workspace, killer)
    assert (dead.status, dead.dead_reason, dead.attempts) == (JobStatus.DEAD_LETTER, "poison", 0)
    assert {(job.status, job.attempts) for job in done} == {(JobStatus.COMPLETED, 1)}
    assert [attempt.ending for attempt in engine.jobs.attempts(workspace, killer)] == [Ending.LOST] * 3


@pytest.mark.parametrize("place", ["rescue.burying", "release.releasing"])
def test_upkeep_that_is_killed_half_way_is_done_by_the_next_process(
    engine: Engine, workspace: WorkspaceId, place: str
) -> None:
    with worker_process(engine, failpoints="job.begun=kill") as process:
        engine.enqueue(workspace, light(handlers.greet))
        assert process.wait(40) == -signal.SIGKILL
    for number in range(3):
        engine.enqueue(workspace, light(handlers.greet), concurrency_key=f"key {number}")
    with worker_process(engine, failpoints=f"{place}=kill") as process:
        assert process.wait(40) == -signal.SIGKILL
    with engine.working():
        await_all(engine, 4)
    assert attempts_by_ending(engine)[Ending.COMPLETED] == 4


# --- asked to end ---


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_told_twice_to_end_finishes_what_is_short_and_takes_no_more(
    engine: Engine, workspace: WorkspaceId, tmp_path: Path, number: signal.Signals
) -> None:
    running = engine.enqueue(workspace, guarded(handlers.wait_for_a_file), str(tmp_path / "job"))
    with worker_process(engine, concurrency=1) as process:
        wait_until((tmp_path / "job").exists)
        left = engine.enqueue(workspace, light(handlers.greet))
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
        process.send_signal(number)
        time.sleep(0.3)
        process.send_signal(number)
        assert process.poll() is None
        (tmp_path / "job.go").touch()
        assert process.wait(20) == 0
    assert not any(alive(one.pid) for one in family)
    assert engine.jobs.get(workspace, running).status is JobStatus.COMPLETED
    assert engine.jobs.get(workspace, left).status is JobStatus.PENDING


def test_a_worker_that_is_told_to_end_gives_long_jobs_back_uncharged(
    engine: Engine, workspace: WorkspaceId, tmp_path: Path
) -> None:
    kept = [engine.enqueue(workspace, guarded(handlers.sleep_long), str(tmp_path / "guarded"))]
    kept.append(engine.enqueue(workspace, light(handlers.sleep_long), str(tmp_path / "light")))
    with worker_process(engine, grace=1) as process:
        wait_until(lambda: (tmp_path / "guarded").exists() and (tmp_path / "light").exists())
        family = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        process.wait(20)
    assert not any(alive(one.pid) for one in family)
    for job in kept:
        given_back = engine.jobs.get(workspace, job)
        assert (given_back.status, given_back.attempts, given_back.deaths) == (JobStatus.PENDING, 0, 0)
        assert [attempt.ending for attempt in engine.jobs.attempts(workspace, job)] == [Ending.RETURNED]


@pytest.mark.parametrize("place", ["job.claimed", "job.settling"])
def test_a_worker_that_is_told_to_end_in_the_midst_of_a_step_leaves_no_job_behind(
    engine: Engine, workspace: WorkspaceId, place: str
) -> None:
    with worker_process(engine, failpoints=f"{place}=sleep:1") as process:
        enqueue_many(engine, workspace, handlers.greet, 9)
        if place == "job.claimed":
            wait_until(lambda: statuses(engine)[JobStatus.PROCESSING] > 0)
        else:
            wait_until(lambda: statuses(engine)[JobStatus.PENDING] < 9)
        process.terminate()
        assert process.wait(20) == 0
    assert statuses(engine)[JobStatus.PROCESSING] == 0
    assert set(attempts_by_ending(engine)) <= {Ending.COMPLETED, Ending.RETURNED}
    assert most_deaths(engine) == 0
    with engine.working():
        await_all(engine, 9)


# --- beside itself ---


def test_a_worker_whose_interpreter_is_held_for_long_completes_nothing_that_others_have_taken_over(
    engine: Engine, workspace: WorkspaceId, tmp_path: Path
) -> None:
    """Where a lock proves its life it keeps its job; where its heart was silent for too long, another has done it."""
    job = engine.enqueue(workspace, light(handlers.hold_the_interpreter), str(tmp_path / "held"), number=4)
    with worker_process(engine) as process:
        wait_until((tmp_path / "held").exists)
        with engine.working():
            done = engine.await_status(workspace, job)
            assert process.poll() is None
            again = engine.enqueue(workspace, light(handlers.greet))
            engine.await_status(workspace, again)
            process.terminate()
            assert process.wait(20) == 0
    assert (done.status, done.attempts) == (JobStatus.COMPLETED, 1)
    assert attempts_by_ending(engine)[Ending.COMPLETED] == 2
    with engine.database.reading() as tx:
        assert len(tx.execute(select(effects)).all()) == 1


@pytest.mark.parametrize("step", ["job.claimed", "job.begun", "job.settling", "job.settled"])
def test_an_error_of_ours_at_any_step_costs_no_job(engine: Engine, workspace: WorkspaceId, step: str) -> None:
    engine.guard = NoGuard()
    enqueue_many(engine, workspace, handlers.greet, 40)
    with armed(f"{step}=raise*1"), engine.working():
        await_all(engine, 40)
    assert attempts_by_ending(engine)[Ending.COMPLETED] == 40
    assert most_deaths(engine) == 0
