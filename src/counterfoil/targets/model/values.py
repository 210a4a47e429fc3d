"""What a record can say, with a line each: all that a model may choose from."""

from collections.abc import Mapping
from typing import Final

from counterfoil.records.domain import FieldPath

LINES: Final[Mapping[FieldPath, str]] = {
    FieldPath(path): line
    for path, line in {
        "merchant.name": "who sells",
        "merchant.address": "the seller's postal address",
        "merchant.tax_id": "the seller's tax or VAT number",
        "merchant.phone": "the seller's telephone number",
        "buyer.name": "who buys",
        "buyer.address": "the buyer's postal address",
        "buyer.tax_id": "the buyer's tax or VAT number",
        "buyer.phone": "the buyer's telephone number",
        "kind": "whether it is a receipt, an invoice or a credit note",
        "number": "the document's own number",
        "issue_date": "the date of the document",
        "issue_time": "the time of day on the document",
        "due_date": "when it is to be paid",
        "currency": "of all amounts, as three letters",
        "subtotal": "the sum before tax and tip",
        "tax_total": "the sum of all taxes",
        "tip": "the tip",
        "discount": "a discount on the whole",
        "total": "what is to be paid, with tax",
        "payment_method": "how it was paid: cash, card, transfer, direct_debit or other",
        "payment_last_digits": "the last digits of the card",
        "category": "what the money was spent for, in a word or two",
        "language": "of the document, as two letters",
        "notes": "what a person has noted about it",
        "taxes": "all taxes with their rates, as one text",
        "taxes.0.rate": "the first tax rate, in percent",
        "taxes.0.base": "the net amount at the first rate",
        "taxes.0.amount": "the tax at the first rate",
        "line_items": "all that was sold, as one text",
        "line_items.0.description": "the first thing that was sold",
        "delivered_at": "when the row is written",
        "document.name": "the name of the file",
        "document.url": "where the document can be looked at",
        "document.file": "the document itself, to be attached",
    }.items()
}
