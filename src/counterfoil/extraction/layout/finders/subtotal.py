"""The sum before taxes."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from counterfoil.extraction.layout.amounts import CENT
from counterfoil.extraction.layout.candidates import Candidate
from counterfoil.extraction.layout.finders import taxes
from counterfoil.extraction.layout.labelled import labelled_amounts
from counterfoil.extraction.layout.labels import Label
from counterfoil.extraction.layout.paper import Paper
from counterfoil.extraction.layout.rows import Token
from counterfoil.records.domain import FieldPath, Tax

PATH = FieldPath("subtotal")
_BASE = 0.6  # how surely the base of the only rate is the subtotal
_SUMMED = 0.8  # how surely a row that adds up the bases and the taxes of several rates shows the subtotal


def find(paper: Paper) -> Iterable[Candidate]:
    """Propose what is called a subtotal, the base of the only rate, and the sum under a table of rates.

    Where there are several rates, the base of one of them is no subtotal. What a rate's base and tax make together is
    none either, if vague words say so.
    """
    rated = _rated(paper)
    gross = {tax.base + tax.amount for tax in rated.values() if tax.base is not None and tax.amount is not None}
    several = len({tax.rate for tax in rated.values()}) > 1 and len({tax.base for tax in rated.values()}) > 1
    named = labelled_amounts(paper, Label.SUBTOTAL)
    for one in named:
        is_part = several and not rated.keys().isdisjoint(one.row.span.tokens)
        is_gross = one.strength < 1 and one.amount.value in gross
        if one.amount.value and not is_part and not is_gross:
            yield Candidate(path=PATH, value=one.amount.value, span=one.amount.span, score=one.strength)
    if len({tax.base for tax in rated.values()}) == 1 and all(one.strength < 1 for one in named):
        yield from _bases(paper, gross)
    if several:
        yield from _sums(paper, set(rated.values()))


def _bases(paper: Paper, gross: set[Decimal]) -> Iterator[Candidate]:
    """Propose the base of the only rate where the paper shows what it makes with its tax."""
    if not any(amount.value in gross for row in paper.rows for amount in row.money):
        return
    for one in taxes.find(paper):
        if "base" in one.parts and isinstance(one.value, Tax):
            yield Candidate(path=PATH, value=one.value.base, span=one.parts["base"], score=_BASE)


def _rated(paper: Paper) -> Mapping[Token, Tax]:
    """Return the taxes with a rate and a base, by the first word of the base."""
    found = ((one.parts.get("base"), one.value) for one in taxes.find(paper))
    return {base.tokens[0]: tax for base, tax in found if base and isinstance(tax, Tax)}


def _sums(paper: Paper, rated: set[Tax]) -> Iterator[Candidate]:
    """Propose the sum of all bases where it stands on one row with the sum of all taxes."""
    base = sum((tax.base or Decimal() for tax in rated), Decimal())
    tax = sum((tax.amount or Decimal() for tax in rated), Decimal())
    for row in paper.rows:
        if any(abs(amount.value - tax) < CENT for amount in row.money):
            for amount in row.money:
                if abs(amount.value - base) < CENT:
                    yield Candidate(path=PATH, value=amount.value, span=amount.span, score=_SUMMED)
