"""Grounding: finding on the pages what a value says, however it is written there."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from typing import Self

from rapidfuzz import fuzz

from counterfoil.extraction.domain import PageText
from counterfoil.extraction.layout.dates import dates_in, folded, time_in
from counterfoil.extraction.layout.paper import paper_of
from counterfoil.extraction.layout.rows import Span, joined
from counterfoil.records.domain import Evidence, FieldPath, Value

ALIKE = 0.85
"""How similar a text on the page has to be: OCR takes a letter in ten for another on a bad photograph."""
_AT_THE_END = {"subtotal", "total"}
"""Sums stand below what they are of; the same amount further up is another."""
UNWRITTEN = {"kind", "currency", "payment_method", "category", "language", "unit"}
"""What a page says in other words, if at all."""
_RATES = {"rate", "tax_rate"}
_PER_CENT = re.compile(r"(?<![\d.,])(\d{1,3}(?:[.,]\d{1,3})?) ?%")
_SHORTEST = 3  # letters; anything shorter is found everywhere, unless it is a word of its own
_AROUND = " .,:;#()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Where a value stands, and how similar the text there is (0 to 1)."""

    evidence: Evidence
    similarity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounding:
    """The pages of a document, to find values on."""

    rows: Sequence[Span]
    texts: Sequence[str]
    amounts: Mapping[Decimal, Sequence[Span]]
    dates: Mapping[date, Sequence[Span]]

    @classmethod
    def of(cls, pages: Sequence[PageText]) -> Self:
        amounts: dict[Decimal, list[Span]] = defaultdict(list)
        dates: dict[date, list[Span]] = defaultdict(list)
        rows = paper_of(pages).rows
        for row in rows:
            for amount in row.amounts:
                amounts[abs(amount.value)].append(amount.span)
            for written in dates_in(row.span.text):
                for one in filter(None, {written.day_first, written.month_first}):
                    dates[one].append(row.span.between(written.start, written.end))
        spans = [row.span for row in rows]
        return cls(rows=spans, texts=[folded(span.text) for span in spans], amounts=amounts, dates=dates)

    def find(self, path: FieldPath, value: Value) -> Found | None:
        """Return where a value stands; None if it does not, or cannot be told from other things."""
        if path.rpartition(".")[2] in UNWRITTEN:
            return None
        match value:
            case Decimal() if path.rpartition(".")[2] in _RATES:
                return _one_of(self._rates(value), path)
            case Decimal():
                return _one_of(self.amounts.get(abs(value), ()), path)
            case date():
                return _one_of(self.dates.get(value, ()), path)
            case time():
                return _one_of([row for row in self.rows if time_in(row.text) == value], path)
            case str():
                return self._text(value)

    def _text(self, value: str) -> Found | None:
        """Find a text, its parts on rows of one page if it is written over several."""
        if len(value) < _SHORTEST:
            return self._word(folded(value))
        lines = [line for part in value.split("\n") for line in part.split(", ") if len(line) >= _SHORTEST]
        found = [one for line in lines if (one := self._line(folded(line)))]
        if not found or len(found) * 2 < len(lines):
            return None
        page = found[0][0].page
        similarity = sum(score for _, score in found) / len(lines)
        return Found(evidence=joined(span for span, _ in found if span.page == page).evidence, similarity=similarity)

    def _rates(self, rate: Decimal) -> Iterator[Span]:
        """Yield where a rate stands; a number without the sign may be anything."""
        for row in self.rows:
            for written in _PER_CENT.finditer(row.text):
                if Decimal(written[1].replace(",", ".")) == rate:
                    yield row.between(written.start(), written.end())

    def _word(self, word: str) -> Found | None:
        words = (token for row in self.rows for token in row.tokens if folded(token.text).strip(_AROUND) == word)
        found = next(words, None)
        return Found(evidence=Span(tokens=(found,)).evidence, similarity=1.0) if found else None

    def _line(self, line: str) -> tuple[Span, float] | None:
        best: tuple[Span, float] | None = None
        for row, text in zip(self.rows, self.texts, strict=True):
            if len(text) * 2 < len(line):
                continue
            fit = fuzz.partial_ratio_alignment(line, text, score_cutoff=(best[1] if best else ALIKE) * 100)
            if fit and (best is None or fit.score / 100 > best[1]):
                best = row.between(fit.dest_start, fit.dest_end), fit.score / 100
        return best if best and best[0].tokens else None


def _one_of(spans: Iterable[Span], path: FieldPath) -> Found | None:
    candidates = [span for span in spans if span.tokens]
    if not candidates:
        return None
    chosen = candidates[-1 if path in _AT_THE_END else 0]
    return Found(evidence=chosen.evidence, similarity=1.0)
