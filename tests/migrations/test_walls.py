"""How the role of walled transactions comes to be on a server of whatever rights."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from sqlalchemy import Engine, create_engine, make_url, text

from counterfoil import migrations
from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import WALLED_ROLE, Database
from counterfoil.migrations.walls import NoWalls
from tests.support.postgres import PostgresServer


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server of our own: a role belongs to a server, and other tests need it on theirs."""
    with PostgresServer.running() as server:
        yield server


@pytest.fixture
def administrator(server: PostgresServer) -> Iterator[Engine]:
    """Whoever may do anything, on a server that has no such role yet."""
    engine = create_engine(make_url(server.url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    yield engine
    _do(engine, f"DROP ROLE IF EXISTS {WALLED_ROLE}", "DROP ROLE IF EXISTS clerk")
    engine.dispose()


@pytest.fixture
def owned(server: PostgresServer, administrator: Engine) -> Iterator[Database]:
    """An empty database whose owner is nobody special."""
    _do(administrator, "CREATE ROLE clerk LOGIN")
    with server.database() as url:
        parsed = make_url(url)
        _do(administrator, f'ALTER DATABASE "{parsed.database}" OWNER TO clerk')
        database = Database(parsed.set(username="clerk").render_as_string(hide_password=False))
        yield database
        database.close()


def _do(engine: Engine, *statements: str) -> None:
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))


def _stand(database: Database, workspace: WorkspaceId) -> bool:
    with database.reading(workspace) as tx:
        assert tx.execute(text("SELECT current_user")).scalar_one() == WALLED_ROLE
        return tx.execute(text("SELECT * FROM workspaces")).all() == []


def test_an_owner_who_may_make_roles_makes_it(administrator: Engine, owned: Database, workspace: WorkspaceId) -> None:
    _do(administrator, "ALTER ROLE clerk CREATEROLE")
    migrations.migrate(owned)
    assert _stand(owned, workspace)


def test_an_owner_who_may_not_is_told_whom_to_ask_for_what(
    administrator: Engine, owned: Database, workspace: WorkspaceId
) -> None:
    with pytest.raises(NoWalls) as told:
        migrations.migrate(owned)
    with owned.reading() as tx:
        assert tx.execute(text("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema")).scalar_one() == 0
    commands = [f"CREATE ROLE {WALLED_ROLE} NOLOGIN", f"GRANT {WALLED_ROLE} TO clerk"]
    assert all(command.removesuffix("clerk") in told.value.advice for command in commands)
    _do(administrator, *commands)
    migrations.migrate(owned)
    assert _stand(owned, workspace)


def test_tables_of_others_in_the_same_schema_are_left_to_them(
    administrator: Engine, owned: Database, workspace: WorkspaceId
) -> None:
    _do(administrator, "ALTER ROLE clerk CREATEROLE")
    theirs = create_engine(owned.engine.url.set(username="postgres"), isolation_level="AUTOCOMMIT")
    _do(theirs, "CREATE TABLE theirs (id int)")
    migrations.migrate(owned)
    assert _stand(owned, workspace)
    allowed = text(f"SELECT has_table_privilege('{WALLED_ROLE}', 'theirs', 'SELECT')")
    with theirs.connect() as connection:
        assert connection.execute(allowed).scalar_one() is False
    theirs.dispose()


@pytest.mark.parametrize("power", ["SUPERUSER", "BYPASSRLS", "IN ROLE postgres"])
def test_a_role_that_no_wall_stops_is_refused(server: PostgresServer, administrator: Engine, power: str) -> None:
    _do(administrator, f"CREATE ROLE {WALLED_ROLE} {power}")
    with server.database() as url:
        database = Database(url)
        with pytest.raises(NoWalls, match="powers"):
            migrations.migrate(database)
        database.close()


def test_many_databases_of_a_server_make_it_at_once(
    server: PostgresServer, administrator: Engine, workspace: WorkspaceId
) -> None:
    with ExitStack() as opened:
        databases = [Database(opened.enter_context(server.database())) for _ in range(4)]
        with ThreadPoolExecutor(len(databases)) as threads:
            list(threads.map(migrations.migrate, databases))
        assert all(_stand(database, workspace) for database in databases)
        for database in databases:
            database.close()


@pytest.mark.parametrize("made_by_an_administrator", [False, True])
def test_a_back_up_brought_to_a_server_without_the_role_gets_its_walls_back(
    server: PostgresServer, administrator: Engine, workspace: WorkspaceId, made_by_an_administrator: bool
) -> None:
    with server.database() as url:
        database = Database(url)
        migrations.migrate(database)
        with database.transaction() as tx:  # what a back-up does not bring: the role, and with it its rights
            tx.execute(text(f"DROP OWNED BY {WALLED_ROLE}"))
            tx.execute(text(f"DROP ROLE {WALLED_ROLE}"))
        if made_by_an_administrator:
            _do(administrator, f"CREATE ROLE {WALLED_ROLE} NOLOGIN")
        migrations.migrate(database)
        assert _stand(database, workspace)
        database.close()
