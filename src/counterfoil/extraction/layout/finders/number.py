"""The number that the seller gave the document."""

import re
from collections.abc import Iterable, Iterator, Sequence

from counterfoil.extraction.layout.blocks import Line
from counterfoil.extraction.layout.candidates import Candidate
from counterfoil.extraction.layout.dates import dates_in, folded
from counterfoil.extraction.layout.labels import Label, blotted, place, plain, strength
from counterfoil.extraction.layout.paper import Paper, Row
from counterfoil.extraction.layout.rows import Span, Token
from counterfoil.extraction.layout.sections import section_of
from counterfoil.records.domain import FieldPath

PATH = FieldPath("number")
_NUMBER = re.compile(r"(?:[A-Z]{1,4} )?(?=[\w/.-]*\d)[A-Za-z0-9][\w/.-]*")
_SERIES = re.compile(r"(?!N[OR]?$|ID$)[A-Z]{1,4}")  # before a number, as in `FS 2024/118`
_NUMBERED = re.compile(r"(?:no|nr|number|nummer|numero|numer)[.:]+ \S*\d\S*")
_AMOUNT = re.compile(r"[\d.,]*\d[.,]\d\d")
_TIME = re.compile(r"\d?\d:\d\d(?::\d\d)?")
_WORD_NUMBER = re.compile(r"(?:no|nr|n\u00b0|n\u00ba|number|nummer|numero)[.:]*")
_LEAD = re.compile(r"^(?:.*[#:\u00b0\u00ba]|\w*?(?:no|nr|num|number|nummer)\.)(?=[\w/.-]*\d)", re.IGNORECASE)
_FILLERS = re.compile(r"[\W_]*(?:no|nr|n|number|nummer|num|numero|id|date|datum|o)?[\W_]*")
_OTHERS = (Label.DATE, Label.OTHER_NUMBER, Label.BUYER, Label.TOTAL, Label.TAX_ID, Label.PHONE, Label.COUNT)
_NEAR = 2  # rows up or down
_BARE = 0.5  # how surely a column says what it holds that is headed by no more than a word for "number"
_BESIDE = 0.95  # how fit the places are that stand right at the words
_SHORT = 2  # digits that rather count something: pages, tables, rows, houses


def find(paper: Paper) -> Iterable[Candidate]:
    """Propose the number beside or under the words for one."""
    for row in paper.rows:
        for sure, start in _announced(paper, row):
            glued = _glued(row.span.tokens[start], row.text.split(" ")[start])
            for tokens, share in _places(paper, row, start, glued):
                value = _value(tokens, may_be_date=sure == 1)
                if value and (len(value) > _SHORT or (sure == 1 and share >= _BESIDE)):
                    yield Candidate(
                        path=PATH, value=value, span=Span(tokens=tuple(tokens)), score=_score(sure, share, row, value)
                    )
                    break


def _announced(paper: Paper, row: Row) -> Iterator[tuple[float, int]]:
    """Yield how surely words of a row announce the number, and the place of their last word."""
    text = blotted(Label.NUMBER, row.text)
    sure, where = strength(Label.NUMBER, text), place(Label.NUMBER, text)
    if where is not None and not (sure < 1 and _is_head_of_dates(row, row.text[: where[0]].count(" "))):
        yield sure, row.text[: where[1]].rstrip().count(" ")
        return
    for column in row.columns:
        words = folded(column.text)
        is_head = _WORD_NUMBER.fullmatch(words) and _is_of_document(paper, row, column)
        if is_head or (_NUMBERED.fullmatch(words) and _is_among_dates(paper, row, column)):
            yield _BARE, row.span.tokens.index(column.tokens[0])


def _is_head_of_dates(row: Row, index: int) -> bool:
    """Say whether a word stands in a head such as `Date of invoice`."""
    column = next(column for column in row.columns if row.span.tokens[index] in column.tokens)
    return strength(Label.DATE, plain(column.text)) == 1 and not re.search(r"\d", column.text)


