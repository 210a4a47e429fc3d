"""A session of a worker's own on PostgreSQL: it holds the lock that proves the worker's life, and hears the bell."""

import secrets
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import structlog
from sqlalchemy import Row, Select, and_, func, make_url, or_, select, text, update

from counterfoil.foundation.database import Database, DatabaseUnavailable, Transaction
from counterfoil.foundation.postgres import PatientConnection, is_lent_out
from counterfoil.jobs.domain import WorkerId
from counterfoil.jobs.infrastructure.local import CHANNEL
from counterfoil.jobs.infrastructure.presence import WORKERS, BeatPresence, living

LOOK_SECONDS = 1.0
ANSWER_SECONDS = 5.0
_PATIENCE: Mapping[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 5_000,
}

log = structlog.get_logger()


class SessionLock:
    """Holds one advisory lock for as long as this process lives, and takes it again when the connection was lost."""

    def __init__(self, url: str, on_bell: Callable[[], None]) -> None:
        """Take where to connect to, past any pooler, and whom to tell when the bell is heard."""
        self.key = secrets.randbits(62)
        self._address = _address(url)
        self._on_bell = on_bell
        self._held = threading.Event()
        self._times_taken = 0
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self) -> None:
        """Return once the lock is held.

        Raises:
            DatabaseUnavailable: it could not be taken for a while.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._keep, name="session", daemon=True)
            self._thread.start()
        if not self._held.wait(10):
            raise DatabaseUnavailable

    @property
    def tenure(self) -> int | None:
        """Return for the how-manieth time the lock is held, or None while it is not held for certain."""
        return self._times_taken if self._held.is_set() else None

    def close(self) -> None:
        """Let the lock go."""
        self._closed.set()
        if self._thread:
            self._thread.join(LOOK_SECONDS * 3)

    def _keep(self) -> None:
        while not self._closed.is_set():
            try:
                with PatientConnection.connect(**{**_PATIENCE, **self._address}, autocommit=True) as connection:
                    # A lock that is held in vain must not be believed in: the server may have ended the session.
                    connection.patience = ANSWER_SECONDS
                    self._hold(connection)
            except psycopg.Error as error:
                log.warning("session_lost", error=repr(error))
            self._held.clear()
            self._closed.wait(0.2)

    def _hold(self, connection: "psycopg.Connection[tuple[object, ...]]") -> None:
        while connection.execute("SELECT pg_try_advisory_lock(%s)", (self.key,)).fetchone() != (True,):
            if self._closed.wait(0.2):  # the server has not noticed yet that our earlier session is gone
                return
        connection.execute(f"LISTEN {CHANNEL}")
        self._times_taken += 1
        self._held.set()
        self._on_bell()  # what rang before we listened was not heard
        while not self._closed.is_set():
            for _ in connection.notifies(timeout=LOOK_SECONDS):
                self._on_bell()
            connection.execute("SELECT 1")  # or a connection that died without a word would go unnoticed


class SessionPresence(BeatPresence):
    """Judges workers by the advisory lock that each one's own session holds, after a grace.

    A lock that is missing is a suspicion only: a server that was restarted has lost all of them, and the workers take
    theirs again. Who can take another's lock after the grace knows that its holder is gone, and keeps it gone while it
    buries it. So is a silent heart, beside a lock that a vanished machine may have left behind: where the server was
    out of reach, nobody was heard. A worker cannot judge itself, for it cannot tell its own absence from the server's:
    it goes on until the server says that it was buried.
    """

    def __init__(
        self,
        database: Database,
        session: SessionLock,
        *,
        every: timedelta,
        lapse: timedelta,
        grace: timedelta,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(database, every=every, lapse=lapse, monotonic=monotonic)
        self._session = session
        self._grace = grace
        self._tenure: int | None = None

    def register(self, worker: WorkerId, name: str) -> None:
        """Take the lock before anybody can see the worker without one."""
        self._session.take()
        self.note(worker, name, lock_key=self._session.key)

    def beat(self, worker: WorkerId) -> bool:
        """Ask at once whether anybody has buried us while we did not hold our lock."""
        tenure = self._session.tenure
        if tenure is None or tenure != self._tenure:
            self.hurry()
        lives = super().beat(worker)
        self._tenure = tenure
        return lives

    def leave(self, worker: WorkerId) -> None:
        super().leave(worker)
        self._session.close()

    def doubts(self, tx: Transaction) -> bool:
        missed = or_(_LOCK_IS_MISSING, WORKERS.c.missing_since.is_not(None))
        return tx.execute(living().where(missed).limit(1)).first() is not None or super().doubts(tx)

    def dead(self, tx: Transaction) -> Sequence[WorkerId]:
        """Return the dead, and note since when others have been missed, for whoever looks next."""
        now, up = tx.now(), _up_for(tx)
        if up < self._grace:
            return []
        silent = {row.id: row for row in self.silent(tx) if up >= timedelta(seconds=row.lapse_seconds)}
        missed = {row.id: row for row in tx.execute(living().where(_LOCK_IS_MISSING))} | silent
        self._note_missing(tx, missed, now)
        long = [row for row in missed.values() if self._is_long_missed(row, now)]
        return [WorkerId(row.id) for row in long if row.id in silent or tx.execute(_try_lock(row.lock_key)).scalar()]

    def _is_long_missed(self, row: Row[Any], now: datetime) -> bool:
        """Tell whether the grace is over; the lapse of a worker that has nothing but its heart leaves room for none."""
        return row.lock_key is None or bool(row.missing_since and now - row.missing_since >= self._grace)

    def _note_missing(self, tx: Transaction, missing: Collection[UUID], now: datetime) -> None:
        seen = and_(WORKERS.c.missing_since.is_not(None), WORKERS.c.id.not_in(missing), WORKERS.c.ended_at.is_(None))
        tx.execute(update(WORKERS).where(seen).values(missing_since=None))
        if missing:
            # Also of who was missed before the clock was set back.
            unknown = or_(WORKERS.c.missing_since.is_(None), WORKERS.c.missing_since > now)
            fresh = and_(WORKERS.c.id.in_(missing), unknown)
            tx.execute(update(WORKERS).where(fresh).values(missing_since=now))


# The server keeps a key of 64 bits in two halves.
_LOCK_IS_MISSING = text("""
    lock_key IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM pg_locks
        WHERE locktype = 'advisory' AND objsubid = 1 AND granted
        AND (classid::bigint << 32) | objid::bigint = lock_key
    )
""")


def _try_lock(key: int) -> Select[Any]:
    return select(func.pg_try_advisory_xact_lock(key))


def _up_for(tx: Transaction) -> timedelta:
    """Return how long the server has been there."""
    started: datetime = tx.execute(select(func.pg_postmaster_start_time())).scalar_one()
    up = tx.now() - started
    return up if up >= timedelta(0) else timedelta.max  # the clock was set back since


def is_pooled(url: str) -> bool:
    """Tell whether a pooler lends out the server's sessions, so that no lock can be held in one."""
    try:
        with psycopg.connect(**{**_PATIENCE, **_address(url)}, autocommit=True) as connection:
            return is_lent_out(connection)
    except psycopg.Error as error:
        raise DatabaseUnavailable from error


def _address(url: str) -> dict[str, Any]:
    parsed = make_url(url)
    parts = {"host": parsed.host, "port": parsed.port, "user": parsed.username, "password": parsed.password}
    given = {name: value for name, value in (parts | {"dbname": parsed.database}).items() if value is not None}
    return given | dict(parsed.query)
