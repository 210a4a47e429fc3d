"""Targets are connected, found, planned for and previewed, each in its own workspace."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal

import pytest

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.foundation.errors import NotFound
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.paging import Paging
from counterfoil.records.domain import FieldPath
from counterfoil.targets.domain import Author, Entry, PropertyId, PropertyType, Target, TargetId
from counterfoil.targets.errors import (
    InvalidNotionId,
    InvalidPlan,
    InvalidTargetSettings,
    PlanChanged,
    TargetNotFound,
    TargetTaken,
    UnknownTargetKind,
)
from counterfoil.targets.expressions import Constant, Expression, FieldOf, Format, Nothing
from counterfoil.targets.infrastructure.sql import SqlTargetStore
from counterfoil.targets.lookup import TargetLookup
from tests.support.clock import FixedClock
from tests.support.targets import BAKERY, RemoteTable, TargetsHouse, build, column, schema

DATABASE_ID = "0123456789abcdef0123456789abcdef"
TOTAL = PropertyId("total")


@pytest.fixture
def house(database: Database, clock: FixedClock) -> TargetsHouse:
    notion = RemoteTable(columns=schema(column("Name", PropertyType.TITLE)), kind="notion")
    return build(database, clock, notion)


def resolve(
    house: TargetsHouse,
    workspace: WorkspaceId,
    target_id: TargetId | None,
    database_id: str | None,
    *,
    connects: bool = False,
) -> TargetId | None:
    lookup = TargetLookup(
        database=house.database, store=SqlTargetStore(), clock=house.clock, new_id=new_id, connects=connects
    )
    return lookup.resolve(workspace, target_id, database_id)


def entry(expression: Expression) -> Entry:
    return Entry(expression=expression, reason="A person decided so.", score=1.0)


def test_a_ledger_is_there_without_anybody_asking(house: TargetsHouse, workspace: WorkspaceId) -> None:
    default = house.default(workspace)
    assert (default.kind, default.name, default.is_default) == ("ledger", "Ledger", True)
    assert house.default(workspace) == default


def test_workers_that_come_first_together_make_one_default(house: TargetsHouse, workspace: WorkspaceId) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len({one.id for one in pool.map(house.default, [workspace] * 8)}) == 1


def test_each_workspace_has_its_own_default(
    house: TargetsHouse, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    assert house.default(workspace).id != house.default(other_workspace).id


def test_a_target_that_is_made_can_be_read(house: TargetsHouse, workspace: WorkspaceId) -> None:
    target = house.connections.create(workspace, "ledger", "Office", {})
    assert house.targets.get(workspace, target.id) == target
    assert house.targets.page(workspace, Paging()).items == [target]


def test_an_unknown_kind_and_wrong_settings_are_refused(house: TargetsHouse, workspace: WorkspaceId) -> None:
    with pytest.raises(UnknownTargetKind, match="ledger, notion"):
        house.connections.create(workspace, "spreadsheet", "Office", {})
    with pytest.raises(InvalidTargetSettings):
        house.connections.create(workspace, "ledger", "Office", {"url": "https://elsewhere.example"})
    assert house.targets.page(workspace, Paging()).items == []


def test_a_neighbour_sees_no_target(house: TargetsHouse, workspace: WorkspaceId, other_workspace: WorkspaceId) -> None:
    target = house.connections.create(workspace, "ledger", "Office", {})
    assert house.targets.page(other_workspace, Paging()).items == []
    for ask in (house.targets.get, house.targets.schema, house.targets.plan):
        with pytest.raises(TargetNotFound):
            ask(other_workspace, target.id)
    with pytest.raises(TargetNotFound):
        house.targets.preview(other_workspace, target.id, BAKERY)
    with pytest.raises(TargetNotFound):
        house.targets.put_plan(other_workspace, target.id, {}, 1)


def test_a_hand_in_that_names_no_target_resolves_to_none(house: TargetsHouse, workspace: WorkspaceId) -> None:
    assert resolve(house, workspace, None, None) is None
    assert resolve(house, workspace, None, "") is None


def test_a_hand_in_may_name_a_target_by_id_or_by_its_notion_database(
    house: TargetsHouse, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    dashed = f"{DATABASE_ID[:8]}-{DATABASE_ID[8:12]}-{DATABASE_ID[12:16]}-{DATABASE_ID[16:20]}-{DATABASE_ID[20:]}"
    target = house.connections.create(workspace, "notion", "Receipts", {"database_id": dashed})
    assert resolve(house, workspace, target.id, None) == target.id
    assert resolve(house, workspace, None, DATABASE_ID) == target.id
    assert resolve(house, workspace, None, dashed.upper()) == target.id
    assert resolve(house, workspace, None, f"https://www.notion.so/acme/Receipts-{DATABASE_ID}?v=1") == target.id
    for target_id, database_id in ((target.id, None), (None, DATABASE_ID)):
        with pytest.raises(TargetNotFound):
            resolve(house, other_workspace, target_id, database_id)


@pytest.mark.parametrize("database_id", ["/../", f"{DATABASE_ID}/../../users", "nowhere", "x" * 1000])
def test_what_is_no_notion_database_is_refused_with_advice(
    house: TargetsHouse, workspace: WorkspaceId, database_id: str
) -> None:
    with pytest.raises(InvalidNotionId) as caught:
        resolve(house, workspace, None, database_id)
    assert "copy its link" in caught.value.advice
    assert len(str(caught.value)) < 200


def test_a_notion_database_that_is_no_target_is_not_found_with_advice(
    house: TargetsHouse, workspace: WorkspaceId
) -> None:
    with pytest.raises(TargetNotFound) as caught:
        resolve(house, workspace, None, DATABASE_ID)
    assert caught.value.code == "target_not_found"
    assert "connect the table" in caught.value.advice


def test_a_notion_database_becomes_a_target_when_n8n_looks_after_it(
    house: TargetsHouse, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    named = resolve(house, workspace, None, DATABASE_ID, connects=True)
    assert named is not None
    assert resolve(house, workspace, None, DATABASE_ID, connects=True) == named
    assert house.targets.get(workspace, named).kind == "notion"
    with pytest.raises(TargetTaken):
        resolve(house, other_workspace, None, DATABASE_ID, connects=True)


def test_the_rules_make_the_plan_once_and_it_is_kept(house: TargetsHouse, workspace: WorkspaceId) -> None:
    target = house.default(workspace)
    view = house.targets.plan(workspace, target.id)
    assert (view.plan.version, view.plan.made_by) == (1, Author.RULES)
    assert view.plan.entries[TOTAL].expression == FieldOf(path=FieldPath("total"))
    assert house.targets.plan(workspace, target.id).plan == view.plan
    empty = [one.name for one in view.schema.properties if not view.plan.entries[one.id].fills]
    assert empty == []


def test_workers_that_plan_together_make_one_plan(house: TargetsHouse, workspace: WorkspaceId) -> None:
    target = house.default(workspace)
    with ThreadPoolExecutor(4) as pool:
        views = list(pool.map(lambda _: house.targets.plan(workspace, target.id), range(4)))
    assert {view.plan.version for view in views} == {1}


def test_a_person_changes_the_plan_and_it_is_kept_with_every_expression(
    house: TargetsHouse, workspace: WorkspaceId
) -> None:
    target = house.default(workspace)
    version = house.targets.plan(workspace, target.id).plan.version
    entries = {
        PropertyId("merchant"): entry(Format(template="{merchant.name}: {number}")),
        PropertyId("category"): entry(Constant(value="Food")),
        TOTAL: entry(FieldOf(path=FieldPath("subtotal"))),
        PropertyId("notes"): entry(Nothing()),
    }
    plan = house.targets.put_plan(workspace, target.id, entries, version)
    assert (plan.version, plan.made_by) == (version + 1, Author.PERSON)
    assert house.targets.plan(workspace, target.id).plan == plan
    shown = {one.property.id: one.value for one in house.targets.preview(workspace, target.id, BAKERY)}
    assert shown[PropertyId("merchant")] == "Corner Bakery: 2026-0042"
    assert (shown[PropertyId("category")], shown[TOTAL]) == ("Food", Decimal("11.50"))


def test_of_two_people_who_change_a_plan_the_second_is_told(house: TargetsHouse, workspace: WorkspaceId) -> None:
    target = house.default(workspace)
    entries = {TOTAL: entry(FieldOf(path=FieldPath("subtotal")))}
    house.targets.put_plan(workspace, target.id, entries, 1)
    with pytest.raises(PlanChanged, match="version 2"):
        house.targets.put_plan(workspace, target.id, entries, 1)


def test_a_plan_that_cannot_be_carried_out_is_refused(house: TargetsHouse, workspace: WorkspaceId) -> None:
    target = house.default(workspace)
    with pytest.raises(InvalidPlan, match="there is no value 'sum'"):
        house.targets.put_plan(workspace, target.id, {TOTAL: entry(FieldOf(path=FieldPath("sum")))}, 1)


def test_a_plan_without_a_place_for_keys_is_in_doubt_where_one_is_needed(
    database: Database, clock: FixedClock, workspace: WorkspaceId
) -> None:
    columns = schema(column("Name", PropertyType.TITLE))
    house = build(database, clock, RemoteTable(columns=columns, needs_key_property=True))
    target = house.connections.create(workspace, "remote", "Expenses", {})
    [doubt] = house.targets.plan(workspace, target.id).doubts
    assert "Counterfoil ID" in doubt
    house.targets.add_key_property(workspace, target.id)
    assert house.targets.plan(workspace, target.id).doubts == ()


def test_a_preview_shows_each_column_with_its_reason_and_writes_nothing(
    house: TargetsHouse, workspace: WorkspaceId
) -> None:
    target = house.default(workspace)
    record = house.records.add(workspace)
    shown = {one.property.name: one for one in house.targets.preview(workspace, target.id, record.id)}
    assert shown["Total"].value == Decimal("12.30")
    assert shown["Total"].entry.reason == "“Total” is English for the total."
    assert (shown["Payment"].value, shown["Kind"].value, shown["Due date"].value) == ("Card", "Receipt", None)
    assert str(shown["Document"].value).endswith(f"/documents/{record.document_id}/file")
    _, page = house.ledgers.rows(workspace, target.id, Paging())
    assert page.items == []


def test_a_preview_of_given_data_needs_no_record(house: TargetsHouse, workspace: WorkspaceId) -> None:
    target: Target = house.default(workspace)
    data = replace(BAKERY, total=Decimal("99.90"))
    shown = {one.property.id: one.value for one in house.targets.preview(workspace, target.id, data)}
    assert shown[TOTAL] == Decimal("99.90")


def test_a_preview_of_a_neighbours_record_is_refused(
    house: TargetsHouse, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    record = house.records.add(other_workspace)
    with pytest.raises(NotFound):
        house.targets.preview(workspace, house.default(workspace).id, record.id)


def test_a_target_that_is_not_there_is_not_found(house: TargetsHouse, workspace: WorkspaceId) -> None:
    with pytest.raises(TargetNotFound):
        house.targets.get(workspace, TargetId(new_id()))
