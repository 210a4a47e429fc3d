"""The currency that the paper writes at its amounts, or that is used where the paper comes from."""

from collections.abc import Iterable

from counterfoil.extraction.layout.candidates import Candidate
from counterfoil.extraction.layout.currencies import currency_of
from counterfoil.extraction.layout.paper import Paper
from counterfoil.records.domain import FieldPath

PATH = FieldPath("currency")


def find(paper: Paper) -> Iterable[Candidate]:
    """Propose the currency that is written, or the one that is used there."""
    locale = paper.locale
    if locale.currency and locale.currency_shown:
        yield Candidate(path=PATH, value=locale.currency, span=locale.currency_shown, score=0.9)
    elif locale.currency and (money := [amount for row in paper.rows for amount in row.money]):
        written = currency_of(money[0].span.text)
        yield Candidate(path=PATH, value=locale.currency, span=money[0].span, score=0.9 if written else 0.5)
