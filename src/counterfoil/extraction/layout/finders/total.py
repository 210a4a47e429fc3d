"""The amount to be paid, tax included and rounded."""

from collections import Counter
from collections.abc import Iterable

from counterfoil.extraction.layout.candidates import Candidate
from counterfoil.extraction.layout.labelled import labelled_amounts
from counterfoil.extraction.layout.labels import Label
from counterfoil.extraction.layout.paper import Paper
from counterfoil.records.domain import FieldPath

PATH = FieldPath("total")
_PAID = 0.35  # what was paid by card is likely the total
_LARGEST = 0.2  # so is, a little, the largest amount of a paper that announces none


def find(paper: Paper) -> Iterable[Candidate]:
    """Propose what is called a total, what was paid by card, or else the largest amount."""
    found = [
        Candidate(path=PATH, value=one.amount.value, span=one.amount.span, score=one.strength)
        for one in labelled_amounts(paper, Label.TOTAL)
        if one.amount.value
    ]
    found += [
        Candidate(path=PATH, value=one.amount.value, span=one.amount.span, score=_PAID)
        for one in labelled_amounts(paper, Label.CARD)
        if one.amount.value > 0
    ]
    return found or _largest(paper)


def _largest(paper: Paper) -> Iterable[Candidate]:
    money = [amount for row in paper.rows for amount in row.money if amount.value > 0]
    if not money:
        return []
    often = Counter(amount.value for amount in money)
    best = max(money, key=lambda amount: (amount.value, amount.span.middle))
    score = _LARGEST if often[best.value] > 1 else _LARGEST / 2
    return [Candidate(path=PATH, value=best.value, span=best.span, score=score)]
