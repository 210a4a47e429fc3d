"""Values are found on a page however they are written there, and not where something else stands."""

from datetime import date, time
from decimal import Decimal

import pytest

from counterfoil.extraction.grounding import Grounding
from counterfoil.records.domain import FieldPath, Value
from tests.support.papers import page

ROWS = (
    "CAFÉ MÜLLER GmbH & Co. KG",
    "Hafenstr. 12",
    "10115 Berlin",
    "Rechnung Nr. RE-2026/0077     05.03.2026  12:31",
    "2 x Apfelkuchen    4,50           9,00",
    "Service                           0,90",
    "Summe                         1.009,90",
    "Trinkgeld                         9,00",
    "MwSt 19 %  1,44      MwSt 7,0%    0,32",
)
GROUNDING = Grounding.of([page(*ROWS)])


def found(path: str, value: Value) -> str | None:
    one = GROUNDING.find(FieldPath(path), value)
    return one.evidence.text if one else None


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        ("total", Decimal("1009.90"), "1.009,90"),
        ("total", Decimal("-1009.9"), "1.009,90"),
        ("line_items.0.unit_price", Decimal("4.5"), "4,50"),
        ("issue_date", date(2026, 3, 5), "05.03.2026"),
        ("taxes.0.rate", Decimal(19), "19 %"),
        ("line_items.0.tax_rate", Decimal(7), "7,0%"),
        ("number", "RE-2026/0077", "RE-2026/0077"),
        ("number", "RE-2O26/0077", "RE-2026/0077"),
        ("merchant.name", "Cafe Müller GmbH & Co KG", "CAFÉ MÜLLER GmbH & Co. KG"),
        ("merchant.address", "Hafenstr. 12, 10115 Berlin", "Hafenstr. 12 10115 Berlin"),
        ("line_items.0.description", "Apfelkuchen", "Apfelkuchen"),
    ],
)
def test_what_is_there_is_found(path: str, value: Value, text: str) -> None:
    assert found(path, value) == text


def test_a_time_is_shown_by_its_row() -> None:
    shown = found("issue_time", time(12, 31))
    assert shown is not None
    assert "12:31" in shown


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("total", Decimal("1009.91")),
        ("taxes.0.rate", Decimal(9)),
        ("taxes.0.rate", Decimal(12)),
        ("issue_date", date(2026, 3, 6)),
        ("issue_time", time(12, 32)),
        ("merchant.name", "Harbour Hotel"),
        ("number", "RE-1999/4512"),
        ("notes", "of"),
        ("currency", "EUR"),
        ("kind", "receipt"),
    ],
)
def test_what_is_not_there_or_cannot_be_told_is_not_found(path: str, value: Value) -> None:
    assert found(path, value) is None


def test_of_the_same_amount_a_sum_is_the_last_and_a_line_the_first() -> None:
    first, last = (GROUNDING.find(FieldPath(path), Decimal("9.00")) for path in ("line_items.0.amount", "total"))
    assert first is not None
    assert last is not None
    assert first.evidence.box.y1 < last.evidence.box.y0


def test_similarity_tells_how_well_a_text_is_found() -> None:
    exact, misread = (GROUNDING.find(FieldPath("number"), number) for number in ("RE-2026/0077", "RE-2O26/0077"))
    assert exact is not None
    assert misread is not None
    assert exact.similarity == 1
    assert 0.85 < misread.similarity < 1


def test_on_no_pages_nothing_is_found() -> None:
    assert Grounding.of([]).find(FieldPath("total"), Decimal(1)) is None
