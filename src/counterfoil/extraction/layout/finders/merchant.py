"""Who sells: the name and the address at the head of the paper."""

import re
from collections.abc import Iterable, Iterator, Sequence
from statistics import mean, median

from counterfoil.extraction.layout.blocks import Line, first_page_blocks
from counterfoil.extraction.layout.candidates import Candidate
from counterfoil.extraction.layout.dates import dates_in, folded
from counterfoil.extraction.layout.labels import Label, is_only, plain
from counterfoil.extraction.layout.paper import Paper
from counterfoil.extraction.layout.places import (
    REGISTRATION,
    address_weight,
    has_postcode,
    is_other,
    is_street,
    names_a_place,
    starts_address,
)
from counterfoil.extraction.layout.rows import joined
from counterfoil.records.domain import FieldPath

NAME = FieldPath("merchant.name")
ADDRESS = FieldPath("merchant.address")
_COMPANY = re.compile(
    r"\b(?:sdn|[s5]dn|bhd|berhad|enterprises?|trading|ltd|limited|inc|llc|corp|plc|gmbh|ag|kg|e\.?k|ohg|ug|s\.?a\.?r\.?l|sas|s\.?a|s\.?l|s\.?r\.?l|s\.?p\.?a|b\.?v|n\.?v|lda|pty|pte|co)\b\.?"
    r"|sp\.? ?z ?o|\b(?:restaurant|restoran|cafe|hotel|store|market|supermarket|mart|pharmacy|hardware|stationery|bakery|kitchen|grill|pizza|bar|shop)\b"
)
_LEGAL = re.compile(r"\b(?:[s5]dn|bhd|berhad|gmbh|ltd|limited|inc|s\.?a\.?r\.?l|b\.?v|llc|ag|s/b)\b")
_SUFFIX_ALONE = re.compile(
    r"\W*(?:co\b\W*)?(?:\([^)]*\)\W*)?(?:[s5]dn\W*bh?d?|sdn|s/b|bhd|berhad|enterprise|trading|ltd|limited|gmbh|inc)\W*(?:\([^)]*\)|\d{5,7}\W?\w)?\W*"
)
_UNSURE, _SURE_LETTERS = 0.8, 0.9  # letters that are less sure make a name less likely: a logo, a hand's note
_BUYER = re.compile(r"\b(?:bill(?:ed)? to|sold to|ship to|customer|invoice to|attn|client|kunde|rechnungsempfanger|an|adresse de (?:livraison|facturation)|destinataire|klant|deliver to|shipping address|m/s)\b")
_NOT_NAME = re.compile(
    r"\b(?:tel|phone|fax|gst|vat reg|date|time|cashier|www|http|invoice|receipt|total|page|seite|table|order|welcome|thank|your|customer|server|guest|cash bill|copy|tax|bill no|"
    r"check no|operator|dine in|take ?out|to go|drive thru|goods|returnable|refundable|come again|staff|manager|mgr|register|trans|terminal)\b|@|\bstore\W*#?\d|\bstore [:#]"
)
_HEAD_ROWS = 14
_LONGEST_ADDRESS = 7  # lines


def find(paper: Paper) -> Iterable[Candidate]:
    """Propose names at the head, and addresses that are not the likeliest name themselves."""
    blocks = [block for block in first_page_blocks(paper) if not _is_buyers(block)]
    names = list(_names(paper, blocks))
    yield from names
    best = max(names, key=lambda name: name.score, default=None)
    taken = set(best.span.tokens) if best else set()
    rest = [[line for line in block if not taken & set(line.span.tokens)] for block in blocks]
    yield from _addresses([block for block in rest if block])


def _is_buyers(block: Sequence[Line]) -> bool:
    return bool(_BUYER.match(folded(block[0].text).strip(" :")))


def _names(paper: Paper, blocks: Sequence[Sequence[Line]]) -> Iterator[Candidate]:
    usual = median(row.span.height for row in paper.first_page) if paper.first_page else 1.0
    rank = 0
    for block in sorted(blocks, key=lambda block: block[0].row.index):
        for whole, below in _wholes(block):
            text = plain(" ".join(line.text for line in whole))
            if not _can_be_name(text) or (whole[0].row.index >= _HEAD_ROWS and not _COMPANY.search(text)):
                continue
            span = joined(line.span for line in whole)
            name = clean_name(span.text)
            if len(re.sub(r"[^A-Za-z\u00c0-\u017f]", "", name)) < 3:
                continue
            score = _name_score(folded(name), rank, whole[0].span.height / usual) + _address_bonus(below)
            score -= _UNSURE * max(_SURE_LETTERS - mean(token.word.score for token in span.tokens), 0)
            yield Candidate(path=NAME, value=name, span=span, score=min(max(score, 0.02), 1.0))
            rank += 1


