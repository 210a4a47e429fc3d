"""What tills and card terminals print: the lines of a strip of paper for a receipt."""

import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from counterfoil.samples.kinds import Kind
from counterfoil.samples.till import Bars, Gap, Line, Rule, Text
from counterfoil.samples.trade import Item, Receipt, Tax
from counterfoil.samples.wording import Manner

_LETTERS = "ABCDEF"  # that tills name tax rates with


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """A till's habits: how wide its paper is, and which of its ways it goes."""

    columns: int
    item: Callable[["_Strip", Item], Iterator[Line]]
    facts_first: bool
    rule: str
    has_bars: bool


def roll_of(kind: Kind, random: Random) -> Roll:
    """Choose how a till prints."""
    below, before, columns = _item_with_price_below, _item_after_its_quantity, _item_in_columns
    ways = {Kind.SUPERMARKET: (below,), Kind.RESTAURANT: (before, columns)}.get(kind, (below, before, columns))
    return Roll(
        columns=random.choice((34, 40, 46) if kind is Kind.SUPERMARKET else (32, 38, 42)),
        item=random.choice(ways),
        facts_first=random.random() < 0.6,
        rule=random.choice("-=*"),
        has_bars=random.random() < 0.3,
    )


def strip_lines(sale: Receipt, kind: Kind, manner: Manner, roll: Roll) -> tuple[Line, ...]:
    """Return the lines of a receipt."""
    strip = _Strip(sale, manner, roll)
    parts = _SLIP if kind is Kind.SLIP else _RECEIPT
    return tuple(line for part in parts for line in part(strip))


