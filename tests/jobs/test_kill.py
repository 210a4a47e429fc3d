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
from tests.conftest import prepare
from tests.support import handlers
from tests.support.engine import Engine
from tests.support.handlers import effects, guarded
from tests.support.postgres import PostgresServer
from tests.support.processes import alive
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def engine(database: Database, tmp_path: Path) -> Engine:
    return engine_on(database, tmp_path)


def engine_on(database: Database, folder: Path) -> Engine:
    effects.metadata.create_all(database.engine)
    return Engine(
        database=database,
        folder=folder,
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


def test_jobs_whose_worker_is_killed_are_finished_by_the_next_one_once(
    engine: Engine, workspace: WorkspaceId, tmp_path: Path
) -> None:
    engine.concurrency = 3
    acts = {
        handlers.block_signals_and_hold_the_interpreter: tmp_path / "holding",
        handlers.be_killed_before_the_effect: tmp_path / "before",
        handlers.be_killed_in_mid_effect: tmp_path / "amid",  # the last, for on SQLite it keeps the others from writing
    }
    ids = []
    with worker_process(engine) as process:
        for handler, noted in acts.items():
            ids.append(engine.enqueue(workspace, guarded(handler), str(noted)))
            wait_until(lambda noted=noted: noted.exists() and bool(noted.read_text()))  # type: ignore[misc]  # its own one
        family = psutil.Process(process.pid).children(recursive=True)
        assert {int(noted.read_text()) for noted in acts.values()} < {one.pid for one in family}
        process.kill()
        process.wait(10)
        wait_until(lambda: not any(alive(one.pid) for one in family), seconds=5)
        with engine.working():
            done = [engine.await_status(workspace, job) for job in ids]
    assert [(job.status, job.attempts, job.deaths) for job in done] == [(JobStatus.COMPLETED, 1, 1)] * 3
    for job in ids:
        endings = [attempt.ending for attempt in engine.jobs.attempts(workspace, job)]
        assert endings == [Ending.LOST, Ending.COMPLETED]
    with engine.database.reading() as tx:
        assert sorted(tx.execute(select(effects.c.job_id)).scalars()) == sorted(ids[1:])


def test_a_worker_that_was_stopped_for_long_finds_its_jobs_taken_over_and_is_refused(
    postgres: PostgresServer, workspace: WorkspaceId, tmp_path: Path
) -> None:
    """Where a silent heart decides; the lock of a stopped process does not fall free."""
    noted = tmp_path / "pid"
    with postgres.database() as url:
        database = Database(url)
        prepare(database)
        engine = engine_on(database, tmp_path)
        job_id = engine.enqueue(workspace, guarded(handlers.be_killed_before_the_effect), str(noted))
        with worker_process(engine) as process:
            wait_until(lambda: noted.exists() and bool(noted.read_text()))
            os.kill(process.pid, signal.SIGSTOP)
            with engine.working():
                assert engine.await_status(workspace, job_id).status is JobStatus.COMPLETED
                os.kill(process.pid, signal.SIGCONT)
                wait_until(lambda: not alive(int(noted.read_text())))
        assert engine.jobs.get(workspace, job_id).attempts == 1
        with database.reading() as tx:
            assert len(tx.execute(select(effects)).all()) == 1
        database.close()
