"""What was bought: the rows between the head and the sums."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from counterfoil.extraction.layout.amounts import CENT, Amount, read_number
from counterfoil.extraction.layout.candidates import Candidate
from counterfoil.extraction.layout.counting import Counted, counted_on
from counterfoil.extraction.layout.dates import dates_in
from counterfoil.extraction.layout.finders import taxes
from counterfoil.extraction.layout.labelled import Labelled, labelled_amounts
from counterfoil.extraction.layout.labels import Label, blotted, is_only, plain, strength
from counterfoil.extraction.layout.paper import Paper, Row
from counterfoil.extraction.layout.rows import Span, Token
from counterfoil.records.domain import FieldPath, LineItem, Tax

PATH = FieldPath("line_items")
_SUMS = (
    Label.TOTAL,
    Label.SUBTOTAL,
    Label.TAX,
    Label.CASH,
    Label.CHANGE,
    Label.CARD,
    Label.ROUNDING,
    Label.TIP,
)
_HEAD = re.compile(
    r"\b(?:description|item|items|product|designation|libelle|produit|article|bezeichnung|beschreibung|"
    r"artikel|leistung|position|omschrijving|descripcion|concepto|descrizione|opis|nazwa|descricao|desc|artigo|articulo|"
    r"produto|producto|prodotto|towar|keterangan|perihal|uraian|nama barang|barang)\b"
)
_COLUMNS = re.compile(
    r"\b(?:qty|qte|qantite|pu|sous|quantity|price|amount|amt|total|u\.?price|unit|menge|preis|einzelpreis|"
    r"betrag|gesamt|quantite|prix|montant|aantal|prijs|bedrag|cantidad|precio|importe|quantita|prezzo|"
    r"importo|ilosc|cena|disc|rm|"
    r"kuantiti|ktt|jml|jumlah|harga|amaun|satuan|unidades|ud|qtd|quantidade|preco|valor|importancia|wartosc|kwota|"
    r"stukprijs|totaal|totale)\b"
)
_PRICE_FIRST = re.compile(
    r"\b(?:pu|p\.u|prix|price|preis|nettopreis|einzelpreis|precio|prezzo|prijs|cena)\b.*\b(?:qte|qty|"
    r"quantity|quantite|menge|anzahl|cantidad|quantita|aantal|ilosc)\b"
)
_QUANTITY = re.compile(
    r"(\d{1,4}(?:[.,]\d{1,3})?)\s?(?:[x*@]|pcs?|st(?:k|ck)?\.?|units?|ea|pkt|kg|h|std|unit.s.|stuck)?", re.IGNORECASE
)
_FILLER = re.compile(r"[x*@]|\W+|RM|EUR|\u20ac|\$", re.IGNORECASE)
_SUM_WORDS = 0.6
_MANY = 100  # from here on a number at a row's start is rather a code
_OTHER_PRICE = re.compile(r"\W*(?:item|reg|regular|list|normal|orig|original|retail|was)\W*(?:price|retail)\W*\d")
_NO_WORDS = re.compile(r"[\W\d_]*(?:x|pcs?|pc|ea|kg|sr|zr|zrl|os|rm|eur|[a-z])?[\W\d_]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Priced:
    """A row that ends in an amount, read as `description quantity price amount` as far as it has them."""

    description: tuple[Token, ...]
    quantity: tuple[Decimal, Span] | None
    price: tuple[Decimal, Span] | None
    amount: Amount
    row: Row


def find(paper: Paper) -> Iterable[Candidate]:
    """Propose the items in order; a row of words alone is the description of the priced row under it."""
    waiting: Row | None = None
    price_first = any(_is_head(row) and _PRICE_FIRST.search(row.text) for row in paper.rows)
    body = _body(paper)
    owners, counting = _counts(body)
    items: list[_Priced] = []
    for row in body:
        if row.index in counting and not waiting:
            continue
        priced = _priced(row, price_first=price_first)
        if priced is None:
            waiting = row if re.search(r"[^\W\d]{3}", row.text) and not row.money else None
            continue
        if waiting and _has_no_words(priced):
            priced = _described(priced, waiting)
        elif counted := owners.get(row.index):
            priced = _counted(priced, counted)
        waiting = None
        if not (_has_no_words(priced) or _is_carried(priced, items) or _OTHER_PRICE.match(row.text)):
            items.append(priced)
    yield from map(_item, [*items, *_charges(paper, items)])


def _is_carried(priced: _Priced, items: Sequence[_Priced]) -> bool:
    """Say whether a row carries the sum of a page over; words that may name an item too need that sum beside them."""
    text = plain(_text(priced))
    is_sum = abs(sum((one.amount.value for one in items), -priced.amount.value)) < CENT
    return is_only(Label.CARRIED, text) and (strength(Label.CARRIED, text) == 1 or is_sum)


def _charges(paper: Paper, items: Sequence[_Priced]) -> list[_Priced]:
    """Return the charges among the sums, such as freight, if the items make a total with them and none without."""
    taken = {one.row.index for one in items}
    named = {one.row.index: one for one in reversed(labelled_amounts(paper, Label.CHARGE)) if one.amount.value}
    charges = [one for index, one in named.items() if index not in taken]
    bare = sum((one.amount.value for one in items), Decimal())
    charged = bare + sum((one.amount.value for one in charges), Decimal())
    if not items or not charges or _makes_a_total(paper, bare) or not _makes_a_total(paper, charged):
        return []
    return [_charge(one) for one in sorted(charges, key=lambda one: one.row.index)]


def _makes_a_total(paper: Paper, amount: Decimal) -> bool:
    """Say whether an amount is called a total, or makes one with the taxes and less a discount."""
    on_top = {one.value.amount for one in taxes.find(paper) if isinstance(one.value, Tax)}
    known = {Decimal(), *(one for one in on_top if one is not None)}
    off = {Decimal(), *(abs(one.amount.value) for one in labelled_amounts(paper, Label.DISCOUNT))}
    totals = {one.amount.value for one in labelled_amounts(paper, Label.TOTAL) if one.strength >= _SUM_WORDS}
    totals -= {one.amount.value for one in labelled_amounts(paper, Label.SUBTOTAL)}
    ways = (amount + tax - lowered for tax in {*known, sum(known)} for lowered in off)
    return any(abs(way - total) < CENT for way in ways for total in totals)


def _charge(one: Labelled) -> _Priced:
    return _Priced(
        description=_words(one.row, [one.amount.span]), quantity=None, price=None, amount=one.amount, row=one.row
    )


def _counts(body: Sequence[Row]) -> tuple[dict[int, Counted], set[int]]:
    """Return the counts by the index of the row above or below whose amount they make, and the rows that only count."""
    owners: dict[int, Counted] = {}
    counting: set[int] = set()
    for place, row in enumerate(body):
        if not (counted := counted_on(row.span)):
            continue
        counting.add(row.index)
        for near in (*body[max(place - 1, 0) : place], *body[place + 1 : place + 2]):
            if near.index not in owners and any(counted.makes(amount.value) for amount in near.money):
                owners[near.index] = counted
                break
    return owners, counting


def _counted(priced: _Priced, counted: Counted) -> _Priced:
    """Return a priced row with what another row counts; numbers beside its words are no quantity then."""
    return replace(
        priced,
        description=_words(priced.row, [priced.amount.span]) or priced.description,
        quantity=(counted.many, counted.many_span),
        price=(counted.price, counted.price_span),
    )


def _text(priced: _Priced) -> str:
    return " ".join(token.text for token in priced.description)


def _has_no_words(priced: _Priced) -> bool:
    return _NO_WORDS.fullmatch(_text(priced)) is not None


def _described(priced: _Priced, above: Row) -> _Priced:
    """Return a priced row with the words of the row above it, and its quantity and price if they stand there."""
    factors = None if priced.quantity else _factors(above.amounts, priced.amount.value)
    if not factors:
        return replace(priced, description=above.span.tokens)
    quantity, price = factors
    words = _words(above, [quantity.span, price.span])
    return replace(priced, description=words, quantity=(quantity.value, quantity.span), price=(price.value, price.span))


def _body(paper: Paper) -> list[Row]:
    """Return the rows under the head of the table, or from the first price on, down to the sums."""
    heads = (row.index + 1 for row in paper.rows if _is_head(row))
    priced = (row.index - 1 for row in paper.rows[2:] if _priced(row))  # the row above may describe it
    start = next(heads, None) or next(priced, 0)
    body: list[Row] = []
    for row in paper.rows[start:]:
        if _is_sum(row) and row.money:
            if body:
                break
            continue
        if body and _heads_sums(row):
            break
        if not _is_head(row):
            body.append(row)
    return body


def _heads_sums(row: Row) -> bool:
    """Say whether a row is the head of the table of sums, as under the items of an invoice."""
    named = sum(strength(label, row.text) >= _SUM_WORDS for label in (Label.TOTAL, Label.SUBTOTAL, Label.TAX))
    return named > 1 and not row.money and not _HEAD.search(row.text)


def _is_head(row: Row) -> bool:
    return bool(
        not row.money
        and ((_HEAD.search(row.text) and _COLUMNS.search(row.text)) or len(_COLUMNS.findall(row.text)) >= 3)
    )


def _is_sum(row: Row) -> bool:
    """Say whether a row begins with the words for a sum; further right they may speak of an item's tax or price."""
    first = " ".join(row.text.split(" ")[: max(len(row.columns[0].tokens), 2)])
    return strength(Label.CARRIED, plain(first)) < 1 and any(
        strength(label, blotted(label, first)) >= _SUM_WORDS for label in _SUMS
    )


