"""The sum before taxes."""

from collections.abc import Iterable

from counterfoil.extraction.layout.candidates import Candidate
from counterfoil.extraction.layout.labelled import labelled_amounts
from counterfoil.extraction.layout.labels import Label
from counterfoil.extraction.layout.paper import Paper
from counterfoil.records.domain import FieldPath

PATH = FieldPath("subtotal")


def find(paper: Paper) -> Iterable[Candidate]:
    """Propose what is called a subtotal."""
    for one in labelled_amounts(paper, Label.SUBTOTAL):
        if one.amount.value:
            yield Candidate(path=PATH, value=one.amount.value, span=one.amount.span, score=one.strength)
