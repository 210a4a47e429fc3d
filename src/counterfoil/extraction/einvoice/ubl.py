"""UBL, the syntax of Peppol and of the other half of XRechnung: invoices and credit notes."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from counterfoil.extraction.einvoice.codes import kind_of, payment_method_of, unit_of
from counterfoil.extraction.einvoice.parts import last_digits_of, lowered_by, notes_of, price_of_one
from counterfoil.extraction.einvoice.tree import HERE, day, every, first, money, number, text
from counterfoil.foundation.xml import local_name
from counterfoil.records.domain import InvoiceData, Kind, LineItem, Party, Tax


def data_of(root: Element) -> InvoiceData:
    """Return what an invoice or a credit note in this syntax says."""
    credited = local_name(root) == "CreditNote"
    currency = text(root, "DocumentCurrencyCode")
    sums, means = first(root, "LegalMonetaryTotal"), first(root, "PaymentMeans")
    return InvoiceData(
        kind=Kind.CREDIT_NOTE if credited else kind_of(text(root, "InvoiceTypeCode")),
        merchant=_party(first(root, "AccountingSupplierParty/Party")),
        buyer=_party(first(root, "AccountingCustomerParty/Party")),
        number=text(root, "ID"),
        issue_date=day(root, "IssueDate"),
        due_date=day(root, "DueDate", "PaymentMeans/PaymentDueDate"),
        currency=currency,
        subtotal=money(sums, "TaxExclusiveAmount"),
        taxes=tuple(_taxes(root, currency)),
        discount=lowered_by(money(sums, "AllowanceTotalAmount")),
        total=money(sums, "TaxInclusiveAmount"),
        payment_method=payment_method_of(text(means, "PaymentMeansCode")),
        payment_last_digits=last_digits_of(text(means, "CardAccount/PrimaryAccountNumberID")),
        line_items=tuple(_line(line) for line in every(root, "CreditNoteLine" if credited else "InvoiceLine")),
        notes=notes_of(text(note, HERE) for note in every(root, "Note")),
    )


def _party(party: Element | None) -> Party:
    address = first(party, "PostalAddress")
    lines = [text(address, name) for name in ("StreetName", "AdditionalStreetName", "AddressLine/Line")]
    place = " ".join(filter(None, (text(address, "PostalZone"), text(address, "CityName"))))
    return Party(
        name=text(party, "PartyLegalEntity/RegistrationName", "PartyName/Name"),
        address=", ".join(filter(None, (*lines, place))) or None,
        tax_id=_tax_id(party),
        phone=text(party, "Contact/Telephone"),
    )


def _tax_id(party: Element | None) -> str | None:
    """Return the VAT number, else the number that the tax office gave."""
    ids = {text(scheme, "TaxScheme/ID"): text(scheme, "CompanyID") for scheme in every(party, "PartyTaxScheme")}
    return ids.get("VAT") or next(filter(None, ids.values()), None)


def _taxes(root: Element, currency: str | None) -> Iterator[Tax]:
    """Return the tax at each rate; a total in a second currency, for the tax office alone, is left."""
    for total in every(root, "TaxTotal"):
        parts = list(every(total, "TaxSubtotal"))
        for part in parts:
            yield Tax(
                rate=number(part, "TaxCategory/Percent"),
                base=money(part, "TaxableAmount"),
                amount=money(part, "TaxAmount"),
            )
        amount = first(total, "TaxAmount")
        if not parts and amount is not None and amount.get("currencyID") in (currency, None):
            yield Tax(amount=money(total, "TaxAmount"))


def _line(line: Element) -> LineItem:
    counted = first(line, "CreditedQuantity")
    if counted is None:
        counted = first(line, "InvoicedQuantity")
    quantity, amount = number(counted, HERE), money(line, "LineExtensionAmount")
    return LineItem(
        description=text(line, "Item/Name", "Item/Description"),
        quantity=quantity,
        unit=unit_of(counted.get("unitCode")) if counted is not None else None,
        unit_price=price_of_one(money(line, "Price/PriceAmount"), number(line, "Price/BaseQuantity"), quantity, amount),
        tax_rate=number(line, "Item/ClassifiedTaxCategory/Percent"),
        amount=amount,
    )
