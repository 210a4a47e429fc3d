"""Reads e-invoices: what the XML says, exactly, shown on the page, and where the page says something else."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

import structlog

from counterfoil.extraction.domain import Extraction
from counterfoil.extraction.einvoice import cii, ubl
from counterfoil.extraction.grounding import Found, Grounding
from counterfoil.extraction.layout.rows import in_reading_order
from counterfoil.extraction.reading import Reading
from counterfoil.foundation.errors import InvalidInput
from counterfoil.foundation.xml import local_name, parse_xml
from counterfoil.records.domain import (
    ISSUE_DATE,
    TOTAL,
    FieldPath,
    InvoiceData,
    Reason,
    ReasonCode,
    Source,
    Sources,
)
from counterfoil.records.fields import label, values, written

NAME: Final = "einvoice"
VERSION: Final = "1"
SHOWN: Final = (TOTAL, ISSUE_DATE, FieldPath("number"))
"""What every page of an invoice shows, and in a form that leaves nothing to be guessed."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class EInvoiceReader:
    """Knows UBL and CII in all their profiles, and ZUGFeRD 1."""

    name: str = NAME
    version: str = VERSION
    exact: ClassVar[bool] = True

    def read(self, reading: Reading) -> Extraction | None:
        data = next(_invoices(reading), None)
        if data is None:
            return None
        grounding = Grounding.of(reading.texts)
        sources = _sources(data, grounding)
        return Extraction(
            reader=NAME,
            version=VERSION,
            data=data,
            sources=sources,
            pages=in_reading_order(reading.texts, grounding.rows),
            reasons=() if reading.document.drawn else tuple(_differences(data, grounding)),
        )


def _invoices(reading: Reading) -> Iterator[InvoiceData]:
    for content in reading.document.xml_files():
        try:
            data = data_of(content)
        except InvalidInput as error:
            log.warning("einvoice_refused", code=error.code, error=str(error))
            reading.remarks.append(Reason(code=ReasonCode.EINVOICE_REFUSED, facts={"reason": str(error)}))
            continue
        if data is not None:
            yield data


def data_of(content: bytes) -> InvoiceData | None:
    """Return what XML says if it is an invoice.

    Raises:
        DamagedXml, ForbiddenXml: it cannot or must not be parsed.
    """
    root = parse_xml(content)
    match local_name(root):
        case "CrossIndustryInvoice":
            return cii.data_of(root, cii.CII)
        case "CrossIndustryDocument":
            return cii.data_of(root, cii.ZUGFERD_1)
        case "Invoice" | "CreditNote":
            return ubl.data_of(root)
        case _:
            return None


def _sources(data: InvoiceData, grounding: Grounding) -> Sources:
    sources = {}
    for path, value in values(data).items():
        found = grounding.find(path, value)
        evidence = found.evidence if found else None
        sources[path] = Source(reader=NAME, version=VERSION, confidence=1.0, evidence=evidence)
    return sources


def _differences(data: InvoiceData, grounding: Grounding) -> Iterator[Reason]:
    """Say what the XML has and the page has not: people pay what they see, and machines what they read."""
    found = values(data)
    for path in SHOWN:
        if path in found and not _is_shown(grounding.find(path, found[path])):
            facts = {"field": label(path), "value": written(found[path])}
            yield Reason(code=ReasonCode.PAGE_DIFFERS, paths=(path,), facts=facts)


def _is_shown(found: Found | None) -> bool:
    """Tell whether a value stands there to the letter: the next invoice's number differs by one."""
    return found is not None and found.similarity == 1
