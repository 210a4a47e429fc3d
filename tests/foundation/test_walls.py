"""What a walled transaction may see and do on PostgreSQL, however forgetful its statements are."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Uuid, bindparam, delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, ProgrammingError

from counterfoil import migrations
from counterfoil.access.domain import WorkspaceId
from counterfoil.access.infrastructure.sql import WorkspaceRow
from counterfoil.foundation.database import WALLED_ROLE, Database, Transaction
from counterfoil.foundation.ids import new_id
from counterfoil.targets.infrastructure.sql import TargetRow
from tests.support.postgres import PostgresServer

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = select(TargetRow.name).order_by(TargetRow.name)
PROCESS = text("SELECT pg_backend_pid()")
USER = text("SELECT current_user")


@pytest.fixture
def database(postgres: PostgresServer, workspace: WorkspaceId, other_workspace: WorkspaceId) -> Iterator[Database]:
    """A database as the migrations make it, with one connection for all, and a target in each of two workspaces."""
    with _walled(postgres, workspace, other_workspace) as database:
        yield database


@contextmanager
def _walled(server: PostgresServer, ours: WorkspaceId, theirs: WorkspaceId) -> Iterator[Database]:
    with server.database() as url:
        database = Database(url, pool_size=1, max_overflow=0)
        migrations.migrate(database)
        with database.transaction() as tx:
            for owner, name in ((ours, "ours"), (theirs, "theirs")):
                tx.execute(insert(WorkspaceRow), {"id": owner, "name": name, "created_at": NOW})
                tx.execute(insert(TargetRow), _target(owner, name))
        yield database
        database.close()


def _target(owner: WorkspaceId, name: str) -> dict[str, Any]:
    fixed = {"kind": "ledger", "settings": {}, "is_default": False, "created_at": NOW}
    return {"id": new_id(), "workspace_id": owner, "name": name, **fixed}


def _names(tx: Transaction) -> list[str]:
    return list(tx.execute(NAMES).scalars())


def _everybodys(database: Database) -> list[str]:
    with database.reading() as tx:
        return _names(tx)


def test_a_walled_transaction_is_a_role_without_power_that_owns_nothing(
    database: Database, workspace: WorkspaceId
) -> None:
    with database.transaction() as tx:
        owner = tx.execute(USER).scalar_one()
        powers = tx.execute(
            text(
                "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, rolcanlogin,"
                " pg_has_role(oid, :owner, 'MEMBER') FROM pg_roles WHERE rolname = :role"
            ),
            {"role": WALLED_ROLE, "owner": owner},
        ).one()
        owned = tx.execute(
            text("SELECT count(*) FROM pg_shdepend WHERE deptype = 'o' AND refobjid = to_regrole(:role)"),
            {"role": WALLED_ROLE},
        ).scalar_one()
    with database.transaction(workspace) as tx:
        assert tx.execute(USER).scalar_one() == WALLED_ROLE != owner
    assert not any(powers)
    assert owned == 0


def test_a_statement_that_forgets_the_workspace_sees_its_own_only(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    with database.reading(workspace) as tx:
        assert _names(tx) == ["ours"]
        assert tx.execute(select(WorkspaceRow.id)).scalars().all() == [workspace]
    with database.transaction(other_workspace) as tx:
        assert _names(tx) == ["theirs"]
        assert tx.execute(NAMES.where(TargetRow.workspace_id == workspace)).all() == []
    assert _everybodys(database) == ["ours", "theirs"]


def test_a_statement_that_forgets_the_workspace_changes_and_removes_its_own_only(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    with database.transaction(workspace) as tx:
        assert tx.execute(update(TargetRow).values(name="renamed")).rowcount == 1
    assert _everybodys(database) == ["renamed", "theirs"]
    with database.transaction(other_workspace) as tx:
        assert tx.execute(delete(TargetRow)).rowcount == 1
    assert _everybodys(database) == ["renamed"]


def test_nothing_can_be_put_or_moved_behind_another_wall(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    with pytest.raises(ProgrammingError, match="row-level security"), database.transaction(workspace) as tx:
        tx.execute(insert(TargetRow), _target(other_workspace, "smuggled"))
    with pytest.raises(ProgrammingError, match="row-level security"), database.transaction(workspace) as tx:
        tx.execute(update(TargetRow).values(workspace_id=other_workspace))
    with database.transaction(workspace) as tx:
        tx.execute(insert(TargetRow), _target(workspace, "more"))
    assert _everybodys(database) == ["more", "ours", "theirs"]


def test_the_next_user_of_the_connection_starts_bare(database: Database, workspace: WorkspaceId) -> None:
    def fail_half_way() -> None:
        with database.transaction(workspace) as tx:
            tx.execute(text("SELECT nothing FROM nowhere"))

    with database.transaction() as tx:
        before = (tx.execute(PROCESS).scalar_one(), tx.execute(USER).scalar_one())
    with database.transaction(workspace) as tx:
        assert tx.execute(PROCESS).scalar_one() == before[0]
    assert _everybodys(database) == ["ours", "theirs"]
    with pytest.raises(DBAPIError):
        fail_half_way()
    assert _everybodys(database) == ["ours", "theirs"]
    with database.transaction() as tx:
        assert (tx.execute(PROCESS).scalar_one(), tx.execute(USER).scalar_one()) == before
        tx.execute(text("SET LOCAL ROLE counterfoil_walled"))
        assert _names(tx) == []  # what the last one said about its workspace is gone as well


def test_a_savepoint_that_is_given_up_leaves_the_wall(database: Database, workspace: WorkspaceId) -> None:
    with database.transaction(workspace) as tx:
        with pytest.raises(DBAPIError), tx.connection.begin_nested():
            tx.execute(text("SELECT nothing FROM nowhere"))
        assert _names(tx) == ["ours"]
        with tx.connection.begin_nested():
            tx.execute(update(TargetRow).values(name="renamed"))
    assert _everybodys(database) == ["renamed", "theirs"]


def test_a_statement_that_the_server_has_prepared_meets_the_wall_of_each_transaction(
    postgres: PostgresServer, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    with _walled(postgres.direct, workspace, other_workspace) as database:  # behind a pooler nothing is prepared
        for _ in range(8):  # the driver has a statement prepared when it comes the sixth time
            assert _everybodys(database) == ["ours", "theirs"]
            for owner, seen in ((workspace, ["ours"]), (other_workspace, ["theirs"])):
                with database.reading(owner) as tx:
                    assert _names(tx) == seen
        with database.reading() as tx:
            prepared = text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%FROM targets%'")
            assert tx.execute(prepared).scalar_one() == 1


def test_a_walled_role_that_names_no_workspace_sees_nothing(database: Database) -> None:
    with database.transaction() as tx:
        tx.execute(text("SET LOCAL ROLE counterfoil_walled"))
        assert _names(tx) == []
        assert tx.execute(select(func.count()).select_from(WorkspaceRow)).scalar_one() == 0


def test_tables_to_come_are_open_to_walled_transactions_as_well(database: Database, workspace: WorkspaceId) -> None:
    with database.transaction() as tx:
        tx.execute(text("CREATE TABLE tallies (id bigserial PRIMARY KEY, of_workspace uuid)"))
    with database.transaction(workspace) as tx:
        put = text("INSERT INTO tallies (of_workspace) VALUES (:owner) RETURNING id").bindparams(
            bindparam("owner", type_=Uuid())
        )
        assert tx.execute(put, {"owner": workspace}).scalar_one() == 1
