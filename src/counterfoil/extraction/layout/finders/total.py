"""The amount to be paid, tax included and rounded."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from decimal import Decimal
from operator import ne

from counterfoil.extraction.layout.amounts import CENT, LARGEST_ROUNDING
from counterfoil.extraction.layout.candidates import Candidate
from counterfoil.extraction.layout.labelled import Labelled, labelled_amounts
from counterfoil.extraction.layout.labels import Label
from counterfoil.extraction.layout.paper import Paper
from counterfoil.records.domain import FieldPath

PATH = FieldPath("total")
_RATE = re.compile(r"(\d{1,2}(?:[.,]\d+)?)\s?%")
_ROUNDED = 0.75  # what a rounding turns an announced total into
_PAID = 0.35  # what was paid is likely the total
_NO_CHANCE = 2  # digits that two amounts share, naughts not counted
_TWIN = 0.7  # of a total's strength is that of an amount which differs by a digit
_LARGEST = 0.2  # so is, a little, the largest amount of a paper that announces none


def find(paper: Paper) -> Iterable[Candidate]:
    """Propose what is called a total, what was paid by card, or else the largest amount."""
    announced = labelled_amounts(paper, Label.TOTAL)
    found = [
        Candidate(path=PATH, value=one.amount.value, span=one.amount.span, score=one.strength)
        for one in announced
        if one.amount.value and not _is_contained_tax(one, announced)
    ]
    found += _paid(paper)
    found += [*_rounded(paper, {one.value for one in found}), *_twins(paper, found)]
    return found or _largest(paper)


def _is_contained_tax(one: Labelled, totals: Sequence[Labelled]) -> bool:
    """Say whether an amount is the tax within another total, as in "Total includes 6 % GST: 0.42"."""
    rates = [Decimal(rate.replace(",", ".")) for rate in _RATE.findall(one.row.text)]
    return any(
        abs(total.amount.value * rate / (100 + rate) - one.amount.value) < CENT for rate in rates for total in totals
    )


def _paid(paper: Paper) -> Iterator[Candidate]:
    """Return what was paid: by card, or in cash less the change."""
    for one in labelled_amounts(paper, Label.CARD):
        if one.amount.value > 0:
            yield Candidate(path=PATH, value=one.amount.value, span=one.amount.span, score=_PAID)
    cash = [one.amount.value for one in labelled_amounts(paper, Label.CASH)]
    change = [abs(one.amount.value) for one in labelled_amounts(paper, Label.CHANGE)] or [Decimal()]
    paid = {given - back for given in cash for back in change if given > back}
    for row in paper.rows:
        for amount in row.money:
            if amount.value in paid:
                yield Candidate(path=PATH, value=amount.value, span=amount.span, score=_PAID)


def _rounded(paper: Paper, totals: Set[object]) -> list[Candidate]:
    """Return amounts that differ from an announced total by a rounding that stands between the two."""
    found = []
    for rounding in labelled_amounts(paper, Label.ROUNDING):
        by = rounding.amount.value
        if not by or abs(by) > LARGEST_ROUNDING:
            continue
        below = [amount for row in paper.rows[rounding.row.index :] for amount in row.money]
        for amount in below:
            if amount.value - by in totals or amount.value + by in totals:
                found.append(Candidate(path=PATH, value=amount.value, span=amount.span, score=_ROUNDED))
                break
    return found


def _twins(paper: Paper, totals: Sequence[Candidate]) -> Iterator[Candidate]:
    """Yield amounts that differ from a total by one digit: either may be misread, and sums tell which."""
    known = {str(one.value): one.score for one in totals}
    for row in paper.rows:
        for amount in row.money:
            written = str(amount.value)
            near = [score for total, score in known.items() if _differ_by_a_digit(written, total)]
            if near and written not in known:
                yield Candidate(path=PATH, value=amount.value, span=amount.span, score=max(near) * _TWIN)


def _differ_by_a_digit(one: str, other: str) -> bool:
    """Say whether two amounts are the same but for a digit; round ones are so by chance."""
    same = [digit for digit, its in zip(one, other, strict=False) if digit == its and digit in "123456789"]
    both = len(one) == len(other) and one.startswith("-") == other.startswith("-")
    return both and sum(map(ne, one, other)) == 1 and len(same) >= _NO_CHANCE


def _largest(paper: Paper) -> Iterable[Candidate]:
    money = [amount for row in paper.rows for amount in row.money if amount.value > 0]
    if not money:
        return []
    often = Counter(amount.value for amount in money)
    best = max(money, key=lambda amount: (amount.value, amount.span.middle))
    score = _LARGEST if often[best.value] > 1 else _LARGEST / 2
    return [Candidate(path=PATH, value=best.value, span=best.span, score=score)]