def _priced(row: Row, *, price_first: bool = False) -> _Priced | None:
    """Read a row that ends in money. Quantity and price are those numbers whose product is the amount."""
    day = _day(row)
    columns = row.columns[1:] if day else row.columns
    if not row.money or any(dates_in(column.text) for column in columns):
        return None
    amount = row.money[-1]
    for product in reversed(row.money):
        before = [one for one in row.amounts if one.span.left < product.span.left]
        if not (factors := _factors(before, product.value, price_first=price_first)):
            continue
        amount = product
        quantity, price = factors
        return _Priced(
            description=_words(row, [quantity.span, price.span, amount.span]),
            quantity=(quantity.value, quantity.span),
            price=(price.value, price.span),
            amount=amount,
            row=row,
        )
    words = list(row.span.tokens[len(day) : row.span.tokens.index(row.money[0].span.tokens[0])])
    first = row.money[0] if len(row.money) > 1 else None
    counted, words = _quantity(words, first)
    return _Priced(
        description=tuple(words),
        quantity=counted,
        price=(first.value, first.span) if first else None,
        amount=amount,
        row=row,
    )


def _day(row: Row) -> tuple[Token, ...]:
    """Return the date in the first column of a row that goes on with words, as in a hotel's bill by day."""
    first, *others = row.columns
    dates = dates_in(first.text)
    is_day = len(dates) == 1 and not dates[0].loose and dates[0].start == 0 and dates[0].end == len(first.text)
    return first.tokens if is_day and others and re.search(r"[^\W\d]{3}", others[0].text) else ()


