"""What was bought: the rows between the head and the sums."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from counterfoil.extraction.layout.amounts import Amount, read_number
from counterfoil.extraction.layout.candidates import Candidate
from counterfoil.extraction.layout.dates import dates_in
from counterfoil.extraction.layout.labelled import blotted
from counterfoil.extraction.layout.labels import Label, strength
from counterfoil.extraction.layout.paper import Paper, Row
from counterfoil.extraction.layout.rows import Span, Token
from counterfoil.records.domain import FieldPath, LineItem

PATH = FieldPath("line_items")
_SUMS = (Label.TOTAL, Label.SUBTOTAL, Label.TAX, Label.CASH, Label.CHANGE, Label.CARD, Label.ROUNDING, Label.TIP, Label.CHARGE)
_HEAD = re.compile(
    r"\b(?:description|item|items|product|designation|libelle|produit|article|bezeichnung|beschreibung|artikel|leistung|position|omschrijving|descripcion|concepto|descrizione|opis|nazwa|descricao|desc)\b"
)
_COLUMNS = re.compile(
    r"\b(?:qty|quantity|price|amount|amt|total|u\.?price|unit|menge|preis|einzelpreis|betrag|gesamt|quantite|prix|montant|aantal|prijs|bedrag|cantidad|precio|importe|quantita|prezzo|importo|ilosc|cena|disc|rm)\b"
)
_QUANTITY = re.compile(r"(\d{1,4}(?:[.,]\d{1,3})?)\s?(?:[x*@]|pcs?|st(?:k|ck)?\.?|units?|ea|pkt|kg|h|std|unit.s.|stuck)?", re.IGNORECASE)
_NO_WORDS = re.compile(r"[\W\d_]*(?:x|pcs?|pc|ea|kg|sr|zr|zrl|os|rm|eur|[a-z])?[\W\d_]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Priced:
    """A row that ends in an amount, read as `description quantity price amount` as far as it has them."""

    description: tuple[Token, ...]
    quantity: tuple[Decimal, Span] | None
    price: Amount | None
    amount: Amount
    row: Row


def find(paper: Paper) -> Iterable[Candidate]:
    """Propose the items in order; a row of words alone is the description of the priced row under it."""
    waiting: Row | None = None
    for row in _body(paper):
        priced = _priced(row)
        if priced is None:
            waiting = row if re.search(r"[^\W\d]{3}", row.text) and not row.money else None
            continue
        if _NO_WORDS.fullmatch(" ".join(token.text for token in priced.description)):
            described = waiting.span.tokens if waiting else ()
        else:
            described = priced.description
        waiting = None
        if described:
            yield _item(priced, Span(tokens=described))


def _body(paper: Paper) -> list[Row]:
    start = next((row.index + 1 for row in paper.rows if _is_head(row)), None)
    if start is None:
        start = next((row.index for row in paper.rows if row.index > 1 and _priced(row) and not dates_in(row.span.text)), 0)
    body = []
    for row in paper.rows[start:]:
        if _is_sum(row) and row.money:
            if body:
                break
            continue
        if not _is_head(row):
            body.append(row)
    return body


def _is_head(row: Row) -> bool:
    return bool(not row.money and ((_HEAD.search(row.text) and _COLUMNS.search(row.text)) or len(_COLUMNS.findall(row.text)) >= 3))


def _is_sum(row: Row) -> bool:
    left = " ".join(row.text.split(" ")[:6])
    return any(strength(label, blotted(label, left)) >= 0.6 for label in _SUMS) or strength(Label.SUBTOTAL, row.text) == 1.0 or bool(re.match(r"\W*total\b", row.text))


def _priced(row: Row) -> _Priced | None:
    money = row.money
    if not money or dates_in(row.span.text):
        return None
    amount = money[-1]
    tokens = row.span.tokens
    first_number = tokens.index(money[0].span.tokens[0])
    words = list(tokens[:first_number])
    price = money[0] if len(money) > 1 else None
    quantity, words = _quantity(words, price, amount)
    return _Priced(description=tuple(words), quantity=quantity, price=price, amount=amount, row=row)


def _quantity(words: list[Token], price: Amount | None, amount: Amount) -> tuple[tuple[Decimal, Span] | None, list[Token]]:
    """Take the quantity off the end or the start of the words."""
    while words and re.fullmatch(r"[x*@]|\W+|RM|EUR|\u20ac|\$", words[-1].text, re.IGNORECASE):
        words = words[:-1]
    for index in (len(words) - 1, 0):
        if not words or not (found := _QUANTITY.fullmatch(words[index].text)):
            continue
        number = read_number(found[1])
        if not number:
            continue
        fits = price is not None and abs(number * price.value - amount.value) <= Decimal("0.05")
        if fits or (index == 0 and len(words) > 1 and number < 100 and number == int(number)) or (len(words) == 1 and price):
            rest = words[:index] + words[index + 1 :]
            return (number, Span(tokens=(words[index],))), rest
    return None, words


def _item(priced: _Priced, described: Span) -> Candidate:
    parts = {"description": described, "amount": priced.amount.span}
    if priced.quantity:
        parts["quantity"] = priced.quantity[1]
    if priced.price:
        parts["unit_price"] = priced.price.span
    value = LineItem(
        description=described.text,
        quantity=priced.quantity[0] if priced.quantity else None,
        unit_price=priced.price.value if priced.price else None,
        amount=priced.amount.value,
    )
    fits = priced.price and priced.quantity and abs(priced.quantity[0] * priced.price.value - priced.amount.value) < 1
    return Candidate(path=PATH, value=value, span=priced.amount.span, score=0.8 if fits else 0.6, parts=parts)
