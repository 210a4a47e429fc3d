"""Deliveries make one row for a record, whatever breaks, repeats or comes out of order."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.foundation.errors import Conflict, NetworkError, NotFound, Postponed
from counterfoil.foundation.paging import Paging
from counterfoil.records.domain import InvoiceData, Party
from counterfoil.targets.domain import (
    Delivery,
    DeliveryId,
    DeliveryStatus,
    Entry,
    LedgerRow,
    OptionPolicy,
    PropertyId,
    PropertyType,
    Target,
    TargetStatus,
)
from counterfoil.targets.errors import (
    DeliveryInDoubt,
    DeliveryNotFound,
    InvalidPlan,
    NotShared,
    OptionUndecided,
    RequiredValueMissing,
    RowGone,
    RowThere,
    TargetTaken,
)
from counterfoil.targets.expressions import MERCHANT, FieldOf
from counterfoil.targets.protocols import DeliveryFilter
from tests.support.clock import FixedClock
from tests.support.targets import (
    BAKERY,
    Crash,
    GivenRecord,
    MortalDatabase,
    RemoteTable,
    TargetsHouse,
    break_down,
    build,
    column,
    crash,
    nothing,
    schema,
)

COLUMNS = schema(
    column("Merchant", PropertyType.TITLE),
    column("Total", PropertyType.NUMBER),
    column("Category", PropertyType.SELECT, "Food"),
)
SETTLED = timedelta(minutes=2)
GONE = "“Total” is gone. Change the plan, and it goes on: counterfoil targets set {} COLUMN …"


@pytest.fixture
def table() -> RemoteTable:
    return RemoteTable(columns=COLUMNS)


@pytest.fixture
def house(database: Database, clock: FixedClock, table: RemoteTable) -> TargetsHouse:
    return build(database, clock, table)


@pytest.fixture
def remote(house: TargetsHouse, workspace: WorkspaceId) -> Target:
    return house.connections.create(workspace, "remote", "Elsewhere", {})


def rows(house: TargetsHouse, workspace: WorkspaceId) -> list[LedgerRow]:
    _, page = house.ledgers.rows(workspace, house.default(workspace).id, Paging())
    return list(page.items)


def lowered(data: InvoiceData = BAKERY) -> InvoiceData:
    return replace(data, total=Decimal("10.30"))


def test_a_record_comes_to_lie_in_the_default_ledger(house: TargetsHouse, workspace: WorkspaceId) -> None:
    record = house.records.add(workspace)
    delivery = house.deliveries.get(workspace, house.deliver(workspace, record))
    [row] = rows(house, workspace)
    assert (delivery.status, delivery.delivered_version, delivery.external_id) == ("delivered", 1, str(row.id))
    assert delivery.doubt is None
    assert row.key == str(record.id)
    wanted = {"merchant": "Corner Bakery", "date": "2026-02-28", "total": "12.30", "tax": "0.80", "kind": "Receipt"}
    assert wanted.items() <= row.values.items()
    assert row.values["document"] == f"https://counterfoil.example/api/v1/documents/{record.document_id}/file"  # type: ignore[index]


def test_delivering_again_changes_nothing(house: TargetsHouse, workspace: WorkspaceId) -> None:
    record = house.records.add(workspace)
    delivery_id = house.deliver(workspace, record)
    before, row = house.deliveries.get(workspace, delivery_id), rows(house, workspace)
    house.clock.pass_by(timedelta(hours=1))
    assert house.deliveries.deliver(workspace, delivery_id) == before
    assert rows(house, workspace) == row


def test_a_version_that_is_there_is_not_planned_again(house: TargetsHouse, workspace: WorkspaceId) -> None:
    record = house.records.add(workspace)
    house.deliver(workspace, record)
    with house.database.transaction() as tx:
        assert house.deliveries.plan_deliveries(tx, workspace, record) == []


def test_planning_twice_is_one_delivery(house: TargetsHouse, workspace: WorkspaceId) -> None:
    record = house.records.add(workspace)
    assert house.plan(workspace, record) == house.plan(workspace, record)


def test_a_correction_changes_the_same_row(house: TargetsHouse, workspace: WorkspaceId) -> None:
    record = house.records.add(workspace)
    first = house.deliver(workspace, record)
    corrected = house.records.correct(workspace, record, lowered())
    assert house.deliver(workspace, corrected) == first
    [row] = rows(house, workspace)
    assert (row.record_version, row.values[PropertyId("total")]) == (2, "10.30")


def test_a_value_that_a_correction_takes_away_is_emptied(house: TargetsHouse, workspace: WorkspaceId) -> None:
    record = house.records.add(workspace)
    house.deliver(workspace, record)
    house.deliver(workspace, house.records.correct(workspace, record, replace(BAKERY, taxes=())))
    [row] = rows(house, workspace)
    assert PropertyId("tax") not in row.values


def test_what_a_person_filled_in_at_the_target_is_left_alone(
    house: TargetsHouse, table: RemoteTable, workspace: WorkspaceId, remote: Target
) -> None:
    record = house.records.add(workspace)
    house.deliver(workspace, record, remote)
    table.rows["row-1"][PropertyId("Category")] = "Food"
    house.deliver(workspace, house.records.correct(workspace, record, lowered()), remote)
    assert table.rows["row-1"][PropertyId("Category")] == "Food"
    assert table.rows["row-1"][PropertyId("Total")] == Decimal("10.30")


def test_two_equal_receipts_are_two_rows(house: TargetsHouse, workspace: WorkspaceId) -> None:
    for _ in range(2):
        house.deliver(workspace, house.records.add(workspace))
    assert len(rows(house, workspace)) == 2


def test_eight_workers_with_one_delivery_make_one_row(house: TargetsHouse, workspace: WorkspaceId) -> None:
    delivery_id = house.plan(workspace, house.records.add(workspace))
    with ThreadPoolExecutor(8) as pool:
        for one in [pool.submit(house.deliveries.deliver, workspace, delivery_id) for _ in range(8)]:
            one.result()
    assert len(rows(house, workspace)) == 1
    delivery = house.deliveries.get(workspace, delivery_id)
    assert (delivery.status, delivery.doubt) == (DeliveryStatus.DELIVERED, None)


def test_an_attempt_that_was_overtaken_before_it_began_writes_nothing(
    house: TargetsHouse, table: RemoteTable, workspace: WorkspaceId, remote: Target
) -> None:
    """It stops when it has read the record, and goes on when a newer version is there."""
    record = house.records.add(workspace)
    delivery_id = house.plan(workspace, record, remote)

    def overtake() -> None:
        table.looking = nothing
        newer = house.records.correct(workspace, record, lowered())
        house.deliver(workspace, newer, remote)

    table.looking = overtake
    assert house.deliveries.deliver(workspace, delivery_id).delivered_version == 2
    assert table.rows["row-1"][PropertyId("Total")] == Decimal("10.30")
    assert table.writes == 1


def test_an_old_version_of_the_record_does_not_bring_it_back(house: TargetsHouse, workspace: WorkspaceId) -> None:
    record = house.records.add(workspace)
    delivery_id = house.plan(workspace, record)
    newer = house.records.correct(workspace, record, lowered())
    house.deliveries.deliver(workspace, house.plan(workspace, newer))
    house.records.records[workspace, record.id] = record
    assert house.deliveries.deliver(workspace, delivery_id).delivered_version == 2
    [row] = rows(house, workspace)
    assert row.values[PropertyId("total")] == "10.30"


def test_a_correction_during_an_attempt_is_still_to_be_delivered(
    house: TargetsHouse, table: RemoteTable, workspace: WorkspaceId, remote: Target
) -> None:
    record = house.records.add(workspace)
    delivery_id = house.plan(workspace, record, remote)

    def correct() -> None:
        house.plan(workspace, house.records.correct(workspace, record, lowered()), remote)

    table.after = correct
    assert house.deliveries.deliver(workspace, delivery_id).status is DeliveryStatus.PENDING
    table.after = nothing
    assert house.deliveries.deliver(workspace, delivery_id).status is DeliveryStatus.DELIVERED
    assert table.rows["row-1"][PropertyId("Total")] == Decimal("10.30")


@pytest.mark.parametrize("fault", [break_down, crash], ids=["broken connection", "crash"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_fault_around_the_create_leaves_one_row_in_the_end(
    house: TargetsHouse, table: RemoteTable, workspace: WorkspaceId, remote: Target, fault: object, moment: str
) -> None:
    delivery_id = house.plan(workspace, house.records.add(workspace), remote)
    setattr(table, moment, fault)
    with pytest.raises((NetworkError, Crash)):
        house.deliveries.deliver(workspace, delivery_id)
    table.before = table.after = nothing
    if moment == "before":  # that there is no row proves nothing while one may still be made
        with pytest.raises(DeliveryInDoubt):
            house.deliveries.deliver(workspace, delivery_id)
        house.clock.pass_by(SETTLED)
    assert house.deliveries.deliver(workspace, delivery_id).status is DeliveryStatus.DELIVERED
    assert len(table.rows) == 1


def test_a_row_that_was_found_is_not_forgotten_when_it_cannot_be_changed_just_then(
    house: TargetsHouse, table: RemoteTable, workspace: WorkspaceId, remote: Target
) -> None:
    delivery_id = house.plan(workspace, house.records.add(workspace), remote)
    table.after = break_down
    with pytest.raises(NetworkError):
        house.deliveries.deliver(workspace, delivery_id)
    table.before, table.after = not_our_turn, nothing
    with pytest.raises(Postponed):
        house.deliveries.deliver(workspace, delivery_id)
    table.before = nothing
    assert house.deliveries.deliver(workspace, delivery_id).status is DeliveryStatus.DELIVERED
    assert len(table.rows) == 1


@pytest.mark.parametrize("dies_before_commit", [True, False], ids=["before commit", "after commit"])
def test_a_crash_around_any_commit_leaves_one_row_in_the_end(
    database: Database,
    database_url: str,
    clock: FixedClock,
    workspace: WorkspaceId,
    dies_before_commit: bool,
) -> None:
    mortal = MortalDatabase(database_url)
    house = build(mortal, clock)
    mortal.dies_before_commit = dies_before_commit
    record = house.records.add(workspace)
    for data in (BAKERY, lowered(), BAKERY):
        delivery_id, died, moment = house.plan(workspace, record), True, 0
        while died:
            moment += 1
            mortal.begun, mortal.dies_at = 0, moment
            try:
                house.deliveries.deliver(workspace, delivery_id)
                died = False
            except Crash:
                assert len(rows(house, workspace)) <= 1
        assert moment == 5  # four commits, and the attempt that saw none fail
        mortal.dies_at = 0
        [row] = rows(house, workspace)
        assert row.values[PropertyId("total")] == str(data.total)
        delivery = house.deliveries.get(workspace, delivery_id)
        assert (delivery.status, delivery.doubt) == (DeliveryStatus.DELIVERED, None)
        record = house.records.correct(workspace, record, lowered() if data is BAKERY else BAKERY)
    mortal.close()


def test_a_crash_after_the_row_was_made_in_the_ledger_is_taken_up_at_once(
    house: TargetsHouse, workspace: WorkspaceId, database: Database, clock: FixedClock
) -> None:
    class Crashing:
        """The ledger's adapter, in a process that dies when the row has been committed."""

        kind = "ledger"
        settles_after = timedelta()

        def __init__(self) -> None:
            ledger = house.targets.adapters["ledger"]
            self.connect, self.schema, self.find = ledger.connect, ledger.schema, ledger.find
            self.candidates, self.schema_lasts = ledger.candidates, ledger.schema_lasts
            self.needs_key_property, self.check_every_hours = ledger.needs_key_property, ledger.check_every_hours

        def write(self, request: object) -> object:
            house.targets.adapters["ledger"].write(request)  # type: ignore[arg-type]
            raise Crash

    record = house.records.add(workspace)
    delivery_id = house.plan(workspace, record)
    dying = replace(house.targets, adapters={"ledger": Crashing()})  # type: ignore[dict-item]
    with pytest.raises(Crash):
        replace(house.deliveries, targets=dying).deliver(workspace, delivery_id)
    assert house.deliveries.get(workspace, delivery_id).status is DeliveryStatus.WRITING
    assert house.deliveries.deliver(workspace, delivery_id).status is DeliveryStatus.DELIVERED
    assert len(rows(house, workspace)) == 1


