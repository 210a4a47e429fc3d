"""Invents what is drawn: firms, what they sell, and sales whose sums add up."""

import string
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, time, timedelta
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from random import Random
from typing import TypeVar

from counterfoil.samples.kinds import INVOICES, Kind
from counterfoil.samples.tax_ids import iban, tax_id
from counterfoil.samples.trade import Business, Invoice, Item, Receipt, Sale
from counterfoil.samples.wording import Country, Language, language

_T = TypeVar("_T")
_FIRST_DAY = date(2024, 1, 8)
_DAYS = 900
_ZERO = Decimal(0)
_NOTES = (5, 10, 20, 50, 100, 200)  # of which somebody hands over one sort


def invent(kind: Kind, country: Country, random: Random) -> Sale:
    """Return a sale of this kind that might have happened in a country."""
    inventor = _Inventor(country, random)
    return inventor.invoice(kind) if kind in INVOICES else inventor.receipt(kind)


class _Inventor:
    """One firm's day: everything that is invented for one document."""

    def __init__(self, country: Country, random: Random) -> None:
        self.country = country
        self.random = random
        self.spoken: Language = language(country.language)

    def receipt(self, kind: Kind) -> Receipt:
        """Return a sale that was paid at once."""
        issued = self._day()
        sale = Receipt(
            file="",
            pages=1,
            language=self.spoken.code,
            seller=self.firm(_BRANCHES[kind]),
            number=self._receipt_number(),
            issued=issued,
            at=time(self.random.randrange(8, 22), self.random.randrange(60)),
            currency=self.country.currency,
            prices_hold_tax=self.country.prices_hold_tax,
            smallest=_counted_in(self.country),
            items=_ITEMS[kind](self, issued),
            unprinted=_UNPRINTED.get(kind, frozenset({"due_date"})),
        )
        return self._paid(self._tipped(sale, kind), kind)

    def invoice(self, kind: Kind) -> Invoice:
        """Return a sale to another firm, or what corrects one."""
        issued = self._day()
        numbers = self._invoice_numbers()
        is_note = kind is Kind.CREDIT_NOTE
        return Invoice(
            file="",
            pages=1,
            language=self.spoken.code,
            seller=self.firm("firm"),
            buyer=self.firm("firm"),
            number=numbers[1],
            corrects=numbers[0] if is_note else "",
            issued=issued,
            delivered=issued - timedelta(days=self.random.randrange(1, 9)),
            due=issued + timedelta(days=self.random.choice((10, 14, 30, 45))),
            currency=self.country.currency,
            smallest=_counted_in(self.country),
            items=self._works({Kind.LONG_INVOICE: (26, 60), Kind.CREDIT_NOTE: (1, 3)}.get(kind, (2, 9))),
            unprinted=frozenset({"due_date"}) if is_note else frozenset(),
        )

    def firm(self, branch: str) -> Business:
        """Return a firm with a name of its branch."""
        name = self._one(self.spoken.names[branch]).format(self._one(self.spoken.names["fancies"]))
        postcode, city = self._one(self.country.towns)
        domain = _plain(name)
        return Business(
            name=name,
            street=self._one(self.country.streets).format(self.random.randrange(1, 90)),
            postcode=postcode,
            city=city,
            country=self.country.code,
            tax_id=tax_id(self.country.code, self.random),
            phone="".join(str(self.random.randrange(10)) if sign == "#" else sign for sign in self.country.phone),
            email=f"info@{domain}.example",
            website=f"www.{domain}.example",
            iban=iban(self.country.code, self.random),
            town_form=self.country.town,
        )

    def price(self, low: float, high: float) -> Decimal:
        """Return a price between two European ones, in steps of the country."""
        step = Decimal(self.country.smallest)
        wanted = Decimal(str(round(self.random.uniform(low, high), 2))) * Decimal(self.country.scale)
        return max((wanted / step).quantize(Decimal(1), ROUND_HALF_UP) * step, step)

    def goods(self, _: date) -> tuple[Item, ...]:
        """Return what one buys in passing: a few things at one rate."""
        rate = self._rate()
        names = self.spoken.goods["reduced" if rate == self.country.reduced_rate else "standard"]
        return tuple(self._good(name, rate) for name in self._some(names, 1, 5))

    def basket(self, _: date) -> tuple[Item, ...]:
        """Return a week's shopping, some of it with a discount, at all rates."""
        shelves = (
            *((name, self.country.reduced_rate) for name in self._some(self.spoken.goods["reduced"], 3, 8)),
            *((name, self.country.standard_rate) for name in self._some(self.spoken.goods["standard"], 1, 5)),
        )
        return tuple(self._discounted(self._good(name, rate)) for name, rate in shelves)

    def dishes(self, _: date) -> tuple[Item, ...]:
        rate = self._rate()
        return tuple(
            Item(name=name, price=self.price(2.5, 27), rate=rate, quantity=Decimal(self.random.choice((1, 1, 2, 3))))
            for name in self._some(self.spoken.goods["dishes"], 2, 6)
        )

    def stay(self, issued: date) -> tuple[Item, ...]:
        """Return some nights in a hotel, and what was had there."""
        count, price = self.random.randrange(1, 5), self.price(58, 180)
        room = self._one(self.spoken.goods["nights"])
        nights = [issued - timedelta(days=before) for before in range(count, 0, -1)]
        extras = self._some(self.spoken.goods["extras"], 1, 3)
        return (
            *(Item(name=room, price=price, rate=self.country.reduced_rate, day=day) for day in nights),
            *(Item(name=name, price=self.price(5, 24), rate=self.country.standard_rate, day=issued) for name in extras),
        )

    def sum_alone(self, _: date) -> tuple[Item, ...]:
        """Return what a card terminal knows of a sale."""
        return (Item(name="", price=self.price(3, 120), rate=self.country.standard_rate),)

    def _works(self, how_many: tuple[int, int]) -> tuple[Item, ...]:
        is_mixed = self.random.random() < 0.3
        names = [*self.spoken.goods["works"], *self.spoken.goods["hours"]]
        return tuple(
            self._work(self._one(names), self._rate() if is_mixed else self.country.standard_rate)
            for _ in range(self.random.randint(*how_many))
        )

    def _work(self, name: str, rate: Decimal) -> Item:
        by_hour = name in self.spoken.goods["hours"]
        return Item(
            name=name,
            number=f"{self.random.randrange(10, 99)}-{self.random.randrange(1000, 9999)}",
            price=self.price(38, 95) if by_hour else self.price(6, 480),
            rate=rate,
            quantity=Decimal(self.random.randrange(1, 9)),
            unit=self.spoken.units["hour" if by_hour else "piece"],
        )

    def _good(self, name: str, rate: Decimal) -> Item:
        quantity = Decimal(self.random.choice((1, 1, 1, 2, 3, 6)))
        return Item(name=name, price=self.price(0.6, 12), rate=rate, quantity=quantity)

    def _discounted(self, item: Item) -> Item:
        if self.random.random() > 0.2:
            return item
        step = Decimal(self.country.smallest)
        return replace(item, discount=(item.amount / 5 / step).quantize(Decimal(1), ROUND_HALF_UP) * step)

    def _tipped(self, sale: Receipt, kind: Kind) -> Receipt:
        may = kind is Kind.RESTAURANT or (kind is Kind.SLIP and self.country.code == "US")
        if not may or self.random.random() < 0.4:
            return sale
        return replace(sale, tip=self._in_steps(sale.total * Decimal("0.12"), Decimal(self.country.smallest) * 50))

    def _paid(self, sale: Receipt, kind: Kind) -> Receipt:
        """Say whether it was paid by card or in cash, rounded to the coins there are."""
        if kind in {Kind.SLIP, Kind.HOTEL} or self.random.random() < 0.45:
            return sale
        if self.country.cash_step:
            step = Decimal(self.country.cash_step)
            sale = replace(sale, rounding=self._in_steps(sale.total, step) - sale.total)
        scale = Decimal(self.country.scale)
        note = next(note * scale for note in _NOTES if note * scale >= sale.total / 4)
        return replace(sale, cash=(sale.total / note).to_integral_value(ROUND_CEILING) * note)

    def _in_steps(self, amount: Decimal, step: Decimal) -> Decimal:
        return (amount / step).quantize(Decimal(1), ROUND_HALF_UP) * step

    def _rate(self) -> Decimal:
        return self._one((self.country.standard_rate, self.country.reduced_rate))

    def _day(self) -> date:
        return _FIRST_DAY + timedelta(days=self.random.randrange(_DAYS))

    def _receipt_number(self) -> str:
        number = self.random.randrange(1000, 999_999)
        return self._one((f"{number:06}", str(number), f"{self._one('ABT')}{number % 100:02}-{number:06}"))

    def _invoice_numbers(self) -> tuple[str, str]:
        """Return two numbers of one series, the older one first."""
        year, number = self.random.choice((2024, 2025, 2026)), self.random.randrange(100, 9000)
        form = self._one(
            ("{year}-{number:05}", "{letters}-{year}-{number:04}", "{letters}{number:06}", "{year}{number:04}")
        )
        letters = "".join(self.random.choices(string.ascii_uppercase, k=2))
        older, newer = (form.format(year=year, number=one, letters=letters) for one in (number, number + 37))
        return older, newer

    def _one(self, several: Sequence[_T]) -> _T:
        return self.random.choice(several)

    def _some(self, names: Sequence[str], least: int, most: int) -> list[str]:
        return self.random.sample(names, min(self.random.randint(least, most), len(names)))


def _counted_in(country: Country) -> Decimal:
    return Decimal(1).scaleb(-country.decimals)


def _plain(name: str) -> str:
    """Return a name as a domain would have it."""
    letters = unicodedata.normalize("NFKD", name.casefold().replace("ß", "ss").replace("ł", "l"))
    words = "".join(letter if letter in string.ascii_lowercase else " " for letter in letters if letter.isascii())
    return "-".join(words.split())


_BRANCHES: Mapping[Kind, str] = {
    Kind.RECEIPT: "shop",
    Kind.SUPERMARKET: "shop",
    Kind.RESTAURANT: "table",
    Kind.SLIP: "table",
    Kind.HOTEL: "hotel",
}
_ITEMS: Mapping[Kind, Callable[[_Inventor, date], tuple[Item, ...]]] = {
    Kind.RECEIPT: _Inventor.goods,
    Kind.SUPERMARKET: _Inventor.basket,
    Kind.RESTAURANT: _Inventor.dishes,
    Kind.SLIP: _Inventor.sum_alone,
    Kind.HOTEL: _Inventor.stay,
}
_UNPRINTED: Mapping[Kind, frozenset[str]] = {
    Kind.SLIP: frozenset({"due_date", "subtotal", "tax", "line_items"}),
}
