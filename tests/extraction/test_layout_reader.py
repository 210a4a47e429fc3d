from dataclasses import fields, is_dataclass, replace
from datetime import date
from decimal import Decimal

import pytest

from counterfoil.extraction.domain import Extraction, PageText, WordOrigin
from counterfoil.extraction.layout.reader import LayoutReader, choice_on, extraction_of
from counterfoil.records.domain import FieldPath, InvoiceData, Party, PaymentMethod, Tax
from tests.support.papers import page, paper
from tests.support.readings import FakeWordFinder, reading_of

RECEIPT = (
    "PERNIAGAAN MAJU SDN BHD (123456-X)",
    "NO 5, JALAN SATU,",
    "81100 JOHOR BAHRU",
    "TEL: 07-1234567",
    "TAX INVOICE",
    "Receipt No: CS-1001",
    "Date: 25/12/2018 8:13:39 PM",
    "GREEN LAMP            2  25.00    50.00",
    "BLUE PEN              1   3.01     3.01",
    "SUBTOTAL                          53.01",
    "GST 6%                             3.18",
    "TOTAL                             56.19",
    "ROUNDING ADJ                       0.01",
    "TOTAL AFTER ROUNDING              56.20",
    "CASH                              60.00",
    "CHANGE                             3.80",
)


def values_of(extraction: Extraction) -> dict[FieldPath, object]:
    """Return every value in the data that is not None, by its path."""

    def within(path: str, value: object) -> dict[FieldPath, object]:
        if value is None:
            return {}
        if isinstance(value, tuple):
            parts = {str(index): one for index, one in enumerate(value)}
        elif is_dataclass(value):
            parts = {one.name: getattr(value, one.name) for one in fields(value)}
        else:
            return {FieldPath(path): value}
        return {k: v for name, one in parts.items() for k, v in within(f"{path}.{name}".strip("."), one).items()}

    return within("", extraction.data)


def test_a_receipt_is_read_from_head_to_foot() -> None:
    data = extraction_of([page(*RECEIPT)]).data
    assert data.merchant == Party(
        name="PERNIAGAAN MAJU SDN BHD", address="NO 5, JALAN SATU, 81100 JOHOR BAHRU", phone="07-1234567"
    )
    assert (data.number, data.issue_date, data.currency) == ("CS-1001", date(2018, 12, 25), "MYR")
    assert (data.subtotal, data.total) == (Decimal("53.01"), Decimal("56.20"))
    assert data.taxes == (Tax(rate=Decimal(6), amount=Decimal("3.18")),)
    assert data.payment_method is PaymentMethod.CASH
    assert [item.description for item in data.line_items] == ["GREEN LAMP", "BLUE PEN"]


def test_every_value_has_a_source_with_evidence_and_nothing_else_has() -> None:
    extraction = extraction_of([page(*RECEIPT)])
    assert set(extraction.sources) == set(values_of(extraction))
    for source in extraction.sources.values():
        assert source.evidence is not None
        assert source.evidence.text
        assert 0 < source.confidence < 1


def test_confidences_differ_and_unsure_letters_lower_them() -> None:
    sure = extraction_of([page(*RECEIPT)]).sources
    blurred = page(*RECEIPT)
    words = tuple(replace(word, score=0.5) for word in blurred.words)
    unsure = extraction_of([replace(blurred, words=words)]).sources
    assert len({round(source.confidence, 3) for source in sure.values()}) > 3
    total = FieldPath("total")
    assert unsure[total].confidence < sure[total].confidence


def test_sums_decide_between_totals() -> None:
    data = extraction_of([page("ITEMS 12.00", "Total 12.00", "VAT 20% 2.40", "Total 14.40", "Visa 14.40")]).data
    assert data.total == Decimal("14.40")
    assert [tax.amount for tax in data.taxes] == [Decimal("2.40")]


