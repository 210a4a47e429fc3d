"""Whether it is a receipt, an invoice or a credit note, by the words that say so."""

import re
from collections.abc import Iterable

from counterfoil.extraction.layout.candidates import Candidate
from counterfoil.extraction.layout.paper import Paper
from counterfoil.extraction.layout.rows import Span
from counterfoil.records.domain import FieldPath, Kind

PATH = FieldPath("kind")
_SIGNS: tuple[tuple[Kind, float, str], ...] = (
    (
        Kind.CREDIT_NOTE,
        0.95,
        (
            r"\b(?:credit note|credit memo|gutschrift|rechnungskorrektur|avoir|nota de credito|nota di credito|"
            r"creditnota|creditfactuur|nota kredit|korekta|faktura korygujaca|factura rectificativa|factura de abono|"
            r"stornorechnung|korrekturrechnung)\b"
        ),
    ),
    (
        Kind.RECEIPT,
        0.9,
        (
            r"\b(?:receipt|kassenbon|kassenbeleg|quittung|ticket|scontrino|kassabon|paragon|recibo|resit|"
            r"cash bill|cash sales?|bon fiscal|guest check|ricevuta|struk|kuitansi|fatura simplificada|"
            r"factura simplificada|documento commerciale|kwitantie)\b"
        ),
    ),
    (
        Kind.RECEIPT,
        0.6,
        r"\b(?:cashier|kasse|ruckgeld|change due|tendered|cash|gegeben|rendu|wisselgeld|change|guest|server)\b",
    ),
    (Kind.INVOICE, 0.7, r"\b(?:invoice|rechnung|facture|factura|fattura|factuur|fatura|faktura|faktur|invois)\b"),
)
_COMPILED = tuple((kind, score, re.compile(pattern)) for kind, score, pattern in _SIGNS)


def find(paper: Paper) -> Iterable[Candidate]:
    """Propose each kind at its first sign. A tax invoice from a till is a receipt, by its cash and change."""
    for kind, score, pattern in _COMPILED:
        for row in paper.rows:
            if found := pattern.search(row.text):
                first, last = row.text[: found.start()].count(" "), row.text[: found.end()].count(" ")
                span = Span(tokens=row.span.tokens[first : last + 1])
                yield Candidate(path=PATH, value=kind, span=span, score=score)
                break
