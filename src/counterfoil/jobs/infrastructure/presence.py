"""Who works, and how it is noticed that somebody does no longer: by a lock that falls free, or by a silent heart.

A lock tells for certain and within seconds: on SQLite that on a file, on PostgreSQL one that a session holds (see
`session.py`). Behind a pooler that lends sessions out there is no such lock, and the heart beats faster instead. It
beats slowly also beside the locks, for a machine that vanishes may leave its session standing.
"""

import fcntl
import os
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Row, Select, insert, select, update

from counterfoil.foundation.database import Database, Transaction, table_of
from counterfoil.jobs.domain import WorkerId
from counterfoil.jobs.infrastructure.tables import WorkerRow

WORKERS = table_of(WorkerRow)


class BeatPresence:
    """Judges workers by the database's clock: one whose last beat is older than its lapse is taken for dead."""

    def __init__(
        self,
        database: Database,
        *,
        every: timedelta,
        lapse: timedelta,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take how often to beat, and after what silence to be given up."""
        self._database = database
        self._every = every
        self._lapse = lapse
        self._monotonic = monotonic
        self._next = 0.0

    def register(self, worker: WorkerId, name: str) -> None:
        self.note(worker, name, lock_key=None)

    def beat(self, worker: WorkerId) -> bool:
        if self._monotonic() < self._next:
            return True
        with self._database.transaction() as tx:
            living = update(WORKERS).where(WORKERS.c.id == worker, WORKERS.c.ended_at.is_(None))
            alive = tx.execute(living.values(beat_at=tx.clock())).rowcount == 1
        self._next = self._monotonic() + self._every.total_seconds()
        return alive

    def hurry(self) -> None:
        """Have the next beat be written, however short a time ago the last one was."""
        self._next = 0.0

    def leave(self, worker: WorkerId) -> None:
        with self._database.transaction() as tx:
            self.bury(tx, worker)

    def doubts(self, tx: Transaction) -> bool:
        now = tx.now()
        return any(_is_silent(row, now) or _is_ahead(row, now) for row in tx.execute(living()))

    def dead(self, tx: Transaction) -> Sequence[WorkerId]:
        return [WorkerId(row.id) for row in self.silent(tx)]

    def bury(self, tx: Transaction, worker: WorkerId) -> None:
        tx.execute(update(WORKERS).where(WORKERS.c.id == worker).values(ended_at=tx.clock()))

    def silent(self, tx: Transaction) -> Sequence[Row[Any]]:
        """Return what is known of the workers that have been silent for longer than their lapse."""
        now = tx.now()
        rows = tx.execute(living()).all()
        if ahead := [row.id for row in rows if _is_ahead(row, now)]:
            # The clock was set back; who is silent since then is so from now on.
            tx.execute(update(WORKERS).where(WORKERS.c.id.in_(ahead)).values(beat_at=now))
        return [row for row in rows if _is_silent(row, now)]

    def note(self, worker: WorkerId, name: str, *, lock_key: int | None) -> None:
        """Keep that a worker has started, and by what lock it is known to live."""
        with self._database.transaction() as tx:
            now = tx.now()
            row = {"id": worker, "name": name, "lock_key": lock_key, "lapse_seconds": self._lapse.total_seconds()}
            tx.execute(insert(WORKERS), row | {"started_at": now, "beat_at": now, "ended_at": None})
        self._next = self._monotonic() + self._every.total_seconds()


class FilePresence(BeatPresence):
    """Judges workers on one machine by a lock on a file each, which the system frees when the process is gone.

    No clock is asked, so a laptop that slept or whose time was set does not take its workers for dead.
    """

    def __init__(self, database: Database, folder: Path, *, every: timedelta, lapse: timedelta) -> None:
        super().__init__(database, every=every, lapse=lapse)
        self._folder = folder
        self._held: dict[WorkerId, int] = {}

    def register(self, worker: WorkerId, name: str) -> None:
        """Take the lock before anybody can see the worker without one."""
        self._folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path(worker), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._held[worker] = handle
        super().register(worker, name)

    def doubts(self, tx: Transaction) -> bool:
        return bool(self.dead(tx))

    def dead(self, tx: Transaction) -> Sequence[WorkerId]:
        return [WorkerId(row.id) for row in tx.execute(living()) if self._is_free(WorkerId(row.id))]

    def bury(self, tx: Transaction, worker: WorkerId) -> None:
        super().bury(tx, worker)
        tx.after_commit(lambda: self._remove(worker))

    def _is_free(self, worker: WorkerId) -> bool:
        if worker in self._held:
            return False
        try:
            handle = os.open(self._path(worker), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared, so that two who look do not mislead each other
        except BlockingIOError:
            return False
        finally:
            os.close(handle)
        return True

    def _remove(self, worker: WorkerId) -> None:
        self._path(worker).unlink(missing_ok=True)
        handle = self._held.pop(worker, None)
        if handle is not None:
            os.close(handle)

    def _path(self, worker: WorkerId) -> Path:
        return self._folder / f"{worker}.lock"


def _is_silent(row: Row[Any], now: datetime) -> bool:
    return bool(row.beat_at < now - timedelta(seconds=row.lapse_seconds))


def _is_ahead(row: Row[Any], now: datetime) -> bool:
    return bool(row.beat_at > now + timedelta(seconds=row.lapse_seconds))


def living() -> Select[Any]:
    """Select what is known of the workers that have not ended."""
    columns = (
        WORKERS.c.id,
        WORKERS.c.lock_key,
        WORKERS.c.beat_at,
        WORKERS.c.lapse_seconds,
        WORKERS.c.missing_since,
    )
    return select(*columns).where(WORKERS.c.ended_at.is_(None))
