"""The amounts of a paper by what they are called, and the ways in which they add up."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations, product

from counterfoil.extraction.layout.amounts import CENT, LARGEST_ROUNDING
from counterfoil.extraction.layout.candidates import Candidate
from counterfoil.extraction.layout.labelled import labelled_amounts
from counterfoil.extraction.layout.labels import Label
from counterfoil.extraction.layout.paper import Paper
from counterfoil.records.domain import FieldPath, LineItem, Tax

TOTAL, SUBTOTAL, TAXES = FieldPath("total"), FieldPath("subtotal"), FieldPath("taxes")
TIP, DISCOUNT, ITEMS = FieldPath("tip"), FieldPath("discount"), FieldPath("line_items")
_COIN = Decimal("0.05")
_MOST_TAXES = 4  # that are on top of one sum
_LIKELIEST_TAXES = 7  # that are tried
_TRIED = 6  # amounts of any other sort
_CHARGED = 0.3  # by which a sum that charges are added to is less likely the subtotal than one that holds them
_UNNAMED = 0.5  # how surely another total is the subtotal
_SUMMED = 0.9  # how surely the bases of several rates make up the subtotal

Candidates = Mapping[FieldPath, Sequence[Candidate]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """One way in which amounts add up to a total, and how likely it is meant."""

    subtotal: Decimal
    taxes: tuple[Candidate, ...]
    tip: Decimal
    discount: Decimal
    charges: Decimal
    weight: float

    @property
    def likelihood(self) -> float:
        """Say how likely it is meant beside others: a sum that no charge comes on top of is the one before taxes."""
        return self.weight - (_CHARGED if self.charges else 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnesses:
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
    def of(cls, paper: Paper, candidates: Candidates) -> "Witnesses":
        return cls(
            printed=Counter(amount.value for row in paper.rows for amount in row.money),
            subtotals={
                value: one.score for one in candidates.get(SUBTOTAL, ()) if isinstance(value := one.value, Decimal)
            },
            totals=_decimals(candidates.get(TOTAL, ())),
            taxes=tuple(_different(candidates.get(TAXES, ()))),
            tips=_decimals(candidates.get(TIP, ())),
            discounts=_decimals(candidates.get(DISCOUNT, ())),
            charges=_called(paper, Label.CHARGE) + _called(paper, Label.SERVICE),
            roundings=tuple(
                value for value in _called(paper, Label.ROUNDING) if value and abs(value) <= LARGEST_ROUNDING
            ),
            cash=_called(paper, Label.CASH) + _called(paper, Label.CARD),
            change=_called(paper, Label.CHANGE),
            items=tuple(
                one.value.amount
                for one in candidates.get(ITEMS, ())
                if isinstance(one.value, LineItem) and one.value.amount is not None
            ),
        )

    def signs(self, total: Decimal, balance: Balance | None) -> dict[str, float]:
        """Return what speaks for a total or against it, each with how strongly."""
        signs: dict[str, float] = {}
        if any(abs(cash - abs(change) - total) < CENT for cash in self.cash for change in self.change if cash):
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
        """Say whether another total is a cent or two off, and only this one can be paid in coins."""
        return not total % _COIN and any(0 < abs(other - total) < _COIN and other % _COIN for other in self.totals)

    def items_add_up(self, total: Decimal, balance: Balance | None) -> bool:
        summed = sum(self.items, Decimal())
        return bool(self.items) and any(
            abs(summed - value) < CENT
            for value in (total, *((balance.subtotal, balance.subtotal + balance.charges) if balance else ()))
        )

    def best_balance(self, total: Decimal) -> Balance | None:
        """Return the likeliest way in which a subtotal and what comes on top of it give a total."""
        return max(self._balances(total), key=lambda one: one.likelihood, default=None)

    def _balances(self, total: Decimal) -> Iterator[Balance]:
        others = {value: _UNNAMED for value in self.totals if value not in self.subtotals and value != total}
        bases = {**self.subtotals, **others}
        tips, discounts = (Decimal(), *self.tips), (Decimal(), *self.discounts)
        extras = product(self._charges(), (Decimal(), *self.roundings, *(-one for one in self.roundings)))
        for taxes, tip, discount, more in product(_choices(self.taxes), tips, discounts, tuple(set(extras))):
            charges = more[0]
            on_top = sum((amount_of(one) or Decimal() for one in taxes), tip - discount + sum(more))
            if not on_top and not (tip or discount or any(more)):
                continue
            summed = _sum_of_bases(taxes)
            likely = _likelihood(taxes) - 0.1 * (bool(tip) + bool(discount) + any(more))
            for subtotal, sure in (bases if summed is None else {summed: _SUMMED, **bases}).items():
                if abs(subtotal + on_top - total) < CENT:
                    yield Balance(
                        subtotal=subtotal,
                        taxes=taxes,
                        tip=tip,
                        discount=discount,
                        charges=charges,
                        weight=likely * sure,
                    )

    def _charges(self) -> set[Decimal]:
        """Return what charges may add: all of them, or one where the others are among the items."""
        return {Decimal(), sum(self.charges, Decimal()), *self.charges}


def amount_of(tax: Candidate) -> Decimal | None:
    """Return the amount of a tax that is proposed."""
    return tax.value.amount if isinstance(tax.value, Tax) else None


def _sum_of_bases(taxes: Sequence[Candidate]) -> Decimal | None:
    """Return the sum of the bases of several rates, which stands in for a subtotal that is not printed."""
    bases = [one.value.base for one in taxes if isinstance(one.value, Tax) and one.value.base is not None]
    rates = {one.value.rate for one in taxes if isinstance(one.value, Tax)}
    return sum(bases, Decimal()) if len(bases) == len(taxes) == len(rates) > 1 else None


def _likelihood(taxes: Sequence[Candidate]) -> float:
    """Return how likely these are the taxes: as likely as the least likely, few rather than many."""
    return min((one.score for one in taxes), default=0.7) - 0.03 * max(len(taxes) - 1, 0)


def _decimals(candidates: Sequence[Candidate]) -> tuple[Decimal, ...]:
    return tuple(dict.fromkeys(one.value for one in candidates if isinstance(one.value, Decimal)))[:_TRIED]


def _called(paper: Paper, label: Label) -> tuple[Decimal, ...]:
    return tuple(dict.fromkeys(one.amount.value for one in labelled_amounts(paper, label)))[:_TRIED]


def _different(taxes: Sequence[Candidate]) -> Iterator[Candidate]:
    """Yield the taxes, one of several that are the same but for what the paper says beside them."""
    seen: set[tuple[object, Decimal | None]] = set()
    for one in sorted(
        taxes, key=lambda one: (-(isinstance(one.value, Tax) and one.value.base is not None), -one.score)
    ):
        rate = one.value.rate if isinstance(one.value, Tax) else None
        key = (rate, amount_of(one))
        if key not in seen:
            seen.add(key)
            yield one


def _choices(taxes: Sequence[Candidate]) -> Iterator[tuple[Candidate, ...]]:
    for size in range(min(len(taxes), _MOST_TAXES) + 1):
        yield from combinations(taxes[:_LIKELIEST_TAXES], size)
