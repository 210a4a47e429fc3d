"""Workers in SQL, and how their deaths are noticed: by a silent heart, or on SQLite by a lock that fell free."""

import fcntl
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import insert, select, update

from counterfoil.foundation.database import Transaction
from counterfoil.jobs.domain import WorkerId
from counterfoil.jobs.infrastructure.tables import WorkerRow


class SqlWorkerStore:
    """Judges workers by the database's clock: one whose last beat is older than the lapse is taken for dead."""

    def register(self, tx: Transaction, worker: WorkerId, name: str, now: datetime) -> None:
        tx.execute(insert(WorkerRow), {"id": worker, "name": name, "started_at": now, "beat_at": now, "ended_at": None})

    def beat(self, tx: Transaction, worker: WorkerId, now: datetime) -> bool:
        living = update(WorkerRow).where(WorkerRow.id == worker, WorkerRow.ended_at.is_(None))
        return tx.execute(living.values(beat_at=now)).rowcount == 1

    def dead(self, tx: Transaction, now: datetime, lapse: timedelta) -> Sequence[WorkerId]:
        silent = select(WorkerRow.id).where(WorkerRow.ended_at.is_(None), WorkerRow.beat_at < now - lapse)
        return [WorkerId(worker) for worker in tx.execute(silent.with_for_update(skip_locked=True)).scalars()]

    def bury(self, tx: Transaction, worker: WorkerId, now: datetime) -> None:
        tx.execute(update(WorkerRow).where(WorkerRow.id == worker).values(ended_at=now))


class LockedWorkerStore(SqlWorkerStore):
    """Judges workers on one machine by a lock on a file each, which the system frees when the process is gone.

    No clock is asked, so a laptop that slept or whose time was set does not take its workers for dead.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[WorkerId, int] = {}

    def register(self, tx: Transaction, worker: WorkerId, name: str, now: datetime) -> None:
        """Note the worker; its lock is taken before the commit, so that nobody sees it without one."""
        super().register(tx, worker, name, now)
        self._folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path(worker), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._held[worker] = handle

    def dead(self, tx: Transaction, now: datetime, lapse: timedelta) -> Sequence[WorkerId]:  # noqa: ARG002 - no clock is asked
        living = tx.execute(select(WorkerRow.id).where(WorkerRow.ended_at.is_(None))).scalars()
        return [worker for worker in map(WorkerId, living) if self._is_free(worker)]

    def bury(self, tx: Transaction, worker: WorkerId, now: datetime) -> None:
        super().bury(tx, worker, now)
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
