"""A paper is a document as the finders see it: all its rows, the amounts in them, and where it comes from."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from counterfoil.extraction.domain import PageText
from counterfoil.extraction.layout.amounts import Amount, amounts_in, decimal_sign_of
from counterfoil.extraction.layout.currencies import WITHOUT_CENTS
from counterfoil.extraction.layout.dates import folded
from counterfoil.extraction.layout.labels import plain
from counterfoil.extraction.layout.locale import Locale, locale_of
from counterfoil.extraction.layout.rows import Span, rows_of

_LEADING_ZERO = re.compile(r"\W*0\d")  # a code
_SHORT = 1000  # from here on the thousands of an amount are set apart
_IN_LINE = 0.6  # letter heights between the right ends of amounts under each other, at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row with what can be said of it alone. `index` counts over all pages.

    `letters` are folded, each where it was printed; `text` is mended besides, for labels.
    """

    index: int
    span: Span
    letters: str
    text: str
    columns: tuple[Span, ...]
    amounts: tuple[Amount, ...]

    @property
    def page(self) -> int:
        return self.span.page

    @property
    def money(self) -> tuple[Amount, ...]:
        return tuple(amount for amount in self.amounts if amount.is_money)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A document to find fields on."""

    rows: tuple[Row, ...]
    locale: Locale

    @property
    def first_page(self) -> tuple[Row, ...]:
        for _, rows in groupby(self.rows, key=lambda row: row.page):
            return tuple(rows)
        return ()


def paper_of(pages: Sequence[PageText]) -> Paper:
    """Lay out the words of all pages."""
    spans = [span for page in pages for span in rows_of(page)]
    sign = decimal_sign_of(spans)
    rows = tuple(
        Row(
            index=index,
            span=span,
            letters=folded(span.text),
            text=plain(span.text),
            columns=span.columns(),
            amounts=amounts_in(span, sign),
        )
        for index, span in enumerate(spans)
    )
    locale = locale_of(spans)
    return Paper(rows=_with_whole_money(rows) if locale.currency in WITHOUT_CENTS else rows, locale=locale)


def _with_whole_money(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Return the rows with whole amounts as money: grouped by thousands, or short and under or right of such."""
    sure = [amount.span for row in rows for amount in row.amounts if amount.is_grouped or amount.is_money]

    def is_whole(row: Row, amount: Amount) -> bool:
        return amount.is_grouped or (_is_short(row, amount) and any(_goes_with(row, amount, one) for one in sure))

    return tuple(
        replace(row, amounts=tuple(replace(one, is_whole=is_whole(row, one)) for one in row.amounts)) for row in rows
    )


def _is_short(row: Row, amount: Amount) -> bool:
    """Say whether it is a small whole number with nothing but numbers beside it in its column."""
    numbers = {token for one in row.amounts for token in one.span.tokens}
    is_among_numbers = any(
        numbers.issuperset(column.tokens) for column in row.columns if amount.span.tokens[0] in column.tokens
    )
    is_count = amount.places == 0 and abs(amount.value) < _SHORT and not _LEADING_ZERO.match(amount.span.text)
    return is_count and is_among_numbers


def _goes_with(row: Row, amount: Amount, sure: Span) -> bool:
    """Say whether an amount stands in a column of sure ones, or on a row right of one."""
    span = amount.span
    is_in_line = abs(span.right - sure.right) <= _IN_LINE * span.height
    return span.page == sure.page and (is_in_line or (sure.tokens[0] in row.span.tokens and sure.right < span.left))
