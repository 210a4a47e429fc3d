"""A new reading changes what nobody touched; a person's values stay."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from counterfoil.access.domain import DEFAULT_WORKSPACE
from counterfoil.records.domain import (
    PERSON,
    AcceptedBy,
    FieldPath,
    InvoiceData,
    LineItem,
    Party,
    Record,
    RecordStatus,
    record_id_of,
)
from counterfoil.records.fields import list_of, value_of, values
from counterfoil.records.revision import corrected, differences, reread
from tests.support.invoices import invoices
from tests.support.receipts import BAKERY, a_document, sources_of

TOTAL, NAME = FieldPath("total"), FieldPath("merchant.name")


def a_record(data: InvoiceData = BAKERY) -> Record:
    now, document = datetime(2026, 3, 1, tzinfo=UTC), a_document()
    return Record(
        id=record_id_of(document),
        workspace=DEFAULT_WORKSPACE,
        document_id=document,
        extraction_id=None,
        data=data,
        sources=sources_of(data),
        created_at=now,
        updated_at=now,
    )


def test_a_persons_value_is_locked_and_its_source_is_the_person() -> None:
    record = corrected(a_record(), {TOTAL: Decimal("10.75")})
    assert record.data.total == Decimal("10.75")
    assert record.locked == {TOTAL}
    assert record.sources[TOTAL].reader == PERSON
    assert record.confidence(TOTAL) == 1.0


def test_a_value_that_a_person_took_away_stays_away() -> None:
    record = corrected(a_record(), {NAME: None})
    again = reread(record, BAKERY, sources_of(BAKERY))
    assert again.data.merchant.name is None
    assert NAME not in again.sources
    assert again.confidence(NAME) == 1.0


def test_a_locked_value_survives_a_new_reading_that_changes_the_others() -> None:
    record = corrected(a_record(), {TOTAL: Decimal("10.75")})
    fresh = replace(BAKERY, total=Decimal(99), merchant=Party(name="Bakery on the Corner"))
    again = reread(record, fresh, sources_of(fresh, version="2"))
    assert again.data.total == Decimal("10.75")
    assert again.sources[TOTAL].reader == PERSON
    assert again.data.merchant.name == "Bakery on the Corner"
    assert again.sources[NAME].version == "2"


def test_one_locked_row_keeps_its_whole_list() -> None:
    record = corrected(a_record(), {FieldPath("line_items.1.amount"): Decimal("4.05")})
    fresh = replace(BAKERY, line_items=(LineItem(amount=Decimal(1)),))
    again = reread(record, fresh, sources_of(fresh))
    assert [item.amount for item in again.data.line_items] == [Decimal("6.00"), Decimal("4.05")]
    assert set(again.sources) == set(values(again.data))


def test_a_whole_list_can_be_replaced_and_stands_for_its_rows() -> None:
    row = corrected(a_record(), {FieldPath("line_items.1.amount"): Decimal("4.05")})
    record = corrected(row, {FieldPath("line_items"): (LineItem(amount=Decimal(10)),)})
    assert record.locked == {"line_items"}
    assert record.sources[FieldPath("line_items.0.amount")].reader == PERSON
    assert FieldPath("line_items.1.amount") not in record.sources


def test_rows_are_added_in_their_order_however_they_were_sent() -> None:
    record = corrected(
        a_record(), {FieldPath("line_items.3.unit"): "b", FieldPath("line_items.2.unit"): "a", TOTAL: Decimal(1)}
    )
    assert [item.unit for item in record.data.line_items[2:]] == ["a", "b"]


def test_other_values_than_the_accepted_ones_make_a_draft() -> None:
    accepted = replace(a_record(), status=RecordStatus.ACCEPTED, accepted_by=AcceptedBy.RULE)
    assert reread(accepted, BAKERY, sources_of(BAKERY, version="2")).status is RecordStatus.ACCEPTED
    changed = corrected(accepted, {TOTAL: Decimal(1)})
    assert (changed.status, changed.accepted_by) == (RecordStatus.DRAFT, None)


def test_differences_name_what_changed_and_what_a_person_confirmed() -> None:
    before = a_record()
    after = corrected(before, {TOTAL: Decimal("10.75"), NAME: "Corner Bakery", FieldPath("notes"): "paid"})
    assert sorted(differences(before, after)) == [
        ("merchant.name", "Corner Bakery", "Corner Bakery"),
        ("notes", None, "paid"),
        ("total", "10.70", "10.75"),
    ]
    assert differences(after, corrected(after, {NAME: "Corner Bakery"})) == []


@given(invoices, invoices, st.data())
def test_no_reading_ever_changes_what_is_locked(first: InvoiceData, second: InvoiceData, draw: st.DataObject) -> None:
    record = a_record(first)
    if values(first):
        paths = draw.draw(st.sets(st.sampled_from(list(values(first)))))
        record = corrected(record, {path: value_of(first, path) for path in paths})
    again = reread(record, second, sources_of(second))
    assert all(value_of(again.data, path) == value_of(first, path) for path in record.locked)
    assert set(again.sources) == set(values(again.data))
    touched = {list_of(path) or path for path in record.locked}
    free = [path for path in values(second) if (list_of(path) or path) not in touched]
    assert all(value_of(again.data, path) == value_of(second, path) for path in free)
