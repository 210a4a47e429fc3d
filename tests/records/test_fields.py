"""Values can be named, replaced and written one by one without touching the others."""

from datetime import date, time
from decimal import Decimal

import pytest
from hypothesis import given

from counterfoil.records.domain import FieldPath, InvalidField, InvoiceData, Kind, LineItem, Tax
from counterfoil.records.fields import label, order, replaced, value_of, values, written
from counterfoil.records.json_form import data_from_json, data_to_json, fingerprint
from counterfoil.records.parsing import parse
from tests.support.invoices import invoices
from tests.support.receipts import BAKERY


@given(invoices)
def test_every_value_is_found_under_its_path(data: InvoiceData) -> None:
    found = values(data)
    assert all(value_of(data, path) == value for path, value in found.items())


@given(invoices)
def test_putting_all_values_into_empty_data_makes_the_same_data(data: InvoiceData) -> None:
    copy = InvoiceData(taxes=tuple(Tax() for _ in data.taxes), line_items=tuple(LineItem() for _ in data.line_items))
    for path, value in values(data).items():
        copy = replaced(copy, path, value)
    assert copy == data


@given(invoices)
def test_data_survives_being_kept_as_json(data: InvoiceData) -> None:
    kept = data_from_json(data_to_json(data))
    assert kept == data
    assert fingerprint(kept) == fingerprint(data)


@given(invoices, invoices)
def test_only_the_same_values_have_the_same_fingerprint(one: InvoiceData, other: InvoiceData) -> None:
    assert (fingerprint(one) == fingerprint(other)) == (data_to_json(one) == data_to_json(other))


def test_numbers_are_kept_digit_by_digit() -> None:
    data = InvoiceData(total=Decimal("0.10"), tip=Decimal("1E+2"), subtotal=Decimal("12345678901234567890.0000000001"))
    assert data_to_json(data)["total"] == "0.10"
    assert data_to_json(data)["tip"] == "100"
    assert data_from_json(data_to_json(data)).subtotal == data.subtotal


def test_what_no_database_keeps_is_left_out_of_texts() -> None:
    assert data_to_json(InvoiceData(notes="a\x00b\ud800c"))["notes"] == "abc"


def test_the_row_after_the_last_one_can_be_named() -> None:
    data = replaced(BAKERY, FieldPath("line_items.2.amount"), Decimal(1))
    assert data.line_items == (*BAKERY.line_items, LineItem(amount=Decimal(1)))
    assert replaced(InvoiceData(), FieldPath("taxes.0.rate"), Decimal(7)).taxes == (Tax(rate=Decimal(7)),)


def test_a_row_in_the_middle_leaves_the_others_alone() -> None:
    data = replaced(BAKERY, FieldPath("line_items.0.amount"), None)
    assert data.line_items[0].amount is None
    assert data.line_items[1:] == BAKERY.line_items[1:]


@pytest.mark.parametrize("path", ["line_items.3.amount", "taxes.2.rate", "taxes.1000.rate"])
def test_a_row_further_down_cannot(path: str) -> None:
    with pytest.raises(InvalidField, match="rows"):
        replaced(BAKERY, FieldPath(path), None)


@pytest.mark.parametrize(
    "path",
    [
        "", "sum", "merchant", "merchant.total", "total.name", "taxes.x.rate", "taxes.-1.rate", "taxes.01.rate",
        "taxes.0", "taxes.0.unit", "line_items.².amount", "line_items.99999.amount", "__class__", "merchant.name.x",
    ],
)  # fmt: skip
def test_other_paths_name_nothing(path: str) -> None:
    with pytest.raises(InvalidField) as raised:
        value_of(BAKERY, FieldPath(path))
    assert raised.value.field == path
    assert raised.value.code == "invalid_field"


def test_a_row_that_is_not_there_has_no_value() -> None:
    assert value_of(BAKERY, FieldPath("taxes.7.rate")) is None
    assert value_of(BAKERY, FieldPath("taxes")) == BAKERY.taxes


def test_rows_sort_by_their_number() -> None:
    paths = [FieldPath("taxes.10.rate"), FieldPath("taxes.2.rate"), FieldPath("taxes"), FieldPath("due_date")]
    assert sorted(paths, key=order) == ["due_date", "taxes", "taxes.2.rate", "taxes.10.rate"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("due_date", "due date"),
        ("merchant.tax_id", "merchant's tax id"),
        ("line_items.2.unit_price", "unit price of line 3"),
        ("taxes.0.amount", "amount of tax 1"),
        ("line_items", "line items"),
    ],
)
def test_fields_are_called_by_words(path: str, words: str) -> None:
    assert label(FieldPath(path)) == words


def test_values_are_written_as_programs_read_them() -> None:
    assert written(Decimal("1E+3")) == "1000"
    assert written(date(2026, 3, 1)) == "2026-03-01"
    assert written(time(9, 5)) == "09:05:00"
    assert written(Kind.CREDIT_NOTE) == "credit_note"


@given(invoices)
def test_what_is_written_is_parsed_as_the_same_value(data: InvoiceData) -> None:
    for path, value in values(data).items():
        if isinstance(value, str) and path.rpartition(".")[2] not in {"kind", "payment_method"}:
            continue
        assert parse(path, written(value)) == value
