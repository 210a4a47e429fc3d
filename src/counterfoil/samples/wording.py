"""How countries write, and what their languages call things: the data that every drawing takes its words from."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from random import Random

_FOLDER = files(__package__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """The words of a language: several for most things, of which one firm uses one."""

    code: str
    months: Sequence[str]
    words: Mapping[str, Sequence[str]]
    units: Mapping[str, str]
    names: Mapping[str, Sequence[str]]
    goods: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Country:
    """How a country writes money, dates and addresses, and what it taxes."""

    code: str
    language: str
    currency: str
    money: Sequence[str]
    thousands: str
    point: str
    dates: Sequence[str]
    tax: Sequence[str]
    tax_rates: Sequence[str]
    prices_hold_tax: bool
    tax_id: Sequence[str]
    towns: Sequence[Sequence[str]]
    town: str
    streets: Sequence[str]
    phone: str
    e_invoices: bool
    decimals: int = 2
    smallest: str = "0.01"  # step between prices
    cash_step: str = ""  # between amounts that can be paid in cash, if it is larger
    scale: str = "1"

    @property
    def standard_rate(self) -> Decimal:
        return Decimal(self.tax_rates[0])

    @property
    def reduced_rate(self) -> Decimal:
        return Decimal(self.tax_rates[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How one firm writes: the words it has chosen, its way with dates and money."""

    country: Country
    words: Mapping[str, str]
    months: Sequence[str]
    date_form: str
    money_form: str
    rate_form: str

    def date(self, day: date) -> str:
        return self.date_form.format(
            d=day.day, dd=f"{day:%d}", mm=f"{day:%m}", yy=f"{day:%y}", yyyy=day.year, month=self.months[day.month - 1]
        )

    def amount(self, value: Decimal) -> str:
        """Write an amount of money without its currency."""
        return self._with_signs(f"{value:,.{self.country.decimals}f}")

    def money(self, value: Decimal) -> str:
        return self.money_form.format(self.amount(value))

    def number(self, value: Decimal) -> str:
        """Write a number with all its decimals."""
        return self._with_signs(f"{value:,f}")

    def rate(self, value: Decimal) -> str:
        return self.rate_form.format(self.number(value))

    def _with_signs(self, number: str) -> str:
        return number.translate({ord(","): self.country.thousands, ord("."): self.country.point})


@cache
def countries() -> Mapping[str, Country]:
    """Return all countries by their codes."""
    content = tomllib.loads((_FOLDER / "countries.toml").read_text(encoding="utf-8"))
    return {code: Country(code=code, **country) for code, country in content.items()}


@cache
def language(code: str) -> Language:
    """Return a language by its code."""
    content = tomllib.loads((_FOLDER / "languages" / f"{code}.toml").read_text(encoding="utf-8"))
    return Language(code=code, **content)


def manner_of(country: Country, random: Random) -> Manner:
    """Choose how a firm of this country writes."""
    spoken = language(country.language)
    words = {name: random.choice(several) for name, several in spoken.words.items()}
    return Manner(
        country=country,
        words=words | {"tax": random.choice(country.tax), "tax_id": random.choice([*country.tax_id] or [""])},
        months=spoken.months,
        date_form=random.choice(country.dates),
        money_form=random.choice(country.money),
        rate_form=random.choice(("{}%", "{} %")),
    )
