"""A dead worker is noticed, and a living one is left alone."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import pytest
from sqlalchemy import select, update

from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.domain import WorkerId
from counterfoil.jobs.infrastructure.presence import BeatPresence, FilePresence
from counterfoil.jobs.infrastructure.session import SessionLock, SessionPresence, is_pooled
from counterfoil.jobs.infrastructure.tables import WorkerRow
from counterfoil.jobs.protocols import Presence
from tests.conftest import prepare
from tests.support.clock import FixedClock, TimedDatabase
from tests.support.postgres import PostgresServer
from tests.support.waiting import wait_until

LAPSE = timedelta(seconds=60)
AT_ONCE = timedelta(0)
GRACE = timedelta(milliseconds=500)
HOLD_A_LOCK = "import fcntl, sys; f = open(sys.argv[1], 'r+'); fcntl.flock(f, fcntl.LOCK_EX); print('held'); input()"
HOLD_A_SESSION = """
import sys
from counterfoil.jobs.infrastructure.session import SessionLock
lock = SessionLock(sys.argv[1], lambda: None)
lock.take()
print(lock.key, flush=True)
input()
"""


def by_beat(database: Database) -> BeatPresence:
    return BeatPresence(database, every=AT_ONCE, lapse=LAPSE)


def register(presence: Presence) -> WorkerId:
    worker = WorkerId(new_id())
    presence.register(worker, "host:1")
    return worker


def dead(database: Database, presence: Presence) -> list[WorkerId]:
    with database.reading() as tx:
        return list(presence.dead(tx))


def bury(database: Database, presence: Presence, worker: WorkerId) -> None:
    with database.transaction() as tx:
        presence.bury(tx, worker)


def be_silent(database: Database, worker: WorkerId, since: timedelta) -> None:
    with database.transaction() as tx:
        tx.execute(update(WorkerRow).where(WorkerRow.id == worker).values(beat_at=tx.now() - since))


# --- by a silent heart ---


def test_a_worker_that_has_been_silent_for_longer_than_its_lapse_is_dead(database: Database) -> None:
    presence = by_beat(database)
    silent, beating, patient = register(presence), register(presence), register(presence)
    be_silent(database, patient, LAPSE - timedelta(seconds=30))
    for worker in (silent, beating):
        be_silent(database, worker, LAPSE + timedelta(seconds=1))
    assert presence.beat(beating)
    assert dead(database, presence) == [silent]


def test_each_worker_is_judged_by_its_own_lapse(database: Database) -> None:
    quick = register(BeatPresence(database, every=AT_ONCE, lapse=timedelta(seconds=4)))
    slow = register(by_beat(database))
    for worker in (quick, slow):
        be_silent(database, worker, timedelta(seconds=10))
    assert dead(database, by_beat(database)) == [quick]


def test_a_buried_worker_is_not_found_dead_again_and_hears_of_it_at_its_next_beat(database: Database) -> None:
    presence = by_beat(database)
    worker = register(presence)
    be_silent(database, worker, 2 * LAPSE)
    bury(database, presence, worker)
    assert not presence.beat(worker)
    assert dead(database, presence) == []


def test_a_heart_writes_no_more_often_than_it_was_told(database: Database) -> None:
    moment = [0.0]
    presence = BeatPresence(database, every=timedelta(seconds=10), lapse=LAPSE, monotonic=lambda: moment[0])
    worker = register(presence)
    be_silent(database, worker, 2 * LAPSE)
    moment[0] = 9.0
    assert presence.beat(worker)
    assert dead(database, presence) == [worker]
    moment[0] = 10.0
    assert presence.beat(worker)
    assert dead(database, presence) == []


def test_a_worker_that_leaves_is_not_missed(database: Database) -> None:
    presence = by_beat(database)
    worker = register(presence)
    presence.leave(worker)
    be_silent(database, worker, 2 * LAPSE)
    assert dead(database, presence) == []


def test_a_worker_whose_last_beat_was_before_the_clock_was_set_back_is_dead_a_lapse_later(
    database: Database, clock: FixedClock
) -> None:
    timed = TimedDatabase(database.url, clock)
    presence = by_beat(timed)
    silent, beating = register(presence), register(presence)
    clock.pass_by(timedelta(hours=-1))
    with timed.reading() as tx:
        assert presence.doubts(tx)
    with timed.transaction() as tx:
        assert presence.dead(tx) == []
    clock.pass_by(LAPSE + timedelta(seconds=1))
    assert presence.beat(beating)
    with timed.reading() as tx:
        assert presence.doubts(tx)
    assert dead(timed, presence) == [silent]
    timed.close()


# --- by a file's lock that fell free ---


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[tuple[WorkerId, "subprocess.Popen[str]"]]:
    """Another process that holds the lock of a worker."""
    worker = WorkerId(new_id())
    folder = tmp_path / "workers"
    folder.mkdir()
    path = folder / f"{worker}.lock"
    path.touch()
    with started(HOLD_A_LOCK, str(path)) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield worker, process
        process.kill()


def started(script: str, argument: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", script, argument]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def by_file(database: Database, folder: Path) -> FilePresence:
    return FilePresence(database, folder, every=AT_ONCE, lapse=LAPSE)


def test_a_living_worker_is_never_given_up_however_long_it_is_silent(
    database: Database, tmp_path: Path, holder: tuple[WorkerId, "subprocess.Popen[str]"]
) -> None:
    worker, _ = holder
    by_beat(database).register(worker, "host:2")
    be_silent(database, worker, timedelta(days=365))
    assert dead(database, by_file(database, tmp_path / "workers")) == []


def test_the_lock_of_a_killed_process_falls_free(
    database: Database, tmp_path: Path, holder: tuple[WorkerId, "subprocess.Popen[str]"]
) -> None:
    worker, process = holder
    by_beat(database).register(worker, "host:2")
    process.kill()
    process.wait(10)
    assert dead(database, by_file(database, tmp_path / "workers")) == [worker]


def test_a_worker_without_a_lock_file_is_dead(database: Database, tmp_path: Path) -> None:
    worker = register(by_beat(database))
    assert dead(database, by_file(database, tmp_path)) == [worker]


def test_a_process_sees_its_own_workers_and_those_of_its_neighbours_living(database: Database, tmp_path: Path) -> None:
    ours, theirs = by_file(database, tmp_path), by_file(database, tmp_path)
    register(ours)
    register(theirs)
    assert dead(database, ours) == dead(database, theirs) == []


def test_a_worker_that_signs_off_leaves_no_lock_file(database: Database, tmp_path: Path) -> None:
    presence = by_file(database, tmp_path)
    worker = register(presence)
    assert list(tmp_path.glob("*.lock"))
    presence.leave(worker)
    assert not list(tmp_path.glob("*.lock"))
    assert dead(database, presence) == []


# --- by the lock of a session ---


@pytest.fixture
def server(postgres: PostgresServer) -> Iterator[Database]:
    """A PostgreSQL database; the lock of a session is known there only, and kept through no pooler."""
    with postgres.direct.database() as url:
        database = Database(url)
        prepare(database)
        yield database
        database.close()


class BySession(Protocol):
    def __call__(
        self,
        *,
        on_bell: Callable[[], None] = ...,
        grace: timedelta = ...,
        every: timedelta = ...,
        lapse: timedelta = ...,
    ) -> SessionPresence: ...


@pytest.fixture
def by_session(server: Database) -> Iterator[BySession]:
    """Return proofs of life by sessions, which end with the test."""
    sessions: list[SessionLock] = []

    def make(
        *,
        on_bell: Callable[[], None] = lambda: None,
        grace: timedelta = GRACE,
        every: timedelta = AT_ONCE,
        lapse: timedelta = LAPSE,
    ) -> SessionPresence:
        sessions.append(SessionLock(server.url, on_bell))
        return SessionPresence(server, sessions[-1], every=every, lapse=lapse, grace=grace)

    yield make
    for session in sessions:
        session.close()


def end_sessions(database: Database) -> None:
    """End the sessions of all workers, as a server that is restarted does."""
    with database.transaction() as tx:
        tx.connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_locks"
            " WHERE locktype = 'advisory' AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )


def test_who_holds_its_session_lives_and_who_leaves_is_not_missed(server: Database, by_session: BySession) -> None:
    ours, theirs = by_session(), by_session(grace=AT_ONCE)
    worker = register(ours)
    register(theirs)
    assert ours.beat(worker)
    assert dead(server, ours) == dead(server, theirs) == []
    ours.leave(worker)
    assert dead(server, theirs) == []


def test_a_killed_process_loses_its_session_and_is_dead_after_the_grace(
    server: Database, by_session: BySession
) -> None:
    with started(HOLD_A_SESSION, server.url) as process:
        assert process.stdout
        key = int(process.stdout.readline())
        worker = WorkerId(new_id())
        by_beat(server).note(worker, "host:2", lock_key=key)
        witness = by_session()
        assert dead(server, witness) == []
        process.kill()
        process.wait(10)
    seen: list[bool] = []

    def found() -> bool:
        seen.append(dead(server, witness) == [worker])
        return seen[-1]

    wait_until(found, seconds=10)
    assert not seen[0]  # a lock that is missing at first sight is a suspicion only


def test_a_lock_that_is_missing_since_before_the_clock_was_set_back_is_missed_anew(
    server: Database, clock: FixedClock
) -> None:
    timed = TimedDatabase(server.url, clock)
    session = SessionLock(server.url, lambda: None)  # which takes no lock here
    witness = SessionPresence(timed, session, every=AT_ONCE, lapse=timedelta(days=1), grace=GRACE)
    worker = WorkerId(new_id())
    by_beat(timed).note(worker, "host:2", lock_key=12345)
    with timed.transaction() as tx:
        assert witness.dead(tx) == []
    clock.pass_by(timedelta(hours=-1))
    with timed.transaction() as tx:
        assert witness.dead(tx) == []
    clock.pass_by(2 * GRACE)
    with timed.transaction() as tx:
        assert witness.dead(tx) == [worker]
    timed.close()


def test_a_stopped_process_keeps_its_session_and_is_not_dead(server: Database, by_session: BySession) -> None:
    with started(HOLD_A_SESSION, server.url) as process:
        assert process.stdout
        key = int(process.stdout.readline())
        by_beat(server).note(WorkerId(new_id()), "host:2", lock_key=key)
        os.kill(process.pid, signal.SIGSTOP)
        assert dead(server, by_session(grace=AT_ONCE)) == []
        process.kill()


def test_a_session_that_was_ended_is_taken_again_before_anybody_is_buried(
    server: Database, by_session: BySession
) -> None:
    presence, witness = by_session(grace=timedelta(seconds=20)), by_session(grace=timedelta(seconds=20))
    worker = register(presence)
    end_sessions(server)
    assert dead(server, witness) == []
    assert presence.beat(worker)
    wait_until(lambda: presence._session.tenure == 2 and locks(server) == 1)
    assert dead(server, witness) == []


def locks(database: Database) -> int:
    with database.reading() as tx:
        return len(
            tx.connection.exec_driver_sql(
                "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            ).all()
        )


@contextmanager
def session_away(server: Database, presence: SessionPresence) -> Iterator[None]:
    """Take a worker's session from it, and keep it from having its lock back."""
    with server.transaction() as tx:
        threading.Timer(0.2, end_sessions, [server]).start()  # while the next statement waits for the lock
        tx.connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({presence._session.key})")
        wait_until(lambda: presence._session.tenure is None, seconds=10)
        yield


