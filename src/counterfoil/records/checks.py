"""The rules that make a record doubtful. A mismatch is a question for a person, never an error.

Amounts may differ by one minor unit for each amount that was added, since each may have been rounded by itself. A total
that is a multiple of the smallest coin's step may differ by half of that step besides: it was rounded for cash.
"""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import ROUND_FLOOR, Decimal
from itertools import product

from counterfoil.records import money
from counterfoil.records.domain import (
    CURRENCY,
    IMPORTANT,
    ISSUE_DATE,
    MERCHANT,
    TOTAL,
    FieldPath,
    InvoiceData,
    Kind,
    Reason,
    ReasonCode,
    Sources,
    Tax,
    Value,
)
from counterfoil.records.fields import label, values, written

OLDEST_YEARS = 10
"""Longer than books are kept: an older date is more likely misread."""
TIME_ZONES = timedelta(days=1)
"""Somewhere it is tomorrow already."""
ABSURD_AMOUNT = Decimal(10) ** 9

_ZERO = Decimal(0)
_MISSING = {
    TOTAL: ReasonCode.MISSING_TOTAL,
    ISSUE_DATE: ReasonCode.MISSING_DATE,
    MERCHANT: ReasonCode.MISSING_MERCHANT,
    CURRENCY: ReasonCode.MISSING_CURRENCY,
}
_ROUNDED = ("subtotal", "tip", "discount", "total", "base", "amount")
"""Fields that are sums of money, whose decimals are the currency's; unit prices and rates may have more."""


def check(data: InvoiceData, sources: Sources, *, today: date, threshold: float) -> tuple[Reason, ...]:
    """Return everything that makes the data doubtful. `threshold` is the confidence asked of the important fields."""
    found = values(data)
    if not found:
        return (Reason(code=ReasonCode.NOTHING_READABLE),)
    return (
        *_missing(found),
        *_sum_mismatch(data),
        *_items_mismatch(data),
        *_tax_mismatches(data),
        *_odd_dates(data, today),
        *_odd_currency(data, found),
        *_absurd(data, found),
        *_low_confidence(sources, threshold),
    )


def _missing(found: Iterable[FieldPath]) -> Iterator[Reason]:
    present = set(found)
    return (Reason(code=_MISSING[path], paths=(path,)) for path in IMPORTANT if path not in present)


def _sum_mismatch(data: InvoiceData) -> Iterator[Reason]:
    """Add up to the total. A printed subtotal may be before or after taxes, discount, and charges."""
    taxes = _tax_sum(data.taxes)
    if data.subtotal is None or data.total is None or taxes is None:
        return
    bases = (data.subtotal, data.subtotal + _charge(data, data.subtotal))
    tip, discount = data.tip or _ZERO, data.discount or _ZERO
    ways = [base + tax + tip - lowered for base, tax, lowered in product(bases, _once(taxes), _once(discount))]
    if not _one_fits(ways, data.total, data, terms=len(data.taxes) + 3):
        facts = {"expected": _money(ways[0], data), "total": _money(data.total, data)}
        yield Reason(code=ReasonCode.SUM_MISMATCH, paths=_present(data, "subtotal", "total"), facts=facts)


def _charge(data: InvoiceData, subtotal: Decimal) -> Decimal:
    """Return what the one line costs, such as freight or service, that the others come to the subtotal without."""
    amounts = [item.amount or _ZERO for item in data.line_items]
    over = sum(amounts, -subtotal)
    return over if over in amounts else _ZERO


def _items_mismatch(data: InvoiceData) -> Iterator[Reason]:
    """Add up the lines, whose prices may be with or without taxes, to the subtotal or the total."""
    amounts = [item.amount for item in data.line_items if item.amount is not None]
    goal = data.total if data.total is not None else data.subtotal
    if goal is None or not amounts or len(amounts) < len(data.line_items):
        return
    added = sum(amounts, _ZERO)
    taxes, discount = _tax_sum(data.taxes) or _ZERO, data.discount or _ZERO
    ways = [added + tax - lowered for tax, lowered in product(_once(taxes), _once(discount))]
    goals = [] if data.subtotal is None else [data.subtotal]
    if data.total is not None:
        goals += [data.total - tip for tip in _once(data.tip or _ZERO)]
    terms = len(amounts) + len(data.taxes) + 2
    if not any(_one_fits(ways, wanted, data, terms=terms) for wanted in goals):
        facts = {"sum": _money(added, data), "total": _money(goal, data)}
        yield Reason(code=ReasonCode.ITEMS_MISMATCH, paths=(FieldPath("line_items"),), facts=facts)


def _tax_mismatches(data: InvoiceData) -> Iterator[Reason]:
    """Recompute each tax. It may have been rounded line by line, so each line may add a minor unit."""
    slack = money.minor_unit(data.currency) * max(1, len(data.line_items))
    for index, tax in enumerate(data.taxes):
        if tax.rate is None or tax.base is None or tax.amount is None:
            continue
        expected = money.rounded(tax.base * tax.rate / 100, data.currency)
        if abs(expected - tax.amount) > slack:
            facts = {
                "rate": f"{tax.rate:f}",
                "base": _money(tax.base, data),
                "expected": _money(expected, data),
                "amount": _money(tax.amount, data),
            }
            yield Reason(code=ReasonCode.TAX_MISMATCH, paths=(FieldPath(f"taxes.{index}.amount"),), facts=facts)


