"""Which amounts of a paper bear each other out.

subtotal + taxes + charges + tip - discount + rounding = total
cash - change = total
the items' amounts add up to the subtotal or the total
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from counterfoil.extraction.layout.candidates import Candidate
from counterfoil.extraction.layout.paper import Paper
from counterfoil.extraction.layout.witnesses import (
    DISCOUNT,
    ITEMS,
    SUBTOTAL,
    TAXES,
    TIP,
    TOTAL,
    Balance,
    Candidates,
    Witnesses,
    amount_of,
)
from counterfoil.records.domain import FieldPath, Tax

# What each sign is worth for a total, beside the up to 1 that its words are worth.
_WORTH = {"paid": 0.5, "rounded": 0.45, "unrounded": -0.35, "summed": 0.35, "items": 0.2, "again": 0.06}
_BEARING_OUT = ("paid", "summed", "items")
_UNTAXED = -0.45  # worth of a total to which taxes are added to give another
_PART = 0.5  # worth of a value that is part of the total's sum
_CLEAR = 0.45  # the weight from which a balance shows that its subtotal is no total
_SURE_WITHOUT = 0.65  # the score from which a subtotal, tip or discount is taken that no sum bears out

_Place = tuple[FieldPath, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What the sums say of each value at its field: what it adds to its score, and how far they bear it out."""

    worth: Mapping[_Place, float]
    supported: Mapping[_Place, float]
    taxes: tuple[Candidate, ...]

    def bonus(self, candidate: Candidate) -> float:
        """Return what the sums add to a candidate's score."""
        return self.worth.get((candidate.path, candidate.value), 0.0)

    def support(self, candidate: Candidate) -> float:
        """Return how far the sums bear a candidate out, from 0 to 1."""
        return self.supported.get((candidate.path, candidate.value), 0.0)

    def keeps(self, candidate: Candidate) -> bool:
        """Say whether a candidate is still one beside the others."""
        if candidate.path == TAXES:
            return any(candidate is tax for tax in self.taxes)
        if candidate.path in (SUBTOTAL, TIP, DISCOUNT):
            return self.support(candidate) > 0 or candidate.score >= _SURE_WITHOUT
        return True


def agree(paper: Paper, candidates: Candidates) -> Agreement:
    """Look for sums that add up and return what they say of the candidates."""
    witnesses = Witnesses.of(paper, candidates)
    scores = {one.value: one.score for one in sorted(candidates.get(TOTAL, ()), key=lambda one: one.score)}
    totals = {value: score for value, score in scores.items() if isinstance(value, Decimal)}
    balances = {total: witnesses.best_balance(total) for total in totals}
    worth, supported = _judged(witnesses, balances)
    best = max(totals, key=lambda total: totals[total] + worth[TOTAL, total], default=None)
    balance = balances[best] if best is not None else None
    for place in _parts(balance):
        worth[place], supported[place] = _PART, 1.0
    for one in candidates.get(ITEMS, ()):
        supported[ITEMS, one.value] = float(best is not None and witnesses.items_add_up(best, balance))
    taxes = balance.taxes if balance and balance.taxes else _likeliest(candidates.get(TAXES, ()), best)
    return Agreement(worth=worth, supported=supported, taxes=tuple(taxes))


def _judged(
    witnesses: Witnesses, balances: Mapping[Decimal, Balance | None]
) -> tuple[dict[_Place, float], dict[_Place, float]]:
    """Return what each total is worth, and how far it is borne out."""
    worth: dict[_Place, float] = defaultdict(float)
    supported: dict[_Place, float] = {}
    for total, balance in balances.items():
        signs = witnesses.signs(total, balance)
        worth[TOTAL, total] += sum(_WORTH[sign] * share for sign, share in signs.items())
        borne_out = sum(_WORTH[sign] * signs.get(sign, 0.0) for sign in _BEARING_OUT)
        supported[TOTAL, total] = min(1.0, 2 * borne_out)
    clear = (one for one in balances.values() if one and one.taxes and one.weight >= _CLEAR)
    for subtotal in {one.subtotal for one in clear} & set(balances):
        worth[TOTAL, subtotal] += _UNTAXED
    return worth, supported


def _parts(balance: Balance | None) -> Iterable[_Place]:
    """Return the places of the values that a balance is made of."""
    if balance is None:
        return []
    sums: list[_Place] = [(SUBTOTAL, balance.subtotal), (TIP, balance.tip), (DISCOUNT, balance.discount)]
    return [*sums, *((TAXES, tax.value) for tax in balance.taxes)]


def _likeliest(taxes: Sequence[Candidate], total: Decimal | None) -> Iterable[Candidate]:
    """Return the taxes to take when no sum bears any out: one for each rate, or the likeliest."""
    fitting = [one for one in taxes if total is None or abs(amount_of(one) or Decimal()) < abs(total)]
    by_rate: dict[object, Candidate] = {}
    for one in sorted(fitting, key=lambda one: one.score):
        if isinstance(one.value, Tax) and one.value.base is not None:
            by_rate[one.value.rate] = one
    return by_rate.values() or sorted(fitting, key=lambda one: -one.score)[:1]
