"""CII, the syntax of Factur-X, ZUGFeRD and half of XRechnung; and ZUGFeRD 1, which calls the same things otherwise."""

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from counterfoil.extraction.einvoice.codes import kind_of, payment_method_of, unit_of
from counterfoil.extraction.einvoice.parts import last_digits_of, lowered_by, notes_of, price_of_one
from counterfoil.extraction.einvoice.tree import HERE, day, every, first, money, number, text
from counterfoil.records.domain import InvoiceData, LineItem, Party, Tax

_OTHER_LINES = {"GROUP", "INFORMATION"}
"""Lines of a structured invoice that only sum up or explain others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What a version calls the parts of an invoice."""

    document: str
    trade: str
    agreement: str
    settlement: str
    sums: str
    line_agreement: str
    line_delivery: str
    line_settlement: str
    line_sums: str


CII = Names(
    document="ExchangedDocument",
    trade="SupplyChainTradeTransaction",
    agreement="ApplicableHeaderTradeAgreement",
    settlement="ApplicableHeaderTradeSettlement",
    sums="SpecifiedTradeSettlementHeaderMonetarySummation",
    line_agreement="SpecifiedLineTradeAgreement",
    line_delivery="SpecifiedLineTradeDelivery",
    line_settlement="SpecifiedLineTradeSettlement",
    line_sums="SpecifiedTradeSettlementLineMonetarySummation",
)
ZUGFERD_1 = Names(
    document="HeaderExchangedDocument",
    trade="SpecifiedSupplyChainTradeTransaction",
    agreement="ApplicableSupplyChainTradeAgreement",
    settlement="ApplicableSupplyChainTradeSettlement",
    sums="SpecifiedTradeSettlementMonetarySummation",
    line_agreement="SpecifiedSupplyChainTradeAgreement",
    line_delivery="SpecifiedSupplyChainTradeDelivery",
    line_settlement="SpecifiedSupplyChainTradeSettlement",
    line_sums="SpecifiedTradeSettlementMonetarySummation",
)


def data_of(root: Element, names: Names) -> InvoiceData:
    """Return what an invoice in this syntax says."""
    document, trade = first(root, names.document), first(root, names.trade)
    agreement, settlement = first(trade, names.agreement), first(trade, names.settlement)
    sums, means = first(settlement, names.sums), first(settlement, "SpecifiedTradeSettlementPaymentMeans")
    currency = text(settlement, "InvoiceCurrencyCode")
    return InvoiceData(
        kind=kind_of(text(document, "TypeCode")),
        merchant=_party(first(agreement, "SellerTradeParty")),
        buyer=_party(first(agreement, "BuyerTradeParty")),
        number=text(document, "ID"),
        issue_date=day(document, "IssueDateTime/DateTimeString"),
        due_date=day(settlement, "SpecifiedTradePaymentTerms/DueDateDateTime/DateTimeString"),
        currency=currency,
        subtotal=money(sums, "TaxBasisTotalAmount"),
        taxes=tuple(_taxes(settlement, sums, currency)),
        discount=lowered_by(money(sums, "AllowanceTotalAmount")),
        total=money(sums, "GrandTotalAmount"),
        payment_method=payment_method_of(text(means, "TypeCode")),
        payment_last_digits=last_digits_of(text(means, "ApplicableTradeSettlementFinancialCard/ID")),
        line_items=tuple(_lines(trade, names)),
        notes=notes_of(text(note, "Content") for note in every(document, "IncludedNote")),
    )


def _party(party: Element | None) -> Party:
    address = first(party, "PostalTradeAddress")
    lines = [text(address, name) for name in ("LineOne", "LineTwo", "LineThree")]
    place = " ".join(filter(None, (text(address, "PostcodeCode"), text(address, "CityName"))))
    contact = first(party, "DefinedTradeContact")
    return Party(
        name=text(party, "Name", "SpecifiedLegalOrganization/TradingBusinessName"),
        address=", ".join(filter(None, (*lines, place))) or None,
        tax_id=_tax_id(party),
        phone=text(contact, "TelephoneUniversalCommunication/CompleteNumber"),
    )


def _tax_id(party: Element | None) -> str | None:
    """Return the VAT number, else the number that the tax office gave."""
    ids = {found.get("schemeID"): text(found, HERE) for found in every(party, "SpecifiedTaxRegistration/ID")}
    return ids.get("VA") or ids.get("FC")


def _taxes(settlement: Element | None, sums: Element | None, currency: str | None) -> Iterator[Tax]:
    found = list(every(settlement, "ApplicableTradeTax"))
    for tax in found:
        yield Tax(
            rate=number(tax, "RateApplicablePercent", "ApplicablePercent"),
            base=money(tax, "BasisAmount"),
            amount=money(tax, "CalculatedAmount"),
        )
    if not found:  # the smallest profiles give their sum alone, perhaps in a second currency as well
        totals = list(every(sums, "TaxTotalAmount"))
        mine = [total for total in totals if total.get("currencyID") in (currency, None)] or totals
        if mine and (amount := money(mine[0], HERE)) is not None:
            yield Tax(amount=amount)


def _lines(trade: Element | None, names: Names) -> Iterator[LineItem]:
    for line in every(trade, "IncludedSupplyChainTradeLineItem"):
        if text(line, "AssociatedDocumentLineDocument/LineStatusReasonCode") in _OTHER_LINES:
            continue
        delivery, settlement = first(line, names.line_delivery), first(line, names.line_settlement)
        amount = money(settlement, f"{names.line_sums}/LineTotalAmount")
        if amount is None:  # it only explains those that follow
            continue
        billed, quantity = first(delivery, "BilledQuantity"), number(delivery, "BilledQuantity")
        price = first(line, f"{names.line_agreement}/NetPriceProductTradePrice")
        yield LineItem(
            description=text(line, "SpecifiedTradeProduct/Name", "AssociatedDocumentLineDocument/IncludedNote/Content"),
            quantity=quantity,
            unit=unit_of(billed.get("unitCode")) if billed is not None else None,
            unit_price=price_of_one(money(price, "ChargeAmount"), number(price, "BasisQuantity"), quantity, amount),
            tax_rate=number(
                settlement, "ApplicableTradeTax/RateApplicablePercent", "ApplicableTradeTax/ApplicablePercent"
            ),
            amount=amount,
        )