def _odd_dates(data: InvoiceData, today: date) -> Iterator[Reason]:
    issued, due = data.issue_date, data.due_date
    if issued is None:
        return
    if issued > today + TIME_ZONES:
        yield Reason(code=ReasonCode.DATE_IN_FUTURE, paths=(ISSUE_DATE,), facts={"date": issued.isoformat()})
    if issued < today - timedelta(days=365.25 * OLDEST_YEARS):
        facts = {"date": issued.isoformat(), "years": str(OLDEST_YEARS)}
        yield Reason(code=ReasonCode.DATE_LONG_AGO, paths=(ISSUE_DATE,), facts=facts)
    if due is not None and due < issued:
        facts = {"due": due.isoformat(), "date": issued.isoformat()}
        yield Reason(code=ReasonCode.DUE_BEFORE_ISSUE, paths=(FieldPath("due_date"), ISSUE_DATE), facts=facts)


def _odd_currency(data: InvoiceData, found: dict[FieldPath, Value]) -> Iterator[Reason]:
    if data.currency is None:
        return
    if not money.is_currency(data.currency):
        yield Reason(code=ReasonCode.UNKNOWN_CURRENCY, paths=(CURRENCY,), facts={"currency": data.currency})
        return
    for path, amount in _amounts(found):
        if not money.fits(amount, data.currency):
            facts = {"field": label(path), "amount": _money(amount, data)}
            yield Reason(code=ReasonCode.TOO_MANY_DECIMALS, paths=(path,), facts=facts)


def _absurd(data: InvoiceData, found: dict[FieldPath, Value]) -> Iterator[Reason]:
    if data.total is not None and data.total < 0 and data.kind is not Kind.CREDIT_NOTE:
        yield Reason(code=ReasonCode.NEGATIVE_TOTAL, paths=(TOTAL,), facts={"total": _money(data.total, data)})
    absurd = [path for path, amount in _amounts(found) if abs(amount) >= ABSURD_AMOUNT]
    absurd += [path for path, rate in _ending(found, ("rate", "tax_rate")) if not 0 <= rate <= 100]
    for path in absurd:
        yield Reason(
            code=ReasonCode.ABSURD_VALUE, paths=(path,), facts={"field": label(path), "value": written(found[path])}
        )


def _low_confidence(sources: Sources, threshold: float) -> Iterator[Reason]:
    for path in IMPORTANT:
        source = sources.get(path)
        if source is not None and source.confidence < threshold:
            facts = {
                "field": label(path),
                "confidence": _per_cent(source.confidence),
                "threshold": _per_cent(threshold),
            }
            yield Reason(code=ReasonCode.LOW_CONFIDENCE, paths=(path,), facts=facts)


def _per_cent(share: float) -> str:
    """Round down, so that what is below the threshold also looks so."""
    floored = (Decimal(repr(share)) * 100).quantize(Decimal("0.1"), rounding=ROUND_FLOOR)
    return f"{floored.normalize():f}"


def _amounts(found: dict[FieldPath, Value]) -> Iterator[tuple[FieldPath, Decimal]]:
    return _ending(found, _ROUNDED)


def _ending(found: dict[FieldPath, Value], names: tuple[str, ...]) -> Iterator[tuple[FieldPath, Decimal]]:
    for path, value in found.items():
        if isinstance(value, Decimal) and path.rpartition(".")[2] in names:
            yield path, value


def _tax_sum(taxes: Iterable[Tax]) -> Decimal | None:
    """Return all taxes together; None if one of them is not known."""
    amounts = [tax.amount for tax in taxes]
    known = [amount for amount in amounts if amount is not None]
    return sum(known, _ZERO) if len(known) == len(amounts) else None


def _once(amount: Decimal) -> tuple[Decimal, ...]:
    """Return an amount that may still have to be added, or be in it already."""
    return (amount, _ZERO) if amount else (_ZERO,)


def _one_fits(ways: Iterable[Decimal], wanted: Decimal, data: InvoiceData, *, terms: int) -> bool:
    slack = money.minor_unit(data.currency) * terms
    step = money.cash_step(data.currency)
    if step and wanted % step == 0:
        slack += step / 2
    return any(abs(way - wanted) <= slack for way in ways)


def _present(data: InvoiceData, *names: str) -> tuple[FieldPath, ...]:
    optional = [name for name in ("tip", "discount") if getattr(data, name) is not None]
    taxes = ["taxes"] if data.taxes else []
    return tuple(FieldPath(name) for name in (*names, *taxes, *optional))


def _money(amount: Decimal, data: InvoiceData) -> str:
    return money.written(amount, data.currency)
