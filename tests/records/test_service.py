"""Records are drafted, accepted and corrected in a database, each workspace's apart."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.paging import Paging
from counterfoil.records.domain import (
    PERSON,
    AcceptedBy,
    ExtractionId,
    FieldPath,
    FieldValue,
    InvalidField,
    InvoiceData,
    Party,
    Reason,
    ReasonCode,
    Record,
    RecordChanged,
    RecordStatus,
    UnknownRecord,
    record_id_of,
)
from counterfoil.records.service import RecordService
from tests.support.clock import FixedClock
from tests.support.receipts import BAKERY, a_document, sources_of
from tests.support.records import Called, record_service

TOTAL = FieldPath("total")
DUPLICATE = Reason(code=ReasonCode.DUPLICATE, facts={"document": "a.pdf"})


@pytest.fixture
def accepted() -> Called:
    return Called()


@pytest.fixture
def changed() -> Called:
    return Called()


@pytest.fixture
def records(database: Database, clock: FixedClock, accepted: Called, changed: Called) -> RecordService:
    return record_service(database, clock, next_step=accepted, on_change=changed)


Draft = Callable[..., Record]


@pytest.fixture
def draft(records: RecordService, workspace: WorkspaceId) -> Draft:
    def make(data: InvoiceData = BAKERY, **given: object) -> Record:
        arguments: dict[str, object] = {"workspace": workspace, "document_id": a_document()} | given
        sources = arguments.pop("sources", sources_of(data))
        with records.database.transaction() as tx:
            return records.draft(tx, data=data, sources=sources, **arguments)  # type: ignore[arg-type]  # checked by the calls below

    return make


def correct(records: RecordService, record: Record, changes: dict[str, FieldValue], version: int) -> Record:
    named = {FieldPath(path): value for path, value in changes.items()}
    with records.database.transaction() as tx:
        return records.correct(tx, record.workspace, record.id, named, version, by="person")


def accept(records: RecordService, record: Record, by: AcceptedBy = AcceptedBy.PERSON) -> Record:
    with records.database.transaction() as tx:
        return records.accept(tx, record.workspace, record.id, by)


def test_a_draft_comes_back_as_it_was_made(records: RecordService, draft: Draft, changed: Called) -> None:
    record = draft(extraction_id=ExtractionId(new_id()), extra_reasons=[DUPLICATE])
    assert records.get(record.workspace, record.id) == record
    assert record.reasons == (DUPLICATE,)
    assert record.status is RecordStatus.DRAFT
    assert changed.records == [record]


def test_drafting_the_same_again_changes_nothing(records: RecordService, draft: Draft, changed: Called) -> None:
    document, extraction = a_document(), ExtractionId(new_id())
    once = draft(document_id=document, extraction_id=extraction)
    assert draft(document_id=document, extraction_id=extraction) == once
    assert once.id == record_id_of(document)
    assert changed.records == [once]


def test_text_that_no_database_keeps_makes_no_difference(records: RecordService, draft: Draft) -> None:
    broken = replace(BAKERY, notes="a\x00b", merchant=Party(name="Bak\ud800ery"))
    once = draft(broken)
    assert (once.data.notes, once.data.merchant.name) == ("ab", "Bakery")
    assert draft(broken, document_id=once.document_id) == once == records.get(once.workspace, once.id)


def test_a_new_reading_keeps_what_a_person_set(
    records: RecordService, draft: Draft, changed: Called, clock: FixedClock
) -> None:
    record = draft(InvoiceData(total=Decimal(1)))
    corrected = correct(records, record, {"total": Decimal("10.70")}, version=1)
    clock.pass_by(timedelta(hours=1))
    again = draft(document_id=record.document_id, sources=sources_of(BAKERY, version="2"))
    assert again.data == BAKERY
    assert again.sources[TOTAL].reader == PERSON
    assert again.locked == {TOTAL}
    assert again.reasons == ()
    assert again.version == 3
    assert (again.created_at, again.updated_at) == (record.created_at, clock.now())
    assert changed.records == [record, corrected, again]
    assert records.get(record.workspace, record.id) == again


def test_accepting_starts_the_next_step_once(
    records: RecordService, draft: Draft, accepted: Called, changed: Called
) -> None:
    record = draft()
    by_rule = accept(records, record, AcceptedBy.RULE)
    accept(records, record, AcceptedBy.RULE)
    by_person = accept(records, record)
    assert accepted.records == [by_rule]
    assert by_person.accepted_by is AcceptedBy.PERSON
    assert changed.records == [record, by_rule, by_person]


def test_a_correction_has_to_be_accepted_anew(records: RecordService, draft: Draft, accepted: Called) -> None:
    record = accept(records, draft())
    corrected = correct(records, record, {"total": Decimal("10.71")}, version=2)
    assert corrected.status is RecordStatus.DRAFT
    assert accepted.versions == [(record.id, 2)]
    accept(records, corrected)
    assert accepted.versions == [(record.id, 2), (record.id, 4)]


def test_an_acceptance_can_be_taken_back(records: RecordService, draft: Draft, accepted: Called) -> None:
    record = accept(records, draft())
    with records.database.transaction() as tx:
        withdrawn = records.withdraw(tx, record.workspace, record.id)
    assert (withdrawn.status, withdrawn.accepted_by) == (RecordStatus.DRAFT, None)
    assert len(accepted.records) == 1


def test_a_correction_is_checked_and_keeps_the_reasons_that_were_given(records: RecordService, draft: Draft) -> None:
    record = draft(replace(BAKERY, total=Decimal(17)), extra_reasons=[DUPLICATE])
    assert [reason.code for reason in record.reasons][-1] is ReasonCode.DUPLICATE
    assert ReasonCode.SUM_MISMATCH in [reason.code for reason in record.reasons]
    assert correct(records, record, {"total": Decimal("10.70")}, version=1).reasons == (DUPLICATE,)


def test_a_correction_of_something_older_is_refused(records: RecordService, draft: Draft) -> None:
    record = draft()
    correct(records, record, {"total": Decimal(2)}, version=1)
    with pytest.raises(RecordChanged) as raised:
        correct(records, record, {"total": Decimal(3)}, version=1)
    assert (raised.value.code, raised.value.status) == ("record_changed", 409)
    assert records.get(record.workspace, record.id).data.total == Decimal(2)


def test_a_correction_of_what_is_not_there_changes_nothing(records: RecordService, draft: Draft) -> None:
    record = draft()
    with pytest.raises(InvalidField):
        correct(records, record, {"total": Decimal(2), "sum": Decimal(3)}, version=1)
    assert records.get(record.workspace, record.id) == record


def test_the_history_tells_who_set_what_and_when(records: RecordService, draft: Draft, clock: FixedClock) -> None:
    record = draft(InvoiceData(total=Decimal(1), notes="x\x00"))
    drafted_at = clock.now()
    clock.pass_by(timedelta(minutes=5))
    correct(records, record, {"total": Decimal(2)}, version=1)
    draft(InvoiceData(total=Decimal(1)), document_id=record.document_id)
    history = records.changes(record.workspace, record.id, Paging()).items
    told = [(change.version, change.by, change.path, change.before, change.after) for change in history]
    assert told == [
        (3, "person", "notes", "x", None),
        (2, "person", "total", "1", "2"),
        (1, "layout 1", "notes", None, "x"),
        (1, "layout 1", "total", None, "1"),
    ]
    assert {history[-1].at, history[0].at} == {drafted_at, clock.now()}


def test_lists_are_paged_and_filtered(records: RecordService, draft: Draft, workspace: WorkspaceId) -> None:
    made = [draft() for _ in range(3)]
    accept(records, made[1])
    first = records.page(workspace, Paging(limit=2))
    assert [record.id for record in first.items] == [made[2].id, made[1].id]
    rest = records.page(workspace, Paging(limit=2, after=first.next_after))
    assert [record.id for record in rest.items] == [made[0].id]
    assert rest.next_after is None
    only = records.page(workspace, Paging(), RecordStatus.ACCEPTED)
    assert [record.id for record in only.items] == [made[1].id]
    changes = records.changes(workspace, made[0].id, Paging(limit=5))
    more = records.changes(workspace, made[0].id, Paging(limit=100, after=changes.next_after))
    assert len({change.id for change in (*changes.items, *more.items)}) == len(made[0].sources)


def test_a_neighbour_sees_and_changes_nothing(
    records: RecordService, draft: Draft, other_workspace: WorkspaceId
) -> None:
    record = draft()
    assert records.page(other_workspace, Paging()).items == []
    foreign = replace(record, workspace=other_workspace)
    for attempt in (
        lambda: records.get(other_workspace, record.id),
        lambda: records.changes(other_workspace, record.id, Paging()),
        lambda: accept(records, foreign),
        lambda: correct(records, foreign, {"total": Decimal(5)}, version=1),
    ):
        with pytest.raises(UnknownRecord):
            attempt()
    with records.database.transaction() as tx:
        records.store.save(tx, replace(foreign, version=9))
    assert records.get(record.workspace, record.id) == record


def test_a_rolled_back_draft_leaves_nothing(records: RecordService, workspace: WorkspaceId) -> None:
    document = a_document()

    def fail_half_way() -> None:
        with records.database.transaction() as tx:
            records.draft(tx, workspace, document, BAKERY, sources_of(BAKERY))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    with pytest.raises(UnknownRecord):
        records.get(workspace, record_id_of(document))


def codes(record: Record) -> list[ReasonCode]:
    return [reason.code for reason in record.reasons]


def test_the_second_record_of_a_purchase_is_doubtful_and_names_the_first(draft: Draft) -> None:
    first, second, third = draft(), draft(), draft()
    assert codes(first) == []
    assert codes(second) == codes(third) == [ReasonCode.SAME_PURCHASE]
    assert {one.reasons[0].facts["record"] for one in (second, third)} == {str(first.id)}


def test_of_two_that_are_drafted_at_once_one_is_doubtful_whichever_was_handed_in_first(
    records: RecordService, workspace: WorkspaceId, draft: Draft
) -> None:
    earlier, later = a_document(), a_document()
    with ThreadPoolExecutor(1) as elsewhere:
        with records.database.transaction() as tx:
            first = records.draft(tx, workspace, later, BAKERY, sources_of(BAKERY))
            waiting = elsewhere.submit(draft, document_id=earlier)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.3)
        second = waiting.result()
    assert (codes(first), codes(second)) == ([], [ReasonCode.SAME_PURCHASE])
    assert codes(draft(document_id=later)) == []


def test_the_same_bytes_are_not_called_the_same_purchase_as_well(draft: Draft) -> None:
    document = a_document()
    draft(document_id=document)
    assert codes(draft(extra_reasons=[DUPLICATE])) == [ReasonCode.DUPLICATE]
    assert codes(draft(document_id=document)) == []


def test_a_record_that_was_set_aside_is_no_other_purchase(
    records: RecordService, workspace: WorkspaceId, other_workspace: WorkspaceId, draft: Draft
) -> None:
    half = draft()
    joined = Reason(code=ReasonCode.JOINED, facts={"document": "whole.pdf"})
    with records.database.transaction() as tx:
        assert records.set_aside(tx, other_workspace, half.id, joined) is None
        records.set_aside(tx, workspace, half.id, joined)
    assert codes(draft()) == []
    assert (codes(records.get(workspace, half.id)), records.get(workspace, half.id).version) == (
        [ReasonCode.JOINED],
        half.version + 1,
    )


def test_what_comes_later_leaves_the_first_record_as_it_is(draft: Draft) -> None:
    document = a_document()
    draft(document_id=document)
    draft()
    assert codes(draft(document_id=document)) == []


def test_a_correction_makes_it_another_purchase_or_the_same(records: RecordService, draft: Draft) -> None:
    draft()
    second = draft()
    other = correct(records, second, {"total": Decimal("99.99")}, second.version)
    assert ReasonCode.SAME_PURCHASE not in codes(other)
    again = correct(records, other, {"total": BAKERY.total}, other.version)
    assert ReasonCode.SAME_PURCHASE in codes(again)


def test_purchases_of_another_workspace_are_not_looked_at(draft: Draft, other_workspace: WorkspaceId) -> None:
    draft(workspace=other_workspace)
    assert codes(draft()) == []
