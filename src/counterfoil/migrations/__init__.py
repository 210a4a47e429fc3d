"""The history of the schema, and bringing a database up to it."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, select

from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.errors import ServiceUnavailable
from counterfoil.migrations import walls

_MIGRATION_LOCK = 0x0C0F_0002
_STATEMENT_SECONDS = 3600  # a large table may have to be written anew, and the others wait for the one that does it
_FOLDER = Path(__file__).parent


class TablesOutOfDate(ServiceUnavailable):
    """The database's tables are older than this version."""

    code = "tables_out_of_date"
    advice = "Start a server or a worker of this version: it brings the tables up to date."

    def __init__(self) -> None:
        super().__init__("The database's tables are older than this version.")


class TablesTooNew(ServiceUnavailable):
    """A newer version has changed the database's tables, and this one does not know how."""

    code = "tables_too_new"
    advice = (
        "Start the newer version, which may run beside what is left of this one. "
        "There is no way back but the back-up that was made before it was started first."
    )

    def __init__(self) -> None:
        super().__init__("The database's tables are newer than this version.")


def migrate(database: Database) -> None:
    """Bring the database to the newest schema; of many processes that try at once, one does it and the others wait.

    Raises:
        NoWalls: on PostgreSQL, the workspaces cannot be kept apart.
        TablesTooNew: a newer version was here; nothing is changed.
    """
    with database.transaction() as tx:
        tx.allow(statement_seconds=_STATEMENT_SECONDS)
        if tx.dialect == "postgresql":
            tx.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        found = _revision(tx)
        if found is not None and found not in _history()[0]:
            raise TablesTooNew
        walls.make_role(tx.connection)
        command.upgrade(_config(tx.connection), "head")


def check(database: Database) -> None:
    """Return if the tables are as this version needs them, or as a newer one has made them.

    Whatever ran when the newer version was started goes on beside it, and may not start again.

    Raises:
        TablesOutOfDate: they are older.
    """
    with database.reading() as tx:
        found = _revision(tx)
    known, newest = _history()
    if found is None or found in known - {newest}:
        raise TablesOutOfDate


def _revision(tx: Transaction) -> str | None:
    found = MigrationContext.configure(tx.connection).get_current_revision()
    return str(found) if found else None


@cache
def _history() -> tuple[frozenset[str], str | None]:
    """Return all revisions that this version knows, and the last of them."""
    scripts = ScriptDirectory(_FOLDER)
    return frozenset(script.revision for script in scripts.walk_revisions()), scripts.get_current_head()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["connection"] = connection
    return config
