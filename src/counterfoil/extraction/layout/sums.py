"""Which amounts of a paper bear each other out.

    subtotal + taxes + charges + tip - discount + rounding = total
    cash - change = total
    the items' amounts add up to the subtotal or the total
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import combinations

from counterfoil.extraction.layout.candidates import Candidate
from counterfoil.extraction.layout.labelled import labelled_amounts
from counterfoil.extraction.layout.labels import Label
from counterfoil.extraction.layout.paper import Paper
from counterfoil.records.domain import FieldPath, LineItem, Tax

_TOTAL, _SUBTOTAL, _TAXES = FieldPath("total"), FieldPath("subtotal"), FieldPath("taxes")
_TIP, _DISCOUNT, _ITEMS = FieldPath("tip"), FieldPath("discount"), FieldPath("line_items")
_CENT = Decimal("0.011")
_COIN = Decimal("0.05")
_LARGEST_ROUNDING = Decimal("0.5")
_MOST_TAXES = 4
_WORTH = {"paid": 0.5, "rounded": 0.45, "unrounded": -0.35, "summed": 0.35, "items": 0.2, "untaxed": -0.45, "again": 0.06}
_CLEAR = 0.45  # the weight from which a balance shows that its subtotal is no total
_SURE_WITHOUT = 0.65  # the score from which a tip or discount is taken that no sum bears out

Candidates = Mapping[FieldPath, Sequence[Candidate]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What the sums say of each candidate, by its place among its field's values."""

    worth: Mapping[tuple[FieldPath, object], float] = field(default_factory=dict)
    supported: Mapping[tuple[FieldPath, object], float] = field(default_factory=dict)
    taxes: tuple[Candidate, ...] = ()

    def bonus(self, candidate: Candidate) -> float:
        """Return what the sums add to a candidate's score."""
        return self.worth.get((candidate.path, candidate.value), 0.0)

    def support(self, candidate: Candidate) -> float:
        """Return how far the sums bear a candidate out, from 0 to 1."""
        return self.supported.get((candidate.path, candidate.value), 0.0)

    def keeps(self, candidate: Candidate) -> bool:
        """Say whether a candidate is still one beside the others."""
        if candidate.path == _TAXES:
            return any(candidate is tax for tax in self.taxes)
        if candidate.path in (_TIP, _DISCOUNT):
            return self.support(candidate) > 0 or candidate.score >= _SURE_WITHOUT
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Balance:
    """One way in which the sums add up to a total."""

    total: Decimal
    subtotal: Decimal
    taxes: tuple[Candidate, ...]
    tip: Decimal
    discount: Decimal
    weight: float


def agree(paper: Paper, candidates: Candidates) -> Agreement:
    """Look for sums that add up and return what they say of the candidates."""
    witnesses = _Witnesses.of(paper, candidates)
    worth: dict[tuple[FieldPath, object], float] = {}
    supported: dict[tuple[FieldPath, object], float] = {}
    totals = {one.value: one.score for one in sorted(candidates.get(_TOTAL, ()), key=lambda one: one.score)}
    balances: dict[Decimal, _Balance] = {}
    for total, score in totals.items():
        if not isinstance(total, Decimal):
            continue
        balance = max(witnesses.balances(total), key=lambda one: one.weight, default=None)
        signs = witnesses.signs(total, balance)
        worth[_TOTAL, total] = sum(_WORTH[sign] * share for sign, share in signs.items())
        supported[_TOTAL, total] = min(
            1.0, sum(_WORTH[sign] * share for sign, share in signs.items() if sign in ("paid", "summed", "items")) * 2
        )
        if balance:
            balances[total] = balance
        totals[total] = score + worth[_TOTAL, total]
    for taxed in {one.subtotal for one in balances.values() if one.taxes and one.weight >= _CLEAR and one.subtotal in totals}:
        worth[_TOTAL, taxed] += _WORTH["untaxed"]
        totals[taxed] += _WORTH["untaxed"]
    best = max(totals, key=lambda value: totals[value], default=None)
    balance = balances.get(best) if isinstance(best, Decimal) else None
    if balance:
        _bear_out(balance, worth, supported)
    for one in candidates.get(_ITEMS, ()):
        supported[_ITEMS, one.value] = 1.0 if isinstance(best, Decimal) and witnesses.items_add_up(best, balance) else 0.0
    taxes = balance.taxes if balance and balance.taxes else _likeliest(candidates.get(_TAXES, ()), best)
    return Agreement(worth=worth, supported=supported, taxes=tuple(taxes))


def _bear_out(balance: _Balance, worth: dict[tuple[FieldPath, object], float], supported: dict[tuple[FieldPath, object], float]) -> None:
    """Note that the parts of a balance are borne out by each other."""
    parts: list[tuple[FieldPath, object]] = [(_SUBTOTAL, balance.subtotal), (_TIP, balance.tip), (_DISCOUNT, balance.discount)]
    parts += [(_TAXES, tax.value) for tax in balance.taxes]
    for part in parts:
        worth[part] = 0.5
        supported[part] = 1.0


def _likeliest(taxes: Sequence[Candidate], total: object) -> list[Candidate]:
    """Return the taxes to take when no sum bears any out: one for each rate, or the likeliest."""
    fitting = [one for one in taxes if not isinstance(total, Decimal) or _amount(one) is None or abs(_amount(one) or 0) < abs(total)]
    with_base = [one for one in fitting if isinstance(one.value, Tax) and one.value.base is not None]
    if with_base:
        return _one_each(with_base)
    return sorted(fitting, key=lambda one: -one.score)[:1]


def _one_each(taxes: Iterable[Candidate]) -> list[Candidate]:
    by_rate: dict[object, Candidate] = {}
    for one in taxes:
        rate = one.value.rate if isinstance(one.value, Tax) else None
        if rate not in by_rate or by_rate[rate].score < one.score:
            by_rate[rate] = one
    return list(by_rate.values())