def test_a_refusal_leaves_no_doubt_and_is_tried_again_without_looking(
    house: TargetsHouse, table: RemoteTable, workspace: WorkspaceId, remote: Target
) -> None:
    def refuse() -> None:
        raise Conflict("no")

    delivery_id = house.plan(workspace, house.records.add(workspace), remote)
    table.before = refuse
    with pytest.raises(Conflict):
        house.deliveries.deliver(workspace, delivery_id)
    failed = house.deliveries.get(workspace, delivery_id)
    assert (failed.status, failed.doubt, failed.error) == (DeliveryStatus.FAILED, None, "conflict: no")
    table.before = nothing
    assert house.deliveries.deliver(workspace, delivery_id).error is None
    assert table.lookups == 0


def test_a_table_that_cannot_be_reached_is_told_and_nothing_is_in_doubt(
    house: TargetsHouse, table: RemoteTable, workspace: WorkspaceId, remote: Target
) -> None:
    delivery_id = house.plan(workspace, house.records.add(workspace), remote)
    table.looking = break_down
    with pytest.raises(NetworkError):
        house.deliveries.deliver(workspace, delivery_id)
    delivery = house.deliveries.get(workspace, delivery_id)
    assert (delivery.status, delivery.doubt, delivery.attempt) == (DeliveryStatus.FAILED, None, 0)
    assert delivery.error == "network_error: The connection broke."


