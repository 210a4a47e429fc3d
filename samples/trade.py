"""What is bought and sold in the samples: the data that is drawn, and the truth about it."""

from dataclasses import dataclass
from datetime import date, time
from decimal import ROUND_HALF_UP, Decimal

_CENT = Decimal("0.01")
_SEPARATORS = {"en": (",", "."), "de": (".", ","), "es": (".", ","), "fr": ("\N{NO-BREAK SPACE}", ",")}


def cents(amount: Decimal) -> Decimal:
    """Round as tills do, half a cent up."""
    return amount.quantize(_CENT, ROUND_HALF_UP)


def printed(number: Decimal, language: str) -> str:
    """Write a number with all its decimals as the language does."""
    thousands, point = _SEPARATORS[language]
    return f"{number:,f}".translate({ord(","): thousands, ord("."): point})


@dataclass(frozen=True, slots=True, kw_only=True)
class Business:
    """An invented firm with its address; whoever prints it adds the words around."""

    name: str
    street: str
    postcode: str
    city: str
    country: str
    tax_id: str = ""
    phone: str = ""
    email: str = ""
    website: str = ""
    iban: str = ""
    register: str = ""

    @property
    def town(self) -> str:
        """The second line of the address, in the order of the country."""
        if self.country in {"GB", "US"}:
            return f"{self.city} {self.postcode}"
        return f"{self.postcode} {self.city}"

    @property
    def address(self) -> str:
        return f"{self.street}, {self.town}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of a receipt or an invoice."""

    name: str
    price: Decimal  # of one unit
    rate: Decimal  # tax, per cent
    quantity: Decimal = Decimal(1)
    unit: str = ""
    number: str = ""

    @property
    def amount(self) -> Decimal:
        return cents(self.price * self.quantity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tax:
    """What one rate of tax comes to."""

    rate: Decimal
    base: Decimal
    amount: Decimal

    @property
    def gross(self) -> Decimal:
        return self.base + self.amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """All that one sample says; either a `Receipt` or an `Invoice`."""

    file: str
    pages: int
    language: str
    seller: Business
    number: str
    issued: date
    currency: str
    items: tuple[Item, ...]
    prices_hold_tax: bool = False
    has_text_layer: bool = False

    @property
    def taxes(self) -> tuple[Tax, ...]:
        """One per rate, the lowest first."""
        return tuple(self._tax(rate) for rate in sorted({item.rate for item in self.items}))

    def _tax(self, rate: Decimal) -> Tax:
        amount = sum((item.amount for item in self.items if item.rate == rate), Decimal(0))
        if self.prices_hold_tax:
            tax = cents(amount * rate / (100 + rate))
            return Tax(rate=rate, base=amount - tax, amount=tax)
        return Tax(rate=rate, base=amount, amount=cents(amount * rate / 100))

    @property
    def subtotal(self) -> Decimal:
        return sum((tax.base for tax in self.taxes), Decimal(0))

    @property
    def tax(self) -> Decimal:
        return sum((tax.amount for tax in self.taxes), Decimal(0))

    @property
    def total(self) -> Decimal:
        return self.subtotal + self.tax

    def amount(self, value: Decimal) -> str:
        """Write an amount of money, without its currency, as the sample prints it."""
        return printed(cents(value), self.language)

    def truth(self) -> dict[str, object]:
        """Return the row of the truth file."""
        return {
            "file": self.file,
            "lang": self.language,
            "country": self.seller.country,
            "fields": {
                "merchant": self.seller.name,
                "address": self.seller.address,
                "invoice_number": self.number,
                **self._dates(),
                "currency": self.currency,
                "subtotal": str(self.subtotal),
                "tax": str(self.tax),
                "total": str(self.total),
                "line_items": [_row(item) for item in self.items],
            },
            "extra": {
                "pages": self.pages,
                "text_layer": self.has_text_layer,
                "tax_id": self.seller.tax_id or None,
                "taxes": [{"rate": str(t.rate), "base": str(t.base), "amount": str(t.amount)} for t in self.taxes],
                **self._more(),
            },
        }

    def _dates(self) -> dict[str, str]:
        return {"date": self.issued.isoformat()}

    def _more(self) -> dict[str, str]:
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt(Sale):
    """A sale at a till, paid at once."""

    at: time
    tip: Decimal = Decimal("0.00")
    cash: Decimal = Decimal("0.00")

    @property
    def total(self) -> Decimal:
        return self.subtotal + self.tax + self.tip

    def _more(self) -> dict[str, str]:
        return {"time": self.at.isoformat("minutes"), "tip": str(self.tip)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice(Sale):
    """A sale to another business, to be paid later."""

    buyer: Business
    due: date
    delivered: date

    def _dates(self) -> dict[str, str]:
        return {"date": self.issued.isoformat(), "due_date": self.due.isoformat()}

    def _more(self) -> dict[str, str]:
        return {"buyer": self.buyer.name}


def _row(item: Item) -> dict[str, str]:
    return {
        "description": item.name,
        "quantity": str(item.quantity),
        "unit_price": str(item.price),
        "amount": str(item.amount),
    }


def goods(rate: str, *lines: str) -> tuple[Item, ...]:
    """Return the items of lines like `number | name | quantity | unit | price`, all taxed at one rate."""
    return tuple(_item(Decimal(rate), *(part.strip() for part in line.split("|"))) for line in lines)


def _item(rate: Decimal, number: str, name: str, quantity: str, unit: str, price: str) -> Item:
    return Item(name=name, price=Decimal(price), rate=rate, quantity=Decimal(quantity), unit=unit, number=number)
