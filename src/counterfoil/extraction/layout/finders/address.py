"""The seller's postal address: lines under each other that look like one, or the sender's line of a letter."""

import re
from collections.abc import Iterable, Iterator, Sequence

from counterfoil.extraction.layout.blocks import Line, first_page_blocks
from counterfoil.extraction.layout.candidates import Candidate
from counterfoil.extraction.layout.dates import folded
from counterfoil.extraction.layout.finders.merchant import LEGAL_FORM, likeliest
from counterfoil.extraction.layout.mending import mended
from counterfoil.extraction.layout.paper import Paper
from counterfoil.extraction.layout.places import (
    REGISTRATION,
    address_weight,
    has_postcode,
    is_branch,
    is_other,
    is_street,
    is_unit,
    may_be_street,
    names_a_place,
    starts_address,
)
from counterfoil.extraction.layout.rows import Span, joined
from counterfoil.extraction.layout.sections import Section, section_of
from counterfoil.extraction.layout.senders import sender_lines
from counterfoil.extraction.layout.spelling import Known, spelled
from counterfoil.records.domain import FieldPath

PATH = FieldPath("merchant.address")
_LONGEST = 7  # lines
_SENDER_PARTS = 3  # of a sender's line after the name: a house, a street, a town
_SENDER = 0.85  # how surely a sender's line shows the seller's address
_PHONE = re.compile(r"\W*(?:te[l1]|telephone|telefon|phone|fax|h/p|hp)\b")
_ANNOUNCED = re.compile(r"^(?:HQ )?(?:add|addr|address|adresse|anschrift)[.:]+ ?", re.IGNORECASE)
_COUNTRY_PREFIX = re.compile(r"\b(?:D|A|F|I|CH|DE|AT|FR|IT|ES|BE|NL|L|LU|PL)[- ](?=\d{4,5}\b)")


def find(paper: Paper) -> Iterable[Candidate]:
    """Propose the sender's line and runs of lines; next to the likeliest name are no buyer's and no branch's."""
    yield from _senders(paper)
    name = likeliest(paper)
    named = set(name.span.tokens) if name else set()
    for block in first_page_blocks(paper):
        rest = [_without_phone(line) for line in block if not named & set(line.span.tokens)]
        for run in _runs(rest):
            score = _score(run)
            if score is None:
                continue
            match section_of(paper, run[0]):
                case Section.BUYER:
                    score -= 0.4
                case Section.SELLER:
                    score += 0.2
                case None:
                    score += 0.1 if len(rest) < len(block) else 0.0
            span = joined(line.span for line in run)
            yield Candidate(path=PATH, value=_one_line(run), span=span, score=min(max(score, 0.05), 1.0))


def _senders(paper: Paper) -> Iterator[Candidate]:
    """Propose what follows the name in a letter's sender's line: a street and what comes up to the town."""
    for _, *parts in sender_lines(paper):
        texts = [folded(part.text) for part in parts]
        coded = [place for place, text in enumerate(texts[:_SENDER_PARTS]) if has_postcode(text)]
        address = parts[: coded[-1] + 1] if coded else []
        if len(address) > 1 and not any(is_other(text) for text in texts[: len(address)]):
            text = ", ".join(_COUNTRY_PREFIX.sub("", part.text.strip(" ,;")) for part in address)
            span = joined(part.span for part in address)
            yield Candidate(path=PATH, value=mended(text), span=span, score=_SENDER)


def _without_phone(line: Line) -> Line:
    """Return a line up to the telephone number behind it."""
    for index, token in enumerate(line.span.tokens):
        if index and _PHONE.match(folded(token.text)):
            return Line(span=Span(tokens=line.span.tokens[:index]), row=line.row)
    return line


def _score(run: Sequence[Line]) -> float | None:
    texts = [folded(line.text) for line in run]
    total = sum(address_weight(text) for text in texts)
    placed = any(names_a_place(text) for text in texts)
    if total < (0.8 if placed else 1.2) or not (placed or any(is_street(text) for text in texts)):
        return None
    code = 0.15 if any(has_postcode(text) for text in texts) else 0.0
    return 0.3 + min(total, 4.0) * 0.1 + code - 0.012 * min(run[0].row.index, 30)


def _runs(block: Sequence[Line]) -> Iterator[list[Line]]:
    """Yield runs of lines that are an address together: each looks like one, or stands between two that do."""
    run: list[Line] = []
    pending: list[Line] = []
    for line in block:
        text = folded(line.text)
        ended = any(has_postcode(folded(one.text)) for one in run) and not (names_a_place(text) or is_branch(text))
        if _is_no_address(line, text) or ended or len(run) == _LONGEST:
            yield _trimmed(run)
            run, pending = [], []
        elif address_weight(text) >= 0.5:
            joins = run or (pending and has_postcode(text) and may_be_street(folded(pending[-1].text)))
            run += [*pending[-1:], line] if joins else [line]
            pending = []
        elif pending and run:
            yield _trimmed(run)
            run, pending = [], [line]
        else:
            pending = [line]
    yield _trimmed(run)


def _is_no_address(line: Line, text: str) -> bool:
    named = LEGAL_FORM.search(text) or REGISTRATION.search(line.text)
    priced = bool(line.row.money) and not is_street(text)  # a list of houses can look like an amount
    return is_other(text) or priced or bool(named)


def _trimmed(run: list[Line]) -> list[Line]:
    """Return a run from the line on which a house or a street begins, if one does."""
    texts = [folded(line.text) for line in run]
    for index, text in enumerate(texts):
        before_town = index + 1 < len(texts) and re.match(r"(?:[a-z]{1,2}[- ])?\d{4,5}\b", texts[index + 1])
        is_town = index > 0 and re.match(r"\d{4,5}\b", text)
        if (starts_address(text) and not is_town) or is_unit(text) or (before_town and may_be_street(text)):
            return run[index:]
    return run


def _one_line(run: Sequence[Line]) -> str:
    texts = (spelled(line.span, Known.STREET) for line in run)
    parts = [_ANNOUNCED.sub("", " ".join(text.split()).strip(" ,;")) for text in texts]
    return mended(", ".join(_COUNTRY_PREFIX.sub("", part) for part in parts if part))
