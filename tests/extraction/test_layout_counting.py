from decimal import Decimal

import pytest

from counterfoil.extraction.layout.counting import counted_on
from tests.support.papers import row


@pytest.mark.parametrize(
    ("text", "many", "price"),
    [
        ("2 Stk x 1,29", "2", "1.29"),
        ("2Stk x 1,29 EUR", "2", "1.29"),
        ("3 x 0.89", "3", "0.89"),
        ("4 @ $1.50", "4", "1.50"),
        ("2 \u00e0 3,20", "2", "3.20"),
        ("12 \u00d7 0,49", "12", "0.49"),
        ("1,345 kg x 2,99 EUR/kg", "1.345", "2.99"),
        ("0.536 kg @ \u00a33.29 / kg", "0.536", "3.29"),
        ("0,144 kg 1,99 \u20ac/kg", "0.144", "1.99"),
        ("1,29 x 2", "2", "1.29"),
    ],
)
def test_a_row_that_only_counts_is_read(text: str, many: str, price: str) -> None:
    counted = counted_on(row(text))
    assert counted is not None
    assert (counted.many, counted.price) == (Decimal(many), Decimal(price))


@pytest.mark.parametrize(
    "text", ["MILK 2 x 1,29", "2 x 1,29  2,58", "2 Stk 1,29", "12 x 1,0l", "TEA 2,58", "2 x", "160 x 80 cm", "1,29"]
)
def test_other_rows_count_nothing(text: str) -> None:
    assert counted_on(row(text)) is None


def test_a_weighed_price_is_rounded_to_a_cent() -> None:
    counted = counted_on(row("1,345 kg x 2,99 EUR/kg"))
    assert counted is not None
    assert counted.makes(Decimal("4.02"))
    assert not counted.makes(Decimal("4.05"))


def test_each_number_is_where_it_stands() -> None:
    counted = counted_on(row("2 Stk x   1,29"))
    assert counted is not None
    assert (counted.many_span.text, counted.price_span.text) == ("2", "1,29")