def test_a_worker_goes_on_without_its_session_until_it_is_buried(server: Database, by_session: BySession) -> None:
    presence = by_session(grace=AT_ONCE)
    worker = register(presence)
    with session_away(server, presence):
        assert presence.beat(worker)
        bury(server, presence, worker)
        assert not presence.beat(worker)


def test_a_worker_that_was_buried_while_its_session_was_away_hears_of_it_at_its_next_beat(
    server: Database, by_session: BySession
) -> None:
    presence = by_session(every=timedelta(days=1))
    buried, spared = register(presence), register(presence)
    assert presence.beat(buried)
    with session_away(server, presence):
        bury(server, presence, buried)
    wait_until(lambda: presence._session.tenure == 2, seconds=10)
    assert not presence.beat(buried)
    be_silent(server, spared, timedelta(minutes=1))
    assert presence.beat(spared)
    with server.reading() as tx:
        beat_at = tx.execute(select(WorkerRow.beat_at).where(WorkerRow.id == spared)).scalar_one()
        assert tx.now() - beat_at > timedelta(seconds=30)  # nothing to ask any more


def test_a_silence_is_a_suspicion_at_first_for_who_could_not_reach_the_server_was_not_heard(
    server: Database, by_session: BySession
) -> None:
    lapse = timedelta(seconds=5)
    ours, theirs, witness = by_session(lapse=lapse), by_session(lapse=lapse), by_session(grace=AT_ONCE)
    gone, cut_off = register(ours), register(theirs)
    wait_until(lambda: up_for(server) > lapse)
    for worker in (gone, cut_off):
        be_silent(server, worker, 2 * lapse)
    assert dead(server, witness) == []
    assert theirs.beat(cut_off)
    assert dead(server, witness) == [gone]


