"""Whatever happens to the database or the way to it, a transaction ends: done or refused, not half-way, not hanging."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import insert, make_url, select, text, update

from counterfoil.access.infrastructure.sql import WorkspaceRow
from counterfoil.foundation.database import Database, DatabaseUnavailable, Transaction
from counterfoil.foundation.ids import new_id
from tests.conftest import prepare
from tests.support.pgbouncer import pooled
from tests.support.postgres import PostgresServer
from tests.support.postgres_wire import At, PostgresProxy
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def server(pytestconfig: pytest.Config) -> Iterator[PostgresServer]:
    """A server of this module's own, for what is done to it."""
    with PostgresServer.running(pytestconfig.getoption("postgres"), max_connections="16") as server:
        yield server


@pytest.fixture
def url(server: PostgresServer) -> Iterator[str]:
    with server.database() as url:
        yield url


@pytest.fixture
def near(url: str) -> Iterator[Database]:
    """The database without anything between."""
    database = Database(url, pool_size=4)
    prepare(database)
    yield database
    database.close()


@pytest.fixture
def proxy(server: PostgresServer) -> Iterator[PostgresProxy]:
    with PostgresProxy(server) as proxy:
        yield proxy


@pytest.fixture
def far(near: Database, proxy: PostgresProxy) -> Iterator[Database]:
    """The same database behind the proxy."""
    database = Database(proxy.url(near.url), pool_size=4)
    yield database
    database.close()


@pytest.fixture
def impatient(near: Database, proxy: PostgresProxy) -> Iterator[Database]:
    """The same, which waits two seconds for a sign of life, and has one connection open."""
    database = Database(proxy.url(near.url, connect_timeout="2"), pool_size=1)
    wait_until(lambda: _answers(database))
    yield database
    database.close()


def write(tx: Transaction) -> UUID:
    row = new_id()
    tx.execute(insert(WorkspaceRow), {"id": row, "name": "Written", "created_at": datetime.now(UTC)})
    return row


def written(database: Database) -> set[UUID]:
    with database.reading() as tx:
        return set(tx.execute(select(WorkspaceRow.id).where(WorkspaceRow.name == "Written")).scalars())


def write_once(database: Database, before_commit: Callable[[], object] = lambda: None) -> UUID:
    with database.transaction() as tx:
        row = write(tx)
        before_commit()
    return row


@contextmanager
def refused() -> Iterator[None]:
    """What is done inside has to end in DatabaseUnavailable, long before the system's TCP would give up."""
    begun = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        yield
    assert time.monotonic() - begun < 120


def test_a_transaction_takes_no_more_ways_than_its_statements(far: Database, proxy: PostgresProxy) -> None:
    far.ping()
    (link,) = proxy.links
    before = link.requests
    with far.transaction() as tx:
        tx.execute(text("SELECT 1"))
    assert link.requests - before == 3  # begin with its limits, the statement, commit


def test_a_connection_cut_in_the_middle_refuses_the_transaction_and_writes_nothing(
    near: Database, far: Database, proxy: PostgresProxy
) -> None:
    with refused(), far.transaction() as tx:
        write(tx)
        assert proxy.cut() == 1
        write(tx)
    assert written(near) == set()
    assert written(far) == set()


def test_kept_connections_that_were_cut_meanwhile_are_replaced_unnoticed(far: Database, proxy: PostgresProxy) -> None:
    with far.reading(), far.reading(), far.reading():
        assert len(proxy.links) == 3
    proxy.cut()
    rows = {write_once(far) for _ in range(3)}
    assert written(far) == rows


def test_a_commit_that_never_arrived_has_written_nothing(near: Database, far: Database, proxy: PostgresProxy) -> None:
    far.ping()
    proxy.cut_next_commit(At.BEFORE_COMMIT)
    with refused():
        write_once(far)
    assert proxy.commits_to_cut == 0
    assert written(near) == set()


def test_a_commit_whose_answer_was_lost_is_refused_and_rings_nobody_though_it_happened(
    near: Database, far: Database, proxy: PostgresProxy
) -> None:
    rang: list[str] = []
    far.ping()
    proxy.cut_next_commit(At.AFTER_COMMIT)
    with refused(), far.transaction() as tx:
        row = write(tx)
        tx.after_commit(lambda: rang.append("rang"))
    assert written(near) == {row}
    assert rang == []


def test_a_server_that_refuses_is_told_at_once_and_found_again(far: Database, proxy: PostgresProxy) -> None:
    far.ping()
    with proxy.refusing(), refused():
        far.ping()
    far.ping()


