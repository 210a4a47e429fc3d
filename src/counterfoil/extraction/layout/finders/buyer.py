"""Who buys, where the paper announces them by words of their own."""

import re
from collections.abc import Iterable

from counterfoil.extraction.layout.candidates import Candidate
from counterfoil.extraction.layout.paper import Paper
from counterfoil.extraction.layout.rows import Span
from counterfoil.records.domain import FieldPath

PATH = FieldPath("buyer.name")
_ANNOUNCED = re.compile(
    r"(?:bill(?:ed)?[\W_]*to|sold[\W_]*to|invoice[\W_]*to|customer(?:[\W_]*name)?|rechnungsempfanger|"
    r"kunde|client|cliente|facture[\W_]*a|klant|nabywca|m/s)[\W_]*"
)


def find(paper: Paper) -> Iterable[Candidate]:
    """Propose what stands right of such words, or else the line under them."""
    for row in paper.rows:
        for column in row.columns:
            text = " ".join(column.text.casefold().split())
            found = _ANNOUNCED.match(text)
            if not found:
                continue
            rest = column.text[found.end() :].strip(" :.-")
            if re.search(r"[A-Za-z]{3}", rest) and ":" in column.text:
                yield Candidate(path=PATH, value=rest, span=column, score=0.6)
            elif not rest and (under := _under(paper, row.index, column.left, column.right)):
                yield Candidate(path=PATH, value=under.text, span=under, score=0.6)


def _under(paper: Paper, index: int, left: float, right: float) -> Span | None:
    for below in paper.rows[index + 1 : index + 2]:
        for part in below.columns:
            if part.left < right and part.right > left and re.search(r"[A-Za-z]{3}", part.text):
                return part
    return None
