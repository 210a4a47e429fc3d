"""Bells: in this process, and to other processes by PostgreSQL's NOTIFY or by a pipe beside the SQLite file."""

import os
import stat
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import structlog
from sqlalchemy import func, select

from counterfoil.foundation.database import Database, DatabaseUnavailable
from counterfoil.jobs.domain import Call
from counterfoil.jobs.protocols import Bell

CHANNEL = "counterfoil_jobs"
GAP_SECONDS = 0.005

log = structlog.get_logger()


class EventBell:
    """A bell for the threads of one process."""

    def __init__(self) -> None:
        self._rung = threading.Event()

    def ring(self) -> None:
        self._rung.set()

    def wait(self, seconds: float) -> bool:
        rung = self._rung.wait(seconds)
        self._rung.clear()
        return rung


class Herald(Protocol):
    """Carries the bell to other processes."""

    def call(self) -> None: ...


class LocalDispatcher:
    """Wakes workers that look for jobs themselves: those in this process at once, the others through the herald."""

    def __init__(self, bell: Bell, herald: Herald) -> None:
        self._bell = bell
        self._herald = herald

    def ring(self, calls: Sequence[Call]) -> None:  # noqa: ARG002 - who is woken looks what there is
        self._bell.ring()
        self._herald.call()


class NotifyHerald:
    """Notifies through PostgreSQL, in a thread of its own and not for every job.

    All commits with a notification wait for one lock of the server's, so those that make jobs have none.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._wanted = threading.Event()
        self._starting = threading.Lock()

    def call(self) -> None:
        self._wanted.set()
        if self._starting.acquire(blocking=False):  # once and for all: it is never given back
            threading.Thread(target=self._run, name="herald", daemon=True).start()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            try:
                with self._database.transaction() as tx:
                    tx.execute(select(func.pg_notify(CHANNEL, "")))
            except DatabaseUnavailable:
                log.info("bell_not_heard")  # whoever should have heard it looks by itself after a while
            time.sleep(GAP_SECONDS)


class PipeHerald:
    """Writes a byte into the pipe of every worker on this machine; its own process's bell is rung through one, too."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def call(self) -> None:
        for pipe in self._folder.glob("*.bell"):
            # Without a reader there is nobody to wake, and a full pipe wakes its reader anyway.
            with suppress(OSError):
                handle = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
                try:
                    os.write(handle, b"!")
                finally:
                    os.close(handle)


class PipeListener:
    """Rings a bell whenever somebody writes into this process's pipe."""

    def __init__(self, folder: Path, bell: Bell) -> None:
        self._path = folder / f"{os.getpid()}.bell"
        self._bell = bell

    def start(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.mkfifo(self._path, stat.S_IRUSR | stat.S_IWUSR)
        # For writing as well, or it would end with whoever wrote first.
        handle = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        threading.Thread(target=self._listen, args=(handle,), name="listener", daemon=True).start()

    def _listen(self, handle: int) -> None:
        while os.read(handle, 4096):
            self._bell.ring()
