"""What the words beside a value say that it is. The words themselves are in `labels.toml`."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from importlib import resources

from counterfoil.extraction.layout.dates import folded

_TOTAL = re.compile(r"\b[ti][oa][tl][ae][li]\b")  # as OCR sees the word that matters most
_REMEMBERED = 4096  # answers: several finders ask the same of a row


class Label(StrEnum):
    """The things that words can announce."""

    TOTAL = "total"
    SUBTOTAL = "subtotal"
    TAX = "tax"
    CHARGE = "charge"
    SERVICE = "service"
    TIP = "tip"
    DISCOUNT = "discount"
    ROUNDING = "rounding"
    CASH = "cash"
    CARD = "card"
    CHANGE = "change"
    COUNT = "count"
    CARRIED = "carried"
    DATE = "date"
    DUE_DATE = "due_date"
    OTHER_DATE = "other_date"
    NUMBER = "number"
    OTHER_NUMBER = "other_number"
    PHONE = "phone"
    TAX_ID = "tax_id"
    BUYER = "buyer"
    TITLE = "title"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """The phrases of a label, the surest first, and what only looks like them."""

    phrases: tuple[tuple[float, re.Pattern[str]], ...]
    lookalikes: re.Pattern[str] | None


@cache
def _words() -> dict[Label, _Words]:
    text = resources.files(__package__).joinpath("labels.toml").read_text(encoding="utf-8")
    return {Label(name): _compiled(table) for name, table in tomllib.loads(text).items()}


def _compiled(table: dict[str, list[str]]) -> _Words:
    lookalikes = table.pop("not", [])
    strengths = sorted(table, key=float, reverse=True)
    return _Words(
        phrases=tuple(
            (float(one), re.compile(rf"{_loose(sorted(table[one], key=len, reverse=True))}(?![a-z])"))
            for one in strengths
        ),
        lookalikes=re.compile(_loose(lookalikes)) if lookalikes else None,
    )


def _loose(phrases: Sequence[str]) -> str:
    """Return a pattern for any of the phrases, the blanks in them taken loosely."""
    any_of = "|".join(re.sub(r" \??", r"[\\W_]*", phrase) for phrase in phrases)
    return rf"(?<![a-z0-9])(?:{any_of})"


def plain(text: str) -> str:
    """Return the text as phrases are written, digits that OCR saw in a word's letters mended."""
    return " ".join(_TOTAL.sub("total", _mended(token)) for token in folded(text).split())


def _mended(token: str) -> str:
    if sum(letter.isalpha() for letter in token) < max(3, len(token) / 2 + 1):
        return token
    return token.replace("0", "o").replace("1", "l").replace("5", "s")


@lru_cache(maxsize=_REMEMBERED)
def strength(label: Label, text: str) -> float:
    """Return how surely a text announces the thing: 1 for its own words, 0 if it does not."""
    return max((strong for strong, pattern in _words()[label].phrases if pattern.search(text)), default=0.0)


@lru_cache(maxsize=_REMEMBERED)
def place(label: Label, text: str) -> tuple[int, int] | None:
    """Return where the surest phrase for the thing stands in a text."""
    for _, pattern in _words()[label].phrases:
        found = pattern.search(text)
        if found:
            return found.span()
    return None


def announces_anything(text: str) -> bool:
    """Say whether a text has words for any of the things, in any language."""
    words = plain(text)
    return any(pattern.search(words) for label in _words().values() for _, pattern in label.phrases)


def is_only(label: Label, text: str) -> bool:
    """Say whether a text is nothing but words for the thing."""
    return any(
        re.fullmatch(r"[\W\d_]*", pattern.sub(" ", text)) is not None and pattern.search(text)
        for _, pattern in _words()[label].phrases
    )


def blotted(label: Label, text: str) -> str:
    """Return a text without what only looks like the label's words, every other letter in its place."""
    lookalikes = _words()[label].lookalikes
    return lookalikes.sub(lambda found: "\0" * len(found[0]), text) if lookalikes else text