def test_a_doubt_outlives_an_attempt_that_could_not_begin(
    house: TargetsHouse, table: RemoteTable, workspace: WorkspaceId, remote: Target
) -> None:
    delivery_id = house.plan(workspace, house.records.add(workspace), remote)
    table.after = break_down
    with pytest.raises(NetworkError):
        house.deliveries.deliver(workspace, delivery_id)
    table.after, table.looking = nothing, break_down
    house.clock.pass_by(SETTLED)
    with pytest.raises(NetworkError):
        house.deliveries.deliver(workspace, delivery_id)
    table.looking = nothing
    assert house.deliveries.deliver(workspace, delivery_id).status is DeliveryStatus.DELIVERED
    assert len(table.rows) == 1


def test_attempts_that_begin_together_at_a_table_without_keys_do_not_both_write(
    house: TargetsHouse, table: RemoteTable, workspace: WorkspaceId, remote: Target
) -> None:
    delivery_id = house.plan(workspace, house.records.add(workspace), remote)

    def another() -> None:
        table.before = nothing
        with pytest.raises(DeliveryInDoubt):
            house.deliveries.deliver(workspace, delivery_id)

    table.before = another
    assert house.deliveries.deliver(workspace, delivery_id).status is DeliveryStatus.DELIVERED
    assert len(table.rows) == 1


