"""Amounts with the words that announce them: on the same row, under it, or under a column's head."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from counterfoil.extraction.layout.amounts import Amount
from counterfoil.extraction.layout.labels import Label, place, strength
from counterfoil.extraction.layout.paper import Paper, Row

# What must not be taken for the words of a label: it is blotted out of the row before looking.
_BLOTS: dict[Label, str] = {
    Label.TOTAL: r"sub[\W_]*total\w*|\w*summe[\W_]*(?:netto|ohne)\w*|gesamtbetrag[\W_]*der[\W_]*\w+|total[\W_]*(?:sales[\W_]*)?\(?(?:excl?\w*|before\w*|net of\w*|ht\b|hors\w*|without\w*)|sous[\W_]*total|"
    r"total[\W_]*(?:tax(?:es)?|gst|vat|sst|mwst|ust|tva|iva|btw|steuer)\b(?![\W_]*(?:incl|inkl))|montant[\W_]*(?:ht|tva|hors)\w*|"
    r"total[\W_]*(?:qty|quantity|items?|no|number|pcs|units?|disc\w*|saving\w*|pax|count|cash|paid|tender\w*|rounding|round\b|points?|sold|due date|weight)|"
    r"(?:items?|qty)[\W_]*total|total[\W_]*ne(?:t|tto)\b(?![\W_]*(?:amount|a payer|to pay))|(?:vat|tax|gst|change|discount|steuer|btw|tva)[\W_]*(?:amount|amt)|"
    r"total[\W_]*[\do]+(?:[.,]\d+)?[\W_]*%[\W_]*\w*|am(?:oun)?t[\W_]*(?:pa[il]d[\W_]*ex\w*|tendered|received|saved|excl\w*)|gesamt[\W_]*netto|netto[\W_]*(?:gesamt|betrag|summe)\w*|summe[\W_]*(?:netto|mwst|ust|positionen)|"
    r"zwischen[\W_]*summe|before[\W_]*total|previous[\W_]*balance|balance[\W_]*forward|(?:card|gift|account|points?|loyalty)[\W_]*balance|"
    r"food[\W_]*total|mwst[\W_]*betrag|steuer[\W_]*betrag|balance[\W_]*change|prix[\W_]*total|total[\W_]*(?:price|hours|miles)",
    Label.SUBTOTAL: r"(?:vat|tax|gst|mwst|ust|tva|btw)[\W_]*(?:amount|amt)|netto[\W_]*a[\W_]*pagare|net[\W_]*a[\W_]*payer|netto[\W_]*(?:preis|gewicht)",
    Label.TAX: r"(?:simplified[\W_]*)?tax[\W_]*invoice|(?:gst|vat|sst|tax|ust|btw|tva|steuer)[\W_]*(?:reg\w*|id\w*|no\b|number|nr|nummer|summary|code|analysis|rate|intra\w*)|"
    r"(?:incl?|excl?|inkl|exkl|zzgl|incluid\w*|includ\w*|exclud\w*|plus|before|without|w/o|hors|inclusive|exclusive|of|with|after)\w*[\W_]*(?:of[\W_]*)?(?:\d+[\W_]*)?(?:sales[\W_]*)?(?:tax(?:es)?|gst|vat|sst|mwst|ust|tva|iva|btw)\b|"
    r"(?:pre|non)[\W_]*tax\w*|service[\W_]*tax[\W_]*no|total[\W_]*tva[\W_]*inc\w*|iva[\W_]*inc\w*|tva[\W_]*(?:incl|compris)\w*|(?:amount|total|sum)[\W_]*(?:rm)?[\W_]*(?:tax|gst)\b(?=.*\btax)",
    Label.CASH: r"cash[\W_]*(?:bill|sales?|receipt|ier\b|ier|change|invoice|memo|rounding)|payment[\W_]*(?:due|terms?|date|method|mode|type|by)|paid[\W_]*by|pay[\W_]*by|pay[\W_]*\w*[\W_]*date",
    Label.CARD: r"card[\W_]*(?:no|number|#)|member[\W_]*card|credit[\W_]*note|pin[\W_]*(?:code|verified)|carte[\W_]*(?:fid\w*)|gift[\W_]*card",
    Label.CHANGE: r"ex[\W_]*change\w*|change[\W_]*(?:of|in|your|policy)|no[\W_]*change",
    Label.TIP: r"suggested[\W_]*(?:tip|gratuity)\w*|tip[\W_]*(?:guide|suggestions?|table)|\d+[\W_]*%[\W_]*(?:tip|gratuity)|(?:tip|gratuity)[\W_]*(?:of[\W_]*)?\d+[\W_]*%|finger[\W_]*tip",
    Label.ROUNDING: r"round(?:ed|ing)?[\W_]*total|total[\W_]*(?:after[\W_]*)?round\w*|total[\W_]*\w*[\W_]*rounded",
    Label.CHARGE: r"service[\W_]*(?:no|tax|reg\w*|center|centre|counter|date|period|station)|customer[\W_]*service|self[\W_]*service",
    Label.DISCOUNT: r"total[\W_]*before[\W_]*disc\w*|after[\W_]*disc\w*|before[\W_]*disc\w*|less[\W_]*than|disc\w*[\W_]*%|unless",
}
_COMPILED_BLOTS = {label: re.compile(rf"(?<![a-z])(?:{pattern})") for label, pattern in _BLOTS.items()}


_AFTER_AMOUNTS = 0.7  # words after an amount speak of the row more often than of the amount behind them


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """An amount and how surely words announce it."""

    amount: Amount
    strength: float
    row: Row
    label_row: Row


def blotted(label: Label, text: str) -> str:
    """Return a row's text without what only looks like the label's words, every other letter in its place."""
    pattern = _COMPILED_BLOTS.get(label)
    return pattern.sub(lambda found: "\0" * len(found[0]), text) if pattern else text


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
    for near, amounts in _near(rows, row, start, end):
        for amount in amounts:
            yield Labelled(amount=amount, strength=sure * 0.8, row=near, label_row=row)
        if amounts:
            return


def _edges(row: Row, where: tuple[int, int]) -> tuple[float, float]:
    """Return from where to where the letters between two places stand on the paper."""
    first, last = row.text[: where[0]].count(" "), row.text[: where[1]].rstrip().count(" ")
    tokens = row.span.tokens
    return tokens[min(first, len(tokens) - 1)].left, tokens[min(last, len(tokens) - 1)].right


def _near(rows: Sequence[Row], row: Row, start: float, end: float) -> Iterator[tuple[Row, list[Amount]]]:
    """Yield the rows on which an announced amount may stand when it does not stand beside its words."""
    height = row.span.height
    for step in (1, -1, 2):
        index = row.index + step
        if not 0 <= index < len(rows) or rows[index].page != row.page:
            continue
        near = rows[index]
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
