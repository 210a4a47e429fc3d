"""An invoice as Factur-X: the page for people, and the same as XML inside.

The file is laid out as PDF/A-3b: fonts and colours come along, the XMP data says so, and the attachment is tied to the
document as its alternative.
"""

from datetime import UTC, datetime, time
from xml.sax.saxutils import escape

from PIL import ImageCms
from reportlab.pdfbase.pdfdoc import PDFArray, PDFDictionary, PDFDocument, PDFName, PDFStream, PDFString, PDFZCompress

from counterfoil.samples.cii import xml
from counterfoil.samples.sheet import Sheet
from counterfoil.samples.trade import Invoice

FILE_NAME = "factur-x.xml"


def hybrid(sheet: Sheet, sale: Invoice, title: str) -> bytes:
    """Finish the sheet with the XML inside, and say so where readers of Factur-X look."""
    made = datetime.combine(sale.issued, time(9), UTC)
    document = sheet.canvas._doc  # noqa: SLF001 - reportlab itself attaches nothing
    document._pdfVersion = (1, 7)  # noqa: SLF001
    sheet.canvas.setTitle(title)
    sheet.canvas.setDateFormatter(lambda *_: _day(made))
    attachment = document.Reference(_attachment(document, xml(sale), made))
    names = PDFDictionary({"Names": PDFArray([PDFString(FILE_NAME), attachment])})
    entries = {
        "Names": PDFDictionary({"EmbeddedFiles": names}),
        "AF": PDFArray([attachment]),
        "Metadata": _metadata(sale, title, made),
        "OutputIntents": PDFArray([_intent(document)]),
    }
    catalog = document.Catalog
    catalog.__NoDefault__ = [*catalog.__NoDefault__, "AF", "OutputIntents"]  # which it has not heard of
    for name, entry in entries.items():
        setattr(catalog, name, entry)
    return sheet.finished()


def _day(moment: datetime) -> str:
    return f"D:{moment:%Y%m%d%H%M%S}Z"


def _attachment(document: PDFDocument, invoice: bytes, made: datetime) -> PDFDictionary:
    about = PDFDictionary({"ModDate": PDFString(_day(made)), "Size": len(invoice)})
    kind = {"Type": PDFName("EmbeddedFile"), "Subtype": PDFName("text/xml"), "Params": about}
    stream = document.Reference(PDFStream(PDFDictionary(kind), invoice, [PDFZCompress]))
    return PDFDictionary(
        {
            "Type": PDFName("Filespec"),
            "F": PDFString(FILE_NAME),
            "UF": PDFString(FILE_NAME),
            "Desc": PDFString("Factur-X"),
            "AFRelationship": PDFName("Alternative"),
            "EF": PDFDictionary({"F": stream, "UF": stream}),
        }
    )


def _metadata(sale: Invoice, title: str, made: datetime) -> PDFStream:
    packet = _XMP.format(
        title=escape(title), author=escape(sale.seller.name), made=f"{made:%Y-%m-%dT%H:%M:%SZ}", file=FILE_NAME
    )
    kind = {"Type": PDFName("Metadata"), "Subtype": PDFName("XML")}
    return PDFStream(PDFDictionary(kind), packet.encode(), [])


def _intent(document: PDFDocument) -> PDFDictionary:
    profile = document.Reference(PDFStream(PDFDictionary({"N": 3}), _colours(), [PDFZCompress]))
    return PDFDictionary(
        {
            "Type": PDFName("OutputIntent"),
            "S": PDFName("GTS_PDFA1"),
            "OutputConditionIdentifier": PDFString("sRGB"),
            "DestOutputProfile": profile,
        }
    )


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
