"""What is added to a target's tables is there once, whoever else adds it just now, on SQLite and PostgreSQL alike."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from threading import Barrier

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.paging import Paging
from counterfoil.targets.domain import Target, TargetId
from counterfoil.targets.infrastructure.sql import SqlTargetStore

STORE = SqlTargetStore()


def target(workspace: WorkspaceId, *, is_default: bool = False) -> Target:
    return Target(
        id=TargetId(new_id()),
        workspace=workspace,
        kind="ledger",
        name="Ledger",
        is_default=is_default,
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
    )


def test_a_row_is_new_once_and_what_is_in_its_way_stays_as_it_is(database: Database, workspace: WorkspaceId) -> None:
    first = target(workspace)
    with database.transaction() as tx:
        assert STORE.add(tx, first)
        assert not STORE.add(tx, replace(first, name="Another"))
        assert STORE.get(tx, workspace, first.id) == first
        assert STORE.add(tx, target(workspace))  # the transaction goes on


def test_any_unique_index_is_in_the_way_but_none_of_another_workspace(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    first = target(workspace, is_default=True)
    with database.transaction() as tx:
        assert STORE.add(tx, first)
        assert not STORE.add(tx, target(workspace, is_default=True))
        assert STORE.add(tx, target(other_workspace, is_default=True))
        assert STORE.default(tx, workspace) == first
        assert len(STORE.page(tx, workspace, Paging()).items) == 1


def test_what_was_added_in_a_transaction_that_is_rolled_back_is_in_nobodys_way(
    database: Database, workspace: WorkspaceId
) -> None:
    first = target(workspace, is_default=True)
    with database.transaction() as tx:
        assert STORE.add(tx, first)
        tx.connection.rollback()
    with database.transaction() as tx:
        assert STORE.add(tx, target(workspace, is_default=True))


def test_of_many_who_add_the_same_at_once_one_is_told_that_it_was_new(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    owners = (workspace, other_workspace) * 4
    together = Barrier(len(owners))

    def add(owner: WorkspaceId) -> WorkspaceId | None:
        together.wait(60)
        with database.transaction() as tx:
            return owner if STORE.add(tx, target(owner, is_default=True)) else None

    with ThreadPoolExecutor(len(owners)) as threads:
        added = [owner for owner in threads.map(add, owners) if owner]
    assert sorted(added) == sorted([workspace, other_workspace])
