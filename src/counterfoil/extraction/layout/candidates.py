"""A candidate is a value that a finder proposes for a field, with where it stands and how well it fits."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from counterfoil.extraction.layout.paper import Paper
from counterfoil.extraction.layout.rows import Span
from counterfoil.records.domain import FieldPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One proposal for the field at `path`. `score` (0 to 1) is how strongly the paper says so.

    A value of several parts (a tax, a line item) has the span of each part by the part's name.
    """

    path: FieldPath
    value: object
    span: Span
    score: float
    parts: Mapping[str, Span] = field(default_factory=dict)


Finder = Callable[[Paper], Iterable[Candidate]]
