"""Who sells: the name and the address at the head of the paper."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from counterfoil.extraction.layout.blocks import Line, first_page_blocks
from counterfoil.extraction.layout.candidates import Candidate
from counterfoil.extraction.layout.dates import dates_in, folded
from counterfoil.extraction.layout.labels import Label, is_only, plain
from counterfoil.extraction.layout.paper import Paper
from counterfoil.extraction.layout.places import REGISTRATION, address_weight, has_postcode, is_other
from counterfoil.extraction.layout.rows import joined
from counterfoil.records.domain import FieldPath

NAME = FieldPath("merchant.name")
ADDRESS = FieldPath("merchant.address")
_COMPANY = re.compile(
    r"\b(?:sdn|[s5]dn|bhd|berhad|enterprises?|trading|ltd|limited|inc|llc|corp|plc|gmbh|ag|kg|e\.?k|ohg|ug|s\.?a\.?r\.?l|sas|s\.?a|s\.?l|s\.?r\.?l|s\.?p\.?a|b\.?v|n\.?v|lda|pty|pte|co)\b\.?"
    r"|sp\.? ?z ?o|\b(?:restaurant|restoran|cafe|hotel|store|market|supermarket|mart|pharmacy|hardware|stationery|bakery|kitchen|grill|pizza|bar|shop)\b"
)
_SUFFIX_ALONE = re.compile(r"\W*(?:\(?m\)?\W*)?(?:sdn\W*bhd|s/b|bhd|berhad|enterprise|trading|ltd|limited|gmbh|inc)\W*(?:\([^)]*\))?\W*")
_BUYER = re.compile(r"\b(?:bill(?:ed)? to|sold to|ship to|customer|invoice to|attn|client|kunde|rechnungsempfanger|an|adresse de (?:livraison|facturation)|destinataire|klant|deliver to|shipping address|m/s)\b")
_NOT_NAME = re.compile(r"\b(?:tel|phone|fax|gst|vat reg|date|time|cashier|www|http|invoice|receipt|total|page|seite|table|order|welcome|thank|your|customer|server|guest|cash bill|copy|tax|bill no)\b|@|\.com\b")
_HEAD_ROWS = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """A line at the head of the paper; `text` is folded."""

    line: Line
    text: str
    block: int
    place: int  # its place in the block
    rank: int  # its place among all lines that could be a name


def find(paper: Paper) -> Iterable[Candidate]:
    blocks = [block for block in first_page_blocks(paper) if not _is_buyers(block)]
    yield from _names(paper, blocks)
    yield from _addresses(paper, blocks)


def _is_buyers(block: Sequence[Line]) -> bool:
    return bool(_BUYER.match(folded(block[0].text).strip(" :")))


def _names(paper: Paper, blocks: Sequence[Sequence[Line]]) -> Iterator[Candidate]:
    usual = sorted(row.span.height for row in paper.first_page)[len(paper.first_page) // 2] if paper.first_page else 1.0
    rank = 0
    for block in sorted(blocks, key=lambda block: block[0].row.index):
        for place, line in enumerate(block):
            text = plain(line.text)
            if line.row.index >= _HEAD_ROWS * 2 or not _can_be_name(text):
                continue
            following = block[place + 1] if place + 1 < len(block) else None
            whole = [line]
            if following and _SUFFIX_ALONE.fullmatch(plain(following.text)) and not _COMPANY.search(text):
                whole.append(following)
            span = joined(one.span for one in whole)
            name = clean_name(span.text)
            if len(re.sub(r"[^A-Za-z\u00c0-\u017f]", "", name)) < 3:
                continue
            score = _name_score(folded(name), rank, line.span.height / usual)
            score += 0.08 if any(address_weight(folded(one.text)) >= 0.7 for one in block[place + 1 : place + 4]) else 0.0
            yield Candidate(path=NAME, value=name, span=span, score=min(max(score, 0.02), 1.0))
            rank += 1


def _can_be_name(text: str) -> bool:
    letters = sum(letter.isalpha() for letter in text)
    digits = sum(letter.isdigit() for letter in text)
    return (
        letters >= 3
        and digits <= letters
        and not is_only(Label.TITLE, text)
        and not _NOT_NAME.search(text)
        and not dates_in(text)
        and not re.search(r"\d[.,]\d\d\b", text)
    )


def _name_score(name: str, rank: int, size: float) -> float:
    score = 0.52 - 0.06 * rank
    score += 0.36 if re.search(r"\b[s5]dn\b|\bbhd\b|\bgmbh\b|\bltd\b|\binc\b|\bs\.?a\.?r\.?l\b|\bb\.?v\b|\bllc\b|\bag\b", name) else 0.2 if _COMPANY.search(name) else 0.0
    score += 0.1 * min(max(size - 1.1, 0.0), 1.0)
    score -= 0.35 if address_weight(name) >= 0.9 else 0.1 if address_weight(name) >= 0.6 else 0.0
    return score


def clean_name(text: str) -> str:
    """Return a name without the registration number beside it."""
    name = REGISTRATION.sub(" ", text)
    name = re.sub(r"\b(?:co\.?\s*)?(?:reg\.?\s*no|company no|roc)\b.*$", " ", name, flags=re.IGNORECASE)
    return " ".join(name.split()).strip(" :;,-_*|=~'\"")


def _addresses(paper: Paper, blocks: Sequence[Sequence[Line]]) -> Iterator[Candidate]:
    for block in blocks:
        for run in _runs(block):
            weights = [address_weight(folded(line.text)) for line in run]
            total = sum(weights)
            if total < 1.2:
                continue
            score = 0.35 + min(total, 4.0) * 0.1 + (0.15 if any(has_postcode(folded(line.text)) for line in run) else 0.0)
            score -= 0.012 * run[0].row.index
            span = joined(line.span for line in run)
            yield Candidate(path=ADDRESS, value=_one_line(run), span=span, score=min(max(score, 0.05), 1.0))


def _runs(block: Sequence[Line]) -> Iterator[list[Line]]:
    """Yield runs of lines that are an address together: each looks like one, or stands between two that do."""
    run: list[Line] = []
    pending: list[Line] = []
    for line in block:
        text = folded(line.text)
        if address_weight(text) >= 0.5:
            run += [*pending, line] if run else [line]
            pending = []
        elif is_other(text) or len(pending) >= 1 or REGISTRATION.fullmatch(line.text.strip()):
            if run:
                yield run
            run, pending = [], []
        else:
            pending.append(line)
    if run:
        yield run


def _one_line(run: Sequence[Line]) -> str:
    parts = [" ".join(line.text.split()).strip(" ,;") for line in run]
    return ", ".join(part for part in parts if part)
