"""A paper is a document as the finders see it: all its rows, the amounts in them, and where it comes from."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from counterfoil.extraction.domain import PageText
from counterfoil.extraction.layout.amounts import Amount, amounts_in, decimal_sign_of
from counterfoil.extraction.layout.dates import folded
from counterfoil.extraction.layout.labels import plain
from counterfoil.extraction.layout.locale import Locale, locale_of
from counterfoil.extraction.layout.rows import Span, rows_of


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
    return Paper(rows=rows, locale=locale_of(spans))
