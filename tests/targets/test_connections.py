"""Targets are connected, named, chosen and removed, and a workspace has one default whatever happens at once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.foundation.errors import NetworkError
from counterfoil.foundation.paging import Paging
from counterfoil.targets.domain import DeliveryStatus, PropertyType, Target, TargetId
from counterfoil.targets.errors import (
    AttemptUnderWay,
    DeliveriesUnfinished,
    DeliveryNotFound,
    LedgerNotEmpty,
    TargetExists,
    TargetIsDefault,
    TargetNotFound,
)
from tests.support.clock import FixedClock
from tests.support.targets import RemoteTable, TargetsHouse, break_down, build, column, schema

COLUMNS = schema(column("Merchant", PropertyType.TITLE), column("Total", PropertyType.NUMBER))


@pytest.fixture
def table() -> RemoteTable:
    return RemoteTable(columns=COLUMNS)


@pytest.fixture
def house(database: Database, clock: FixedClock, table: RemoteTable) -> TargetsHouse:
    return build(database, clock, table)


@pytest.fixture
def remote(house: TargetsHouse, workspace: WorkspaceId) -> Target:
    return house.connections.create(workspace, "remote", "Elsewhere", {"place": "table-1"})


def defaults(house: TargetsHouse, workspace: WorkspaceId) -> list[TargetId]:
    return [one.id for one in house.targets.page(workspace, Paging()).items if one.is_default]


def target_of(house: TargetsHouse, workspace: WorkspaceId) -> TargetId:
    """Return where a new record goes that names no target."""
    delivery = house.deliveries.get(workspace, house.plan(workspace, house.records.add(workspace)))
    return delivery.target_id


def is_removed(house: TargetsHouse, target: Target) -> bool:
    """Try to remove a target, and tell whether it was."""
    try:
        house.connections.remove(target.workspace, target.id)
    except DeliveriesUnfinished:
        return False
    return True


def test_a_chosen_target_gets_what_names_none_and_takes_that_from_the_one_before(
    house: TargetsHouse, workspace: WorkspaceId, other_workspace: WorkspaceId, remote: Target
) -> None:
    ledger, neighbours = house.default(workspace), house.default(other_workspace)
    assert target_of(house, workspace) == ledger.id
    assert house.connections.change(workspace, remote.id, is_default=True).is_default
    assert target_of(house, workspace) == remote.id
    assert not house.targets.get(workspace, ledger.id).is_default
    assert defaults(house, other_workspace) == [neighbours.id]
    house.connections.change(workspace, ledger.id, is_default=True)
    assert defaults(house, workspace) == [ledger.id]


def test_a_target_may_be_the_default_one_from_the_beginning(house: TargetsHouse, workspace: WorkspaceId) -> None:
    first = house.connections.create(workspace, "remote", "First", {"place": "a"}, is_default=True)
    assert first.is_default
    assert defaults(house, workspace) == [first.id]
    second = house.connections.create(workspace, "remote", "Second", {"place": "b"}, is_default=True)
    assert defaults(house, workspace) == [second.id]


def test_of_many_who_choose_or_connect_at_once_one_has_chosen_the_default(
    house: TargetsHouse, workspace: WorkspaceId
) -> None:
    known = [house.connections.create(workspace, "remote", "A", {"place": f"known-{one}"}) for one in range(4)]

    def choose(number: int) -> Target:
        if number < len(known):
            return house.connections.change(workspace, known[number].id, is_default=True)
        return house.connections.create(workspace, "remote", "B", {"place": f"new-{number}"}, is_default=True)

    with ThreadPoolExecutor(8) as pool:
        chosen = [pool.submit(choose, number) for number in range(8)]
        ensured = [pool.submit(house.default, workspace) for _ in range(4)]
        assert all(one.result().is_default for one in (*chosen, *ensured))
    assert len(defaults(house, workspace)) == 1


def test_a_target_is_renamed_and_stays_what_it_is(house: TargetsHouse, workspace: WorkspaceId, remote: Target) -> None:
    before = house.targets.plan(workspace, remote.id).plan
    renamed = house.connections.change(workspace, remote.id, name="Expenses")
    assert (renamed.name, renamed.is_default, renamed.place) == ("Expenses", False, remote.place)
    assert house.targets.get(workspace, remote.id) == renamed
    assert house.targets.plan(workspace, remote.id).plan == before


def test_a_neighbours_target_can_be_neither_renamed_nor_chosen(
    house: TargetsHouse, workspace: WorkspaceId, other_workspace: WorkspaceId, remote: Target
) -> None:
    own = house.default(other_workspace)
    with pytest.raises(TargetNotFound):
        house.connections.change(other_workspace, remote.id, name="Mine", is_default=True)
    assert house.targets.get(workspace, remote.id) == remote
    assert defaults(house, other_workspace) == [own.id]


def test_a_table_is_connected_once_and_who_tries_again_is_told_which_target_it_is(
    house: TargetsHouse, workspace: WorkspaceId, remote: Target
) -> None:
    def connect(_: int) -> TargetId | str:
        try:
            return house.connections.create(workspace, "remote", "Again", {"place": "table-2"}).id
        except TargetExists as error:
            return str(error)

    with pytest.raises(TargetExists, match=str(remote.id)):
        house.connections.create(workspace, "remote", "Again", {"place": "table-1"})
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(connect, range(4)))
    [made] = (one for one in told if not isinstance(one, str))
    assert [str(made) in one for one in told if isinstance(one, str)] == [True] * 3


def test_two_tables_of_one_place_are_two_targets(house: TargetsHouse, workspace: WorkspaceId) -> None:
    for source in ("a", "b"):
        house.connections.create(workspace, "remote", source, {"place": "base", "source": source, "version": "1"})
    with pytest.raises(TargetExists):
        house.connections.create(workspace, "remote", "b", {"place": "base", "source": "b", "version": "2"})


def test_ledgers_may_be_as_many_as_one_likes(house: TargetsHouse, workspace: WorkspaceId) -> None:
    assert house.connections.create(workspace, "ledger", None, {}).name == "Ledger"
    assert house.connections.create(workspace, "ledger", None, {}).name == "Ledger"


def test_a_removed_target_is_forgotten_with_its_plan_and_its_finished_deliveries(
    house: TargetsHouse, table: RemoteTable, workspace: WorkspaceId, remote: Target
) -> None:
    delivery_id = house.deliver(workspace, house.records.add(workspace), remote)
    house.connections.remove(workspace, remote.id)
    with pytest.raises(TargetNotFound):
        house.targets.plan(workspace, remote.id)
    with pytest.raises(DeliveryNotFound):
        house.deliveries.get(workspace, delivery_id)
    assert len(table.rows) == 1
    again = house.connections.create(workspace, "remote", "Again", {"place": "table-1"})
    assert house.targets.plan(workspace, again.id).plan.version == 1


def test_documents_that_name_a_removed_target_go_to_the_default_one(
    house: TargetsHouse, workspace: WorkspaceId, remote: Target
) -> None:
    corrected = house.records.add(workspace)
    house.deliver(workspace, corrected, remote)
    house.connections.remove(workspace, remote.id)
    newer = house.records.correct(workspace, corrected, replace(corrected.data, number="43"))
    for record in (house.records.add(workspace), newer):
        delivery = house.deliveries.get(workspace, house.plan(workspace, record, remote))
        assert delivery.target_id == house.default(workspace).id


def test_the_default_target_a_ledger_with_rows_and_a_neighbours_target_cannot_be_removed(
    house: TargetsHouse, workspace: WorkspaceId, other_workspace: WorkspaceId, remote: Target
) -> None:
    ledger = house.default(workspace)
    house.deliver(workspace, house.records.add(workspace))
    with pytest.raises(TargetIsDefault):
        house.connections.remove(workspace, ledger.id)
    house.connections.change(workspace, remote.id, is_default=True)
    with pytest.raises(LedgerNotEmpty):
        house.connections.remove(workspace, ledger.id, move=True)
    with pytest.raises(TargetNotFound):
        house.connections.remove(other_workspace, ledger.id)
    assert {one.id for one in house.targets.page(workspace, Paging()).items} == {ledger.id, remote.id}


def test_a_ledger_without_rows_goes_with_its_columns(house: TargetsHouse, workspace: WorkspaceId) -> None:
    ledger = house.connections.create(workspace, "ledger", "Office", {})
    before = house.targets.schema(workspace, ledger.id)
    house.ledgers.put_columns(workspace, ledger.id, before.properties[:3], before.version)
    house.connections.remove(workspace, ledger.id)
    with pytest.raises(TargetNotFound):
        house.targets.get(workspace, ledger.id)


def test_nothing_that_is_on_its_way_is_dropped_with_its_target(
    house: TargetsHouse, table: RemoteTable, workspace: WorkspaceId, remote: Target
) -> None:
    done, late = (house.plan(workspace, house.records.add(workspace), remote) for _ in range(2))
    house.deliveries.deliver(workspace, done)
    with pytest.raises(DeliveriesUnfinished, match="not finished: 1"):
        house.connections.remove(workspace, remote.id)
    assert house.deliveries.get(workspace, done).status is DeliveryStatus.DELIVERED
    table.before = break_down
    with pytest.raises(NetworkError):
        house.deliveries.deliver(workspace, late)
    with pytest.raises(DeliveriesUnfinished):
        house.connections.remove(workspace, remote.id)
    with pytest.raises(AttemptUnderWay):
        house.connections.remove(workspace, remote.id, move=True)
    assert house.deliveries.get(workspace, late).status is DeliveryStatus.FAILED


def test_what_is_on_its_way_moves_to_the_default_target_when_a_person_says_so(
    house: TargetsHouse, table: RemoteTable, workspace: WorkspaceId, remote: Target
) -> None:
    table.before = break_down
    record = house.records.add(workspace)
    failing = house.plan(workspace, record, remote)
    with pytest.raises(NetworkError):
        house.deliveries.deliver(workspace, failing)
    house.clock.pass_by(timedelta(minutes=3))
    house.connections.remove(workspace, remote.id, move=True)
    [instead] = house.resumed
    assert house.deliveries.deliver(workspace, instead).status is DeliveryStatus.DELIVERED
    _, rows = house.ledgers.rows(workspace, house.default(workspace).id, Paging())
    assert [row.key for row in rows.items] == [str(record.id)]


def test_a_record_that_comes_while_its_target_is_removed_is_delivered_somewhere(
    house: TargetsHouse, workspace: WorkspaceId
) -> None:
    default = house.default(workspace).id
    for number in range(6):
        target = house.connections.create(workspace, "remote", "Short-lived", {"place": str(number)})
        old, new = house.records.add(workspace), house.records.add(workspace)
        house.deliver(workspace, old, target)
        newer = house.records.correct(workspace, old, replace(old.data, number="43"))
        with ThreadPoolExecutor(3) as pool:
            removed = pool.submit(is_removed, house, target)
            planned = [pool.submit(house.plan, workspace, one, target) for one in (newer, new)]
            went = {house.deliveries.get(workspace, one.result()).target_id for one in planned}
        assert went == {default if removed.result() else target.id}
