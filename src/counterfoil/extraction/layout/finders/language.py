"""The language that most words of the paper are of."""

from collections.abc import Iterable

from counterfoil.extraction.layout.candidates import Candidate
from counterfoil.extraction.layout.paper import Paper
from counterfoil.records.domain import FieldPath

PATH = FieldPath("language")


def find(paper: Paper) -> Iterable[Candidate]:
    """Propose the language, shown by the row with most letters."""
    if paper.locale.language:
        wordy = max(paper.rows, key=lambda row: sum(letter.isalpha() for letter in row.text))
        yield Candidate(path=PATH, value=paper.locale.language, span=wordy.span, score=0.8)