def test_tip_and_discount_are_kept_when_they_make_the_sum() -> None:
    data = extraction_of([page("Subtotal 50.00", "Discount -5.00", "Tip 9.00", "Tax 4.50", "Total 58.50")]).data
    assert (data.tip, data.discount, data.total) == (Decimal("9.00"), Decimal("5.00"), Decimal("58.50"))


def test_a_value_that_is_borne_out_is_surer() -> None:
    def total_of(*rows: str) -> float:
        (chosen,) = (one for one in choice_on(paper(*rows)).chosen if one.candidate.path == "total")
        return chosen.agreement

    assert total_of("TOTAL 9.00", "CASH 10.00", "CHANGE 1.00") > total_of("TOTAL 9.00", "CASH 20.00", "CHANGE 1.00")


def test_the_bases_of_several_rates_bear_a_total_out_and_make_no_subtotal_that_is_not_printed() -> None:
    rows = (
        "SUMME 40,43",
        "Steuer %   Netto   Steuer   Brutto",
        "7 %   23,28   1,63   24,91",
        "19 %   13,04   2,48   15,52",
    )
    chosen = {one.candidate.path: one for one in choice_on(paper(*rows)).chosen}
    assert "subtotal" not in chosen
    assert chosen[FieldPath("total")].agreement > 0.4


def test_a_page_on_which_nothing_can_be_read_gives_an_extraction_without_fields() -> None:
    extraction = LayoutReader().read(reading_of())
    assert extraction.data == InvoiceData()
    assert extraction.sources == {}


def test_a_text_layer_with_enough_words_is_taken_and_ocr_is_not_asked() -> None:
    finder = FakeWordFinder()
    extraction = LayoutReader().read(reading_of(page(*RECEIPT), finder=finder))
    assert finder.asked == []
    assert extraction.pages[0].origin is WordOrigin.TEXT_LAYER
    assert extraction.data.total == Decimal("56.20")


def test_a_stamp_on_a_scan_is_no_text_layer() -> None:
    finder = FakeWordFinder(words=page(*RECEIPT).words)
    extraction = LayoutReader().read(reading_of(page("SCANNED PAGE 1"), finder=finder))
    assert len(finder.asked) == 1
    assert extraction.pages[0].origin is WordOrigin.OCR
    assert extraction.data.total == Decimal("56.20")


def test_of_two_totals_that_differ_by_a_digit_the_one_is_taken_that_adds_up() -> None:
    rows = ("SHOP", "ROLL  0,29", "SALAD  1,19", "RICE  3,99", "SUMME EUR  5,17", "MwSt 7,0%   5,11   0,36   5,47")
    assert extraction_of([page(*rows)]).data.total == Decimal("5.47")
    assert extraction_of([page("SHOP", "ROLL  0,29", "SUMME EUR  5,17", "BONUS 5,47")]).data.total == Decimal("5.17")


@pytest.mark.parametrize(
    "rows",
    [
        ("COAT  60.00", "Subtotal  50.00", "VAT  10.00", "Gross  60.00", "Gift card  -20.00", "TOTAL  40.00"),
        ("COAT  60.00", "VAT 20%  10.00", "Net  50.00", "Gross  60.00", "Gift card  20.00", "TOTAL  40.00"),
    ],
)
def test_round_amounts_that_differ_by_a_digit_are_no_rivals(rows: tuple[str, ...]) -> None:
    assert extraction_of([page("SHOP", *rows)]).data.total == Decimal("40.00")


DATELESS = tuple(row for row in RECEIPT if "2018" not in row)


def test_a_receipt_that_lacks_its_date_is_looked_at_once_more_and_closely() -> None:
    finder = FakeWordFinder(words=page(*DATELESS).words, close_words=page(*RECEIPT).words)
    extraction = LayoutReader().read(reading_of(finder=finder))
    assert (len(finder.asked), extraction.data.issue_date is not None) == (2, True)


def test_a_closer_look_that_finds_no_more_changes_nothing() -> None:
    finder = FakeWordFinder(words=page(*DATELESS).words, close_words=page("TOTAL 1.00").words)
    extraction = LayoutReader().read(reading_of(finder=finder))
    assert (len(finder.asked), extraction.data.total) == (2, Decimal("56.20"))