def _wholes(block: Sequence[Line]) -> Iterator[tuple[list[Line], Sequence[Line]]]:
    """Yield the lines of a block, those that only end a name with the line above them, and what is below."""
    place = 0
    while place < len(block):
        end = place + 1
        while end < len(block) and end - place < 3 and _goes_on(block[end - 1].text, block[end].text):
            end += 1
        yield list(block[place:end]), block[end:]
        place = end


def _goes_on(above: str, below: str) -> bool:
    """Say whether a line goes on with the name above it."""
    above, below = plain(above), plain(below)
    if not _can_be_name(above):
        return False
    is_open = above.count("(") > above.count(")") and ")" in below
    return is_open or above.endswith("&") or bool(_SUFFIX_ALONE.fullmatch(below) and not _LEGAL.search(above))


def _address_bonus(below: Sequence[Line]) -> float:
    """Return what the address right under a name adds to it."""
    lines = [folded(line.text) for line in below[:3]]
    for bonus, text in zip((0.15, 0.1, 0.06), lines, strict=False):
        if address_weight(text) >= 0.7 or names_a_place(text):
            return bonus
    return 0.0


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
    score = 0.5 - 0.06 * min(rank, 7)
    score += 0.34 if _LEGAL.search(name) else 0.18 if _COMPANY.search(name) else 0.0
    score += 0.1 * min(max(size - 1.1, 0.0), 1.0)
    score -= 0.4 if address_weight(name) >= 0.9 else 0.1 if address_weight(name) >= 0.6 else 0.0
    return score


def clean_name(text: str) -> str:
    """Return a name without the numbers beside it, its letters mended."""
    name = REGISTRATION.sub(" ", text)
    name = re.sub(r"\b(?:co\.?\s*)?(?:reg\.?\s*no|company no|roc)\b.*$", " ", name, flags=re.IGNORECASE)
    name = re.sub(r"^#\d+\s|^[A-Za-z ]{3,12}:\s(?=\S+ \S)|\s\([A-Z]{0,3}\d[\w-]*\)$", " ", name)
    name = re.sub(r"\b[S5]/[B8D]\b", "S/B", name)
    return mended(" ".join(name.split()).strip(" :;,-_*|=~'\""))


def mended(text: str) -> str:
    """Return the text with letters where OCR saw digits within words."""
    text = re.sub(r"(?<=[a-z])1(?=[aeiouy1]|\b)|(?<=[a-z]1)1|(?<=l)1", "l", text)
    text = re.sub(r"(?<=[A-Za-z][a-z])1(?=[a-z])", "i", text)
    text = re.sub(r"(?<=[A-Z])0(?=[A-Z])|\b0(?='[A-Z])", "O", text)
    text = re.sub(r"(?<=[a-z])0(?=[a-z])", "o", text)
    return re.sub(r"\b5(?=[A-Z]{3})", "S", text)


def _addresses(blocks: Sequence[Sequence[Line]]) -> Iterator[Candidate]:
    for block in blocks:
        for run in _runs(block):
            texts = [folded(line.text) for line in run]
            total = sum(address_weight(text) for text in texts)
            placed = any(names_a_place(text) for text in texts)
            if total < (0.8 if placed else 1.2) or not (placed or any(is_street(text) for text in texts)):
                continue
            score = 0.35 + min(total, 4.0) * 0.1 + (0.15 if any(has_postcode(text) for text in texts) else 0.0)
            score -= 0.012 * run[0].row.index
            span = joined(line.span for line in run)
            yield Candidate(path=ADDRESS, value=_one_line(run), span=span, score=min(max(score, 0.05), 1.0))


def _runs(block: Sequence[Line]) -> Iterator[list[Line]]:
    """Yield runs of lines that are an address together: each looks like one, or stands between two that do."""
    run: list[Line] = []
    pending: list[Line] = []
    for line in block:
        text = folded(line.text)
        ended = any(has_postcode(folded(one.text)) for one in run) and not names_a_place(text)
        if _is_no_address(line, text) or ended or len(run) == _LONGEST_ADDRESS:
            yield _trimmed(run)
            run, pending = [], []
        elif address_weight(text) >= 0.5:
            run += [*pending, line] if run else [line]
            pending = []
        elif pending:
            yield _trimmed(run)
            run, pending = [], []
        else:
            pending.append(line)
    yield _trimmed(run)


def _is_no_address(line: Line, text: str) -> bool:
    named = _LEGAL.search(text) or REGISTRATION.search(line.text)
    return is_other(text) or bool(line.row.money) or bool(named)


def _trimmed(run: list[Line]) -> list[Line]:
    """Return a run from the line on which a house or a street begins, if one does."""
    starts = [starts_address(folded(line.text)) for line in run]
    return run[starts.index(True) :] if True in starts else run


def _one_line(run: Sequence[Line]) -> str:
    parts = [" ".join(line.text.split()).strip(" ,;") for line in run]
    return mended(", ".join(part for part in parts if part))
