"""The seller's name: a line at the head of the paper, the sender's line of a letter, or its legal name elsewhere."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import mean, median

from counterfoil.extraction.layout.blocks import Line, first_page_blocks
from counterfoil.extraction.layout.candidates import Candidate
from counterfoil.extraction.layout.dates import dates_in, folded
from counterfoil.extraction.layout.labels import Label, is_only, plain
from counterfoil.extraction.layout.mending import mended
from counterfoil.extraction.layout.paper import Paper
from counterfoil.extraction.layout.places import REGISTRATION, address_weight, is_street, names_a_place
from counterfoil.extraction.layout.rows import Span, joined
from counterfoil.extraction.layout.sections import Section, section_of
from counterfoil.extraction.layout.senders import sender_lines
from counterfoil.extraction.layout.spelling import Known, spelled
from counterfoil.records.domain import FieldPath

PATH = FieldPath("merchant.name")
LEGAL_FORM = re.compile(
    r"\b(?:[s5]dn|bhd|berhad|gmbh|ltd|limited|inc|s\.?a\.?r\.?l|b\.?v|llc|ag|e\.? ?k|ohg|s/b)\b|"
    r"\bs\.?r\.?l\b|\bs\.?p\.?a\b|\bsp\.? ?z ?o|\blt?da\b|\bs\.[al]\.(?!\w)|\bk\.k\.|\bn\.v\.|^(?:pt|cv)\.? [a-z]{3}"
)
_TRADE = re.compile(
    r"\b(?:enterprises?|trading|corp|plc|kg|sas|pty|pte|company|restaurant|restoran|cafe|hotel|store|"
    r"market|supermarket|mart|pharmacy|hardware|stationery|bakery|"
    r"kitchen|grill|pizza|bar|shop|apotheke|markt|autovermietung|verein|markets?)\b"
)
_TRADE_WORD = (
    r"(?:enterprises?|trading|company|marketing|corporation|holdings|restaurant|restoran|stationery|hardware|pharmacy|"
    r"bakery|confectionery|industries|resources|services|supermarket)"
)
_ONLY_A_FORM = re.compile(
    rf"\W*(?:co\b\W*)?(?:{_TRADE_WORD}\w?\W*)?(?:\([^)]*\)\W*)?"
    rf"(?:[s5]dn\W*bh?d?|sdn|s/b|bhd|berhad|{_TRADE_WORD}|ltd|limited|gmbh|inc)\W*(?:\([^)]*\)|\d{{5,7}}\W?\w)?\W*"
)
_NOT_NAME = re.compile(
    r"\b(?:tel|phone|fax|gst|vat reg|date|time|cashier|www|http|invoice|receipt|total|page|seite|table|"
    r"order|welcome|thank|your|customer|server|guest|cash bill|copy|tax|bill no|"
    r"check no|operator|dine in|take ?out|to go|drive thru|goods|returnable|refundable|come again|staff|"
    r"manager|mgr|register|trans|terminal|rechnung|facture|factura|fattura|factuur\w*|"
    r"adresse|anschrift|visa|debit|qty|product|description|price|datum|nummer|wahrung|iban|details)\b|"
    r"^(?:machine|counter)\W*(?:no\b|id\b|\d|$)|^company\W*(?:reg|no)\b|\S@\S+\.\S|\bstore\W*#?\d|\bstore [:#]|:$"
)
_DOMAIN = re.compile(
    r"(?:www\.|https?://(?:www\.)?|@)([a-z][a-z0-9-]{2,})\.(?:com?|de|fr|nl|it|es|pt|pl|at|ch|be|eu|net|"
    r"org|my|us|uk|au)\b"
)
_MAIL_SERVICES = {"gmail", "yahoo", "hotmail", "outlook", "gmx", "web", "facebook", "instagram"}
_NUMBERED = re.compile(
    r"(?i)\W?(?<!& )\b(?:co\b[.,]?\s*no\b(?=\W*(?:\d|$))|(?:co\.?\s*)?reg\.?\s*no\b|company no\b|roc\b(?=\W*\d)).*$"
)
_ANNOUNCING = (Label.TITLE, Label.NUMBER, Label.BUYER, Label.DATE)
_LOWER = 0.06  # by which each line of names above makes one less likely
_HEAD_ROWS = 14
_UNSURE, _SURE_LETTERS = 0.8, 0.9  # letters that are less sure make a name less likely: a logo, a hand's note
_LARGE = 1.25  # letter widths of usual text from which on a line is set as a name is
_SAME_SIZE = (0.65, 1.2)  # widths of a letter in the second line of a name, to that in the first
_CENTRED = 0.2  # letter heights between the middles of two centred lines, at most
_CLOSE = 1.3  # letter heights from line to line of one name, at most
_NAME_ROWS = 3  # rows at the top of the paper in which a name is set over two lines
_NAME_WORDS = 3  # words in a line of such a name; a motto has more
_APART = 0.6  # letter heights between a logo and the name beside it, at least
_TALL = 1.4  # times as high as the name's letters a logo is that was read as a letter
_UNSURE_LOGO = 0.85  # a letter less sure is rather a picture
_SHORTEST_WORDS = 2.6  # letters a word on average; OCR makes shorter ones of a logo


def find(paper: Paper) -> Iterable[Candidate]:
    """Propose names from each sort of place."""
    yield from _heads(paper)
    yield from _senders(paper)
    yield from _domains(paper)


def likeliest(paper: Paper) -> Candidate | None:
    """Return the name that fits best."""
    return max(find(paper), key=lambda name: name.score, default=None)


def _heads(paper: Paper) -> Iterator[Candidate]:
    """Propose lines from the top of the first page, and further down those that name a company."""
    usual = median(row.span.height for row in paper.first_page) if paper.first_page else 1.0
    width = median(row.span.letter_width for row in paper.first_page) if paper.first_page else 1.0
    rank = 0
    for block in sorted(first_page_blocks(paper), key=lambda block: block[0].row.index):
        for lines, below in _wholes(block, width):
            whole = [*_line_above(paper, lines[0]), *lines]
            text = plain(" ".join(line.text for line in whole))
            is_company = LEGAL_FORM.search(text) or _TRADE.search(text)
            if not _can_be_name(text) or (whole[0].row.index >= _HEAD_ROWS and not is_company):
                continue
            span = _without_logo(joined(line.span for line in whole))
            name = clean_name(spelled(span, Known.TRADE))
            if len(re.sub(r"[^A-Za-z\u00c0-\u017f]", "", name)) < 3:
                continue
            score = (
                _words_score(name)
                - _LOWER * min(rank, 7)
                + 0.1 * min(max(whole[0].span.height / usual - 1.1, 0.0), 1.0)
            )
            score += _address_bonus(below) + _section_bonus(paper, whole[0]) + _echo_bonus(paper, name, span)
            score -= _UNSURE * max(_SURE_LETTERS - mean(token.word.score for token in span.tokens), 0)
            yield Candidate(path=PATH, value=name, span=span, score=min(max(score, 0.02), 1.0))
            rank += len(lines)


def _line_above(paper: Paper, line: Line) -> list[Line]:
    """Return the row above a line that is no more than the end of a name, if the two are apart in size or place."""
    above = paper.rows[max(line.row.index - 1, 0)]
    if not _ONLY_A_FORM.fullmatch(plain(line.text)) or above is line.row or len(above.columns) > 1:
        return []
    return [Line(span=above.span, row=above)] if _can_be_name(above.text) else []


def _wholes(block: Sequence[Line], width: float) -> Iterator[tuple[list[Line], Sequence[Line]]]:
    """Yield the lines of a block, those that only end a name with the line above them, and what is below.

    `width` is that of a letter of usual text.
    """
    place = 0
    while place < len(block):
        end = place + 1
        while end < len(block) and end - place < 3 and _goes_on(block[end - 1], block[end], width):
            end += 1
        yield list(block[place:end]), block[end:]
        place = end


def _goes_on(first: Line, second: Line, width: float) -> bool:
    """Say whether a line goes on with the name above it."""
    above, below = plain(first.text), plain(second.text)
    if not _can_be_name(above):
        return False
    is_open = above.count("(") > above.count(")") and ")" in below
    is_form = bool(_ONLY_A_FORM.fullmatch(below)) and not LEGAL_FORM.search(above)
    is_linked = above.endswith("&") or below.startswith("&")
    return is_open or is_linked or is_form or _is_set_as_one(first, second, width)


def _is_set_as_one(first: Line, second: Line, width: float) -> bool:
    """Say whether two lines alone at the top, both large, centred and close, are one name over two lines."""
    one, other = first.span, second.span
    low, high = _SAME_SIZE
    height = max(one.height, other.height)
    return (
        second.row.index < _NAME_ROWS
        and len(first.row.columns) == len(second.row.columns) == 1
        and min(one.letter_width, other.letter_width) >= _LARGE * width
        and low <= other.letter_width / one.letter_width <= high
        and abs(one.left + one.right - other.left - other.right) / 2 <= _CENTRED * height
        and 0 < other.middle - one.middle <= _CLOSE * height
        and all(_may_be_half(line.text) for line in (first, second))
    )


def _may_be_half(text: str) -> bool:
    """Say whether a text may be half a name: a few words that are no whole name, no place and no motto."""
    words = plain(text)
    return (
        _can_be_name(words)
        and len(words.split()) <= _NAME_WORDS
        and not LEGAL_FORM.search(words)
        and address_weight(words) < 0.6
        and text[-1] not in ".!?,"
    )


def _without_logo(span: Span) -> Span:
    """Return a name without the logo beside it that was read as a letter: it stands apart and is too high or unsure."""
    if len(span.tokens) < 3:
        return span
    logo, *rest = span.tokens
    name = Span(tokens=tuple(rest))
    is_other = logo.height >= _TALL * name.height or logo.word.score < _UNSURE_LOGO
    is_apart = rest[0].left - logo.right >= _APART * name.height
    return name if len(logo.text) == 1 and is_apart and is_other else span


def _can_be_name(text: str) -> bool:
    letters = sum(letter.isalpha() for letter in text)
    digits = sum(letter.isdigit() for letter in text)
    return (
        letters >= 3
        and digits <= letters
        and not any(is_only(label, text) for label in _ANNOUNCING)
        and not _NOT_NAME.search(text)
        and not dates_in(text)
        and not re.search(r"\d[.,]\d\d\b", text)
    )


def _words_score(name: str) -> float:
    """Return how much the words alone look like a name."""
    text = folded(name)
    score = 0.5 + (0.34 if LEGAL_FORM.search(text) else 0.18 if _TRADE.search(text) else 0.0)
    is_place = address_weight(text) >= 0.9 or (is_street(text) and re.search(r"\d", text))
    score -= 0.4 if is_place else 0.1 if address_weight(text) >= 0.6 else 0.0
    words = name.split()
    if mean(len(word) for word in words) < _SHORTEST_WORDS:
        score -= 0.25
    if name.endswith(".") and len(words) > 3 and not LEGAL_FORM.search(text):  # a sentence
        score -= 0.25
    return score


def _address_bonus(below: Sequence[Line]) -> float:
    """Return what the address right under a name adds to it."""
    lines = [folded(line.text) for line in below[:3]]
    for bonus, text in zip((0.15, 0.1, 0.06), lines, strict=False):
        if address_weight(text) >= 0.7 or names_a_place(text):
            return bonus
    return 0.0


def _section_bonus(paper: Paper, line: Line) -> float:
    match section_of(paper, line):
        case Section.SELLER:
            return 0.3
        case Section.BUYER:
            return -0.5
        case None:
            return 0.0


def _echo_bonus(paper: Paper, name: str, span: Span) -> float:
    """Return what it adds that the name's longest word stands elsewhere too, as in the foot or in a web address."""
    word = max(re.findall(r"[a-z]+", folded(name)), key=len, default="")
    if len(word) < 4:
        return 0.0
    echoes = [
        row
        for row in paper.rows
        if word in row.letters and row.page == span.page and not set(row.span.tokens) & set(span.tokens)
    ]
    if any(word in found[1] for row in echoes for found in _DOMAIN.finditer(row.letters)):
        return 0.1
    return 0.06 if echoes else 0.0