def test_eight_workers_at_a_table_without_keys_make_one_row(
    house: TargetsHouse, table: RemoteTable, workspace: WorkspaceId, remote: Target
) -> None:
    delivery_id = house.plan(workspace, house.records.add(workspace), remote)

    def attempt(_: int) -> bool:
        try:
            return house.deliveries.deliver(workspace, delivery_id).status is DeliveryStatus.DELIVERED
        except DeliveryInDoubt:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert any(pool.map(attempt, range(8)))
    assert len(table.rows) == 1


def test_a_fault_around_a_correction_changes_the_same_row_without_looking_it_up(
    house: TargetsHouse, table: RemoteTable, workspace: WorkspaceId, remote: Target
) -> None:
    record = house.records.add(workspace)
    house.deliver(workspace, record, remote)
    delivery_id = house.plan(workspace, house.records.correct(workspace, record, lowered()), remote)
    table.after = break_down
    with pytest.raises(NetworkError):
        house.deliveries.deliver(workspace, delivery_id)
    table.after = nothing
    house.clock.pass_by(SETTLED)
    assert house.deliveries.deliver(workspace, delivery_id).delivered_version == 2
    assert table.rows == {"row-1": {PropertyId("Merchant"): "Corner Bakery", PropertyId("Total"): Decimal("10.30")}}
    assert table.lookups == 0


def test_a_value_that_does_not_fit_is_left_out_and_told(
    house: TargetsHouse, table: RemoteTable, workspace: WorkspaceId, remote: Target
) -> None:
    record = house.records.add(workspace, replace(BAKERY, category="Rocket parts"))
    delivery = house.deliveries.get(workspace, house.deliver(workspace, record, remote))
    assert delivery.problems == ("Category: no option is like “Rocket parts”.",)
    assert PropertyId("Category") not in table.rows["row-1"]


def test_a_required_value_that_is_missing_keeps_the_row_from_being_made(
    house: TargetsHouse, table: RemoteTable, workspace: WorkspaceId, remote: Target
) -> None:
    table.columns = schema(column("Merchant", PropertyType.TITLE), column("Due date", PropertyType.DATE, required=True))
    delivery_id = house.plan(workspace, house.records.add(workspace), remote)
    with pytest.raises(RequiredValueMissing, match="Due date"):
        house.deliveries.deliver(workspace, delivery_id)
    assert house.deliveries.get(workspace, delivery_id).status is DeliveryStatus.FAILED
    assert table.rows == {}


def test_a_renamed_column_is_followed(
    house: TargetsHouse, table: RemoteTable, workspace: WorkspaceId, remote: Target
) -> None:
    house.deliver(workspace, house.records.add(workspace), remote)
    merchant, total, category = COLUMNS.properties
    table.columns = schema(merchant, replace(total, name="Something else"), category)
    house.deliver(workspace, house.records.add(workspace), remote)
    assert table.rows["row-2"][PropertyId("Total")] == Decimal("12.30")
    view = house.targets.plan(workspace, remote.id)
    assert (view.plan.version, view.drift.sentences()) == (2, ())


@pytest.fixture
def paused(
    house: TargetsHouse, table: RemoteTable, workspace: WorkspaceId, remote: Target
) -> tuple[DeliveryId, GivenRecord]:
    """A delivery that waits because the column of the totals is gone."""
    house.deliver(workspace, house.records.add(workspace), remote)
    table.columns = schema(COLUMNS.properties[0], COLUMNS.properties[2])
    record = house.records.add(workspace)
    return house.deliver(workspace, record, remote), record