def _is_among_dates(paper: Paper, row: Row, column: Span) -> bool:
    """Say whether a line right above or below begins where this one does and speaks of a date."""
    near = paper.rows[max(row.index - _NEAR, 0) : row.index + _NEAR + 1]
    return any(
        other.page == row.page
        and abs(part.left - column.left) < row.span.height
        and strength(Label.DATE, plain(part.text))
        for other in near
        for part in other.columns
    )


def _is_of_document(paper: Paper, row: Row, column: Span) -> bool:
    """Say whether a bare "number" is the document's: it heads a column beside one of dates, or belongs to no party."""
    beside_date = any(strength(Label.DATE, plain(other.text)) for other in row.columns if other is not column)
    return beside_date or section_of(paper, Line(span=column, row=row)) is None


def _score(sure: float, share: float, row: Row, value: str) -> float:
    other = 0.4 if strength(Label.OTHER_NUMBER, row.text) and sure < 1 else 1.0
    return max(sure * share * other * (0.95 if len(value) > _SHORT else 0.6) - row.index * 0.001, 0.05)


def _glued(token: Token, text: str) -> bool:
    """Say whether the label's last word carries the number itself, as in `No:4711`."""
    return bool(re.search(r"[#:.\u00b0][\w/-]*\d", text)) and len(token.text) == len(text)


def _places(paper: Paper, row: Row, start: int, glued: bool) -> Iterator[tuple[list[Token], float]]:
    """Yield the tokens that may be the number, with how fit their place is: right of the words, then below."""
    tokens = row.span.tokens
    if glued:
        yield [tokens[start]], 0.95
    column = next(column.tokens for column in row.columns if tokens[start] in column.tokens)
    reach = max(start + 4, tokens.index(column[-1]) + 1)
    named = [index for index, token in enumerate(tokens[:reach]) if _WORD_NUMBER.fullmatch(folded(token.text))]
    start = max([start, *named])
    for token in tokens[start + 1 : start + 5]:
        if re.search(r"\d", token.text):
            yield [token], 1.0
            break
        if _SERIES.fullmatch(token.text) and token is not tokens[-1]:
            yield [token, tokens[tokens.index(token) + 1]], 1.0
        if not _FILLERS.fullmatch(token.text.casefold()):
            break
    if value := _after_colon(tokens[start + 1 :]):
        yield [value], 0.9
    yield from (([token], 0.75) for token in _below(paper, row, tokens[start]))


def _below(paper: Paper, row: Row, label: Token) -> Iterator[Token]:
    """Yield the words under a label's last word that are no part of a date."""
    for below in paper.rows[row.index + 1 : row.index + 3]:
        if below.page != row.page or below.span.middle - row.span.middle > 4.5 * row.span.height:
            return
        dated = _dated(below)
        for token in below.span.tokens:
            is_under = token.right > label.left - label.height * 4 and token.left < label.right + label.height * 2
            if is_under and token not in dated:
                yield token


def _dated(row: Row) -> set[Token]:
    """Return the words of a row's dates."""
    dates = ((column, found) for column in row.columns for found in dates_in(column.text) if not found.loose)
    return {token for column, found in dates for token in column.between(found.start, found.end).tokens}


def _after_colon(tokens: Sequence[Token]) -> Token | None:
    """Return the word behind words that go on with the label up to a colon, as in `Receipt (copy): 4711`."""
    for index, token in enumerate(tokens[:3]):
        if re.search(r"\d", token.text):
            return None
        if token.text.endswith(":"):
            words = plain(" ".join(one.text for one in tokens[: index + 1]))
            is_other = any(strength(label, words) for label in _OTHERS)
            return None if is_other else next(iter(tokens[index + 1 :]), None)
    return None


def _value(tokens: list[Token], *, may_be_date: bool = False) -> str | None:
    """Return the number in the words; digits alone that could be a date are one where they are announced surely."""
    text = " ".join(token.text for token in tokens)
    if _TIME.fullmatch(text):
        return None
    text = _LEAD.sub("", text).strip(".,:;#()-*")
    if not _NUMBER.fullmatch(text) or _AMOUNT.fullmatch(text):
        return None
    if any(not (may_be_date and one.loose) for one in dates_in(text)):
        return None
    return text
