"""Rows that only say how many of an item there are and what one costs, such as `2 Stk x 1,29` under the item."""

import re
from dataclasses import dataclass
from decimal import Decimal

from counterfoil.extraction.layout.amounts import CENT, read_number
from counterfoil.extraction.layout.currencies import CURRENCY
from counterfoil.extraction.layout.rows import Span

_UNIT = r"[^\W\d_]{1,6}\.?"
_TIMES = r"[x*@\u00d7\u00e0\u00e1]"
_MONEY = rf"(?:(?:{CURRENCY})\s?)?(?P<price>\d{{1,4}}[.,]\d{{2,3}}|\d{{1,3}}(?:[.,]\d{{3}})+)\s?(?:{CURRENCY})?"
_PRICE = rf"{_MONEY}(?P<each>\s?/\s?\d{{0,3}}\s?{_UNIT})?"
_MANY_FIRST = re.compile(
    rf"\W*(?P<many>\d{{1,4}}(?:[.,]\d{{1,3}})?)\s?(?:{_UNIT}\s?)??(?P<times>{_TIMES})?\s?{_PRICE}\W*", re.IGNORECASE
)
_PRICE_FIRST = re.compile(rf"\W*{_PRICE}\s?(?P<times>{_TIMES})\s?(?P<many>\d{{1,3}})\s?(?:{_UNIT})?\W*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """How many of an item there are and what one costs, each with where it stands."""

    many: Decimal
    price: Decimal
    many_span: Span
    price_span: Span

    def makes(self, amount: Decimal) -> bool:
        """Say whether so many cost the amount."""
        return abs(self.many * self.price - amount) < CENT


def counted_on(row: Span) -> Counted | None:
    """Return what a row says of another row's item; None if it says anything else."""
    found = _MANY_FIRST.fullmatch(row.text) or _PRICE_FIRST.fullmatch(row.text)
    if not found or not (found["times"] or found["each"]):
        return None
    price = read_number(found["price"])
    many = read_number(found["many"], "," if "," in found["price"] else ".")
    if not price or not many:
        return None
    return Counted(
        many=many, price=price, many_span=row.between(*found.span("many")), price_span=row.between(*found.span("price"))
    )
