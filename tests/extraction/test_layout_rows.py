import math
from dataclasses import replace

import pytest

from counterfoil.documents.domain import Box, Word
from counterfoil.extraction.domain import PageText
from counterfoil.extraction.layout.rows import joined, rows_of
from tests.support.papers import page, row

RECEIPT = ("CORNER SHOP", "1 TEA              2.00", "2 MILK             3.10", "TOTAL              5.10")


def turned(original: PageText, degrees: int) -> PageText:
    """Return the page as it lies when the paper was turned, so that it has to be turned by `degrees` to be read."""

    def lying(box: Box) -> Box:
        match degrees:
            case 90:
                return Box(x0=box.y0, y0=1 - box.x1, x1=box.y1, y1=1 - box.x0)
            case 180:
                return Box(x0=1 - box.x1, y0=1 - box.y1, x1=1 - box.x0, y1=1 - box.y0)
            case _:
                return Box(x0=1 - box.y1, y0=box.x0, x1=1 - box.y0, y1=box.x1)

    words = tuple(replace(word, box=lying(word.box)) for word in reversed(original.words))
    width, height = original.width, original.height
    if degrees != 180:
        width, height = height, width
    return replace(original, words=words, turned=degrees, width=width, height=height)


def skewed(original: PageText, degrees: float) -> PageText:
    """Return the page with its words moved as on a paper that lies askew."""
    slope = math.tan(math.radians(degrees)) * original.width / original.height

    def moved(word: Word) -> Word:
        by = slope * (word.box.x0 + word.box.x1) / 2
        return replace(word, box=replace(word.box, y0=word.box.y0 + by, y1=word.box.y1 + by))

    return replace(original, words=tuple(moved(word) for word in original.words))


def texts(of: PageText) -> list[str]:
    return [span.text for span in rows_of(of)]


EXPECTED = [" ".join(line.split()) for line in RECEIPT]


def test_words_come_in_rows_from_the_top_and_from_the_left() -> None:
    straight = page(*RECEIPT)
    assert texts(replace(straight, words=tuple(reversed(straight.words)))) == EXPECTED


@pytest.mark.parametrize("degrees", [-12, -5, 3, 8, 14])
def test_rows_follow_the_papers_angle(degrees: float) -> None:
    assert texts(skewed(page(*RECEIPT), degrees)) == EXPECTED


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_page_reads_as_an_upright_one(degrees: int) -> None:
    assert texts(turned(page(*RECEIPT), degrees)) == EXPECTED


def test_wide_gaps_part_a_row_into_columns() -> None:
    assert [column.text for column in row("Blue pen          2        1.50").columns()] == ["Blue pen", "2", "1.50"]


def test_a_span_is_as_sure_as_its_worst_word_and_shows_where_it_stands() -> None:
    first, second = row("ONE"), row("TWO")
    weak = replace(second.tokens[0], word=replace(second.tokens[0].word, score=0.4))
    both = joined([first, replace(second, tokens=(weak,))])
    assert both.score == 0.4
    assert both.evidence.text == "ONE TWO"
    assert both.evidence.page == 1


def test_a_page_without_words_has_no_rows() -> None:
    assert rows_of(page()) == ()