def test_a_kept_connection_to_a_server_that_fell_silent_is_noticed(impatient: Database, proxy: PostgresProxy) -> None:
    with proxy.swallowing(), refused():
        impatient.ping()
    wait_until(lambda: _answers(impatient))


def test_a_server_that_falls_silent_during_a_statement_is_noticed(
    near: Database, far: Database, proxy: PostgresProxy
) -> None:
    with refused(), far.transaction() as tx:
        tx.allow(statement_seconds=0.5)
        write(tx)
        with proxy.swallowing():
            write(tx)
    assert written(near) == set()


def test_only_the_connection_that_fell_silent_is_given_up(impatient: Database, proxy: PostgresProxy) -> None:
    """A firewall that forgot one connection: the next try goes by a new one, and nobody hears of it."""
    for link in proxy.links:
        link.swallowing = True
    seen = proxy.seen
    wait_until(lambda: _answers(impatient))
    assert proxy.seen > seen


def test_a_server_whose_processes_are_stopped_is_noticed(url: str, server: PostgresServer) -> None:
    database = Database(f"{url}&connect_timeout=2")
    wait_until(lambda: _answers(database))
    server.pause()
    try:
        with refused():
            database.ping()
    finally:
        server.resume()
    wait_until(lambda: _answers(database))
    database.close()


def test_every_statement_has_a_limit_that_ends_with_the_transaction(near: Database) -> None:
    with near.transaction() as tx:
        assert tx.execute(text("SHOW statement_timeout")).scalar_one() == "30s"
        assert tx.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one() == "15s"
        tx.allow(statement_seconds=3600)
        assert tx.execute(text("SHOW statement_timeout")).scalar_one() == "1h"
    with near.engine.connect() as connection:
        connection.commit()
        bare = connection.connection.driver_connection
        assert isinstance(bare, psycopg.Connection)
        assert bare.execute("SHOW statement_timeout").fetchone() == ("0",)
        assert bare.execute("SHOW idle_in_transaction_session_timeout").fetchone() == ("0",)


def test_a_statement_that_takes_too_long_is_refused_and_writes_nothing(near: Database) -> None:
    with refused(), near.transaction() as tx:
        write(tx)
        tx.allow(statement_seconds=0.2)
        tx.execute(text("SELECT pg_sleep(30)"))
    assert written(near) == set()


def test_a_row_that_stays_locked_is_not_waited_for_without_end(near: Database) -> None:
    row = write_once(near)
    rename = update(WorkspaceRow).where(WorkspaceRow.id == row).values(name="Written")
    with near.transaction() as holder:
        holder.execute(rename)
        with refused(), near.transaction() as waiter:
            waiter.allow(statement_seconds=0.2)
            waiter.execute(rename)


def test_of_two_transactions_that_wait_for_each_other_one_is_refused(near: Database) -> None:
    rows = [write_once(near), write_once(near)]
    both_hold_one = threading.Barrier(2)

    def rename(first: UUID, second: UUID) -> bool:
        try:
            with near.transaction() as tx:
                tx.execute(update(WorkspaceRow).where(WorkspaceRow.id == first).values(name="Written"))
                both_hold_one.wait(timeout=30)
                tx.execute(update(WorkspaceRow).where(WorkspaceRow.id == second).values(name="Written"))
        except DatabaseUnavailable:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        done = list(threads.map(rename, rows, rows[::-1]))
    assert sorted(done) == [False, True]


def test_a_transaction_left_idle_is_ended_by_the_server_and_refused(near: Database) -> None:
    with refused(), near.transaction() as tx:
        write(tx)
        tx.execute(text("SET LOCAL idle_in_transaction_session_timeout = 100"))
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        wait_until(lambda: _ask(near, others) == 1)
        write(tx)
    assert written(near) == set()


def _ask(database: Database, question: str) -> object:
    with database.reading() as tx:
        return tx.execute(text(question)).scalar_one()


def test_a_terminated_backend_refuses_its_transaction_and_no_other(near: Database, server: PostgresServer) -> None:
    with near.reading() as spared:
        with refused(), near.transaction() as tx:
            row = write(tx)
            backend = tx.execute(text("SELECT pg_backend_pid()")).scalar_one()
            assert server.administer(f"SELECT pg_terminate_backend({backend}, 10000)") == [True]
            write(tx)
        assert spared.execute(text("SELECT 1")).scalar_one() == 1
    assert row not in written(near)


def test_backends_terminated_while_idle_are_replaced_unnoticed(near: Database, server: PostgresServer) -> None:
    with near.reading(), near.reading():
        pass
    ended = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname LIKE 'test_%'"
    assert server.administer(ended) == [True, True]
    rows = {write_once(near), write_once(near)}
    assert written(near) == rows