def test_a_column_that_is_gone_pauses_the_target_and_the_delivery_waits(
    house: TargetsHouse,
    table: RemoteTable,
    workspace: WorkspaceId,
    remote: Target,
    paused: tuple[DeliveryId, GivenRecord],
) -> None:
    delivery = house.deliveries.get(workspace, paused[0])
    target = house.targets.get(workspace, remote.id)
    reason = GONE.format(target.id)
    assert (target.status, target.paused_because) == (TargetStatus.PAUSED, reason)
    assert (delivery.status, delivery.error) == (DeliveryStatus.WAITING, reason)
    assert len(table.rows) == 1


def test_a_person_who_decides_resumes_the_target_and_what_waited_is_delivered(
    house: TargetsHouse,
    table: RemoteTable,
    workspace: WorkspaceId,
    remote: Target,
    paused: tuple[DeliveryId, GivenRecord],
) -> None:
    view = house.targets.plan(workspace, remote.id)
    entries = {one.id: view.plan.entries[one.id] for one in view.schema.properties}
    house.targets.put_plan(workspace, remote.id, entries, view.plan.version)
    assert house.targets.get(workspace, remote.id).status is TargetStatus.ACTIVE
    assert house.resumed == [paused[0]]
    assert house.deliveries.get(workspace, paused[0]).status is DeliveryStatus.PENDING
    assert house.deliveries.deliver(workspace, paused[0]).status is DeliveryStatus.DELIVERED
    assert len(table.rows) == 2


def test_a_column_that_comes_back_resumes_the_target_at_the_next_delivery(
    house: TargetsHouse,
    table: RemoteTable,
    workspace: WorkspaceId,
    remote: Target,
    paused: tuple[DeliveryId, GivenRecord],
) -> None:
    table.columns = COLUMNS
    house.deliver(workspace, house.records.add(workspace), remote)
    assert house.targets.get(workspace, remote.id).status is TargetStatus.ACTIVE
    assert house.resumed == [paused[0]]


def test_a_record_goes_where_it_went_before(house: TargetsHouse, workspace: WorkspaceId, remote: Target) -> None:
    record = house.records.add(workspace)
    first = house.deliver(workspace, record, remote)
    assert house.plan(workspace, house.records.correct(workspace, record, lowered())) == first


def test_a_record_can_go_to_two_targets(house: TargetsHouse, workspace: WorkspaceId, remote: Target) -> None:
    record = house.records.add(workspace)
    house.deliver(workspace, record)
    newer = house.records.correct(workspace, record, lowered())
    with house.database.transaction() as tx:
        planned = house.deliveries.plan_deliveries(tx, workspace, newer, remote.id)
    assert {one.target_id for one in planned} == {remote.id, house.default(workspace).id}


def test_a_record_that_is_gone_cannot_be_delivered(house: TargetsHouse, workspace: WorkspaceId) -> None:
    record = house.records.add(workspace)
    delivery_id = house.plan(workspace, record)
    del house.records.records[workspace, record.id]
    with pytest.raises(NotFound):
        house.deliveries.deliver(workspace, delivery_id)


