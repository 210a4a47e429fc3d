"""The sender's line of a letter: name and address in one line, such as `Muster AG - Weg 1 - 12345 Ort`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from counterfoil.extraction.layout.dates import folded
from counterfoil.extraction.layout.paper import Paper
from counterfoil.extraction.layout.places import has_postcode
from counterfoil.extraction.layout.rows import Span

_PARTING = re.compile(r"\s+[-\u2013\u00b7\u2022|*]\s+|\s*[\u00b7\u2022|]\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of such a line. A word that OCR glued to the next part's is in the spans of both."""

    text: str
    span: Span


def sender_lines(paper: Paper) -> Iterator[tuple[Part, ...]]:
    """Yield the parts of each such line on the first page, the name first."""
    for row in paper.first_page:
        for column in row.columns:
            parts = tuple(_parts(column))
            if len(parts) > 2 and any(has_postcode(folded(part.text)) for part in parts[1:]):
                yield parts


def _parts(column: Span) -> Iterator[Part]:
    text = column.text
    ends = [*((found.start(), found.end()) for found in _PARTING.finditer(text)), (len(text), len(text))]
    start = 0
    for end, after in ends:
        if start < end:
            yield Part(text=text[start:end], span=column.between(start, end))
        start = after
