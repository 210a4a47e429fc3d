"""The German invoice as Factur-X: the page for people, and the same as XML (UN/CEFACT CII, profile EN 16931) inside.

The XML is written from the sale, in the order that its schema wants. The file is laid out as PDF/A-3b: fonts and
colours come along, the XMP data says so, and the attachment is tied to the document as its alternative.
"""

import io
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TypeAlias
from xml.etree import ElementTree as ET

import pikepdf
from PIL import ImageCms

from samples.trade import Business, Invoice, Item, Tax

FILE_NAME = "factur-x.xml"
_NAMESPACES = {
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
}
_UNIT_CODES = {"Stk": "C62", "Std": "HUR", "Krt": "CT"}

_Part: TypeAlias = "str | ET.Element"


def xml(sale: Invoice) -> bytes:
    """Return the sale as a cross industry invoice."""
    for prefix, uri in _NAMESPACES.items():
        ET.register_namespace(prefix, uri)
    profile = _ram("GuidelineSpecifiedDocumentContextParameter", _ram("ID", "urn:cen.eu:en16931:2017"))
    document = (_ram("ID", sale.number), _ram("TypeCode", "380"), _ram("IssueDateTime", _day(sale.issued)))
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
            _ram("BilledQuantity", str(item.quantity), unitCode=_UNIT_CODES[item.unit]),
        ),
        _ram(
            "SpecifiedLineTradeSettlement",
            _ram("ApplicableTradeTax", _ram("TypeCode", "VAT"), *_rate(item.rate)),
            amount,
        ),
    )


def _agreement(sale: Invoice) -> ET.Element:
    seller = sale.seller
    contact = _ram(
        "DefinedTradeContact",
        _ram("DepartmentName", "Buchhaltung"),
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
        _ram("SpecifiedTradePaymentTerms", _ram("DueDateDateTime", _day(sale.due))),
        _ram(
            "SpecifiedTradeSettlementHeaderMonetarySummation",
            _ram("LineTotalAmount", str(sum((item.amount for item in sale.items), Decimal(0)))),
            _ram("TaxBasisTotalAmount", str(sale.subtotal)),
            _ram("TaxTotalAmount", str(sale.tax), currencyID=sale.currency),
            _ram("GrandTotalAmount", str(sale.total)),
            _ram("DuePayableAmount", str(sale.total)),
        ),
    )


def _tax(tax: Tax) -> ET.Element:
    return _ram(
        "ApplicableTradeTax",
        _ram("CalculatedAmount", str(tax.amount)),
        _ram("TypeCode", "VAT"),
        _ram("BasisAmount", str(tax.base)),
        *_rate(tax.rate),
    )


def hybrid(page: bytes, sale: Invoice) -> bytes:
    """Put the XML into the page's file and say so where readers of Factur-X look."""
    made = datetime.combine(sale.issued, time(9), UTC)
    with pikepdf.open(io.BytesIO(page)) as pdf:
        _attach(pdf, xml(sale), made)
        _describe(pdf, sale, made)
        for sheet in pdf.pages:
            del sheet.Trans  # an empty page transition: nothing for paper
        profile = pdf.make_stream(_colours(), N=3)
        pdf.Root.OutputIntents = pikepdf.Array(
            [
                pikepdf.Dictionary(
                    Type=pikepdf.Name.OutputIntent,
                    S=pikepdf.Name.GTS_PDFA1,
                    OutputConditionIdentifier="sRGB",
                    DestOutputProfile=profile,
                )
            ]
        )
        content = io.BytesIO()
        pdf.save(content, deterministic_id=True, min_version="1.7", object_stream_mode=pikepdf.ObjectStreamMode.disable)
    return content.getvalue()


def _attach(pdf: pikepdf.Pdf, invoice: bytes, made: datetime) -> None:
    day = f"D:{made:%Y%m%d%H%M%S}Z"
    stream = pdf.make_stream(
        invoice,
        Type=pikepdf.Name.EmbeddedFile,
        Subtype=pikepdf.Name("/text/xml"),
        Params=pikepdf.Dictionary(ModDate=day, Size=len(invoice)),
    )
    attachment = pdf.make_indirect(
        pikepdf.Dictionary(
            Type=pikepdf.Name.Filespec,
            F=FILE_NAME,
            UF=FILE_NAME,
            Desc="Factur-X-Rechnung",
            AFRelationship=pikepdf.Name.Alternative,
            EF=pikepdf.Dictionary(F=stream, UF=stream),
        )
    )
    pdf.Root.Names = pikepdf.Dictionary(
        EmbeddedFiles=pikepdf.Dictionary(Names=pikepdf.Array([pikepdf.String(FILE_NAME), attachment]))
    )
    pdf.Root.AF = pikepdf.Array([attachment])


