"""How sure the values of a model are: the one rule, and what two readers' values make together.

A model says nothing of its own doubt that could be relied on, so what counts is what shows its value:

- it stands on the page: `GROUNDED`, times how similar the text there is;
- it does not: `NOT_SHOWN`, which is below what needs no person;
- its field is one that pages say in other words or not at all, such as the currency or the kind: `UNWRITTEN`.

The layout reader has looked at the same page in another way, so its value is a second witness. If both give the same,
both would have to be wrong in the same way: 1 - (1-m)(1-l), at most `SUREST`. If they differ, at most one is right: the
model with m(1-l), the layout reader with l(1-m), neither with (1-m)(1-l); the value that is taken is as sure as its
share of the three.

The three figures are judgements, not fitted: a fit needs labelled documents and the answers of the very model.
"""

from typing import Final

GROUNDED: Final = 0.95
UNWRITTEN: Final = 0.9
NOT_SHOWN: Final = 0.5
SUREST: Final = 0.99


def agreed(model: float, layout: float) -> float:
    """Return how sure a value is that both readers give."""
    return min(1 - (1 - model) * (1 - layout), SUREST)


def contested(taken: float, other: float) -> float:
    """Return how sure the value is that is taken where the readers differ."""
    right, wrong = taken * (1 - other), (1 - taken) * other
    whole = right + wrong + (1 - taken) * (1 - other)
    return right / whole if whole else 0.0
