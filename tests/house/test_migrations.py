"""The migrations lead to the very tables that the code declares."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from counterfoil import bootstrap, migrations
from counterfoil.foundation.database import Database, Row
from counterfoil.migrations import walls

ROOT = Path(__file__).parents[2]
REVISIONS = [one.revision for one in reversed(list(ScriptDirectory(migrations._FOLDER).walk_revisions()))]


def _differences(database: Database) -> Sequence[Any]:
    assert bootstrap.ROUTERS  # names every room, and so every table
    with database.reading() as tx:
        context = MigrationContext.configure(tx.connection, opts={"compare_type": True})
        found: Sequence[Any] = compare_metadata(context, Row.metadata)
    return found


def test_a_migrated_database_is_as_the_code_says(database_url: str) -> None:
    database = Database(database_url)
    assert _differences(database) != []
    migrations.migrate(database)
    assert _differences(database) == []
    database.close()


def test_migrating_again_does_nothing_and_many_at_once_do_it_once(database_url: str) -> None:
    databases = [Database(database_url) for _ in range(6)]
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(migrations.migrate, databases))
    migrations.migrate(databases[0])
    assert _differences(databases[0]) == []
    for database in databases:
        database.close()


def _lead_to(database: Database, revision: str) -> None:
    """Make the tables as the version of this revision had them."""
    with database.transaction() as tx:
        walls.make_role(tx.connection)
        command.upgrade(migrations._config(tx.connection), revision)


def _tables(database: Database) -> Mapping[str, Mapping[str, Any]]:
    """Return the columns of every table."""
    with database.reading() as tx:
        found = inspect(tx.connection)
        return {name: {one["name"]: one for one in found.get_columns(name)} for name in found.get_table_names()}


def test_a_crash_half_way_leaves_the_old_tables_and_the_next_start_does_it_all(database_url: str) -> None:
    database = Database(database_url)
    _lead_to(database, REVISIONS[0])
    before = _tables(database)
    with database.transaction() as tx:
        tx.execute(text("INSERT INTO workspaces (id, name, created_at) VALUES (:id, 'Old', :now)"), _row(tx.dialect))
    database.close()
    script = "import sys\nfrom counterfoil import bootstrap, migrations\n"
    script += "migrations.migrate(bootstrap.Database(sys.argv[1]))"
    environment = os.environ | {"FAILPOINTS": "transaction.committing=kill"}
    ended = subprocess.run([sys.executable, "-c", script, database_url], cwd=ROOT, env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert _tables(database).keys() == before.keys()
    migrations.migrate(database)
    assert _differences(database) == []
    with database.reading() as tx:
        assert tx.execute(text("SELECT name FROM workspaces")).scalars().all() == ["Old"]
    database.close()


def _row(dialect: str) -> Mapping[str, object]:
    key = "00000000-0000-7000-8000-00000000000a"
    return {"id": key.replace("-", "") if dialect == "sqlite" else key, "now": "2026-01-01 00:00:00"}


def test_tables_of_a_newer_version_are_left_as_they_are_and_those_who_work_go_on(database_url: str) -> None:
    database = Database(database_url)
    migrations.migrate(database)
    with database.transaction() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(migrations.TablesTooNew):
        migrations.migrate(database)
    migrations.check(database)
    with database.reading() as tx:
        assert tx.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "9999"
    database.close()


def test_who_works_by_the_older_tables_can_still_write_into_the_newer(database_url: str) -> None:
    """During an upgrade both versions are at work: what the older one leaves out has to have a default."""
    database = Database(database_url)
    _lead_to(database, REVISIONS[0])
    old = _tables(database)
    for revision in REVISIONS[1:]:
        _lead_to(database, revision)
        new = _tables(database)
        for table in old.keys() & new.keys():
            added = [new[table][name] for name in new[table].keys() - old[table].keys()]
            needy = [one["name"] for one in added if not one["nullable"] and one["default"] is None]
            stricter = [
                name
                for name in old[table].keys() & new[table].keys()
                if old[table][name]["nullable"] and not new[table][name]["nullable"]
            ]
            gone = old[table].keys() - new[table].keys()
            assert (revision, table, needy, stricter, gone) == (revision, table, [], [], set())
        assert old.keys() <= new.keys()
        old = new
    database.close()
