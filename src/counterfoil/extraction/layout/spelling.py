"""Words that names and addresses are made of, put right where OCR took one letter for another."""

import re
import tomllib
from enum import StrEnum
from functools import cache
from importlib import resources

from counterfoil.extraction.layout.dates import folded
from counterfoil.extraction.layout.rows import Span

_SURE = 0.985  # a word whose letters are this sure stands as it is: it may be another word, or a name
_TAKEN_FOR_EACH_OTHER = tuple(map(set, ["as", "bh", "ce", "ei", "hm", "il", "kr", "mn", "nr", "nu", "ou", "uv"]))
_WORD = re.compile(r"(?<![0-9A-Za-z])[A-Za-z\u00c0-\u017f]{5,}")  # shorter ones are a letter from too many others


class Known(StrEnum):
    """A list of words in `spelling.toml`."""

    TRADE = "trade"
    STREET = "street"


def spelled(span: Span, known: Known) -> str:
    """Return the text of a span, words that OCR saw one letter off a known one as that one."""
    words = _known(known)
    return " ".join(
        _WORD.sub(lambda found: _spelled(found[0], words), token.text) if token.word.score < _SURE else token.text
        for token in span.tokens
    )


def _spelled(word: str, known: frozenset[str]) -> str:
    plain = folded(word)
    if plain in known:
        return word
    near = [one for one in known if _is_misread(one, plain)]
    return _cased(near[0], word) if len(near) == 1 else word


def _is_misread(known: str, seen: str) -> bool:
    """Say whether one letter differs, and is one that OCR takes for the other."""
    differing = [{one, other} for one, other in zip(known, seen, strict=False) if one != other]
    return len(known) == len(seen) and len(differing) == 1 and differing[0] in _TAKEN_FOR_EACH_OTHER


def _cased(known: str, word: str) -> str:
    if word.isupper():
        return known.upper()
    return known.capitalize() if word[0].isupper() else known


@cache
def _known(known: Known) -> frozenset[str]:
    text = resources.files(__package__).joinpath("spelling.toml").read_text(encoding="utf-8")
    return frozenset(tomllib.loads(text)[known].split())
