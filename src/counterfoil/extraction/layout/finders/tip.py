"""What was given on top of the bill."""

from collections.abc import Iterable

from counterfoil.extraction.layout.candidates import Candidate
from counterfoil.extraction.layout.labelled import labelled_amounts
from counterfoil.extraction.layout.labels import Label
from counterfoil.extraction.layout.paper import Paper
from counterfoil.records.domain import FieldPath

PATH = FieldPath("tip")


def find(paper: Paper) -> Iterable[Candidate]:
    """Propose what is called a tip."""
    for one in labelled_amounts(paper, Label.TIP):
        if one.amount.value > 0:
            yield Candidate(path=PATH, value=one.amount.value, span=one.amount.span, score=one.strength * 0.7)
