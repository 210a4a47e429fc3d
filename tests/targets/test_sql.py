"""What is added to a target's tables is there once, whoever else adds it just now, on SQLite and PostgreSQL alike."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier

from sqlalchemy import text

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.paging import Paging
from counterfoil.records.domain import RecordId
from counterfoil.targets.domain import Delivery, DeliveryId, Doubt, PropertyId, Target, TargetId
from counterfoil.targets.infrastructure.sql import SqlDeliveryStore, SqlTargetStore

STORE = SqlTargetStore()
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def target(workspace: WorkspaceId, *, is_default: bool = False) -> Target:
    return Target(
        id=TargetId(new_id()),
        workspace=workspace,
        kind="ledger",
        name="Ledger",
        is_default=is_default,
        created_at=NOW,
    )


def test_a_doubt_that_an_older_version_wrote_down_settles_late(database: Database, workspace: WorkspaceId) -> None:
    """During an upgrade both versions are at work, and the older one knows only since when an attempt is in doubt."""
    ledger = target(workspace)
    doubt = Doubt(since=NOW, settles_at=NOW + timedelta(minutes=2), key_property=PropertyId("key"))
    delivery = Delivery(
        id=DeliveryId(new_id()),
        workspace=workspace,
        target_id=ledger.id,
        record_id=RecordId(new_id()),
        key="key",
        record_version=1,
        doubt=doubt,
        created_at=NOW,
        updated_at=NOW,
    )
    store = SqlDeliveryStore()
    with database.transaction() as tx:
        STORE.add(tx, ledger)
        store.add(tx, delivery)
        assert store.get(tx, workspace, delivery.id) == delivery
        late = replace(doubt, settles_at=NOW + timedelta(hours=1))
        for before in (NOW - timedelta(minutes=1), None):
            tx.execute(text("UPDATE deliveries SET settles_at = :before"), {"before": before})
            assert store.get(tx, workspace, delivery.id) == replace(delivery, doubt=late)


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
