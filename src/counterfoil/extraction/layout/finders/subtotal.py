"""The sum before taxes."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from counterfoil.extraction.layout.candidates import Candidate
from counterfoil.extraction.layout.finders import taxes
from counterfoil.extraction.layout.labelled import labelled_amounts
from counterfoil.extraction.layout.labels import Label
from counterfoil.extraction.layout.paper import Paper
from counterfoil.records.domain import FieldPath, Tax

PATH = FieldPath("subtotal")
_CENT = Decimal("0.011")
_SUMMED = 0.8  # how surely a row that adds up the bases and the taxes of several rates shows the subtotal


def find(paper: Paper) -> Iterable[Candidate]:
    """Propose what is called a subtotal, and the sum under a table of rates. The base of one rate of several is none."""
    rated = [one for one in (candidate.value for candidate in taxes.find(paper)) if isinstance(one, Tax) and one.rate]
    amounts = {one.base: one.amount for one in rated if one.base is not None and one.amount is not None}
    several = len(amounts) > 1 and len({one.rate for one in rated if one.base in amounts}) > 1
    for one in labelled_amounts(paper, Label.SUBTOTAL):
        if one.amount.value and not (several and one.amount.value in amounts):
            yield Candidate(path=PATH, value=one.amount.value, span=one.amount.span, score=one.strength)
    if several:
        yield from _sums(paper, sum(amounts, Decimal()), sum(amounts.values(), Decimal()))


def _sums(paper: Paper, base: Decimal, tax: Decimal) -> Iterator[Candidate]:
    """Propose the sum of all bases where it stands on one row with the sum of all taxes."""
    for row in paper.rows:
        if any(abs(amount.value - tax) < _CENT for amount in row.money):
            for amount in row.money:
                if abs(amount.value - base) < _CENT:
                    yield Candidate(path=PATH, value=amount.value, span=amount.span, score=_SUMMED)
