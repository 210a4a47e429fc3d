"""The number under which the seller pays taxes."""

import re
from collections.abc import Iterable
from dataclasses import replace

from counterfoil.extraction.layout.candidates import Candidate
from counterfoil.extraction.layout.checksums import tax_number_holds
from counterfoil.extraction.layout.labels import Label, place
from counterfoil.extraction.layout.mending import DIGITS_AGAIN
from counterfoil.extraction.layout.paper import Paper
from counterfoil.extraction.layout.rows import Span
from counterfoil.records.domain import FieldPath

PATH = FieldPath("merchant.tax_id")
_FORM = re.compile(
    r"(?<![A-Z0-9])(?:[A-Z]{2} ?(?:[A-Z0-9]{2} ?)?\d[\d .-]{5,13}\d[A-Z0-9]{0,3}|\d[\d ./-]{6,14}\d|"
    r"[A-Z]\d{8}|\d{2}-\d{7})(?![A-Z0-9])",
    re.IGNORECASE,
)
_EU = re.compile(
    r"(?<![A-Z0-9])(?:DE ?\d{9}|ATU\d{8}|FR ?[0-9A-Z]{2} ?\d{3} ?\d{3} ?\d{3}|NL ?\d{9} ?B\d{2}|"
    r"IT ?\d{11}|ES ?[A-Z]\d{8}|ES ?[A-Z]\d{7}[A-Z]|PL ?\d{10}|BE ?0\d{9}|GB ?\d{9}|LU ?\d{8})(?![A-Z0-9])"
)
_MISREAD = re.compile(
    r"(?<![A-Za-z0-9])(?P<country>(?:DE|IT|PL|BE|GB|LU|PT) ?)(?P<digits>[\dOoQDlI|SB]{8,11})(?![A-Za-z0-9])"
)
_ANNOUNCED, _HOLDS = 0.8, 0.95
_SURE = {True: _HOLDS, None: 0.85, False: 0.6}  # by whether the check digits hold, if we know them


def find(paper: Paper) -> Iterable[Candidate]:
    """Propose numbers of a European form, the more surely if their check digits hold, and announced ones."""
    for row in paper.rows:
        if found := _EU.search(row.span.text):
            yield _candidate(row.span, found, _SURE[tax_number_holds(found[0])] - row.index * 0.002)
            continue
        if (found := _MISREAD.search(row.span.text)) and tax_number_holds(mended := _with_digits(found)):
            yield replace(_candidate(row.span, found, _SURE[None] - row.index * 0.002), value=mended)
            continue
        where = place(Label.TAX_ID, row.text)
        found = _FORM.search(row.span.text, where[1]) if where else None
        if (
            where
            and found
            and found.start() - where[1] < 12
            and "%" not in row.text
            and len(re.sub(r"\D", "", found[0])) >= 8
        ):
            holds = tax_number_holds(f"{paper.locale.country}{found[0]}")  # printed without its country's letters
            yield _candidate(row.span, found, (_HOLDS if holds else _ANNOUNCED) - row.index * 0.002)


def _with_digits(found: re.Match[str]) -> str:
    """Return a number whose letters are digits again, but for those of its country."""
    return found["country"] + found["digits"].translate(DIGITS_AGAIN)


def _candidate(row: Span, found: re.Match[str], score: float) -> Candidate:
    text = row.text
    first, last = text[: found.start()].count(" "), text[: found.end()].count(" ")
    return Candidate(path=PATH, value=found[0].strip(), span=Span(tokens=row.tokens[first : last + 1]), score=score)
