"""The history of the schema, and bringing a database up to it."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, func, select

from counterfoil.foundation.database import Database
from counterfoil.migrations import walls

_MIGRATION_LOCK = 0x0C0F_0002
_STATEMENT_SECONDS = 3600  # a large table may have to be written anew, and the others wait for the one that does it


def migrate(database: Database) -> None:
    """Bring the database to the newest schema; of many processes that try at once, one does it and the others wait.

    Raises:
        NoWalls: on PostgreSQL, the workspaces cannot be kept apart.
    """
    with database.transaction() as tx:
        tx.allow(statement_seconds=_STATEMENT_SECONDS)
        if tx.dialect == "postgresql":
            tx.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        walls.make_role(tx.connection)
        command.upgrade(_config(tx.connection), "head")


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config
