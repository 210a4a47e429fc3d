"""The walls between workspaces on PostgreSQL: the role of walled transactions, and a policy for each table.

SQLite knows nothing of the kind; there, the conditions in the stores' statements stand alone.
"""

from collections.abc import Iterable

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from counterfoil.foundation.database import WALLED_ROLE, WORKSPACE_SETTING
from counterfoil.foundation.errors import Forbidden

# Outside of a walled transaction the setting is absent, or empty where one was before: then it is nobody's workspace.
_OWN_WORKSPACE = f"nullif(current_setting('{WORKSPACE_SETTING}', true), '')::uuid"
_TAKE_ON = f"SET LOCAL ROLE {WALLED_ROLE}"
_POWERS = text(
    "SELECT rolsuper OR rolbypassrls OR pg_has_role(oid, current_user, 'MEMBER') FROM pg_roles WHERE rolname = :role"
)
_RIGHTS = text(f"SELECT has_table_privilege('{WALLED_ROLE}', to_regclass('workspaces'), 'SELECT')")  # null before it is
# Others may have tables in the same schema, which are not ours to give.
_OWNED = text(
    "SELECT string_agg(quote_ident(relname), ', ') FROM pg_class"
    " WHERE relkind = :kind AND relnamespace = current_schema::regnamespace AND pg_has_role(relowner, 'USAGE')"
)


class NoWalls(Forbidden):
    """PostgreSQL cannot keep the workspaces apart."""

    code = "no_walls"
    advice = (
        f"Have an administrator of the server run CREATE ROLE {WALLED_ROLE} NOLOGIN; and GRANT {WALLED_ROLE} TO the "
        "user that DATABASE_URL names; then start again."
    )

    def __init__(self, fault: str) -> None:
        super().__init__(f"The workspaces cannot be kept apart: the database's role {WALLED_ROLE} {fault}.")


def make_role(connection: Connection) -> None:
    """Make sure that there is the role, that we may take it on, that it passes no wall, and that it has its rights.

    A role belongs to the server, not to a database: another database's owner may have made it, or be making it just
    now; and a database that came out of a back-up has lost what rights the role had there.

    Raises:
        NoWalls: it cannot be had.
    """
    if connection.dialect.name != "postgresql":
        return
    if not _works(connection, _TAKE_ON):
        _works(connection, f"CREATE ROLE {WALLED_ROLE} NOLOGIN", keep=True)
        _works(connection, f"GRANT {WALLED_ROLE} TO CURRENT_USER", keep=True)
        if not _works(connection, _TAKE_ON):
            raise NoWalls("may neither be taken on nor be made by the user of DATABASE_URL")
    if connection.execute(_POWERS, {"role": WALLED_ROLE}).scalar_one():
        raise NoWalls("has powers that walls do not stop")
    if not connection.execute(_RIGHTS).scalar_one():
        _give_rights(connection)


def enclose(connection: Connection, tables: Iterable[str]) -> None:
    """Give walled transactions only those rows of the tables that are their workspace's.

    For every migration that adds a table with a `workspace_id`. Of a table that has its wall, it is built anew.
    """
    if connection.dialect.name != "postgresql":
        return
    for table in tables:
        own = f"{'id' if table == 'workspaces' else 'workspace_id'} = {_OWN_WORKSPACE}"
        connection.exec_driver_sql(f"""
            ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
            DROP POLICY IF EXISTS own_workspace ON {table};
            CREATE POLICY own_workspace ON {table} USING ({own}) WITH CHECK ({own});
        """)


def _give_rights(connection: Connection) -> None:
    """Let walled transactions use every table of ours that there is or will be; policies say which of its rows."""
    schema = connection.dialect.identifier_preparer.quote(
        connection.execute(text("SELECT current_schema")).scalar_one()
    )
    connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {schema} TO {WALLED_ROLE}")
    for kind, sort, rights in (("r", "TABLE", "SELECT, INSERT, UPDATE, DELETE"), ("S", "SEQUENCE", "USAGE, SELECT")):
        to_come = f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT {rights} ON {sort}S TO {WALLED_ROLE}"
        connection.exec_driver_sql(to_come)
        if there := connection.scalar(_OWNED, {"kind": kind}):
            connection.exec_driver_sql(f"GRANT {rights} ON {sort} {there} TO {WALLED_ROLE}")


def _works(connection: Connection, statement: str, *, keep: bool = False) -> bool:
    """Try a statement, and take it back again unless what it does is to be kept."""
    attempt = connection.begin_nested()
    try:
        connection.exec_driver_sql(statement)
    except DBAPIError:
        attempt.rollback()
        return False
    if keep:
        attempt.commit()
    else:
        attempt.rollback()
    return True