class _Strip:
    """One receipt on one till."""

    def __init__(self, sale: Receipt, manner: Manner, roll: Roll) -> None:
        self.sale = sale
        self.manner = manner
        self.roll = roll
        self.words = manner.words
        rates = [tax.rate for tax in sale.taxes]
        self.letters: Mapping[Decimal, str] = dict(zip(reversed(rates), _LETTERS, strict=False))

    def head(self) -> Iterator[Line]:
        seller = self.sale.seller
        yield from self.centred(seller.name, scale=1.5, bold=True)
        yield Gap(4)
        yield from self.centred(seller.street)
        yield from self.centred(seller.town)
        yield from self.centred(f"{self.words['phone']} {seller.phone}")
        if self.words["tax_id"]:
            yield from self.centred(self.words["tax_id"].format(seller.tax_id))
        yield Gap(6)

    def title(self) -> Iterator[Line]:
        yield from self.centred(self.words["receipt"], scale=1.2)
        yield Gap(3)

    def first_facts(self) -> Iterator[Line]:
        if self.roll.facts_first:
            yield from self.facts()
        yield Rule(self.roll.rule)

    def facts(self) -> Iterator[Line]:
        sale = self.sale
        when = f"{self.words['date']}: {self.manner.date(sale.issued)}"
        yield from self.pair(when, f"{sale.at:%H:%M}")
        yield from self.pair(_labelled(self.words["receipt_number"], sale.number), self.words["cashier"])

    def items(self) -> Iterator[Line]:
        for item in self.sale.items:
            yield from self.roll.item(self, item)
            if item.discount:
                yield from self.pair(f"  {self.words['discount']}", self.taxed(-item.discount, item))
        yield Rule(self.roll.rule)

    def taxes_on_top(self) -> Iterator[Line]:
        if self.sale.prices_hold_tax:
            return
        yield from self.pair(self.words["subtotal"], self.amount(self.sale.subtotal))
        for tax in self.sale.taxes:
            yield from self.pair(f"{self.words['tax']} {self.manner.rate(tax.rate)}", self.amount(tax.amount))

    def total(self) -> Iterator[Line]:
        sale = self.sale
        if sale.tip:
            yield from self.pair(self.words["tip"], self.amount(sale.tip))
        if sale.rounding:
            yield from self.pair(self.words["rounding"], self.amount(sale.rounding))
        yield Gap(2)
        yield from self.pair(self.words["total"], self.manner.money(sale.total), scale=1.35)
        yield Gap(2)

    def payment(self) -> Iterator[Line]:
        sale = self.sale
        if sale.cash:
            yield from self.pair(self.words["cash"], self.amount(sale.cash))
            yield from self.pair(self.words["change"], self.amount(sale.cash - sale.total))
        else:
            yield from self.pair(self.words["card"], self.amount(sale.total))
        yield Gap(6)

    def taxes_within(self) -> Iterator[Line]:
        sale = self.sale
        if not sale.prices_hold_tax:
            return
        if len(sale.taxes) == 1 and self.roll.has_bars:
            (tax,) = sale.taxes
            yield from self.pair(self.words["net"], self.amount(tax.base))
            yield from self.pair(f"{self.words['tax']} {self.manner.rate(tax.rate)}", self.amount(tax.amount))
        else:
            yield from self.tax_table(sale.taxes)
        yield Gap(6)

    def tax_table(self, taxes: tuple[Tax, ...]) -> Iterator[Line]:
        heads = (self.words["net"], self.words["tax"], self.words["gross"])
        yield self.row(self.words["rate"], *heads)
        for tax in taxes:
            name = f"{self.letters[tax.rate]} {self.manner.rate(tax.rate)}"
            yield self.row(name, *(self.amount(one) for one in (tax.base, tax.amount, tax.gross)))
        if len(taxes) > 1:
            base, tax_sum = self.sale.subtotal, self.sale.tax
            yield self.row("", *(self.amount(one) for one in (base, tax_sum, base + tax_sum)))

    def foot(self) -> Iterator[Line]:
        if not self.roll.facts_first:
            yield from self.facts()
            yield Gap(6)
        if self.roll.has_bars:
            yield Bars(f"{self.sale.issued:%y%m%d}{self.sale.number}")
            yield Gap(3)
        yield from self.centred(self.words["thanks"])

    def terminal(self) -> Iterator[Line]:
        """Yield what a card terminal says before the amount."""
        yield from self.centred(self.words["copy"])
        yield Gap(6)
        number = self.sale.number
        yield from self.pair(f"{self.words['terminal']}:", f"{sum(map(ord, number)):08}")
        yield from self.facts()
        yield from self.pair(self.words["card"], "XXXX XXXX XXXX 4417")
        yield Gap(6)

    def amounts(self) -> Iterator[Line]:
        """Yield what a card was charged."""
        sale = self.sale
        if sale.tip:
            yield from self.pair(self.words["amount"], self.amount(sale.total - sale.tip))
        yield from self.total()
        yield from self.pair(f"{self.words['approval']}:", f"{sum(map(ord, sale.number)) * 37 % 1_000_000:06}")
        yield Gap(8)
        yield from self.centred(self.words["approved"])

    def amount(self, value: Decimal) -> str:
        return self.manner.amount(value)

    def taxed(self, value: Decimal, item: Item) -> str:
        """Return an amount with the letter of its tax rate, where there are several."""
        return f"{self.amount(value)} {self.letters[item.rate]}" if len(self.letters) > 1 else self.amount(value)

    def pair(self, left: str, right: str, *, scale: float = 1.0) -> Iterator[Line]:
        """Yield words with others at the right edge, on a line of its own each if they do not fit on one."""
        bold = scale > 1
        if (len(left) + len(right) + 1) * scale <= self.roll.columns:
            yield Text(left, right, scale=scale, bold=bold)
        else:
            yield Text(left, scale=scale, bold=bold)
            yield Text("", right, scale=scale, bold=bold)

    def centred(self, words: str, *, scale: float = 1.0, bold: bool = False) -> Iterator[Line]:
        for line in textwrap.wrap(words, int(self.roll.columns / scale)):
            yield Text(line, scale=scale, bold=bold, centred=True)

    def row(self, first: str, *others: str) -> Line:
        width = (self.roll.columns - 8) // len(others)
        return Text(f"{first:<8.8}" + "".join(f"{one[: width - 1]:>{width}}" for one in others))


def _labelled(label: str, value: str) -> str:
    return f"{label} {value}" if label.endswith((":", "#", ".", "º", "°")) else f"{label}: {value}"


def _item_with_price_below(strip: _Strip, item: Item) -> Iterator[Line]:
    yield from strip.pair(item.name, strip.taxed(item.amount, item))
    if item.quantity != 1:
        yield Text(f"   {strip.manner.number(item.quantity)} x {strip.amount(item.price)}")


def _item_after_its_quantity(strip: _Strip, item: Item) -> Iterator[Line]:
    yield from strip.pair(f"{strip.manner.number(item.quantity):>2} {item.name}", strip.taxed(item.amount, item))


def _item_in_columns(strip: _Strip, item: Item) -> Iterator[Line]:
    figures = f"{strip.amount(item.price)} {strip.taxed(item.amount, item):>10}"
    yield from strip.pair(f"{strip.manner.number(item.quantity):>2} {item.name}", figures)


_RECEIPT = (
    _Strip.head,
    _Strip.title,
    _Strip.first_facts,
    _Strip.items,
    _Strip.taxes_on_top,
    _Strip.total,
    _Strip.payment,
    _Strip.taxes_within,
    _Strip.foot,
)
_SLIP = (_Strip.head, _Strip.terminal, _Strip.amounts)
