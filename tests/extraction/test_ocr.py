import platform
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from counterfoil.extraction.infrastructure.ocr import RapidOcrWords

LINES = ("CORNER SHOP LTD", "Green lamp 12.50", "Blue pens 3.00", "TOTAL 15.50")
FINDER = RapidOcrWords()


@cache
def drawn() -> Image.Image:
    picture = Image.new("RGB", (420, 300), "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(size=30)
    for index, line in enumerate(LINES):
        pen.text((30, 25 + 65 * index), line, fill="black", font=font)
    return picture


@pytest.mark.parametrize(("turned", "to_read_it"), [(0, 0), (180, 180)])
def test_words_are_found_on_a_picture_with_their_places(turned: int, to_read_it: int) -> None:
    words, degrees = FINDER.find(drawn().rotate(turned, expand=True))
    assert degrees == to_read_it
    assert [word.text for word in words if word.text in {"TOTAL", "15.50", "lamp"}] == ["lamp", "TOTAL", "15.50"]
    (total,) = (word for word in words if word.text == "TOTAL")
    upright = total.box.centre if not turned else (1 - total.box.centre[0], 1 - total.box.centre[1])
    assert upright == pytest.approx((80 / 420, 237 / 300), abs=0.05)
    assert total.score > 0.8


def test_a_picture_that_lies_on_its_side_is_turned_and_its_boxes_are_turned_back() -> None:
    words, degrees = FINDER.find(drawn().rotate(90, expand=True))  # its top is now at the left
    assert degrees == 90
    (total,) = (word for word in words if word.text == "TOTAL")
    assert total.box.centre == pytest.approx((237 / 300, 1 - 80 / 420), abs=0.05)


def test_an_empty_picture_has_no_words() -> None:
    assert FINDER.find(Image.new("RGB", (200, 200), "white")) == ((), 0)


def test_only_the_finder_takes_the_smallest_numbers_for_nothing() -> None:
    FINDER.find(drawn())
    smallest = np.float32(1e-40)

    def halved() -> bool:
        return bool(smallest / np.float32(2) > 0)

    with ThreadPoolExecutor(1) as other:
        assert (halved(), other.submit(halved).result()) == (True, True)
    can_be_told = (sys.platform, platform.machine()) == ("linux", "x86_64")
    assert FINDER._turn.submit(halved).result() is not can_be_told


def test_a_closer_look_finds_lines_in_print_so_fine_that_the_first_one_misses_some() -> None:
    sheet = Image.new("RGB", (1600, 2000), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=10)
    tops = [300 + 200 * index for index in range(6)]
    for index, top in enumerate(tops):
        pen.text((700, top), f"Line {index} total 12.50", fill="black", font=font)

    def found(*, closely: bool) -> list[float]:
        words, _ = FINDER.find(sheet, closely=closely)
        return sorted(word.box.centre[1] * sheet.height for word in words if word.text == "total")

    assert len(found(closely=False)) < len(tops)
    assert found(closely=True) == pytest.approx(tops, abs=12)
