"""Hearing: the engine's worker in a process that a broker tells, message by message, which job to do."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import TypeAlias
from uuid import UUID

import structlog

from counterfoil.jobs.domain import JobId
from counterfoil.jobs.worker import Worker

Life: TypeAlias = Callable[[], AbstractContextManager[Worker]]
"""Gives a worker that is in service while the context lasts."""

log = structlog.get_logger()


class Hearing:
    """Keeps one worker for the life of a process. A process forked from it has none until it begins its own."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._open = ExitStack()
        self._worker: Worker | None = None
        self._process = 0

    def begin(self) -> None:
        """Be in service from now on."""
        self._open = ExitStack()
        self._worker = self._open.enter_context(self._life())
        self._process = os.getpid()

    def end(self) -> None:
        """Be in service no more."""
        if self._process == os.getpid():
            self._open.close()
            self._worker = None

    def stop(self) -> None:
        """Let the job that runs finish within the grace, and be given back after it. A signal's handler may call it."""
        if self._worker:
            self._worker.stop()

    def hear(self, message: object) -> None:
        """Do the job that a message names, if there is anything to be done about it."""
        job = job_named(message)
        if job is None:
            log.warning("bell_refused", reason="no job's id")
            return
        if self._worker is None or self._process != os.getpid():
            self.begin()
        if self._worker and not self._worker.perform(job):
            log.info("bell_in_vain", job_id=str(job))


def job_named(message: object) -> JobId | None:
    """Return the job that a message names, if it is a job's id and nothing else."""
    try:
        return JobId(UUID(message)) if isinstance(message, str) and len(message) == 36 else None
    except ValueError:
        return None