def _factors(numbers: Sequence[Amount], product: Decimal, *, price_first: bool = False) -> tuple[Amount, Amount] | None:
    """Return the quantity and the price among numbers whose product is given, the price the one written as money.

    The quantity is the nearest to the price: the number of the row may be the same. A code does not count what is free.
    """
    for price in sorted(numbers, key=lambda one: (one.places < 2, one.span.left if price_first else -one.span.left)):
        for quantity in sorted(numbers, key=lambda one: abs(one.span.left - price.span.left)):
            counts = quantity is not price and quantity.value and (price.value or quantity.value < _MANY)
            if counts and abs(quantity.value * price.value - product) < CENT:
                return quantity, price
    return None


def _words(row: Row, numbers: Sequence[Span]) -> tuple[Token, ...]:
    """Return the words of a row before its numbers; a number at its start is no part of them."""
    tokens = list(row.span.tokens[len(_day(row)) :])
    taken = {token for span in numbers for token in span.tokens}
    while tokens and (tokens[0] in taken or re.fullmatch(r"\d{1,3}[.)]?|[x*@]", tokens[0].text)):
        tokens.pop(0)
    for index, token in enumerate(tokens):
        if token in taken:
            tokens = tokens[:index]
            break
    while tokens and _FILLER.fullmatch(tokens[-1].text):
        tokens.pop()
    return tuple(tokens)


def _quantity(words: list[Token], price: Amount | None) -> tuple[tuple[Decimal, Span] | None, list[Token]]:
    """Take a quantity off the start of the words, or one that stands alone before a price."""
    while words and _FILLER.fullmatch(words[-1].text):
        words = words[:-1]
    found = _QUANTITY.fullmatch(words[0].text) if words else None
    number = read_number(found[1]) if found else None
    if number and number < _MANY and number == int(number) and (len(words) > 1 or price):
        return (number, Span(tokens=(words[0],))), words[1:]
    return None, words


def _item(priced: _Priced) -> Candidate:
    described = Span(tokens=priced.description)
    parts = {"description": described, "amount": priced.amount.span}
    quantity = price = None
    if priced.quantity:
        quantity, parts["quantity"] = priced.quantity
    if priced.price:
        price, parts["unit_price"] = priced.price
    amount = priced.amount.value
    value = LineItem(description=described.text, quantity=quantity, unit_price=price, amount=amount)
    fits = quantity and price and abs(quantity * price - amount) < 1
    return Candidate(path=PATH, value=value, span=priced.amount.span, score=0.8 if fits else 0.6, parts=parts)
