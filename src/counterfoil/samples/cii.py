"""A sale as a cross industry invoice (UN/CEFACT CII, profile EN 16931), in the order that its schema wants."""

import io
from datetime import date
from decimal import Decimal
from typing import TypeAlias
from xml.etree import ElementTree as ET

from counterfoil.samples.trade import Business, Invoice, Item, Tax

_NAMESPACES = {
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
}
UNIT_CODES = {"Krt": "CT"} | dict.fromkeys(("Std", "hrs", "h", "ore", "uur", "godz.", "jam"), "HUR")
PIECE = "C62"

_Part: TypeAlias = "str | ET.Element"


def xml(sale: Invoice) -> bytes:
    """Return the sale as a cross industry invoice."""
    for prefix, uri in _NAMESPACES.items():
        ET.register_namespace(prefix, uri)
    profile = _ram("GuidelineSpecifiedDocumentContextParameter", _ram("ID", "urn:cen.eu:en16931:2017"))
    document = (
        _ram("ID", sale.number),
        _ram("TypeCode", "381" if sale.corrects else "380"),
        _ram("IssueDateTime", _day(sale.issued)),
    )
    trade = (
        *(_line(number, item) for number, item in enumerate(sale.items, 1)),
        _agreement(sale),
        _delivery(sale),
        _settlement(sale),
    )
    invoice = _element(
        "rsm:CrossIndustryInvoice",
        _element("rsm:ExchangedDocumentContext", profile),
        _element("rsm:ExchangedDocument", *document),
        _element("rsm:SupplyChainTradeTransaction", *trade),
    )
    ET.indent(invoice)
    content = io.BytesIO()
    ET.ElementTree(invoice).write(content, encoding="UTF-8", xml_declaration=True)
    return content.getvalue()


def _element(tag: str, *parts: _Part, **attributes: str) -> ET.Element:
    prefix, _, name = tag.partition(":")
    element = ET.Element(f"{{{_NAMESPACES[prefix]}}}{name}", attributes)
    for part in parts:
        if isinstance(part, str):
            element.text = part
        else:
            element.append(part)
    return element


def _ram(name: str, *parts: _Part, **attributes: str) -> ET.Element:
    return _element(f"ram:{name}", *parts, **attributes)


def _day(day: date) -> ET.Element:
    return _element("udt:DateTimeString", f"{day:%Y%m%d}", format="102")


def _rate(rate: Decimal) -> tuple[ET.Element, ...]:
    return _ram("CategoryCode", "S"), _ram("RateApplicablePercent", f"{rate:.2f}")


def _line(number: int, item: Item) -> ET.Element:
    amount = _ram("SpecifiedTradeSettlementLineMonetarySummation", _ram("LineTotalAmount", str(item.amount)))
    return _ram(
        "IncludedSupplyChainTradeLineItem",
        _ram("AssociatedDocumentLineDocument", _ram("LineID", str(number))),
        _ram("SpecifiedTradeProduct", _ram("SellerAssignedID", item.number), _ram("Name", item.name)),
        _ram("SpecifiedLineTradeAgreement", _ram("NetPriceProductTradePrice", _ram("ChargeAmount", str(item.price)))),
        _ram(
            "SpecifiedLineTradeDelivery",
            _ram("BilledQuantity", str(item.quantity), unitCode=UNIT_CODES.get(item.unit, PIECE)),
        ),
        _ram(
            "SpecifiedLineTradeSettlement",
            _ram("ApplicableTradeTax", _ram("TypeCode", "VAT"), *_rate(item.rate)),
            amount,
        ),
    )


def _agreement(sale: Invoice) -> ET.Element:
    seller = sale.seller
    department = (_ram("DepartmentName", seller.department),) if seller.department else ()
    contact = _ram(
        "DefinedTradeContact",
        *department,
        _ram("TelephoneUniversalCommunication", _ram("CompleteNumber", seller.phone)),
        _ram("EmailURIUniversalCommunication", _ram("URIID", seller.email)),
    )
    registration = _ram("SpecifiedTaxRegistration", _ram("ID", seller.tax_id, schemeID="VA"))
    return _ram(
        "ApplicableHeaderTradeAgreement",
        _ram("SellerTradeParty", _ram("Name", seller.name), contact, _address(seller), registration),
        _ram("BuyerTradeParty", _ram("Name", sale.buyer.name), _address(sale.buyer)),
    )


def _address(business: Business) -> ET.Element:
    return _ram(
        "PostalTradeAddress",
        _ram("PostcodeCode", business.postcode),
        _ram("LineOne", business.street),
        _ram("CityName", business.city),
        _ram("CountryID", business.country),
    )


def _delivery(sale: Invoice) -> ET.Element:
    event = _ram("ActualDeliverySupplyChainEvent", _ram("OccurrenceDateTime", _day(sale.delivered)))
    return _ram("ApplicableHeaderTradeDelivery", event)


def _settlement(sale: Invoice) -> ET.Element:
    account = _ram("PayeePartyCreditorFinancialAccount", _ram("IBANID", sale.seller.iban))
    return _ram(
        "ApplicableHeaderTradeSettlement",
        _ram("PaymentReference", sale.number),
        _ram("InvoiceCurrencyCode", sale.currency),
        _ram("SpecifiedTradeSettlementPaymentMeans", _ram("TypeCode", "58"), account),
        *(_tax(tax) for tax in sale.taxes),
        *_terms(sale),
        _ram(
            "SpecifiedTradeSettlementHeaderMonetarySummation",
            _ram("LineTotalAmount", str(sum((item.amount for item in sale.items), Decimal(0)))),
            _ram("TaxBasisTotalAmount", str(sale.subtotal)),
            _ram("TaxTotalAmount", str(sale.tax), currencyID=sale.currency),
            _ram("GrandTotalAmount", str(sale.total)),
            _ram("DuePayableAmount", str(sale.total)),
        ),
        *_reference(sale),
    )


def _terms(sale: Invoice) -> tuple[ET.Element, ...]:
    if sale.corrects:
        return ()
    return (_ram("SpecifiedTradePaymentTerms", _ram("DueDateDateTime", _day(sale.due))),)


def _reference(sale: Invoice) -> tuple[ET.Element, ...]:
    if not sale.corrects:
        return ()
    return (_ram("InvoiceReferencedDocument", _ram("IssuerAssignedID", sale.corrects)),)


def _tax(tax: Tax) -> ET.Element:
    return _ram(
        "ApplicableTradeTax",
        _ram("CalculatedAmount", str(tax.amount)),
        _ram("TypeCode", "VAT"),
        _ram("BasisAmount", str(tax.base)),
        *_rate(tax.rate),
    )
