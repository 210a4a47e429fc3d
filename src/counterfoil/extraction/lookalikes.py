"""Lookalikes: documents that show the same, as two photographs of one receipt do, found by the words on them.

The words that tell documents apart have digits: times, numbers, amounts. Two photographs of one receipt share nine in
ten of them, two receipts of one shop a third at most. As pictures, two invoices of one template look the same.
"""

import re
from collections.abc import Collection, Sequence
from hashlib import blake2b

from counterfoil.extraction.domain import Extraction, PageText
from counterfoil.extraction.layout.dates import folded
from counterfoil.records.domain import InvoiceData

MARKS = 8
"""How many marks a document has. They are what it is looked up by."""
SHARED = 3
"""Documents that share nine words in ten share fewer marks once in a million times."""
ALIKE = 0.7
_FEWEST = 6
"""Words with digits that a document has to have; with fewer, too much is chance."""
_SHORTEST = 3  # letters and digits; shorter numbers are on every receipt
_WORD = re.compile(r"[^\W_]+(?:[.,:/-][^\W_]+)*")


def telling_words(pages: Sequence[PageText]) -> frozenset[str]:
    """Return the words that tell a document from others like it, without what stands between their digits."""
    found = (
        "".join(letter for letter in match.group() if letter.isalnum())
        for page in pages
        for word in page.words
        for match in _WORD.finditer(folded(word.text))
    )
    return frozenset(one for one in found if len(one) >= _SHORTEST and any(map(str.isdigit, one)))


def marks_of(pages: Sequence[PageText]) -> Sequence[int]:
    """Return the smallest hashes of the telling words, which those who share most words share too; none for too few."""
    words = telling_words(pages)
    return sorted(map(_hash, words))[:MARKS] if len(words) >= _FEWEST else ()


def alike(one: Extraction, other: Extraction) -> bool:
    """Tell whether two documents show the same. Next month's invoice of the same sum has another date or number."""
    if _apart(one.data, other.data):
        return False
    return _shared(telling_words(one.pages), telling_words(other.pages)) >= ALIKE


def _apart(one: InvoiceData, other: InvoiceData) -> bool:
    pairs = ((one.issue_date, other.issue_date), (one.number, other.number))
    return any(mine and theirs and mine != theirs for mine, theirs in pairs)


def _shared(one: Collection[str], other: Collection[str]) -> float:
    return len(set(one) & set(other)) / max(1, len(set(one) | set(other)))


def _hash(word: str) -> int:
    """Return a number of 63 bits, which every database can keep."""
    return int.from_bytes(blake2b(word.encode(), digest_size=8).digest()) >> 1
