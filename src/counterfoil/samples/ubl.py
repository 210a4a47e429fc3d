"""A sale as UBL 2.1 (EN 16931), in the order that its schema wants: an invoice or a credit note."""

import io
from decimal import Decimal
from xml.etree import ElementTree as ET

from counterfoil.samples.cii import PIECE, UNIT_CODES
from counterfoil.samples.trade import Business, Invoice, Item, Tax

_CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
_CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
_ROOT = "urn:oasis:names:specification:ubl:schema:xsd:{0}-2"


def xml(sale: Invoice) -> bytes:
    """Return the sale as an invoice or a credit note."""
    name = "CreditNote" if sale.corrects else "Invoice"
    for prefix, uri in (("cbc", _CBC), ("cac", _CAC), ("", _ROOT.format(name))):
        ET.register_namespace(prefix, uri)
    root = ET.Element(f"{{{_ROOT.format(name)}}}{name}")
    root.extend((*_head(sale, name), *_parties(sale), *_payment(sale), _taxes(sale), _sums(sale)))
    root.extend(_line(sale, number, item, name) for number, item in enumerate(sale.items, 1))
    ET.indent(root)
    content = io.BytesIO()
    ET.ElementTree(root).write(content, encoding="UTF-8", xml_declaration=True)
    return content.getvalue()


def _head(sale: Invoice, name: str) -> tuple[ET.Element, ...]:
    due = () if sale.corrects else (_basic("DueDate", sale.due.isoformat()),)
    reference = _group("BillingReference", _group("InvoiceDocumentReference", _basic("ID", sale.corrects)))
    return (
        _basic("CustomizationID", "urn:cen.eu:en16931:2017"),
        _basic("ID", sale.number),
        _basic("IssueDate", sale.issued.isoformat()),
        *due,
        _basic(f"{name}TypeCode", "381" if sale.corrects else "380"),
        _basic("DocumentCurrencyCode", sale.currency),
        *((reference,) if sale.corrects else ()),
    )


def _parties(sale: Invoice) -> tuple[ET.Element, ...]:
    return (
        _group("AccountingSupplierParty", _party(sale.seller)),
        _group("AccountingCustomerParty", _party(sale.buyer)),
        _group("Delivery", _basic("ActualDeliveryDate", sale.delivered.isoformat())),
    )


def _party(business: Business) -> ET.Element:
    address = _group(
        "PostalAddress",
        _basic("StreetName", business.street),
        _basic("CityName", business.city),
        _basic("PostalZone", business.postcode),
        _group("Country", _basic("IdentificationCode", business.country)),
    )
    scheme = _group("PartyTaxScheme", _basic("CompanyID", business.tax_id), _vat())
    contact = _group("Contact", _basic("Telephone", business.phone), _basic("ElectronicMail", business.email))
    legal = _group("PartyLegalEntity", _basic("RegistrationName", business.name))
    return _group("Party", address, scheme, legal, contact)


def _payment(sale: Invoice) -> tuple[ET.Element, ...]:
    if not sale.seller.iban:
        return ()
    account = _group("PayeeFinancialAccount", _basic("ID", sale.seller.iban))
    return (_group("PaymentMeans", _basic("PaymentMeansCode", "58"), _basic("PaymentID", sale.number), account),)


def _taxes(sale: Invoice) -> ET.Element:
    return _group("TaxTotal", _money("TaxAmount", sale.tax, sale), *(_tax(sale, tax) for tax in sale.taxes))


def _tax(sale: Invoice, tax: Tax) -> ET.Element:
    base, amount = _money("TaxableAmount", tax.base, sale), _money("TaxAmount", tax.amount, sale)
    return _group("TaxSubtotal", base, amount, _group("TaxCategory", *_category(tax.rate)))


def _sums(sale: Invoice) -> ET.Element:
    amounts = (
        ("LineExtensionAmount", sale.subtotal),
        ("TaxExclusiveAmount", sale.subtotal),
        ("TaxInclusiveAmount", sale.total),
        ("PayableAmount", sale.total),
    )
    return _group("LegalMonetaryTotal", *(_money(name, amount, sale) for name, amount in amounts))


def _line(sale: Invoice, number: int, item: Item, document: str) -> ET.Element:
    quantity = _basic(
        "CreditedQuantity" if sale.corrects else "InvoicedQuantity",
        str(item.quantity),
        unitCode=UNIT_CODES.get(item.unit, PIECE),
    )
    return _group(
        f"{document}Line",
        _basic("ID", str(number)),
        quantity,
        _money("LineExtensionAmount", item.amount, sale),
        _group("Item", _basic("Name", item.name), _group("ClassifiedTaxCategory", *_category(item.rate))),
        _group("Price", _money("PriceAmount", item.price, sale)),
    )


def _category(rate: Decimal) -> tuple[ET.Element, ...]:
    return _basic("ID", "S"), _basic("Percent", str(rate)), _vat()


def _vat() -> ET.Element:
    return _group("TaxScheme", _basic("ID", "VAT"))


def _money(name: str, amount: Decimal, sale: Invoice) -> ET.Element:
    return _basic(name, str(amount), currencyID=sale.currency)


def _basic(name: str, text: str, **attributes: str) -> ET.Element:
    element = ET.Element(f"{{{_CBC}}}{name}", attributes)
    element.text = text
    return element


def _group(name: str, *parts: ET.Element) -> ET.Element:
    element = ET.Element(f"{{{_CAC}}}{name}")
    element.extend(parts)
    return element
