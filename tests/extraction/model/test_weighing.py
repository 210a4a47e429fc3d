"""What a model gives is as sure as the page and the layout reader make it."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.extraction.domain import Considered, Extraction, ModelUse
from counterfoil.extraction.grounding import Grounding
from counterfoil.extraction.model.confidence import GROUNDED, NOT_SHOWN, SUREST, UNWRITTEN, agreed, contested
from counterfoil.extraction.model.weighing import weigh
from counterfoil.records.domain import FieldPath, InvoiceData, LineItem, Party, ReasonCode, Tax
from counterfoil.records.fields import values
from tests.support.papers import page
from tests.support.receipts import sources_of

PAGE = page(
    "Corner Bakery Ltd",
    "Invoice R-77        Till 4",
    "Rye bread                 6.00",
    "Rolls                     4.00",
    "VAT 7 %                   0.70",
    "Total                    10.70",
)
USE = ModelUse(model="m", prompt_version="1", input_tokens=1, output_tokens=1, cost=Decimal(1), kept=False)
SURE = 0.85
TOTAL, NUMBER, NAME = FieldPath("total"), FieldPath("number"), FieldPath("merchant.name")


def layout_of(confidence: float = 0.9, **said: Any) -> Extraction:
    data = InvoiceData(**said)
    return Extraction(
        reader="layout", version="1", data=data, sources=sources_of(data, confidence=confidence), pages=(PAGE,)
    )


def weighed(answer: InvoiceData, layout: Extraction) -> Extraction:
    return weigh(answer, layout, Grounding.of([PAGE]), version="m/1", sure=SURE, use=USE)


def test_a_value_that_the_page_shows_is_sure_and_has_its_box() -> None:
    found = weighed(InvoiceData(total=Decimal("10.70"), number="R-77"), layout_of())
    assert (found.reader, found.version, found.reasons, found.model) == ("model", "m/1", (), USE)
    for path in (TOTAL, NUMBER):
        source = found.sources[path]
        assert (source.reader, source.confidence) == ("model", GROUNDED)
        assert source.evidence is not None
    assert GROUNDED > SURE


def test_what_the_page_does_not_show_is_kept_and_said() -> None:
    found = weighed(InvoiceData(total=Decimal("99.00"), tip=Decimal("5.00")), layout_of())
    assert (found.data.total, found.data.tip) == (Decimal("99.00"), Decimal("5.00"))
    assert (found.sources[TOTAL].confidence, found.sources[TOTAL].evidence) == (NOT_SHOWN, None)
    (reason,) = found.reasons
    assert (reason.code, set(reason.paths)) == (ReasonCode.NOT_ON_PAGE, {"total", "tip"})
    assert NOT_SHOWN < SURE


def test_what_pages_say_in_other_words_is_neither_shown_nor_missed() -> None:
    found = weighed(InvoiceData(currency="EUR", language="en"), layout_of())
    assert found.reasons == ()
    assert {source.confidence for source in found.sources.values()} == {UNWRITTEN}


def test_what_both_readers_give_is_surer_than_either_says() -> None:
    layout = layout_of(0.6, total=Decimal("10.70"), merchant=Party(name="CORNER BAKERY LTD."), currency="EUR")
    answer = InvoiceData(total=Decimal("10.70"), merchant=Party(name="Corner Bakery Ltd"), currency="EUR")
    found = weighed(answer, layout)
    assert found.data == answer
    for path in (TOTAL, NAME, FieldPath("currency")):
        assert found.sources[path].confidence > GROUNDED - 0.01
        assert found.sources[path].evidence == layout.sources[path].evidence


def test_where_they_differ_the_models_is_kept_if_the_page_shows_it_and_the_other_is_remembered() -> None:
    found = weighed(InvoiceData(total=Decimal("10.70")), layout_of(0.4, total=Decimal("6.00")))
    assert found.data.total == Decimal("10.70")
    assert SURE < found.sources[TOTAL].confidence < GROUNDED
    assert [(one.value, one.taken) for one in found.considered] == [("10.70", True), ("6.00", False)]


def test_against_what_was_read_surely_a_shown_value_needs_a_person() -> None:
    found = weighed(InvoiceData(total=Decimal("10.70")), layout_of(0.97, total=Decimal("6.00")))
    assert found.data.total == Decimal("10.70")
    assert found.sources[TOTAL].confidence < SURE


def test_where_they_differ_and_the_page_does_not_show_the_models_the_other_stays() -> None:
    layout = layout_of(0.97, total=Decimal("10.70"))
    found = weighed(InvoiceData(total=Decimal("99.00")), layout)
    assert (found.data.total, found.reasons) == (Decimal("10.70"), ())
    assert found.sources[TOTAL].reader == "layout"
    assert SURE < found.sources[TOTAL].confidence < 0.97
    assert [(one.value, one.taken) for one in found.considered] == [("10.70", True), ("99.00", False)]


def test_what_the_layout_reader_has_surely_stays_its_own_and_what_it_has_not_goes() -> None:
    sure = weighed(InvoiceData(number="R-77"), layout_of(0.9, total=Decimal("10.70")))
    assert (sure.data.total, sure.sources[TOTAL].reader) == (Decimal("10.70"), "layout")
    unsure = weighed(InvoiceData(number="R-77"), layout_of(0.5, total=Decimal("10.70")))
    assert (unsure.data.total, TOTAL in unsure.sources) == (None, False)
    assert [(one.value, one.taken) for one in unsure.considered] == [("10.70", False)]


def test_rows_are_compared_by_their_amounts_and_a_list_stays_only_as_a_whole() -> None:
    bread = LineItem(description="Rye bread", amount=Decimal("6.00"))
    rolls = LineItem(description="Rolls", amount=Decimal("4.00"))
    layout = layout_of(0.6, line_items=(rolls,), taxes=(Tax(rate=Decimal(7), amount=Decimal("0.70")),))
    found = weighed(InvoiceData(line_items=(bread, rolls)), layout)
    assert (found.data.line_items, found.data.taxes) == ((bread, rolls), ())
    alone, both = (found.sources[FieldPath(f"line_items.{row}.amount")].confidence for row in (0, 1))
    assert both == agreed(GROUNDED, 0.6) > alone == GROUNDED


def test_what_was_considered_before_stays_and_is_no_longer_taken_where_it_was_not() -> None:
    rejected = Considered(path=TOTAL, value="4.00", words=0.1, sums=0, taken=False, evidence=None)
    kept = Considered(path=NUMBER, value="R-77", words=0.9, sums=0, taken=True, evidence=None)
    taken = replace(rejected, value="6.00", taken=True)
    layout = replace(layout_of(0.4, total=Decimal("6.00"), number="R-77"), considered=(taken, rejected, kept))
    found = weighed(InvoiceData(total=Decimal("10.70"), number="R-77"), layout)
    assert [(one.path, one.value) for one in found.considered if one.taken] == [(TOTAL, "10.70"), (NUMBER, "R-77")]
    assert [one.value for one in found.considered if not one.taken] == ["6.00", "4.00"]


@pytest.mark.parametrize("answer", [InvoiceData(), InvoiceData(total=Decimal("10.70"), taxes=(Tax(rate=Decimal(7)),))])
@pytest.mark.parametrize("confidence", [0.2, 0.9])
def test_every_value_has_a_source_and_nothing_else_has(answer: InvoiceData, confidence: float) -> None:
    layout = layout_of(confidence, total=Decimal("6.00"), line_items=(LineItem(amount=Decimal("6.00")),))
    found = weighed(answer, layout)
    assert set(found.sources) == set(values(found.data))


@given(st.floats(0, 1), st.floats(0, 1))
def test_confidences_stay_between_nothing_and_certain(model: float, layout: float) -> None:
    assert max(model, layout) - 0.01 <= agreed(model, layout) <= SUREST or max(model, layout) > SUREST
    assert 0 <= contested(model, layout) <= model + 1e-9
