"""Several receipts in one file are noticed: on pages of their own, side by side, one above the other."""

from dataclasses import replace

import pytest

from counterfoil.documents.domain import Box
from counterfoil.extraction.domain import PageText
from counterfoil.extraction.layout.reader import extraction_of
from counterfoil.records.domain import ReasonCode
from tests.support.papers import page

BAKERY = page(
    "Backhaus Nord GmbH", "Hafenstrasse 4", "24103 Kiel", "12.04.2026 08:15", "Brot 3,49", "Kaffee 2,20",
    "Summe EUR 5,69", "Bar 10,00", "Rückgeld 4,31",
)  # fmt: skip
TAXI = page(
    "Taxi Lindner", "Quittung Nr. 881", "Fahrt Bahnhof nach Messe", "13.04.2026 19:40", "Fahrpreis 18,50",
    "Gesamtbetrag EUR 18,50", "Kartenzahlung 18,50",
)  # fmt: skip
INVOICE = (
    page("Own Works Ltd", "Invoice No: A-7", "Date: 4 March 2026", "Desk 200.00", "Lamp 40.00", "Total carried 240.00"),
    page("Invoice No: A-7", "Date: 4 March 2026", "Chair 60.00", "Total EUR 300.00", number=2),
)


def joined(one: PageText, other: PageText, *, beside: bool) -> PageText:
    """Return one picture of two papers."""

    def moved(box: Box, by: float) -> Box:
        if beside:
            return replace(box, x0=box.x0 / 2 + by, x1=box.x1 / 2 + by)
        return replace(box, y0=box.y0 / 2 + by, y1=box.y1 / 2 + by)

    words = [replace(word, box=moved(word.box, by)) for by, part in ((0, one), (0.5, other)) for word in part.words]
    across, down = (2, 1) if beside else (1, 2)
    return replace(one, width=one.width * across, height=one.height * down, words=tuple(words))


def is_several(*pages: PageText) -> bool:
    reasons = extraction_of([replace(one, number=number) for number, one in enumerate(pages, 1)]).reasons
    return ReasonCode.SEVERAL_RECEIPTS in {reason.code for reason in reasons}


@pytest.mark.parametrize("beside", [True, False])
def test_two_receipts_in_one_picture_are_several(beside: bool) -> None:
    assert is_several(joined(BAKERY, TAXI, beside=beside))
    assert is_several(joined(TAXI, BAKERY, beside=beside))


def test_receipts_on_pages_of_their_own_are_several() -> None:
    assert is_several(BAKERY, TAXI)


def test_the_pages_of_one_invoice_are_not() -> None:
    assert not is_several(*INVOICE)


@pytest.mark.parametrize("paper", [BAKERY, TAXI])
def test_one_receipt_is_not_nor_is_the_same_one_twice(paper: PageText) -> None:
    assert not is_several(paper)
    assert not is_several(joined(paper, paper, beside=True))
    assert not is_several(paper, paper)


def test_a_receipt_with_a_slip_that_has_no_total_is_one() -> None:
    slip = page(
        "Kundenbeleg", "Terminal 0042", "13.04.2026 19:41", "Trace 4711", "Genehmigung 1188", "Bitte aufbewahren"
    )
    assert not is_several(joined(TAXI, slip, beside=False))