def _senders(paper: Paper) -> Iterator[Candidate]:
    """Propose the first part of a letter's sender's line."""
    for name, *_ in sender_lines(paper):
        if _can_be_name(plain(name.text)) and not re.search(r"\d", name.text):
            score = 0.95 + _echo_bonus(paper, name.text, name.span)
            yield Candidate(path=PATH, value=clean_name(name.text), span=name.span, score=min(score, 1.0))


def _domains(paper: Paper) -> Iterator[Candidate]:
    """Propose the name in a web address, for papers whose head is a logo that cannot be read."""
    for row in paper.rows:
        for token in row.span.tokens:
            found = _DOMAIN.search(token.text.casefold())
            if found and found[1] not in _MAIL_SERVICES:
                start = token.text.casefold().index(found[1])
                name = token.text[start : start + len(found[1])]
                yield Candidate(path=PATH, value=name, span=Span(tokens=(token,)), score=0.42)


def clean_name(text: str) -> str:
    """Return a name without the numbers beside it, its letters mended."""
    name = REGISTRATION.sub(" ", text)
    name = _NUMBERED.sub(" ", name)
    name = re.sub(r"^#\d+\s|^[A-Za-z ]{3,12}:\s(?=\S+ \S)|\s\([A-Z]{0,3}\d[\w-]*\)$|\s\(\w{0,2}\s*$", " ", name)
    return mended(" ".join(_with_form(name).split()).strip(" :;,-_*|=~'\""))


def _with_form(name: str) -> str:
    """Return a name whose Malaysian legal form is spelled as it is, with nothing but letters behind it."""
    name = re.sub(r"\b[S5]/[B8D]\b", "S/B", name)
    name = re.sub(r"(?i)\bS(?:[OUD0]N|D[I1M]|N)(?=\.?\s?(?:BH[DUO0]|[38]HD)\b)", _cased("SDN"), name)
    name = re.sub(r"(?i)(?<=\bSDN)(\.?\s?)[`'.]?(?:BH[\u00d2\u00d3UO0]?|[38D]HD)(?!\w)", r"\1BHD", name)
    name = re.sub(r"\(M (?=S[dD][nN]\b)", "(M) ", name)
    name = re.sub(r"(?<=\b[A-Z]\.)1(?=\.[A-Z]\..*\bS[dD][nN]\b)", "I", name)
    return re.sub(r"(?i)(?<=\bBHD)\.?\s\W*(?=\S*\d)[\w-]{5,}\)?$", "", name)


def _cased(form: str) -> Callable[[re.Match[str]], str]:
    return lambda found: form if found[0].isupper() else form.capitalize()
