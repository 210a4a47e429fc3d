"""A broker of either kind on a real Redis, an engine that rings through it, and worker processes that hear it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from redis import Redis
from sqlalchemy import func, select

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.settings import Settings, read_settings
from counterfoil.jobs.domain import JobId, JobStatus
from counterfoil.jobs.infrastructure.rq import queue_names
from counterfoil.jobs.infrastructure.tables import JobRow
from tests.support.handlers import effects
from tests.support.redis import RedisServer
from tests.support.told_workers import ToldEngine, commands, engine_of
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent


@dataclass(slots=True)
class WorkerProcess:
    """A worker process, and what it started."""

    process: "subprocess.Popen[bytes]"
    log: Path

    def kill(self) -> None:
        """End it and its family as the loss of the machine would."""
        for one in [*psutil.Process(self.process.pid).children(recursive=True), psutil.Process(self.process.pid)]:
            with suppress(psutil.Error):
                one.kill()
        self.process.wait(20)

    def stop(self, seconds: float = 60) -> int:
        """Ask it to end, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    @property
    def lives(self) -> bool:
        return self.process.poll() is None

    def said(self) -> str:
        return self.log.read_text()


@dataclass(slots=True, kw_only=True)
class BrokerBench:
    """One kind of broker with everything around it."""

    settings: Settings
    server: RedisServer
    engine: ToldEngine
    started: list[WorkerProcess] = field(default_factory=list)

    @classmethod
    @contextmanager
    def on(cls, kind: str, url: str, folder: Path, server: RedisServer) -> Iterator["BrokerBench"]:
        """Set up on an empty Redis and a database that has its tables."""
        settings = read_settings(
            _env_file=None,
            queue=kind,
            redis_url=server.url,
            database_url=url,
            data_dir=folder,
            worker_queues="default",
            worker_concurrency=1,
            worker_poll_seconds=0.1,
            shutdown_seconds=20,
        )
        bench = cls(settings=settings, server=server, engine=engine_of(settings))
        effects.metadata.create_all(bench.engine.database.engine)
        bench.redis.flushall()
        try:
            yield bench
        finally:
            for worker in bench.started:
                if worker.lives:
                    worker.kill()
            bench.engine.database.close()

    @property
    def redis(self) -> "Redis":
        return Redis.from_url(self.server.url)

    def worker(self, **changes: Any) -> WorkerProcess:
        """Start a worker process by the broker's own command."""
        words = commands(self.settings, queue_names(self.settings.queues))
        return self.run(*words, **changes)

    def run(self, program: str, *words: str, **changes: Any) -> WorkerProcess:
        """Start a program of the environment with our settings."""
        log = self.settings.data_dir / f"worker-{len(self.started)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [PROGRAMS / program, *words], cwd=ROOT, env=self._environment(changes), stdout=output, stderr=output
            )
        self.started.append(WorkerProcess(process, log))
        return self.started[-1]

    def _environment(self, changes: Mapping[str, Any]) -> dict[str, str]:
        ours = {
            name.upper(): str(getattr(self.settings, name))
            for name in self.settings.model_fields_set
            if name in type(self.settings).model_fields
        }
        # Celery finds the tests in the folder it was started in, but the children of guarded jobs would not.
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            **ours,
            **{name.upper(): str(value) for name, value in changes.items()},
        }

    def completed(self, workspace: WorkspaceId, *jobs: JobId) -> int:
        done = (JobRow.workspace_id == workspace, JobRow.id.in_(jobs), JobRow.status == JobStatus.COMPLETED)
        with self.engine.database.reading() as tx:
            return int(tx.execute(select(func.count()).select_from(JobRow).where(*done)).scalar_one())

    def await_completed(self, workspace: WorkspaceId, *jobs: JobId) -> None:
        self.await_that(lambda: self.completed(workspace, *jobs) == len(jobs))

    def await_that(self, condition: Callable[[], bool]) -> None:
        """Wait for what worker processes do, which take long to start on a machine that is busy."""
        try:
            wait_until(condition, seconds=120)
        except AssertionError:
            for worker in self.started:
                print(worker.said())  # noqa: T201 - so that the report of the test says why
            raise
