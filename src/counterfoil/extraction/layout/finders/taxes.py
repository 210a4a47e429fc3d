"""The taxes, each with its rate, its base and its amount where the paper gives them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from counterfoil.extraction.layout.amounts import Amount, read_number
from counterfoil.extraction.layout.candidates import Candidate
from counterfoil.extraction.layout.labelled import Labelled, labelled_amounts
from counterfoil.extraction.layout.labels import Label
from counterfoil.extraction.layout.paper import Paper, Row
from counterfoil.extraction.layout.rows import Span
from counterfoil.records.domain import FieldPath, Tax

PATH = FieldPath("taxes")
_RATE = re.compile(r"(?<![\d.,])(\d{1,2}(?:[.,]\d{1,3})?)\s?%")
_HIGHEST_RATE = Decimal(30)
_CENT = Decimal("0.02")  # rates, bases and amounts are rounded each for itself
_UNIT = Decimal("0.99")  # by which a tax in whole units may be rounded, up or down


def find(paper: Paper) -> Iterable[Candidate]:
    """Propose each row that speaks of a tax, and each row of a table of rates."""
    seen: set[int] = set()
    for one in labelled_amounts(paper, Label.TAX):
        if one.label_row.index not in seen:
            seen.add(one.label_row.index)
            yield _announced(one)
    for row in paper.rows:
        if row.index not in seen and (rated := _of_table(row)):
            yield rated


def rate_in(row: Row) -> tuple[Decimal, Span] | None:
    """Return the first rate in per cent on a row."""
    found = _RATE.search(row.text)
    rate = read_number(found[1]) if found else None
    if found is None or rate is None or rate > _HIGHEST_RATE:
        return None
    return rate, row.span.between(*found.span())


def _announced(one: Labelled) -> Candidate:
    rated = rate_in(one.label_row) or _bare_rate(one.row)
    amounts = [amount for amount in _money(one.row) if not (rated and amount.span == rated[1])]
    if rated and (fitting := _fitting(amounts, rated[0])):
        base, tax = fitting
        return _candidate(tax, min(one.strength + 0.1, 1.0), rated, base)
    return _candidate(one.amount, one.strength, rated, None)


def _bare_rate(row: Row) -> tuple[Decimal, Span] | None:
    """Return a number on the row that is the rate of two amounts beside it, though no sign says so."""
    for number in row.amounts:
        if 0 < number.value <= _HIGHEST_RATE and number.places < 2 and _fitting(_money(row), number.value):
            return number.value, number.span
    return None


def _of_table(row: Row) -> Candidate | None:
    """Return the tax of a row such as `A 19% 100,00 19,00 119,00`: one where rate, base and amount agree."""
    rated = rate_in(row)
    if rated is None or not rated[0]:
        return None
    fitting = _fitting(_money(row), rated[0])
    if fitting and _is_priced(row, *fitting):
        return None
    return _candidate(fitting[1], 0.75, rated, fitting[0]) if fitting else None


def _is_priced(row: Row, amount: Amount, price: Amount) -> bool:
    """Say whether a number of the row, as a quantity, and what looks like a tax make what looks like its base."""
    others = (one for one in row.amounts if one.span.tokens not in (amount.span.tokens, price.span.tokens))
    return price.span.left < amount.span.left and any(one.value * price.value == amount.value for one in others)


def _money(row: Row) -> Sequence[Amount]:
    """Return the amounts of a row; those in brackets, which may mean a minus or set a base apart, in both ways."""
    bracketed = (one for one in row.money if one.value < 0 and one.span.text.startswith("("))
    return [*row.money, *(replace(one, value=-one.value) for one in bracketed)]


def _fitting(amounts: Iterable[Amount], rate: Decimal) -> tuple[Amount, Amount] | None:
    """Return the base and the tax that fit the rate, the base net or gross as the row has it."""
    amounts = list(amounts)
    for base in amounts:
        for tax in amounts:
            if base is tax or not base.value or abs(tax.value) >= abs(base.value):
                continue
            slack = _UNIT if base.is_whole and tax.is_whole else _CENT
            if abs(base.value * rate / 100 - tax.value) <= slack and tax.value:
                return base, tax
    return None


def _candidate(tax: Amount, score: float, rated: tuple[Decimal, Span] | None, base: Amount | None) -> Candidate:
    parts = {"amount": tax.span}
    if rated:
        parts["rate"] = rated[1]
    if base:
        parts["base"] = base.span
    value = Tax(rate=rated[0] if rated else None, base=base.value if base else None, amount=tax.value)
    return Candidate(path=PATH, value=value, span=tax.span, score=score, parts=parts)
