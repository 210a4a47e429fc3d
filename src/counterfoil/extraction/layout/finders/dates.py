"""The day of issue, its time, and the day when payment is due."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from counterfoil.extraction.layout.candidates import Candidate
from counterfoil.extraction.layout.dates import WrittenDate, dates_in, time_in
from counterfoil.extraction.layout.labels import Label, plain, strength
from counterfoil.extraction.layout.paper import Paper, Row
from counterfoil.extraction.layout.rows import Span
from counterfoil.records.domain import FieldPath

ISSUE_DATE = FieldPath("issue_date")
ISSUE_TIME = FieldPath("issue_time")
DUE_DATE = FieldPath("due_date")
_LABELS = (Label.DUE_DATE, Label.DATE, Label.OTHER_DATE)
_WORDS = 40  # letters before a date that may announce it
_EARLIEST, _LATEST = date(1990, 1, 1), date(2090, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dated:
    """A date on a row, with the words before it on the row or above it."""

    written: WrittenDate
    value: date
    row: Row
    span: Span
    announced: str


def find(paper: Paper) -> Iterable[Candidate]:
    """Propose every date on the paper for what the words beside it make of it."""
    for dated in _all(paper):
        due = _says(Label.DUE_DATE, dated)
        other = _says(Label.OTHER_DATE, dated)
        doubt = 1.0 if dated.written.is_settled or paper.locale.date_order or dated.written.order else 0.6
        if due and not dated.written.loose and strength(Label.DATE, dated.announced) < 1:
            yield _candidate(DUE_DATE, dated, 0.9 * doubt)
            continue
        score = 0.45 + 0.35 * _says(Label.DATE, dated)
        time = time_in(dated.row.text[dated.written.end :] or dated.row.text)
        score += 0.15 if time else 0.0
        score -= 0.35 if other else 0.0
        score -= 0.0 if dated.written.full_year else 0.05
        score -= 0.3 if dated.written.loose else 0.0
        yield _candidate(ISSUE_DATE, dated, max(score, 0.05) * doubt)
    yield from _times(paper)


def _all(paper: Paper) -> Iterator[_Dated]:
    for row in paper.rows:
        for written in dates_in(row.span.text):
            value = written.read(paper.locale.date_order)
            if value is None or not _EARLIEST <= value < _LATEST:
                continue
            span = row.span.between(written.start, written.end)
            yield _Dated(written=written, value=value, row=row, span=span, announced=_announcement(paper, row, span))


def _announcement(paper: Paper, row: Row, span: Span) -> str:
    """Return the words left of a date; if they say nothing of dates, those above it that do."""
    own = _left_of(row, span)
    if any(strength(label, own) for label in _LABELS):
        return own
    above = _above(paper, row, span)
    has_words = re.search(r"[a-z]{2}", own)
    return above if not has_words or any(strength(label, above) for label in _LABELS) else own


def _left_of(row: Row, span: Span) -> str:
    """Return the last words before a date on its row, from where another date ends."""
    start = row.span.tokens.index(span.tokens[0])
    earlier = (row.span.between(one.start, one.end).tokens[-1] for one in dates_in(row.span.text))
    ends = [end + 1 for token in earlier if (end := row.span.tokens.index(token)) < start]
    before = " ".join(row.text.split(" ")[max(ends, default=0) : start])
    return re.split(r"\d[\d./:-]{5,}", before)[-1][-_WORDS:]


def _above(paper: Paper, row: Row, span: Span) -> str:
    """Return the words over a date in the nearest of the two rows above that has any there, and no money."""
    for above in reversed(paper.rows[max(row.index - 2, 0) : row.index]):
        over = [part for part in above.columns if part.left < span.right and part.right > span.left]
        if over and above.page == row.page and not above.money:
            return plain(" ".join(part.text for part in over))[-_WORDS:]
    return ""


def _says(label: Label, dated: _Dated) -> float:
    return strength(label, dated.announced)


def _candidate(path: FieldPath, dated: _Dated, score: float) -> Candidate:
    return Candidate(path=path, value=dated.value, span=dated.span, score=score)


def _times(paper: Paper) -> Iterator[Candidate]:
    for row in paper.rows:
        dated = bool(dates_in(row.span.text))
        for token in row.span.tokens:
            index = row.span.tokens.index(token)
            text = " ".join(one.text for one in row.span.tokens[index : index + 2])
            value = time_in(text if text.casefold().endswith("m") else token.text)
            if value and ":" in token.text:
                score = (
                    0.9 if dated else 0.7 if re.search(r"\b(time|zeit|uhr|heure|hora|ora|tijd|masa)", row.text) else 0.4
                )
                yield Candidate(path=ISSUE_TIME, value=value, span=Span(tokens=(token,)), score=score)
