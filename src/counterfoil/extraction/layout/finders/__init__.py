"""What looks for the fields on a paper. A new field is one module here and one line in `FINDERS`."""

from counterfoil.extraction.layout.candidates import Finder
from counterfoil.extraction.layout.finders import (
    address,
    buyer,
    currency,
    dates,
    discount,
    items,
    kind,
    language,
    merchant,
    number,
    payment,
    phone,
    subtotal,
    tax_id,
    taxes,
    tip,
    total,
)

FINDERS: tuple[Finder, ...] = (
    kind.find,
    merchant.find,
    address.find,
    phone.find,
    tax_id.find,
    buyer.find,
    number.find,
    dates.find,
    currency.find,
    subtotal.find,
    taxes.find,
    tip.find,
    discount.find,
    total.find,
    payment.find,
    items.find,
    language.find,
)
