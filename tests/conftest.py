"""Fixtures that every room's tests share: real databases, two workspaces, a clock that stands still."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
import structlog
from sqlalchemy import insert, inspect

from counterfoil.access.domain import WorkspaceId
from counterfoil.access.infrastructure.sql import WorkspaceRow
from counterfoil.foundation.database import Database, Row
from counterfoil.foundation.logging import plain_traceback
from counterfoil.migrations import walls
from tests.support.clock import FixedClock
from tests.support.furnished import Furnished
from tests.support.pgbouncer import pooled
from tests.support.postgres import PostgresServer

ACME = WorkspaceId(UUID("00000000-0000-7000-8000-00000000000a"))
BIRCH = WorkspaceId(UUID("00000000-0000-7000-8000-00000000000b"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--postgres", type=int, metavar="VERSION", help="which fetched PostgreSQL to run against")
    parser.addoption("--pgbouncer", action="store_true", help="reach PostgreSQL through PgBouncer in transaction mode")


@pytest.fixture(scope="session", autouse=True)
def _plain_errors() -> None:
    """Have errors shown as the house shows them: to print what threads are changing fails now and then."""
    *before, _ = structlog.get_config()["processors"]
    structlog.configure(
        processors=[*before, structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain_traceback)]
    )


@pytest.fixture
def workspace() -> WorkspaceId:
    return ACME


@pytest.fixture
def other_workspace() -> WorkspaceId:
    """A neighbour, who must never see what happens in `workspace`."""
    return BIRCH


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 3, 1, 12, 0, tzinfo=UTC))


@pytest.fixture(scope="session")
def postgres(pytestconfig: pytest.Config) -> Iterator[PostgresServer]:
    with PostgresServer.running(pytestconfig.getoption("postgres")) as server:
        if not pytestconfig.getoption("pgbouncer"):
            yield server
            return
        with pooled(server) as front:
            yield front


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    return Furnished(tmp_path_factory.mktemp("furnished"), prepare)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each kind: empty, unless the test asks for one with all tables."""
    path, furnished = tmp_path / "counterfoil.db", None
    if "database" in request.fixturenames:
        furnished = request.getfixturevalue("furnished")
    if request.param == "sqlite":
        yield furnished.sqlite(path) if furnished else f"sqlite:///{path}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with furnished.postgres(server) if furnished else server.database() as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database with all tables and two workspaces."""
    database = Database(database_url)
    if not inspect(database.engine).has_table(WorkspaceRow.__tablename__):  # the test makes its own
        prepare(database)
    yield database
    database.close()


def prepare(database: Database) -> None:
    """Make all tables, their walls and the two workspaces."""
    Row.metadata.create_all(database.engine)
    with database.transaction() as tx:
        walls.make_role(tx.connection)
        clients = [table.name for table in Row.metadata.sorted_tables if "workspace_id" in table.columns]
        walls.enclose(tx.connection, [*clients, "workspaces"])
        now = datetime(2026, 1, 1, tzinfo=UTC)
        rows = [{"id": ACME, "name": "Acme", "created_at": now}, {"id": BIRCH, "name": "Birch", "created_at": now}]
        tx.execute(insert(WorkspaceRow), rows)
