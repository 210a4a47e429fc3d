"""Names made comparable: without case, accents, spaces and signs, in any script."""

import unicodedata

from rapidfuzz import fuzz

_LONGEST = 120
_SHORTEST_TYPO = 5
_STROKES = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "\u0131": "i"})


def words(name: str) -> tuple[str, ...]:
    """Return a name's words in small letters without accents; signs part them, currency signs are words."""
    folded = unicodedata.normalize("NFKD", name[:_LONGEST].casefold().translate(_STROKES))
    kept = (c for c in folded if not unicodedata.combining(c))
    return tuple("".join(c if c.isalnum() or unicodedata.category(c) == "Sc" else " " for c in kept).split())


def squeezed(name: str) -> str:
    """Return a name's words as one."""
    return "".join(words(name))


def likeness(one: str, other: str) -> float:
    """Return how alike two squeezed names are, 0 to 1. Short names and different numbers are not alike at all."""
    if one == other:
        return 1.0
    if min(len(one), len(other)) < _SHORTEST_TYPO or _digits(one) != _digits(other):
        return 0.0
    return fuzz.ratio(one, other) / 100


def _digits(name: str) -> str:
    return "".join(c for c in name if c.isdigit())
