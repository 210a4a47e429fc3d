"""The one place where candidates become values: the best of each field, the sums together so that they agree."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from counterfoil.extraction.layout import sums
from counterfoil.extraction.layout.candidates import Candidate
from counterfoil.extraction.layout.paper import Paper
from counterfoil.records.domain import FieldPath

MANY = (FieldPath("taxes"), FieldPath("line_items"))
"""Fields that take several candidates."""
_AGAIN = 0.5  # what each further place that shows the same value adds to its agreement


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A candidate that was taken, and what speaks for it.

    `agreement` (0 to 1) says how far other values of the paper bear it out; `margin` how much better it fits than the
    next best value.
    """

    candidate: Candidate
    agreement: float
    margin: float


def choose(paper: Paper, candidates: Iterable[Candidate]) -> tuple[Chosen, ...]:
    """Return what is taken, at most one candidate for each field that has one value."""
    by_path: dict[FieldPath, list[Candidate]] = {}
    for candidate in candidates:
        by_path.setdefault(candidate.path, []).append(candidate)
    agreed = sums.agree(paper, by_path)
    chosen: list[Chosen] = []
    for path, proposals in by_path.items():
        fitted = [replace(one, score=one.score + agreed.bonus(one)) for one in proposals]
        if path in MANY:
            chosen += [
                Chosen(candidate=one, agreement=agreed.support(one), margin=0.0)
                for one in proposals
                if agreed.keeps(one)
            ]
        elif kept := [one for one in fitted if agreed.keeps(one)]:
            chosen.append(_best(kept, agreed))
    return tuple(chosen)


def _best(candidates: Sequence[Candidate], agreed: "sums.Agreement") -> Chosen:
    best = max(candidates, key=lambda one: one.score)
    others = [one.score for one in candidates if one.value != best.value]
    again = sum(one.value == best.value for one in candidates) - 1
    return Chosen(
        candidate=best,
        agreement=min(agreed.support(best) + _AGAIN * again, 1.0),
        margin=best.score - max(others, default=0.0),
    )
