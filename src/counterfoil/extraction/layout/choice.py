"""The one place where candidates become values: the best of each field, the sums together so that they agree."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

from counterfoil.extraction.domain import Considered
from counterfoil.extraction.layout import sums
from counterfoil.extraction.layout.candidates import Candidate
from counterfoil.extraction.layout.paper import Paper
from counterfoil.records.domain import FieldPath, Value
from counterfoil.records.fields import written

MANY = (FieldPath("taxes"), FieldPath("line_items"))
"""Fields that take several candidates."""
MOST_CONSIDERED = 5
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What was taken, at most one candidate for each field that has one value; and what else was considered."""

    chosen: tuple[Chosen, ...]
    considered: tuple[Considered, ...]


def choose(paper: Paper, candidates: Iterable[Candidate]) -> Choice:
    """Choose among all that the finders propose."""
    by_path: dict[FieldPath, list[Candidate]] = {}
    for candidate in candidates:
        by_path.setdefault(candidate.path, []).append(candidate)
    agreed = sums.agree(paper, by_path)
    chosen: list[Chosen] = []
    considered: list[Considered] = []
    for path, proposals in by_path.items():
        fitted = [replace(one, score=one.score + agreed.bonus(one)) for one in proposals]
        if path in MANY:
            chosen += [
                Chosen(candidate=one, agreement=agreed.support(one), margin=0.0)
                for one in proposals
                if agreed.keeps(one)
            ]
        elif kept := [one for one in fitted if agreed.keeps(one)]:
            best = _best(kept, agreed)
            chosen.append(best)
            considered += _considered(fitted, agreed, best.candidate.value)
    return Choice(chosen=tuple(chosen), considered=tuple(considered))


def _considered(candidates: Sequence[Candidate], agreed: "sums.Agreement", taken: object) -> Iterator[Considered]:
    """Return the likeliest values, each as it fits best."""
    seen: list[object] = []
    for one in sorted(candidates, key=lambda one: -one.score):
        if one.value in seen or len(seen) == MOST_CONSIDERED:
            continue
        seen.append(one.value)
        sums = agreed.bonus(one)
        yield Considered(
            path=one.path,
            value=written(cast("Value", one.value)),
            words=one.score - sums,
            sums=sums,
            taken=one.value == taken,
            evidence=one.span.evidence,
        )


def _best(candidates: Sequence[Candidate], agreed: "sums.Agreement") -> Chosen:
    best = max(candidates, key=lambda one: one.score)
    others = [one.score for one in candidates if one.value != best.value]
    again = sum(one.value == best.value for one in candidates) - 1
    return Chosen(
        candidate=best,
        agreement=min(agreed.support(best) + _AGAIN * again, 1.0),
        margin=best.score - max(others, default=0.0),
    )
