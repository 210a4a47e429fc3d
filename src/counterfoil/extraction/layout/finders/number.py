"""The number that the seller gave the document."""

import re
from collections.abc import Iterable, Iterator

from counterfoil.extraction.layout.candidates import Candidate
from counterfoil.extraction.layout.dates import dates_in
from counterfoil.extraction.layout.labels import Label, place, strength
from counterfoil.extraction.layout.paper import Paper, Row
from counterfoil.extraction.layout.rows import Span, Token
from counterfoil.records.domain import FieldPath

PATH = FieldPath("number")
_NUMBER = re.compile(r"[#:]?(?=[\w/.-]*\d)[A-Za-z0-9][\w/.-]*")
_AMOUNT = re.compile(r"[\d.,]*\d[.,]\d\d")
_WORD_NUMBER = re.compile(r"(?:no|nr|n\u00b0|n\u00ba|number|nummer|numero)[.:]*")
_FILLERS = re.compile(r"[\W_]*(?:no|nr|n|number|nummer|num|numero|id|date|datum|o)?[\W_]*")


def find(paper: Paper) -> Iterable[Candidate]:
    """Propose the number beside or under the words for one."""
    for row in paper.rows:
        sure, where = strength(Label.NUMBER, row.text), place(Label.NUMBER, row.text)
        if not sure or where is None:
            continue
        start = row.text[: where[1]].rstrip().count(" ")
        glued = _glued(row.span.tokens[start], row.text.split(" ")[start])
        for tokens, share in _places(paper, row, start, glued):
            if value := _value(tokens):
                yield Candidate(
                    path=PATH, value=value, span=Span(tokens=tuple(tokens)), score=_score(sure, share, row, value)
                )
                break


def _score(sure: float, share: float, row: Row, value: str) -> float:
    other = 0.4 if strength(Label.OTHER_NUMBER, row.text) and sure < 1 else 1.0
    return max(sure * share * other * (0.95 if len(value) > 2 else 0.6) - row.index * 0.001, 0.05)


def _glued(token: Token, text: str) -> bool:
    """Say whether the label's last word carries the number itself, as in `No:4711`."""
    return bool(re.search(r"[#:.]\w*\d", text)) and len(token.text) == len(text)


def _places(paper: Paper, row: Row, start: int, glued: bool) -> Iterator[tuple[list[Token], float]]:
    """Yield the tokens that may be the number, with how fit their place is: right of the words, then below."""
    tokens = row.span.tokens
    if glued:
        yield [tokens[start]], 0.95
    named = [
        index
        for index in range(start + 1, min(start + 4, len(tokens)))
        if _WORD_NUMBER.fullmatch(tokens[index].text.casefold())
    ]
    start = named[-1] if named else start
    for token in tokens[start + 1 : start + 5]:
        if not re.search(r"\d", token.text) and not _FILLERS.fullmatch(token.text.casefold()):
            break
        if re.search(r"\d", token.text):
            yield [token], 1.0
            break
    label = tokens[start]
    for below in paper.rows[row.index + 1 : row.index + 3]:
        if below.page != row.page or below.span.middle - row.span.middle > 4.5 * row.span.height:
            return
        for token in below.span.tokens:
            if token.right > label.left - label.height * 4 and token.left < label.right + label.height * 2:
                yield [token], 0.75


def _value(tokens: list[Token]) -> str | None:
    text = "".join(token.text for token in tokens)
    text = re.sub(r"^.*[#:](?=[\w/.-]*\d)", "", text).strip(".,:;#()-*")
    if not _NUMBER.fullmatch(text) or _AMOUNT.fullmatch(text) or dates_in(text):
        return None
    return text
