"""XML from strangers: parsed without following a word of it."""

from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException, ElementTree

from counterfoil.foundation.errors import InvalidInput


class DamagedXml(InvalidInput):
    """It begins like XML, but does not follow its rules."""

    code = "damaged_xml"
    advice = "Ask whoever sent it to send it again; it may have been cut or changed on its way."

    def __init__(self, reason: str) -> None:
        super().__init__(f"This XML is damaged: {reason}.")


class ForbiddenXml(InvalidInput):
    """It declares a document type or entities, by which XML makes its reader fetch files or fill its memory."""

    code = "forbidden_xml"
    advice = "Ask whoever sent it for the invoice as PDF."

    def __init__(self) -> None:
        super().__init__("This XML declares a document type or entities; that is not accepted.")


def parse_xml(content: bytes) -> Element:
    """Return the root of an XML file.

    Raises:
        DamagedXml, ForbiddenXml: what they say.
    """
    try:
        root: Element = ElementTree.fromstring(content, forbid_dtd=True)
    except DefusedXmlException as error:
        raise ForbiddenXml from error
    except (ParseError, LookupError, ValueError) as error:  # the latter two for encodings that nobody knows
        raise DamagedXml(str(error)) from error
    return root


def local_name(element: Element) -> str:
    """Return an element's name without its namespace."""
    return element.tag.rpartition("}")[2]
