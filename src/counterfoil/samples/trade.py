"""What is bought and sold in a sample: the data that is drawn, and the truth about it."""

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
    department: str = ""  # that answers questions about invoices
    town_form: str = ""  # where it is not the postcode before the city

    @property
    def town(self) -> str:
        """The second line of the address, in the order of the country."""
        return (self.town_form or "{postcode} {city}").format(postcode=self.postcode, city=self.city)

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
    discount: Decimal = Decimal(0)
    day: date | None = None

    @property
    def amount(self) -> Decimal:
        """What the line comes to, before its discount."""
        return cents(self.price * self.quantity)

    @property
    def charged(self) -> Decimal:
        return self.amount - self.discount


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
    smallest: Decimal = _CENT  # unit in which the currency is counted
    unprinted: frozenset[str] = frozenset()  # fields that the page does not show

    @property
    def taxes(self) -> tuple[Tax, ...]:
        """One per rate, the lowest first."""
        return tuple(self._tax(rate) for rate in sorted({item.rate for item in self.items}))

    def _tax(self, rate: Decimal) -> Tax:
        amount = sum((item.charged for item in self.items if item.rate == rate), Decimal(0))
        share = amount * rate / (100 + rate if self.prices_hold_tax else 100)
        tax = share.quantize(self.smallest, ROUND_HALF_UP)
        return Tax(rate=rate, base=amount - tax if self.prices_hold_tax else amount, amount=tax)

    @property
    def subtotal(self) -> Decimal:
        return sum((tax.base for tax in self.taxes), Decimal(0))

    @property
    def tax(self) -> Decimal:
        return sum((tax.amount for tax in self.taxes), Decimal(0))

    @property
    def total(self) -> Decimal:
        return self.subtotal + self.tax

    @property
    def discount(self) -> Decimal:
        return sum((item.discount for item in self.items), Decimal(0))

    def amount(self, value: Decimal) -> str:
        """Write an amount of money, without its currency, as the sample prints it."""
        return printed(cents(value), self.language)

    def truth(self) -> dict[str, object]:
        """Return the row of the truth file."""
        fields = {name: value for name, value in self._fields().items() if name not in self.unprinted}
        row: dict[str, object] = {
            "file": self.file,
            "lang": self.language,
            "country": self.seller.country,
            "fields": fields,
            "extra": self.extra(),
        }
        return row | ({"absent": sorted(self.unprinted)} if self.unprinted else {})

    def _fields(self) -> dict[str, object]:
        return {
            "merchant": self.seller.name,
            "address": self.seller.address,
            "invoice_number": self.number,
            **self._dates(),
            "currency": self.currency,
            "subtotal": str(self.subtotal),
            "tax": str(self.tax),
            "total": str(self.total),
            "line_items": [_row(item) for item in self.items],
        }

    def extra(self) -> dict[str, object]:
        discount = {"discount": str(self.discount)} if self.discount else {}
        return {
            "pages": self.pages,
            "text_layer": self.has_text_layer,
            "tax_id": self.seller.tax_id or None,
            "taxes": [{"rate": str(t.rate), "base": str(t.base), "amount": str(t.amount)} for t in self.taxes],
            **self._more(),
            **discount,
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
    rounding: Decimal = Decimal(0)

    @property
    def total(self) -> Decimal:
        return self.subtotal + self.tax + self.tip + self.rounding

    def _more(self) -> dict[str, str]:
        rounding = {"rounding": str(self.rounding)} if self.rounding else {}
        return {"time": self.at.isoformat("minutes"), "tip": str(self.tip)} | rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice(Sale):
    """A sale to another business, to be paid later; with the number of an older invoice, a credit note for that."""

    buyer: Business
    due: date
    delivered: date
    corrects: str = ""

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
