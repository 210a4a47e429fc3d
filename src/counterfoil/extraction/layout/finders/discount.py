"""What was taken off the sum."""

from collections.abc import Iterable

from counterfoil.extraction.layout.candidates import Candidate
from counterfoil.extraction.layout.labelled import labelled_amounts
from counterfoil.extraction.layout.labels import Label
from counterfoil.extraction.layout.paper import Paper
from counterfoil.records.domain import FieldPath

PATH = FieldPath("discount")


def find(paper: Paper) -> Iterable[Candidate]:
    """Propose what is called a discount, without its sign."""
    for one in labelled_amounts(paper, Label.DISCOUNT):
        if one.amount.value:
            yield Candidate(path=PATH, value=abs(one.amount.value), span=one.amount.span, score=one.strength * 0.6)