def test_a_neighbour_neither_sees_nor_makes_nor_lists_a_delivery(
    house: TargetsHouse, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    record = house.records.add(workspace)
    delivery_id = house.plan(workspace, record)
    with pytest.raises(DeliveryNotFound):
        house.deliveries.get(other_workspace, delivery_id)
    with pytest.raises(DeliveryNotFound):
        house.deliveries.deliver(other_workspace, delivery_id)
    wanted = DeliveryFilter(record_id=record.id)
    assert house.deliveries.page(other_workspace, Paging(), wanted).items == []
    assert [one.id for one in house.deliveries.page(workspace, Paging(), wanted).items] == [delivery_id]


def test_a_neighbours_target_gets_nothing_whoever_names_it(
    house: TargetsHouse, table: RemoteTable, other_workspace: WorkspaceId, remote: Target
) -> None:
    delivery = house.deliver(other_workspace, house.records.add(other_workspace), remote)
    own = house.default(other_workspace)
    assert house.deliveries.get(other_workspace, delivery).target_id == own.id
    assert table.rows == {}


def test_a_rolled_back_plan_leaves_no_delivery(house: TargetsHouse, workspace: WorkspaceId) -> None:
    record = house.records.add(workspace, InvoiceData(merchant=Party(name="Nobody")))

    def plan_and_crash() -> None:
        with house.database.transaction() as tx:
            house.deliveries.plan_deliveries(tx, workspace, record)
            raise Crash

    with pytest.raises(Crash):
        plan_and_crash()
    assert house.deliveries.page(workspace, Paging()).items == []


def test_deliveries_come_in_pages_newest_first(house: TargetsHouse, workspace: WorkspaceId) -> None:
    planned = [house.plan(workspace, house.records.add(workspace)) for _ in range(3)]
    first = house.deliveries.page(workspace, Paging(limit=2))
    second = house.deliveries.page(workspace, Paging(limit=2, after=first.next_after))
    found: list[Delivery] = [*first.items, *second.items]
    assert [one.id for one in found] == planned[::-1]
    assert second.next_after is None


def test_deliveries_are_found_by_their_target_and_by_where_they_stand(
    house: TargetsHouse, workspace: WorkspaceId, other_workspace: WorkspaceId, remote: Target
) -> None:
    def found(**wanted: Any) -> list[DeliveryId]:
        return [one.id for one in house.deliveries.page(workspace, Paging(), DeliveryFilter(**wanted)).items]

    done = house.deliver(workspace, house.records.add(workspace), remote)
    pending = house.plan(workspace, house.records.add(workspace), remote)
    in_ledger = house.plan(workspace, house.records.add(workspace))
    house.plan(other_workspace, house.records.add(other_workspace))
    assert found(target_id=remote.id) == [pending, done]
    assert found(status=DeliveryStatus.PENDING) == [in_ledger, pending]
    assert found(status=DeliveryStatus.DELIVERED) == [done]
    assert found(status=DeliveryStatus.PENDING, target_id=remote.id) == [pending]
    assert found(status=DeliveryStatus.FAILED) == []


def not_shared() -> None:
    """Find that the table is not there for us."""
    raise NotShared("Share the table with the connection.")


@pytest.mark.parametrize("moment", ["looking", "before"])
def test_a_table_that_is_not_shared_pauses_its_target_and_nothing_is_lost(
    house: TargetsHouse, table: RemoteTable, workspace: WorkspaceId, remote: Target, moment: str
) -> None:
    delivery_id = house.plan(workspace, house.records.add(workspace), remote)
    setattr(table, moment, not_shared)
    waiting = house.deliveries.deliver(workspace, delivery_id)
    said = f"Share the table with the connection. Then: counterfoil targets check {remote.id}"
    assert (waiting.status, waiting.error) == (DeliveryStatus.WAITING, said)
    assert waiting.doubt is None
    assert house.targets.get(workspace, remote.id).paused_because == said
    setattr(table, moment, nothing)
    assert house.targets.check(workspace, remote.id).status is TargetStatus.ACTIVE
    assert house.resumed == [delivery_id]
    assert house.deliveries.deliver(workspace, delivery_id).status is DeliveryStatus.DELIVERED


def test_a_check_pauses_a_target_before_the_next_delivery_finds_out(
    house: TargetsHouse, table: RemoteTable, workspace: WorkspaceId, remote: Target
) -> None:
    house.targets.plan(workspace, remote.id)
    table.columns = schema(*(one for one in COLUMNS.properties if one.name != "Total"))
    assert house.targets.check(workspace, remote.id).paused_because == GONE.format(remote.id)
    table.columns = COLUMNS
    assert house.targets.check(workspace, remote.id).paused_because is None
    table.looking = not_shared
    assert house.targets.check(workspace, remote.id).status is TargetStatus.PAUSED


def test_all_tables_elsewhere_are_checked_whatever_is_wrong_with_one(
    house: TargetsHouse, table: RemoteTable, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    house.default(workspace)
    first, second = (house.connections.create(workspace, "remote", "Elsewhere", {"place": place}) for place in "ab")
    house.connections.create(other_workspace, "remote", "Elsewhere", {"place": "c"})
    assert house.watched == [workspace, workspace, other_workspace]
    faults = iter([break_down, not_shared])

    def look() -> None:
        next(faults)()

    table.looking = look
    assert house.targets.check_all(workspace) == {first.id: None, second.id: TargetStatus.PAUSED}
    kinds = {("ledger", "active"): 1, ("remote", "active"): 2, ("remote", "paused"): 1}
    assert house.targets.counts() == kinds


def test_a_table_whose_calls_are_few_is_checked_once_a_day_unless_it_is_paused(
    house: TargetsHouse, table: RemoteTable, workspace: WorkspaceId
) -> None:
    table.check_every_hours = 24
    remote = house.connections.create(workspace, "remote", "Elsewhere", {"place": "a"})
    checked = list[int]()
    for _ in range(48):
        house.clock.pass_by(timedelta(hours=1))
        checked += [house.clock.now().hour for _ in house.targets.check_all(workspace)]
    assert checked == [12, 12]
    table.looking = not_shared
    house.targets.check(workspace, remote.id)
    house.clock.pass_by(timedelta(hours=1))
    assert house.targets.check_all(workspace) == {remote.id: TargetStatus.PAUSED}


def test_a_row_that_is_gone_is_asked_about_and_made_anew_only_on_request(
    house: TargetsHouse, table: RemoteTable, workspace: WorkspaceId, remote: Target
) -> None:
    def gone() -> None:
        raise RowGone("row-1")

    record = house.records.add(workspace)
    delivery_id = house.deliver(workspace, record, remote)
    with pytest.raises(RowThere):
        house.deliveries.retry(workspace, delivery_id, make_anew=True)
    table.rows.clear()
    house.plan(workspace, house.records.correct(workspace, record, lowered()), remote)
    table.before = gone
    with pytest.raises(RowGone):
        house.deliveries.deliver(workspace, delivery_id)
    assert table.rows == {}
    table.before = nothing
    house.deliveries.retry(workspace, delivery_id, make_anew=True)
    assert house.resumed == [delivery_id]
    assert house.deliveries.deliver(workspace, delivery_id).status is DeliveryStatus.DELIVERED
    [row] = table.rows.values()
    assert row[PropertyId("Merchant")] == "Corner Bakery"


def test_a_restored_row_is_brought_up_to_date_by_a_plain_retry(
    house: TargetsHouse, table: RemoteTable, workspace: WorkspaceId, remote: Target
) -> None:
    def gone() -> None:
        raise RowGone("row-1")

    record = house.records.add(workspace)
    delivery_id = house.deliver(workspace, record, remote)
    house.plan(workspace, house.records.correct(workspace, record, lowered()), remote)
    table.before = gone
    with pytest.raises(RowGone):
        house.deliveries.deliver(workspace, delivery_id)
    table.before = nothing
    house.deliveries.retry(workspace, delivery_id)
    house.deliveries.deliver(workspace, delivery_id)
    assert table.rows["row-1"][PropertyId("Total")] == Decimal("10.30")


def test_a_table_that_another_workspace_has_connected_cannot_be_connected(
    house: TargetsHouse, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    house.connections.create(workspace, "remote", "Elsewhere", {"place": "table-1"})
    with pytest.raises(TargetTaken):
        house.connections.create(other_workspace, "remote", "Mine", {"place": "table-1"})
    house.connections.create(other_workspace, "remote", "Mine", {"place": "table-2"})


def test_a_column_for_keys_is_made_once_and_filled_from_then_on(
    house: TargetsHouse, table: RemoteTable, workspace: WorkspaceId, remote: Target
) -> None:
    record = house.records.add(workspace)
    house.deliver(workspace, house.records.add(workspace), remote)
    assert [one.key_property for one in table.requests] == [None]
    first, second = (house.targets.add_key_property(workspace, remote.id) for _ in range(2))
    assert first.version == second.version == 2
    house.deliver(workspace, record, remote)
    [place] = (one.id for one in table.columns.properties if one.name == "Counterfoil ID")
    request = table.requests[-1]
    assert (request.key_property, request.draft[place]) == (place, str(record.id))


def test_what_no_column_shows_goes_with_the_row(
    house: TargetsHouse, table: RemoteTable, workspace: WorkspaceId, remote: Target
) -> None:
    record = house.records.add(workspace)
    house.deliver(workspace, record, remote)
    enclosed = table.requests[-1].enclosed
    assert enclosed is not None
    assert (enclosed.file.name, enclosed.line_items, enclosed.currency) == ("receipt.jpg", BAKERY.line_items, "EUR")
    table.columns = schema(*COLUMNS.properties, column("Items", PropertyType.TEXT))
    house.deliver(workspace, house.records.add(workspace), remote)
    enclosed = table.requests[-1].enclosed
    assert enclosed is not None
    assert enclosed.line_items == ()


def test_nothing_is_written_before_a_person_has_decided_on_an_option(
    house: TargetsHouse, table: RemoteTable, workspace: WorkspaceId, remote: Target
) -> None:
    plan = house.targets.plan(workspace, remote.id).plan
    category = PropertyId("Category")
    asking = Entry(expression=FieldOf(path=MERCHANT), reason="Given.", score=1.0, unknown_option=OptionPolicy.ASK)
    house.targets.put_plan(workspace, remote.id, {**plan.entries, category: asking}, plan.version)
    with pytest.raises(OptionUndecided, match="Category"):
        house.deliver(workspace, house.records.add(workspace), remote)
    assert table.rows == {}


def not_our_turn() -> None:
    raise Postponed("Not now.", datetime(2026, 3, 1, tzinfo=UTC))


def refuse() -> None:
    raise Conflict("The table refuses this.")


def test_columns_are_read_anew_only_when_they_may_have_changed(
    house: TargetsHouse, table: RemoteTable, workspace: WorkspaceId, remote: Target
) -> None:
    looks = 0

    def look() -> None:
        nonlocal looks
        looks += 1

    table.looking, table.schema_lasts = look, timedelta(minutes=1)
    for expected in (1, 1):
        house.deliver(workspace, house.records.add(workspace), remote)
        assert looks == expected
    for fault, error, expected in ((not_our_turn, Postponed, 1), (break_down, NetworkError, 1), (refuse, Conflict, 2)):
        table.before = fault
        with pytest.raises(error):
            house.deliver(workspace, house.records.add(workspace), remote)
        table.before = nothing
        house.deliver(workspace, house.records.add(workspace), remote)
        assert looks == expected, error


def test_while_one_looks_at_the_columns_anew_others_rely_on_what_was_seen_before(
    house: TargetsHouse, table: RemoteTable, workspace: WorkspaceId, remote: Target
) -> None:
    looks = 0

    def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            house.deliver(workspace, house.records.add(workspace), remote)

    table.looking, table.schema_lasts = look, timedelta(minutes=1)
    house.deliver(workspace, house.records.add(workspace), remote)
    version, seen_at = house.deliveries.seen.seen[remote.id]
    house.deliveries.seen.seen[remote.id] = (version, seen_at - 61)
    house.deliver(workspace, house.records.add(workspace), remote)
    assert (looks, len(table.rows)) == (2, 3)


def test_a_table_without_a_place_for_keys_waits_for_one(house: TargetsHouse, workspace: WorkspaceId) -> None:
    table = RemoteTable(columns=schema(column("Name", PropertyType.TITLE)), needs_key_property=True, kind="keyed")
    house = build(house.database, house.clock, table)
    target = house.connections.create(workspace, "keyed", "Books", {})
    delivery = house.deliver(workspace, house.records.add(workspace), target)
    assert house.deliveries.get(workspace, delivery).status is DeliveryStatus.WAITING
    assert table.writes == 0
    assert "“Counterfoil ID”" in str(house.targets.check(workspace, target.id).paused_because)
    house.targets.add_key_property(workspace, target.id)
    assert house.targets.get(workspace, target.id).paused_because is None
    assert house.resumed == [delivery]
    assert house.deliveries.deliver(workspace, delivery).status is DeliveryStatus.DELIVERED


def test_a_plan_without_the_keys_is_refused_where_a_table_needs_them(
    house: TargetsHouse, workspace: WorkspaceId
) -> None:
    columns = schema(column("Name", PropertyType.TITLE), column("Counterfoil ID", PropertyType.TEXT))
    house = build(house.database, house.clock, RemoteTable(columns=columns, needs_key_property=True, kind="keyed"))
    target = house.connections.create(workspace, "keyed", "Books", {})
    plan = house.targets.plan(workspace, target.id).plan
    entries = {one: entry for one, entry in plan.entries.items() if one == "Name"}
    with pytest.raises(InvalidPlan, match="Counterfoil ID"):
        house.targets.put_plan(workspace, target.id, entries, plan.version)
    assert house.targets.put_plan(workspace, target.id, plan.entries, plan.version).version == plan.version + 1


def test_a_table_that_refuses_writes_is_not_tried_again_by_those_who_wait(
    house: TargetsHouse, table: RemoteTable, workspace: WorkspaceId, remote: Target
) -> None:
    deliveries = [house.plan(workspace, house.records.add(workspace), remote) for _ in range(3)]
    table.before, table.writes = not_shared, 0
    for _ in range(2):
        for delivery in deliveries:
            assert house.deliveries.deliver(workspace, delivery).status is DeliveryStatus.WAITING
    assert house.resumed == []
    looks = 0

    def look() -> None:
        nonlocal looks
        looks += 1

    table.looking = look
    house.deliveries.deliver(workspace, deliveries[0])
    assert looks == 0
    table.before = nothing
    house.targets.check(workspace, remote.id)
    assert sorted(house.resumed) == sorted(deliveries)
    assert house.deliveries.deliver(workspace, deliveries[0]).status is DeliveryStatus.DELIVERED


def test_a_column_for_keys_decides_nothing_that_a_person_has_to(
    house: TargetsHouse, table: RemoteTable, workspace: WorkspaceId, remote: Target
) -> None:
    delivery = house.deliver(workspace, house.records.add(workspace), remote)
    table.columns = schema(*(one for one in COLUMNS.properties if one.name != "Total"))
    house.targets.check(workspace, remote.id)
    house.targets.add_key_property(workspace, remote.id)
    assert house.targets.get(workspace, remote.id).paused_because == GONE.format(remote.id)
    assert house.deliveries.get(workspace, delivery).status is DeliveryStatus.DELIVERED
