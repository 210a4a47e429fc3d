"""A ledger's owner defines its columns; rows keep what they hold."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.paging import Paging
from counterfoil.targets.domain import Property, PropertyId, PropertyType, RowId, Schema, Target
from counterfoil.targets.errors import InvalidColumns, NotALedger, RowNotFound, SchemaChanged, TargetNotFound
from counterfoil.targets.ledger import DEFAULT_COLUMNS
from tests.support.clock import FixedClock
from tests.support.targets import RemoteTable, TargetsHouse, build, column, schema

TITLE = DEFAULT_COLUMNS[0]
NEW = PropertyId("")


@pytest.fixture
def house(database: Database, clock: FixedClock) -> TargetsHouse:
    return build(database, clock, RemoteTable(columns=schema(column("Name", PropertyType.TITLE))))


@pytest.fixture
def ledger(house: TargetsHouse, workspace: WorkspaceId) -> Target:
    return house.default(workspace)


def put(house: TargetsHouse, ledger: Target, columns: Sequence[Property]) -> Schema:
    version = house.targets.schema(ledger.workspace, ledger.id).version
    return house.ledgers.put_columns(ledger.workspace, ledger.id, columns, version)


def test_columns_are_added_renamed_ordered_and_removed(house: TargetsHouse, ledger: Target) -> None:
    total, date = DEFAULT_COLUMNS[2], DEFAULT_COLUMNS[1]
    project = Property(
        id=NEW, name="Project", type=PropertyType.SELECT, options=("North", "South"), open_options=True, required=True
    )
    wanted = [total, project, replace(TITLE, name="Shop"), date]
    put(house, ledger, wanted)
    found = house.targets.schema(ledger.workspace, ledger.id).properties
    assert [one.name for one in found] == ["Total", "Project", "Shop", "Date"]
    assert (found[0], found[2].id) == (total, TITLE.id)
    assert replace(found[1], id=NEW) == project
    assert found[1].id != NEW


def test_rows_keep_what_they_hold_in_a_column_that_goes(
    house: TargetsHouse, ledger: Target, workspace: WorkspaceId
) -> None:
    house.deliver(workspace, house.records.add(workspace))
    put(house, ledger, [TITLE])
    _, page = house.ledgers.rows(workspace, ledger.id, Paging())
    assert page.items[0].values[PropertyId("total")] == "12.30"


def test_a_row_keeps_its_values_when_a_column_is_renamed(
    house: TargetsHouse, ledger: Target, workspace: WorkspaceId
) -> None:
    house.deliver(workspace, house.records.add(workspace))
    put(house, ledger, [replace(TITLE, name="Shop"), *DEFAULT_COLUMNS[1:]])
    columns, page = house.ledgers.rows(workspace, ledger.id, Paging())
    assert columns.properties[0].name == "Shop"
    assert page.items[0].values[TITLE.id] == "Corner Bakery"


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ([], "exactly one column of type title"),
        ([TITLE, Property(id=NEW, name="Other", type=PropertyType.TITLE)], "exactly one column of type title"),
        ([TITLE, Property(id=NEW, name=" merchant ", type=PropertyType.TEXT)], "2 columns named 'merchant'"),
        ([TITLE, replace(DEFAULT_COLUMNS[1], id=TITLE.id)], "is there 2 times"),
        ([TITLE, column("nowhere", PropertyType.TEXT)], "no column nowhere to keep"),
        ([TITLE, Property(id=NEW, name=" ", type=PropertyType.TEXT)], "1 to 500 characters"),
        ([TITLE, Property(id=NEW, name="x" * 501, type=PropertyType.TEXT)], "1 to 500 characters"),
        ([TITLE, Property(id=NEW, name="A", type=PropertyType.TEXT, options=("a",))], "a text has no options"),
        ([TITLE, Property(id=NEW, name="A", type=PropertyType.SELECT, options=("a", "a"))], "different"),
        ([TITLE, Property(id=NEW, name="A", type=PropertyType.SELECT, options=(" ",))], "none empty"),
        ([TITLE, Property(id=NEW, name="A", type=PropertyType.STATUS, open_options=True)], "a status never"),
        ([TITLE, *(Property(id=NEW, name=f"A{n}", type=PropertyType.TEXT) for n in range(200))], "at most 200"),
    ],
)
def test_columns_that_make_no_sense_are_refused(
    house: TargetsHouse, ledger: Target, columns: list[Property], problem: str
) -> None:
    with pytest.raises(InvalidColumns, match=problem):
        put(house, ledger, columns)
    assert house.targets.schema(ledger.workspace, ledger.id).properties == DEFAULT_COLUMNS


def test_of_two_people_who_change_the_columns_the_second_is_told(house: TargetsHouse, ledger: Target) -> None:
    version = house.targets.schema(ledger.workspace, ledger.id).version
    put(house, ledger, [TITLE])
    with pytest.raises(SchemaChanged):
        house.ledgers.put_columns(ledger.workspace, ledger.id, DEFAULT_COLUMNS, version)


def test_a_table_elsewhere_has_no_columns_or_rows_of_ours(house: TargetsHouse, workspace: WorkspaceId) -> None:
    remote = house.connections.create(workspace, "remote", "Elsewhere", {})
    with pytest.raises(NotALedger):
        put(house, remote, [TITLE])
    with pytest.raises(NotALedger):
        house.ledgers.rows(workspace, remote.id, Paging())


def test_rows_come_in_pages_newest_first_and_one_by_one(
    house: TargetsHouse, ledger: Target, workspace: WorkspaceId
) -> None:
    keys = []
    for _ in range(3):
        record = house.records.add(workspace)
        house.deliver(workspace, record)
        keys.append(str(record.id))
    _, first = house.ledgers.rows(workspace, ledger.id, Paging(limit=2))
    _, second = house.ledgers.rows(workspace, ledger.id, Paging(limit=2, after=first.next_after))
    assert [row.key for row in (*first.items, *second.items)] == keys[::-1]
    assert house.ledgers.row(workspace, ledger.id, first.items[0].id)[1] == first.items[0]


def test_a_neighbour_sees_and_changes_nothing_of_a_ledger(
    house: TargetsHouse, ledger: Target, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    house.deliver(workspace, house.records.add(workspace))
    _, page = house.ledgers.rows(workspace, ledger.id, Paging())
    neighbours = house.default(other_workspace)
    with pytest.raises(TargetNotFound):
        house.ledgers.rows(other_workspace, ledger.id, Paging())
    with pytest.raises(TargetNotFound):
        house.ledgers.put_columns(other_workspace, ledger.id, [TITLE], "")
    with pytest.raises(RowNotFound):
        house.ledgers.row(other_workspace, neighbours.id, page.items[0].id)
    with pytest.raises(RowNotFound):
        house.ledgers.row(workspace, ledger.id, RowId(new_id()))
    assert house.ledgers.rows(other_workspace, neighbours.id, Paging())[1].items == []
