"""Every table of a client's rows stands behind its wall."""

from collections.abc import Iterator, Mapping

import pytest
from sqlalchemy import text

from counterfoil import bootstrap, migrations
from counterfoil.foundation.database import Database, Row
from tests.conftest import prepare
from tests.support.postgres import PostgresServer


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
