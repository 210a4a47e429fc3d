"""Targets are connected, named, chosen and removed, and a workspace has one default whatever happens at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.foundation.paging import Paging
from counterfoil.targets.domain import PropertyType, Target, TargetId
from counterfoil.targets.errors import TargetNotFound
from tests.support.clock import FixedClock
from tests.support.targets import RemoteTable, TargetsHouse, build, column, schema

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
