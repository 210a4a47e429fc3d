"""The seller's telephone number: the first that the paper announces as one."""

import re
from collections.abc import Iterable

from counterfoil.extraction.layout.candidates import Candidate
from counterfoil.extraction.layout.paper import Paper
from counterfoil.extraction.layout.rows import Span
from counterfoil.records.domain import FieldPath

PATH = FieldPath("merchant.phone")
_NUMBER = r"\+?\(?\d[\d()\s./-]{5,}\d"
_ANNOUNCED = re.compile(
    rf"\b(?:tele?(?:phone|fon|fono|foon|fone)?|phone|fon|h/?p|mobile?|ph|t|contact no|hotline)\b"
    rf"[\s.:#no()-]*({_NUMBER})"
)
_FORM = re.compile(r"(?<![\d-])(\(\d{3}\)\s?\d{3}[\s-]\d{4}|\d{3}[-.]\d{3}[-.]\d{4})(?!\d)")
_FAX = re.compile(r"[\s,/;]*(?:fax|f)\b")


def find(paper: Paper) -> Iterable[Candidate]:
    """Propose announced numbers, and those of a form that only telephones have."""
    for row in paper.rows:
        for pattern, score in ((_ANNOUNCED, 0.85), (_FORM, 0.6)):
            found = pattern.search(row.text)
            if found and 7 <= len(re.sub(r"\D", "", found[1])) <= 15 and not _FAX.match(row.text[: found.start()]):
                first, last = row.text[: found.start(1)].count(" "), row.text[: found.end(1)].count(" ")
                span = Span(tokens=row.span.tokens[first : last + 1])
                yield Candidate(path=PATH, value=found[1].strip(" -/."), span=span, score=score - row.index * 0.004)
                break
