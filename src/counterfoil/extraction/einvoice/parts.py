"""Parts of a record that both syntaxes give in the same way."""

from collections.abc import Iterable
from decimal import Decimal

LONGEST_NOTES = 2_000  # letters
_CENT = Decimal("0.01")
_PLACES = Decimal("0.0000000001")


def price_of_one(
    charged: Decimal | None, basis: Decimal | None, quantity: Decimal | None, amount: Decimal | None
) -> Decimal | None:
    """Return the price of one. It may be given for several, or for several by mistake: then the line is right."""
    if charged is None or not basis or basis == 1:
        return charged
    if quantity is not None and amount is not None and abs(quantity * charged - amount) < _CENT:
        return charged
    return Decimal(f"{(charged / basis).quantize(_PLACES).normalize():f}")


def notes_of(notes: Iterable[str | None]) -> str | None:
    """Return the free texts of an invoice, each on a line."""
    return "\n".join(filter(None, notes))[:LONGEST_NOTES] or None


def last_digits_of(card: str | None) -> str | None:
    """Return the end of a card's number, which alone may be kept."""
    return card[-4:] if card else None


def lowered_by(allowances: Decimal | None) -> Decimal | None:
    """Return the discount; many invoices say that there is none."""
    return allowances or None
