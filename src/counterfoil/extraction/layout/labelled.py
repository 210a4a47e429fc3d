"""Amounts with the words that announce them: on the same row, under it, or under a column's head."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from counterfoil.extraction.layout.amounts import Amount
from counterfoil.extraction.layout.labels import Label, blotted, place, strength
from counterfoil.extraction.layout.paper import Paper, Row

_AFTER_AMOUNTS = 0.7  # words after an amount speak of the row more often than of the amount behind them


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """An amount and how surely words announce it."""

    amount: Amount
    strength: float
    row: Row
    label_row: Row


def labelled_amounts(paper: Paper, label: Label) -> tuple[Labelled, ...]:
    """Return all amounts that the label's words announce, in reading order, the likeliest of each row first."""
    return tuple(found for row in paper.rows for found in _announced(paper.rows, row, label))


def _announced(rows: Sequence[Row], row: Row, label: Label) -> Iterator[Labelled]:
    text = blotted(label, row.text)
    sure, where = strength(label, text), place(label, text)
    if not sure or where is None:
        return
    start, end = _edges(row, where)
    if any(amount.span.right <= start for amount in row.money):
        sure *= _AFTER_AMOUNTS
    beside = [amount for amount in row.money if amount.span.left >= start]
    if beside:
        for back, amount in enumerate(reversed(beside)):
            yield Labelled(amount=amount, strength=sure * (0.75**back), row=row, label_row=row)
        return
    for near, amounts in _near(rows, row, label, start, end):
        for amount in amounts:
            yield Labelled(amount=amount, strength=sure * 0.8, row=near, label_row=row)
        if amounts:
            return


def _edges(row: Row, where: tuple[int, int]) -> tuple[float, float]:
    """Return from where to where the letters between two places stand on the paper."""
    first, last = row.text[: where[0]].count(" "), row.text[: where[1]].rstrip().count(" ")
    tokens = row.span.tokens
    return tokens[min(first, len(tokens) - 1)].left, tokens[min(last, len(tokens) - 1)].right


def _near(rows: Sequence[Row], row: Row, label: Label, start: float, end: float) -> Iterator[tuple[Row, list[Amount]]]:
    """Yield the rows on which an announced amount may stand when it does not stand beside its words.

    What is given back stands on a row of its own, and is nothing else.
    """
    height = row.span.height
    for step in (1, -1, 2):
        index = row.index + step
        if not 0 <= index < len(rows) or rows[index].page != row.page:
            continue
        near = rows[index]
        if label is not Label.CHANGE and strength(Label.CHANGE, blotted(Label.CHANGE, near.text)):
            continue
        if abs(near.span.middle - row.span.middle) > 2.6 * height * abs(step):
            continue
        bare = not re.search(r"[a-z]{3}", near.text)
        under = [amount for amount in near.money if _overlaps(amount, start - height, end + 2 * height)]
        if step > 0 and under:
            yield near, under
        elif bare and abs(step) == 1 and near.money and (step > 0 or abs(near.span.middle - row.span.middle) < height):
            yield near, list(near.money[-1:])


def _overlaps(amount: Amount, start: float, end: float) -> bool:
    return amount.span.right > start and amount.span.left < end