def test_nobody_was_silent_before_the_server_was_there(server: Database, by_session: BySession) -> None:
    presence = by_session(lapse=timedelta(days=1))
    worker = register(presence)
    be_silent(server, worker, timedelta(days=2))
    witness = by_session(grace=AT_ONCE)
    assert dead(server, witness) == dead(server, witness) == []


def up_for(server: Database) -> timedelta:
    with server.reading() as tx:
        up: timedelta = tx.connection.exec_driver_sql("SELECT now() - pg_postmaster_start_time()").scalar_one()
    return up


def test_a_session_hears_the_bell(server: Database, by_session: BySession) -> None:
    rung = threading.Event()
    register(by_session(on_bell=rung.set))
    assert rung.wait(5)  # once for what rang before it listened
    rung.clear()
    with server.transaction() as tx:
        tx.connection.exec_driver_sql("SELECT pg_notify('counterfoil_jobs', '')")
    assert rung.wait(5)


def test_a_server_without_a_pooler_lends_no_sessions_out(server: Database) -> None:
    assert not is_pooled(server.url)


def test_a_worker_is_registered_with_its_proof_of_life(server: Database, by_session: BySession) -> None:
    presence = by_session()
    worker = register(presence)
    with server.reading() as tx:
        row = tx.execute(select(WorkerRow.id, WorkerRow.lock_key, WorkerRow.ended_at)).one()
    assert (row.id, row.lock_key, row.ended_at) == (worker, presence._session.key, None)
