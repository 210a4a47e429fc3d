"""Every table of a client's rows stands behind its wall, and every service goes through the door of its workspace."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import text

import counterfoil
from counterfoil import bootstrap, migrations
from counterfoil.foundation.database import Database, Row
from tests.conftest import prepare
from tests.support.postgres import PostgresServer

# Where transactions are opened over all workspaces, besides the engine; elsewhere, each names the one it is for.
OVER_ALL = {
    "access/audit/service.py",  # which chains are to be lengthened or shown to hold
    "access/keys/entrance.py",  # a program has nothing but its key, which tells the workspace
    "bootstrap.py",
    # People come before their workspaces are known, and may belong to several.
    "access/people/delays.py",
    "access/people/first_start.py",
    "access/people/login.py",
    "access/people/members.py",  # a new password opens all workspaces of its owner
    "access/people/registry.py",
    "access/people/sessions.py",
    "access/people/workspaces.py",  # of one that is only just made
    "migrations/__init__.py",
    "targets/lookup.py",  # whether another workspace has connected a table
    "targets/connections.py",  # the same
    "targets/service.py",  # the metrics, which hold numbers only
    # The engine's own statements, over all workspaces.
    "jobs/changes.py",  # a callback has nothing but its token
    "jobs/events/service.py",  # one look for all who watch, each of whom is told of its own
    "jobs/following.py",
    "jobs/infrastructure/local.py",
    "jobs/infrastructure/presence.py",
    "jobs/infrastructure/turns.py",
    "jobs/places.py",
    "jobs/queues.py",
    "jobs/schedules/firing.py",
    "jobs/schedules/service.py",  # a preview asks for nothing but the time
    "jobs/service.py",  # counts for operators
    "jobs/settling.py",
    "jobs/upkeep/idleness.py",
    "jobs/upkeep/lateness.py",
    "jobs/upkeep/release.py",
    "jobs/upkeep/rescue.py",
    "jobs/upkeep/retention.py",
    "jobs/upkeep/ringing.py",
    "jobs/upkeep/stragglers.py",
    "jobs/worker.py",
}


@pytest.fixture
def migrated(postgres: PostgresServer) -> Iterator[Database]:
    with postgres.database() as url:
        database = Database(url)
        migrations.migrate(database)
        yield database
        database.close()


def _walls(database: Database) -> Mapping[str, tuple[str, str]]:
    """Return by table what its policy lets be seen and be put."""
    with database.reading() as tx:
        policies = text(
            "SELECT tablename, qual, with_check FROM pg_policies JOIN pg_class ON oid = tablename::regclass"
            " WHERE relrowsecurity AND permissive = 'PERMISSIVE' AND cmd = 'ALL'"
        )
        return {row.tablename: (row.qual, row.with_check) for row in tx.execute(policies)}


def test_every_table_of_a_clients_rows_has_its_wall(migrated: Database) -> None:
    assert bootstrap.ROUTERS  # names every room, and so every table
    clients = {table.name for table in Row.metadata.sorted_tables if "workspace_id" in table.columns}
    walls = _walls(migrated)
    assert len(clients) > 10
    assert walls.keys() == clients | {"workspaces"}
    for table, (seen, put) in walls.items():
        column = "id" if table == "workspaces" else "workspace_id"
        assert seen == put
        assert seen.startswith(f"({column} = ")
        assert "counterfoil.workspace" in seen


def test_tests_run_behind_the_same_walls(migrated: Database, postgres: PostgresServer) -> None:
    with postgres.database() as url:
        database = Database(url)
        prepare(database)
        assert _walls(database) == _walls(migrated)
        database.close()


def test_every_service_says_in_whose_workspace_it_is() -> None:
    root = Path(counterfoil.__path__[0])
    modules = {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in root.rglob("*.py")}
    opened = {name for name, code in modules.items() if re.search(r"\.(transaction|reading)\(\w", code)}
    over_all = {name for name, code in modules.items() if re.search(r"database\.(transaction|reading)\(\)", code)}
    assert len(opened) > 5
    assert over_all == OVER_ALL
