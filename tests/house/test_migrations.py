"""The migrations lead to the very tables that the code declares."""

from concurrent.futures import ThreadPoolExecutor

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from counterfoil import bootstrap, migrations
from counterfoil.foundation.database import Database, Row


def test_a_migrated_database_is_as_the_code_says(database_url: str) -> None:
    assert bootstrap.ROUTERS  # names every room, and so every table
    database = Database(database_url)
    migrations.migrate(database)
    with database.reading() as tx:
        context = MigrationContext.configure(tx.connection, opts={"compare_type": True})
        differences = compare_metadata(context, Row.metadata)
    assert differences == []
    assert migrations.is_current(database)
    database.close()


def test_migrating_again_does_nothing_and_many_at_once_do_it_once(database_url: str) -> None:
    databases = [Database(database_url) for _ in range(6)]
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(migrations.migrate, databases))
    assert all(migrations.is_current(database) for database in databases)
    migrations.migrate(databases[0])
    for database in databases:
        database.close()
