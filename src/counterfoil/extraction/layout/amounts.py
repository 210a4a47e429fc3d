"""Amounts of money as they are written: signs, groups, decimal points and commas, currencies."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from counterfoil.extraction.layout.currencies import CURRENCY, currency_of
from counterfoil.extraction.layout.mending import DIGITS_AGAIN
from counterfoil.extraction.layout.rows import Span

CENT = Decimal("0.011")
"""By which sums may be off: a cent, and what rates leave behind it."""
LARGEST_ROUNDING = Decimal("0.5")
"""By which a total is rounded at most, to what coins can pay."""

_DIGITS = (
    r"(?:\d{1,3}(?:[ \u00a0\u202f]\d{3})+,\d\d(?!\d)"  # 1 234,56
    r"|\d(?:[.,][ ](?=\d\d\W*$)|[\d.,'\u2019])*"  # 1,234.56, and 12. 50 at a row's end as OCR may see it
    r"|(?<![.,])[.,]\d\d(?!\d)(?![.,]\d))"  # .50
)
_AMOUNT = re.compile(
    rf"(?<![A-WYZa-wyz0-9/#])(?<!\d[.,:/-])(?P<open>\()?(?P<sign>[-\u2212\u2013+]\s?)?"
    rf"(?:(?P<before>{CURRENCY})\s?(?:[.:](?!\d\d(?!\d))\s?)?)?(?P<inner>[-\u2212\u2013])?\*?(?P<digits>{_DIGITS})"
    rf"(?:\s?(?P<after_sign>-(?!\w)|CR\b))?(?:\s?(?P<after>{CURRENCY})(?!\d))?(?P<close>\))?(?=(?P<rest>\s?%|[A-Za-z%/:-]?[\w/:%-]*))"
)
_GROUPED = re.compile(r"\d{1,3}(?:,\d\d)*,\d{3}|\d{1,3}(?:\.\d{3})+|\d{1,3}(?:,\d{3})+")  # the first is India's
_THOUSANDS = re.compile(r"(?<!\d)\d{1,3}[.,'\u2019]\d{3}(?!\d)")
_TAX_MARK = re.compile(r"^(?:[A-Z*]|[A-Z]{2}|[A-Z]\d|SR|ZRL?|OS|T|NT)?$")
_SMUDGED = re.compile(r"(?i)\W*(?:grand\s+)?(?:total|cash)\W*?\b(?P<whole>\d{1,5})(?P<sign>[-:])(?P<cents>\d\d)")
_HOURS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """An amount in a row. `places` is how many digits follow its decimal sign; `currency` is the one written at it."""

    value: Decimal
    places: int
    currency: str | None
    span: Span
    is_whole: bool = False  # money of a currency that is written without cents

    @property
    def is_money(self) -> bool:
        """Say whether it is written as money is: with cents, with a currency, or as money without cents is."""
        return self.places == 2 or self.is_whole or (self.currency is not None and self.places < 2)

    @property
    def is_grouped(self) -> bool:
        """Say whether it is a whole number whose thousands are set apart."""
        return self.places == 0 and _THOUSANDS.search(self.span.text) is not None


def read_number(text: str, decimal_sign: str | None = None) -> Decimal | None:
    """Return what written digits mean; `decimal_sign` is what the paper uses, and settles what one alone cannot."""
    kept = re.sub(r"[\s'\u2019]", "", text).rstrip(".,")
    cut = _cut(kept, decimal_sign)
    whole, cents = (kept, "") if cut is None else (kept[:cut], kept[cut + 1 :])
    if re.search(r"[.,]", whole) and not _GROUPED.fullmatch(whole):
        return None
    digits = re.sub(r"[.,]", "", whole)
    return Decimal(f"{digits or 0}.{cents}" if cents else digits) if (digits + cents).isdecimal() else None


def _cut(text: str, decimal_sign: str | None) -> int | None:
    """Return where the decimal sign is; None if every sign in the text groups digits."""
    last = max(text.rfind("."), text.rfind(","))
    if last < 0:
        return None
    sign, after = text[last], len(text) - last - 1
    mixed = "." in text and "," in text
    if text.count(sign) > 1 and after == 3:
        return None
    if mixed or after != 3 or last > 3 or text.startswith("0"):
        return last
    return last if decimal_sign == sign else None


def amounts_in(row: Span, decimal_sign: str | None = None) -> tuple[Amount, ...]:
    """Return the amounts of a row, from left to right. Dates, codes and percentages are none."""
    return tuple(_amounts(row, decimal_sign)) or tuple(_smudged(row))


def _smudged(row: Span) -> Iterator[Amount]:
    """Yield the number behind "total" or "cash" alone if its decimal sign was seen as another: "Total 52-00"."""
    found = _SMUDGED.fullmatch(row.text)
    if found and (found["sign"] == "-" or int(found["whole"]) >= _HOURS):
        value = Decimal(f"{found['whole']}.{found['cents']}")
        yield Amount(value=value, places=2, currency=None, span=row.between(found.start("whole"), found.end()))


def _amounts(row: Span, decimal_sign: str | None) -> Iterator[Amount]:
    text = _repaired(row)
    for found in _AMOUNT.finditer(text):
        if not _TAX_MARK.match(found["rest"]):  # a percentage, a date, a code
            continue
        digits = found["digits"].rstrip(".,'\u2019 ")
        value = read_number(digits, decimal_sign)
        if value is None or len(re.sub(r"\D", "", digits)) > 12:
            continue
        negative = (found["sign"] or "+").strip() != "+" or found["inner"] or found["after_sign"]
        negative = negative or (found["open"] and found["close"])
        start = found.start("digits")
        yield Amount(
            value=-value if negative else value,
            places=_places(digits, decimal_sign),
            currency=currency_of(found["before"] or found["after"] or ""),
            span=row.between(start, start + len(digits)),
        )


def _places(digits: str, decimal_sign: str | None) -> int:
    kept = re.sub(r"[\s'\u2019]", "", digits)
    cut = _cut(kept, decimal_sign)
    return 0 if cut is None else len(kept) - cut - 1


def _repaired(row: Span) -> str:
    """Return the row's text with every letter in its place. Letters that OCR saw in a number are digits again."""
    return " ".join(_digits_again(token.text) for token in row.tokens)


def _digits_again(text: str) -> str:
    text = re.sub(r"^S(?=\d+[.,]\d\d$)", "$", text)
    text = re.sub(r"^RM[Il|](?=\d+[.,]\d\d$)", "RM1", text)
    mended = text.translate(DIGITS_AGAIN)
    return mended if mended != text and re.fullmatch(r"-?[\d,]*\d[.,]\d\d", mended) and re.search(r"\d", text) else text


def decimal_sign_of(rows: Iterable[Span]) -> str | None:
    """Return the decimal sign that the paper uses: the one that two digits follow most often."""
    signs = Counter(
        found for row in rows for found in re.findall(r"(?<![\d.,])\d[\d.,]*([.,])\d\d(?![\d.,])", row.text)
    )
    points, commas = signs["."], signs[","]
    if points == commas:
        return None
    return "." if points > commas else ","