def _amount(candidate: Candidate) -> Decimal | None:
    return candidate.value.amount if isinstance(candidate.value, Tax) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Witnesses:
    """The amounts of a paper by what they are called."""

    printed: Counter[Decimal]
    subtotals: Mapping[Decimal, float]
    totals: tuple[Decimal, ...]
    taxes: tuple[Candidate, ...]
    tips: tuple[Decimal, ...]
    discounts: tuple[Decimal, ...]
    charges: tuple[Decimal, ...]
    roundings: tuple[Decimal, ...]
    cash: tuple[Decimal, ...]
    change: tuple[Decimal, ...]
    items: tuple[Decimal, ...]

    @classmethod
    def of(cls, paper: Paper, candidates: Candidates) -> "_Witnesses":
        return cls(
            printed=Counter(amount.value for row in paper.rows for amount in row.money),
            subtotals={value: one.score for one in candidates.get(_SUBTOTAL, ()) if isinstance(value := one.value, Decimal)},
            totals=_decimals(candidates.get(_TOTAL, ())),
            taxes=tuple(_different(candidates.get(_TAXES, ()))),
            tips=_decimals(candidates.get(_TIP, ())),
            discounts=_decimals(candidates.get(_DISCOUNT, ())),
            charges=_called(paper, Label.CHARGE),
            roundings=tuple(value for value in _called(paper, Label.ROUNDING) if value and abs(value) <= _LARGEST_ROUNDING),
            cash=_called(paper, Label.CASH) + _called(paper, Label.CARD),
            change=_called(paper, Label.CHANGE),
            items=tuple(
                one.value.amount
                for one in candidates.get(_ITEMS, ())
                if isinstance(one.value, LineItem) and one.value.amount is not None
            ),
        )

    def signs(self, total: Decimal, balance: _Balance | None) -> dict[str, float]:
        """Return what speaks for a total or against it, each with how strongly."""
        signs: dict[str, float] = {}
        if any(abs(cash - abs(change) - total) < _CENT for cash in self.cash for change in self.change if cash):
            signs["paid"] = 1.0
        elif total in self.cash:
            signs["paid"] = 0.5
        if balance and balance.weight > 0:
            signs["summed"] = balance.weight
        for rounding in self.roundings:
            near = {total - rounding, total + rounding}
            if near & set(self.printed):
                sign = "rounded" if not total % _COIN else "unrounded"
                signs[sign] = 1.0
        if self._rounds_another(total):
            signs["rounded"] = 1.0
        if self.items_add_up(total, None):
            signs["items"] = 1.0
        signs["again"] = min(self.printed[total] - 1, 3)
        return signs

    def _rounds_another(self, total: Decimal) -> bool:
        """Say whether another announced total differs by a cent or two, and only this one is a whole number of coins."""
        return not total % _COIN and any(0 < abs(other - total) < _COIN and other % _COIN for other in self.totals)

    def items_add_up(self, total: Decimal, balance: _Balance | None) -> bool:
        summed = sum(self.items, Decimal())
        return bool(self.items) and any(
            abs(summed - value) < _CENT for value in (total, balance.subtotal if balance else total)
        )

    def balances(self, total: Decimal) -> Iterator[_Balance]:
        """Yield the ways in which a subtotal and what comes on top of it give a total."""
        bases = dict(self.subtotals) | {value: 0.5 for value in self.totals if value not in self.subtotals and value != total}
        for subtotal, sure in bases.items():
            for taxes in _choices(self.taxes):
                for tip in (Decimal(), *self.tips):
                    for discount in (Decimal(), *self.discounts):
                        for more in self._extras():
                            taxed = sum((_amount(one) or Decimal() for one in taxes), Decimal())
                            if not (taxed or tip or discount or more):
                                continue
                            if abs(subtotal + taxed + tip - discount + more - total) < _CENT:
                                plain = 1.0 - 0.1 * (bool(tip) + bool(discount) + bool(more))
                                likely = min((one.score for one in taxes), default=0.7) - 0.03 * max(len(taxes) - 1, 0)
                                weight = plain * sure * likely
                                yield _Balance(total=total, subtotal=subtotal, taxes=taxes, tip=tip, discount=discount, weight=weight)

    def _extras(self) -> Iterator[Decimal]:
        """Yield what charges and roundings may add."""
        charge = sum(set(self.charges), Decimal())
        for charged in {Decimal(), charge}:
            for rounded in {Decimal(), *self.roundings, *(-one for one in self.roundings)}:
                yield charged + rounded


def _decimals(candidates: Sequence[Candidate]) -> tuple[Decimal, ...]:
    return tuple(dict.fromkeys(one.value for one in candidates if isinstance(one.value, Decimal)))[:6]


def _called(paper: Paper, label: Label) -> tuple[Decimal, ...]:
    return tuple(dict.fromkeys(one.amount.value for one in labelled_amounts(paper, label)))[:6]


def _different(taxes: Sequence[Candidate]) -> Iterator[Candidate]:
    """Yield the taxes, one of several that are the same but for what the paper says beside them."""
    seen: set[tuple[object, Decimal | None]] = set()
    for one in sorted(taxes, key=lambda one: (-(isinstance(one.value, Tax) and one.value.base is not None), -one.score)):
        rate = one.value.rate if isinstance(one.value, Tax) else None
        key = (rate, _amount(one))
        if key not in seen:
            seen.add(key)
            yield one


def _choices(taxes: Sequence[Candidate]) -> Iterator[tuple[Candidate, ...]]:
    for size in range(min(len(taxes), _MOST_TAXES) + 1):
        yield from combinations(taxes[:7], size)