def test_a_server_that_takes_no_more_connections_refuses_and_recovers(url: str) -> None:
    database = Database(url)
    with ExitStack() as stack:
        for _ in range(16):
            wait_until(lambda: _takes_a_place(url, stack))
        with refused():
            database.ping()
    wait_until(lambda: _answers(database))
    database.close()


def _takes_a_place(url: str, stack: ExitStack) -> bool:
    """Connect; tests before this one may not have left yet."""
    try:
        stack.enter_context(psycopg.connect(url))
    except psycopg.OperationalError:
        return False
    return True


def _answers(database: Database) -> bool:
    try:
        database.ping()
    except DatabaseUnavailable:
        return False
    return True


@pytest.mark.parametrize("how", ["fast", "immediate", "kill"])
def test_a_restarted_server_loses_nothing_that_was_done_and_is_used_again(
    near: Database, server: PostgresServer, how: str
) -> None:
    over = threading.Event()

    def keep_writing() -> tuple[set[UUID], set[UUID]]:
        """Return the rows that were said to be written, and those that were not."""
        done: set[UUID] = set()
        refused: set[UUID] = set()
        while not over.is_set():
            rows: list[UUID] = []
            try:
                write_once_noted(rows)
            except DatabaseUnavailable:
                refused.update(rows)
                time.sleep(0.01)
            else:
                done.update(rows)
        return done, refused

    def write_once_noted(rows: list[UUID]) -> None:
        with near.transaction() as tx:
            rows.append(write(tx))

    with ThreadPoolExecutor(4) as threads:
        writers = [threads.submit(keep_writing) for _ in range(4)]
        try:
            wait_until(lambda: len(written(near)) > 20)
            if how == "kill":
                server.kill()
            else:
                server.stop("fast" if how == "fast" else "immediate")
            assert not _answers(near)
            server.start()
            before = len(written(near))
            wait_until(lambda: len(written(near)) > before + 20)
        finally:
            over.set()
    done = set().union(*(writer.result()[0] for writer in writers))
    in_doubt = set().union(*(writer.result()[1] for writer in writers))
    there = written(near)
    assert done <= there
    assert there <= done | in_doubt


def test_a_standby_answers_readers_and_refuses_writers(near: Database, server: PostgresServer) -> None:
    row = write_once(near)
    signal = server.folder / "data" / "standby.signal"
    signal.touch()
    shutil.chown(signal, user=(server.folder / "data").stat().st_uid)
    server.restart()
    try:
        assert written(near) == {row}
        with refused():
            write_once(near)
    finally:
        signal.unlink()
        server.restart()
    assert len({row, write_once(near)} & written(near)) == 2


@pytest.mark.pgbouncer
def test_behind_a_pooler_no_statement_is_prepared(near: Database, server: PostgresServer) -> None:
    with pooled(server) as front:
        through = Database(make_url(near.url).update_query_dict({"host": str(front.front)}).render_as_string())
        for database, prepares in ((near, True), (through, False)):
            with database.transaction() as tx:
                for _ in range(10):
                    tx.execute(select(WorkspaceRow.id))
                found = tx.execute(text("SELECT count(*) FROM pg_prepared_statements")).scalar_one()
            assert (found > 0) == prepares
        through.close()


@pytest.fixture
def light(tmp_path: Path) -> Iterator[Database]:
    """A SQLite database on one connection, so that what is set on it holds."""
    database = Database(f"sqlite:///{tmp_path / 'a.db'}", pool_size=1, max_overflow=0)
    prepare(database)
    yield database
    database.close()


def test_a_full_disk_refuses_the_transaction_and_writes_nothing(light: Database) -> None:
    """SQLite's limit of pages stands in for the disk."""
    with light.reading() as tx:
        used: int = tx.execute(text("PRAGMA page_count")).scalar_one()
        tx.execute(text(f"PRAGMA max_page_count = {used}"))
    with refused(), light.transaction() as tx:
        for _ in range(1000):
            write(tx)
    assert written(light) == set()
    with light.reading() as tx:
        tx.execute(text(f"PRAGMA max_page_count = {used + 1000}"))
    row = write_once(light)
    assert written(light) == {row}


def test_a_file_that_cannot_be_written_answers_readers_and_refuses_writers(light: Database) -> None:
    """SQLite's own lock on writing stands in for a file system that was mounted read-only."""
    row = write_once(light)
    with light.reading() as tx:
        tx.execute(text("PRAGMA query_only = ON"))
    with refused():
        write_once(light)
    assert written(light) == {row}


def test_a_database_file_that_is_gone_with_its_disk_refuses(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    database = Database(f"sqlite:///{folder / 'a.db'}")
    shutil.rmtree(folder)
    with refused():
        database.ping()
    database.close()