def _describe(pdf: pikepdf.Pdf, sale: Invoice, made: datetime) -> None:
    title = f"Rechnung {sale.number}"
    day = f"D:{made:%Y%m%d%H%M%S}Z"
    pdf.docinfo = pdf.make_indirect(
        pikepdf.Dictionary(Title=title, Author=sale.seller.name, CreationDate=day, ModDate=day)
    )
    packet = _XMP.format(title=title, author=sale.seller.name, made=f"{made:%Y-%m-%dT%H:%M:%SZ}", file=FILE_NAME)
    pdf.Root.Metadata = pdf.make_stream(packet.encode(), Type=pikepdf.Name.Metadata, Subtype=pikepdf.Name.XML)


def _colours() -> bytes:
    """Return the sRGB profile without the time at which it was made, so that every drawing is the same."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = bytes(12)
    return bytes(profile)


_XMP = """<?xpacket begin="\N{ZERO WIDTH NO-BREAK SPACE}" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/">
   <pdfaid:part>3</pdfaid:part>
   <pdfaid:conformance>B</pdfaid:conformance>
  </rdf:Description>
  <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">
   <dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
   <dc:creator><rdf:Seq><rdf:li>{author}</rdf:li></rdf:Seq></dc:creator>
  </rdf:Description>
  <rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/">
   <xmp:CreateDate>{made}</xmp:CreateDate>
   <xmp:ModifyDate>{made}</xmp:ModifyDate>
  </rdf:Description>
  <rdf:Description rdf:about="" xmlns:fx="urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#">
   <fx:DocumentType>INVOICE</fx:DocumentType>
   <fx:DocumentFileName>{file}</fx:DocumentFileName>
   <fx:Version>1.0</fx:Version>
   <fx:ConformanceLevel>EN 16931</fx:ConformanceLevel>
  </rdf:Description>
  <rdf:Description rdf:about=""
    xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
    xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#"
    xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
   <pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
    <pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>
    <pdfaSchema:namespaceURI>urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#</pdfaSchema:namespaceURI>
    <pdfaSchema:prefix>fx</pdfaSchema:prefix>
    <pdfaSchema:property><rdf:Seq>
     <rdf:li rdf:parseType="Resource">
      <pdfaProperty:name>DocumentFileName</pdfaProperty:name>
      <pdfaProperty:valueType>Text</pdfaProperty:valueType>
      <pdfaProperty:category>external</pdfaProperty:category>
      <pdfaProperty:description>The name of the embedded XML document</pdfaProperty:description>
     </rdf:li>
     <rdf:li rdf:parseType="Resource">
      <pdfaProperty:name>DocumentType</pdfaProperty:name>
      <pdfaProperty:valueType>Text</pdfaProperty:valueType>
      <pdfaProperty:category>external</pdfaProperty:category>
      <pdfaProperty:description>The type of the hybrid document</pdfaProperty:description>
     </rdf:li>
     <rdf:li rdf:parseType="Resource">
      <pdfaProperty:name>Version</pdfaProperty:name>
      <pdfaProperty:valueType>Text</pdfaProperty:valueType>
      <pdfaProperty:category>external</pdfaProperty:category>
      <pdfaProperty:description>The version of the XML's standard</pdfaProperty:description>
     </rdf:li>
     <rdf:li rdf:parseType="Resource">
      <pdfaProperty:name>ConformanceLevel</pdfaProperty:name>
      <pdfaProperty:valueType>Text</pdfaProperty:valueType>
      <pdfaProperty:category>external</pdfaProperty:category>
      <pdfaProperty:description>The profile of the XML data</pdfaProperty:description>
     </rdf:li>
    </rdf:Seq></pdfaSchema:property>
   </rdf:li></rdf:Bag></pdfaExtension:schemas>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""
