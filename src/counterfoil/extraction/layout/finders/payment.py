"""How it was paid, and the last digits of the card."""

import re
from collections.abc import Iterable, Iterator

from counterfoil.extraction.layout.candidates import Candidate
from counterfoil.extraction.layout.checksums import ibans_in
from counterfoil.extraction.layout.labelled import labelled_amounts
from counterfoil.extraction.layout.labels import Label, blotted, place
from counterfoil.extraction.layout.paper import Paper
from counterfoil.extraction.layout.rows import Span
from counterfoil.records.domain import FieldPath, PaymentMethod

METHOD = FieldPath("payment_method")
LAST_DIGITS = FieldPath("payment_last_digits")
_MASKED = re.compile(r"(?:[x*#.\u2022]{2,}[\s-]*){1,4}(\d{4})(?!\d)", re.IGNORECASE)
_ENDING = re.compile(r"(?:ending in|card no|account|acct|card#|card)\D{0,12}?[x*#]{2,}\W*(\d{4})(?!\d)")
_TRANSFER = re.compile(
    r"\b(?:bank transfer|wire transfer|uberweisung|uberweisen|virement|transferencia|bonifico|"
    r"overschrijving|przelew|iban)\b"
)
_DIRECT_DEBIT = re.compile(
    r"\b(?:lastschrift|direct debit|prelevement|sepa mandat\w*|domiciliacion|incasso|mandatsreferenz|"
    r"wird eingezogen|abgebucht)\b"
)
_CARD_SLIP = re.compile(
    r"\b(?:visa|mastercard|master card|amex|maestro|girocard|credit card|debit card|kartenzahlung|"
    r"carte bancaire|auth code|approval code)\b"
)


def find(paper: Paper) -> Iterable[Candidate]:
    """Propose methods of payment and the digits that a card shows."""
    yield from _methods(paper)
    yield from _digits(paper)


def _methods(paper: Paper) -> Iterator[Candidate]:
    changed = labelled_amounts(paper, Label.CHANGE)
    for label, method, score in (
        (Label.CARD, PaymentMethod.CARD, 0.8),
        (Label.CASH, PaymentMethod.CASH, 0.85 if changed else 0.6),
    ):
        for one in labelled_amounts(paper, label)[:1]:
            yield Candidate(
                path=METHOD, value=method, span=_words(one.label_row.span, one.label_row.text, label), score=score
            )
    for method, pattern, score in (
        (PaymentMethod.CARD, _CARD_SLIP, 0.65),
        (PaymentMethod.DIRECT_DEBIT, _DIRECT_DEBIT, 0.75),
        (PaymentMethod.TRANSFER, _TRANSFER, 0.58 if _has_account(paper) else 0.55),
    ):
        for row in paper.rows:
            if found := pattern.search(row.text):
                first, last = row.text[: found.start()].count(" "), row.text[: found.end()].count(" ")
                yield Candidate(
                    path=METHOD, value=method, span=Span(tokens=row.span.tokens[first : last + 1]), score=score
                )
                break


def _words(row: Span, text: str, label: Label) -> Span:
    start, end = place(label, blotted(label, text)) or (0, len(text))
    return Span(tokens=row.tokens[text[:start].count(" ") : text[:end].rstrip().count(" ") + 1])


def _has_account(paper: Paper) -> bool:
    return any(account for row in paper.rows for account in ibans_in(row.span.text))


def _digits(paper: Paper) -> Iterator[Candidate]:
    for row in paper.rows:
        found = _MASKED.search(row.text) or _ENDING.search(row.text)
        if found:
            last = row.text[: found.end()].count(" ")
            first = row.text[: found.start()].count(" ")
            yield Candidate(
                path=LAST_DIGITS, value=found[1], span=Span(tokens=row.span.tokens[first : last + 1]), score=0.8
            )
