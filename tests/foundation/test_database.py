"""Transactions behave alike on SQLite and PostgreSQL."""

import socket
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError

from counterfoil.access.infrastructure.sql import WorkspaceRow
from counterfoil.foundation.database import Database, DatabaseUnavailable
from counterfoil.foundation.ids import new_id


def test_what_waits_for_the_commit_runs_after_it(database: Database) -> None:
    happened: list[str] = []
    with database.transaction() as tx:
        tx.after_commit(lambda: happened.append("rang"))
        happened.append("worked")
    assert happened == ["worked", "rang"]


def test_a_rolled_back_transaction_leaves_nothing_and_runs_nothing(database: Database) -> None:
    happened: list[str] = []
    row = {"id": new_id(), "name": "Lost", "created_at": datetime.now(UTC)}

    def fail_half_way() -> None:
        with database.transaction() as tx:
            tx.execute(insert(WorkspaceRow), row)
            tx.after_commit(lambda: happened.append("rang"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    with database.reading() as tx:
        names = tx.execute(select(WorkspaceRow.name)).scalars().all()
    assert "Lost" not in names
    assert happened == []


def test_times_come_back_aware_and_in_utc_whatever_zone_they_went_in(database: Database) -> None:
    moment = datetime(2026, 7, 1, 14, 30, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    row_id = new_id()
    with database.transaction() as tx:
        tx.execute(insert(WorkspaceRow), {"id": row_id, "name": "Zone", "created_at": moment})
    with database.reading() as tx:
        read = tx.execute(select(WorkspaceRow.created_at).where(WorkspaceRow.id == row_id)).scalar_one()
    assert read == moment
    assert read.utcoffset() == timedelta(0)


def test_the_database_tells_the_time_in_utc(database: Database) -> None:
    with database.reading() as tx:
        now = tx.now()
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)
    assert now.utcoffset() == timedelta(0)


def test_sqlite_syncs_every_commit_and_keeps_readers_and_writers_apart(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    with database.transaction() as tx:
        assert tx.execute(text("PRAGMA synchronous")).scalar_one() == 2
        assert tx.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        with database.reading() as reader:
            assert reader.execute(text("SELECT 1")).scalar_one() == 1
    database.close()


def test_a_database_that_is_not_there_says_so() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(DatabaseUnavailable):
        database.ping()


def test_a_server_that_never_answers_is_not_waited_for_for_ever() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        database = Database(f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/nothing?connect_timeout=2")
        with pytest.raises(DatabaseUnavailable):
            database.ping()


def test_a_database_whose_connections_are_all_taken_says_that_it_does_not_answer(database_url: str) -> None:
    database = Database(database_url, pool_size=1, max_overflow=0, wait_seconds=0.01)
    with database.reading(), pytest.raises(DatabaseUnavailable):
        database.ping()
    database.ping()
    database.close()


def test_a_statement_that_is_wrong_is_not_taken_for_an_absent_database(database: Database) -> None:
    with pytest.raises(DBAPIError), database.reading() as tx:
        tx.execute(text("SELECT nothing FROM nowhere"))
