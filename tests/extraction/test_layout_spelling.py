from dataclasses import replace

import pytest

from counterfoil.extraction.layout.rows import Span
from counterfoil.extraction.layout.spelling import Known, spelled
from tests.support.papers import row


def read(text: str, score: float = 0.9) -> Span:
    """Return a row whose every word OCR is so sure of."""
    return Span(tokens=tuple(replace(one, word=replace(one.word, score=score)) for one in row(text).tokens))


@pytest.mark.parametrize(
    ("known", "seen", "meant"),
    [
        (Known.TRADE, "RIVER HARDWAKE SDN BHD", "RIVER HARDWARE SDN BHD"),
        (Known.TRADE, "River Confecteonery", "River Confectionery"),
        (Known.TRADE, "river 8akery bakeny", "river 8akery bakery"),
        (Known.STREET, "7/4,Kawassn Perindustrian", "7/4,Kawasan Perindustrian"),
        (Known.STREET, "12 Ja\u012ban Satu", "12 Jalan Satu"),
    ],
)
def test_a_word_one_letter_off_a_known_one_is_that_one(known: Known, seen: str, meant: str) -> None:
    assert spelled(read(seen), known) == meant


@pytest.mark.parametrize(
    "text",
    [
        "STATIONERS",
        "SWEET FOREST",
        "RIVERDALE",
        "Apothek",
        "REWE Markt",
        "COLD STONE",
        "Distribuci\u00f3n",
        "Servi\u00e7os",
        "Cafetaria PIZZARIA",
        "Komputer",
        "Beaut\u00e9",
        "Drogeria",
        "Packing",
    ],
)
def test_other_words_stay_as_they_are(text: str) -> None:
    assert spelled(read(text), Known.TRADE) == text


@pytest.mark.parametrize("text", ["12 Broad", "Kampong Bahru", "dell'Industria", "Calle Playa", "rue du L\u00e9man"])
def test_other_streets_stay_as_they_are(text: str) -> None:
    assert spelled(read(text), Known.STREET) == text


def test_a_word_between_two_known_ones_stays_as_it_is() -> None:
    assert spelled(read("JAMAN"), Known.STREET) == "JAMAN"  # jalan, or taman


def test_what_ocr_is_sure_of_stays_as_it_is() -> None:
    assert spelled(read("HARDWAKE", score=0.999), Known.TRADE) == "HARDWAKE"
