"""The migrations lead to the very tables that the code declares."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from counterfoil import bootstrap, migrations
from counterfoil.foundation.database import Database, Row


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
