"""Killing a whole worker process in the midst of its jobs loses none of them and does none twice."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from sqlalchemy import select

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.jobs.domain import Ending, JobStatus
from tests.support import jobs as handlers
from tests.support.jobs import Engine, alive, effects, guarded, wait_until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def engine(database: Database, tmp_path: Path) -> Engine:
    effects.metadata.create_all(database.engine)
    return Engine(
        database=database,
        folder=tmp_path,
        lapse=timedelta(seconds=2),
        beat_every=timedelta(milliseconds=300),
    )


@contextmanager
def worker_process(engine: Engine) -> Iterator["subprocess.Popen[bytes]"]:
    url = engine.database.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.support.worker_process", url, str(engine.folder)]
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


def pid_in(path: Path) -> int:
    wait_until(lambda: path.exists() and bool(path.read_text()))
    return int(path.read_text())


@pytest.mark.parametrize(
    "handler", [handlers.be_killed_before_the_effect, handlers.be_killed_in_mid_effect], ids=["before", "amid"]
)
def test_a_job_whose_worker_is_killed_is_finished_by_the_next_one_once(
    engine: Engine, workspace: WorkspaceId, tmp_path: Path, handler: handlers.Handler
) -> None:
    noted = tmp_path / "pid"
    job_id = engine.enqueue(workspace, guarded(handler), str(noted))
    with worker_process(engine) as process:
        child = pid_in(noted)
        family = psutil.Process(process.pid).children(recursive=True)
        assert child in {one.pid for one in family}
        process.kill()
        process.wait(10)
        wait_until(lambda: not any(alive(one.pid) for one in family), seconds=5)
        with engine.working():
            job = engine.await_status(workspace, job_id)
    assert (job.status, job.deaths) == (JobStatus.COMPLETED, 1)
    endings = [attempt.ending for attempt in engine.jobs.attempts(workspace, job_id)]
    assert endings == [Ending.LOST, Ending.COMPLETED]
    with engine.database.reading() as tx:
        assert len(tx.execute(select(effects)).all()) == 1


def test_children_that_hold_the_interpreter_and_what_they_started_end_with_their_worker(
    engine: Engine, workspace: WorkspaceId, tmp_path: Path
) -> None:
    noted = tmp_path / "pid"
    engine.enqueue(workspace, guarded(handlers.block_signals_and_hold_the_interpreter), str(noted))
    with worker_process(engine) as process:
        child = pid_in(noted)
        process.kill()
        process.wait(10)
        wait_until(lambda: not alive(child), seconds=5)


def test_a_worker_that_was_stopped_for_long_finds_its_jobs_taken_over_and_is_refused(
    engine: Engine, workspace: WorkspaceId, tmp_path: Path
) -> None:
    """Only where a silent heart decides: the lock of a stopped process is not free."""
    noted = tmp_path / "pid"
    job_id = engine.enqueue(workspace, guarded(handlers.be_killed_before_the_effect), str(noted))
    with worker_process(engine) as process:
        child = pid_in(noted)
        os.kill(process.pid, signal.SIGSTOP)
        if engine.database.engine.dialect.name == "sqlite":
            assert engine.upkeep().rescue() == 0
            process.kill()
        with engine.working():
            assert engine.await_status(workspace, job_id).status is JobStatus.COMPLETED
            os.kill(process.pid, signal.SIGCONT)
            wait_until(lambda: not alive(child))
    assert engine.jobs.get(workspace, job_id).attempts == 1
    with engine.database.reading() as tx:
        assert len(tx.execute(select(effects)).all()) == 1
