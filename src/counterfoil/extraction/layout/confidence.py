"""How likely a chosen value is right.

A logistic curve for each field over what is known when a value is chosen: how strongly the paper says so, how unsure
the letters of its worst word are and those of its other words, how far other values bear it out, and how much better
it fits than the next best. `confidence.json` holds the coefficients; `benchmarks/fit_confidence.py` made them.
"""

import json
import math
from functools import cache
from importlib import resources

from counterfoil.extraction.layout.choice import Chosen
from counterfoil.records.domain import FieldPath

OTHERS = FieldPath("*")  # the curve of fields that have none of their own


def features(chosen: Chosen) -> tuple[float, ...]:
    """Return what the curve is taken over; the first is its constant."""
    candidate = chosen.candidate
    words = {token for span in (candidate.span, *candidate.parts.values()) for token in span.tokens}
    doubts = sorted(1 - token.word.score for token in words)
    return (1.0, candidate.score, doubts[-1], sum(doubts[:-1]), chosen.agreement, min(chosen.margin, 1.0))


def confidence(chosen: Chosen) -> float:
    """Return the share of such values that are right, by experience."""
    weights = _curves().get(chosen.candidate.path) or _curves()[OTHERS]
    height = sum(weight * value for weight, value in zip(weights, features(chosen), strict=True))
    return 1 / (1 + math.exp(-height))


@cache
def _curves() -> dict[FieldPath, list[float]]:
    text = resources.files(__package__).joinpath("confidence.json").read_text(encoding="utf-8")
    curves: dict[FieldPath, list[float]] = json.loads(text)["curves"]
    return curves