@pytest.mark.parametrize("pages", [[page(*DATELESS)], []])
def test_only_what_ocr_has_seen_words_on_is_looked_at_closely(pages: list[PageText]) -> None:
    finder = FakeWordFinder(close_words=page(*RECEIPT).words)
    LayoutReader().read(reading_of(*pages, finder=finder))
    assert len(finder.asked) == (0 if pages else 1)


def test_a_text_layer_of_letters_that_a_font_has_mixed_up_is_read_by_ocr() -> None:
    real = page(*RECEIPT)
    mixed_up = tuple(replace(word, text="".join(chr(ord(letter) + 3) for letter in word.text)) for word in real.words)
    finder = FakeWordFinder(words=real.words)
    extraction = LayoutReader().read(reading_of(replace(real, words=mixed_up), finder=finder))
    assert extraction.pages[0].origin is WordOrigin.OCR
    assert extraction.data.total == Decimal("56.20")


def test_a_text_layer_in_a_language_that_is_not_known_is_kept_in_its_own_letters() -> None:
    greek = page(
        "Καφενείο Ακρόπολις", "Καφές ελληνικός διπλός 2,00", "Τυρόπιτα με φέτα 4,00", "Πληρωτέο Ποσό 6,00", "6 5 4"
    )
    finder = FakeWordFinder(words=page("KaqEvEIO AKpo", "TTooo 6,00").words)
    extraction = LayoutReader().read(reading_of(greek, finder=finder))
    assert extraction.pages[0].origin is WordOrigin.TEXT_LAYER
    assert extraction.pages[0].words[0].text == "Καφενείο"


def test_a_page_on_which_nothing_is_called_by_its_name_is_believed_beside_one_that_makes_sense() -> None:
    goods = page(*[f"Schraube M{size} verzinkt" for size in range(9)], number=2)
    finder = FakeWordFinder()
    LayoutReader().read(reading_of(page(*RECEIPT), goods, finder=finder))
    assert finder.asked == []


def test_the_sum_of_an_invoice_may_stand_on_another_page_and_says_so() -> None:
    extraction = extraction_of([page("Own Works Ltd", "Invoice No: A-7"), page("Total EUR 12.00", number=2)])
    evidence = extraction.sources[FieldPath("total")].evidence
    assert evidence is not None
    assert evidence.page == 2


def test_words_come_back_in_reading_order() -> None:
    shuffled = page(*RECEIPT)
    words = tuple(reversed(shuffled.words))
    extraction = LayoutReader().read(reading_of(finder=FakeWordFinder(words=words)))
    assert [word.text for word in extraction.pages[0].words[:3]] == ["PERNIAGAAN", "MAJU", "SDN"]


@pytest.mark.parametrize("rows", [("TOTAL",), ("@@@ ###",), ("1",), ("25/12/2018 25/12/2018",), ("%",), ("- - -",)])
def test_scraps_are_read_without_an_error(rows: tuple[str, ...]) -> None:
    extraction = extraction_of([page(*rows)])
    assert set(extraction.sources) == set(values_of(extraction))


def test_the_reader_names_itself() -> None:
    reader = LayoutReader()
    extraction = reader.read(reading_of())
    assert (extraction.reader, extraction.version) == (reader.name, reader.version)


def test_what_was_considered_is_told_the_best_first_and_what_was_taken_of_it() -> None:
    totals = [one for one in choice_on(paper(*RECEIPT)).considered if one.path == "total"]
    assert [one.taken for one in totals] == [True, *([False] * (len(totals) - 1))]
    assert len(totals) > 1
    assert totals[0].evidence is not None
    assert (totals[0].value, totals[0].evidence.text) == ("56.20", "56.20")
    assert len({one.value for one in totals}) == len(totals)
    strengths = [one.words + one.sums for one in totals]
    assert strengths == sorted(strengths, reverse=True)
    assert totals[0].sums > 0
