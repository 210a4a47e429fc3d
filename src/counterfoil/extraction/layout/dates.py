"""Dates and times as they are written, in the languages that we read."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time
from enum import StrEnum
from functools import lru_cache

_LETTERS = 1024  # remembered: more than documents are written with
_MONTHS = {
    1: "january januar janvier enero gennaio januari janeiro stycznia styczen ene gen jan janv sty",
    2: "february februar fevrier febrero febbraio februari fevereiro lutego luty feb fev fevr lut",
    3: "march marz maerz mars marzo maart marco marca marzec mac mar mrz mrt mrs maret",
    4: "april avril abril aprile kwietnia kwiecien apr avr abr kwi",
    5: "may mai mayo maggio mei maio maja maj mag",
    6: "june juni juin junio giugno junho czerwca czerwiec jun giu cze",
    7: "ju1 july juli juillet julio luglio julho lipca lipiec julai jul juil lug lip",
    8: "august aout agosto augustus sierpnia sierpien ogos aug ago aou sie og agustus agt agu ags",
    9: "september septembre septiembre settembre setembro wrzesnia wrzesien sep sept set wrz",
    10: "october oktober octobre octubre ottobre outubro pazdziernika pazdziernik oct okt ott out paz",
    11: "november novembre noviembre novembro listopada listopad nov lis",
    12: "december dezember decembre diciembre dicembre dezembro grudnia grudzien disember dec dez dic dis gru desember "
    "des",
}
_NUMBER_OF = {name: number for number, names in _MONTHS.items() for name in names.split()}
_MONTH = "|".join(sorted(_NUMBER_OF, key=len, reverse=True))
_YEAR = r"(?:(?:19|20)\d\d|'?\d\d)"
_FULL_YEAR = r"(?:19|20)\d\d"
# What follows a date: nothing that could belong to its number, except a time that OCR glued to it.
_END = r"(?!\d)(?![./-]\d)"
_GLUED = r"(?=\d?\d:\d\d|(?!\d)(?![./-]\d))"
_NUMERIC = re.compile(
    rf"(?<!\d)(?<!\d[./])(\d\d?)\s?([./-])\s?(\d\d?)\s?\2\s?({_FULL_YEAR}{_GLUED}|'?\d\d(?!\d)(?![./-]\d))"
)
_YEAR_FIRST = re.compile(rf"(?<!\d)({_FULL_YEAR})\s?([./-])\s?(\d\d?)\s?\2\s?(\d\d?)(?:{_END}|(?=t?\d\d:?\d\d))")
_YEAR_FIRST_SIGNS = re.compile(r"(?<!\d)(20\d\d)\u5e74\s?(\d\d?)\u6708\s?(\d\d?)")
_COMPACT = re.compile(
    r"(?<![\d#.-])(?:(?P<day>[0-3]\d)(?P<month>[01]\d)(?P<year>20[0-4]\d)|"
    r"(?P<year_first>20[0-4]\d)(?P<then>[01]\d)(?P<last>[0-3]\d))(?![\d.-])"
)
_DAY_NAME = re.compile(
    rf"(?<![\d.,])(\d\d?)(?:st|nd|rd|th|er|\.|\u00ba)?[\s./-]{{0,2}}(?:de\s)?({_MONTH})[a-z]{{0,2}}[.,]?[\s./,-]{{0,2}}(?:de\s|del\s)?({_YEAR}){_GLUED}"
)
_NAME_DAY = re.compile(
    rf"(?<![a-z])({_MONTH})[.,]?[\s./-]{{0,2}}(\d\d?)(?:st|nd|rd|th)?(?=['\s.,/:-])[\s.,/:-]{{0,3}}({_YEAR}){_GLUED}"
)
_TIME = re.compile(
    r"(?<![\d.,:-])([01]?\d|2[0-3])\s?[:.h]\s?([0-5]\d)(?:\s?[:.]\s?([0-5]\d))?(?![\d:.,])\s?([ap])?\.?\s?m?(?![a-z])"
)


class DateOrder(StrEnum):
    """Which part of a date written in digits comes first."""

    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenDate:
    """A date in a text, from `start` to `end`. Where its order is open, `day_first` and `month_first` differ."""

    day_first: date | None
    month_first: date | None
    start: int
    end: int
    full_year: bool
    loose: bool = False  # digits alone, which may be something else

    @property
    def order(self) -> DateOrder | None:
        """Return the order that alone gives a date; None when both do and differ."""
        if self.is_settled:
            return None
        if self.day_first and not self.month_first:
            return DateOrder.DAY
        return DateOrder.MONTH if self.month_first and not self.day_first else None

    @property
    def is_settled(self) -> bool:
        """Say whether the order makes no difference."""
        return self.day_first == self.month_first

    def read(self, order: DateOrder | None) -> date | None:
        """Return the date in an order, or in the only one possible."""
        if order is DateOrder.MONTH:
            return self.month_first or self.day_first
        return self.day_first or self.month_first


def dates_in(text: str) -> tuple[WrittenDate, ...]:
    """Return the dates in a text that can be dates of a receipt, in order, none overlapping."""
    taken: list[WrittenDate] = []
    for found in _all_dates(folded(text).replace("~", "-")):  # a hyphen that OCR saw bent
        if (found.day_first or found.month_first) and all(found.start >= t.end or found.end <= t.start for t in taken):
            taken.append(found)
    return tuple(sorted(taken, key=lambda one: one.start))


def _all_dates(text: str) -> Iterator[WrittenDate]:
    for pattern in (_YEAR_FIRST, _YEAR_FIRST_SIGNS):
        for found in pattern.finditer(text):
            parts = [group for group in found.groups() if group.isdecimal()]
            yield _written(found, day=parts[2], month=parts[1], year=parts[0])
    for found in _DAY_NAME.finditer(text):
        yield _written(found, day=found[1], month=found[2], year=found[3])
    for found in _NAME_DAY.finditer(text):
        yield _written(found, day=found[2], month=found[1], year=found[3])
    for found in _NUMERIC.finditer(text):
        yield WrittenDate(
            day_first=_date(found[1], found[3], found[4]),
            month_first=_date(found[3], found[1], found[4]),
            start=found.start(),
            end=found.end(),
            full_year=len(found[4]) == 4,
        )
    for found in _COMPACT.finditer(text):
        read = _date(
            found["day"] or found["last"], found["month"] or found["then"], found["year"] or found["year_first"]
        )
        yield WrittenDate(
            day_first=read, month_first=read, start=found.start(), end=found.end(), full_year=True, loose=True
        )


def _written(found: re.Match[str], *, day: str, month: str, year: str) -> WrittenDate:
    read = _date(day, month, year)
    return WrittenDate(
        day_first=read, month_first=read, start=found.start(), end=found.end(), full_year=len(year.strip("'")) == 4
    )


def _date(day: str, month: str, year: str) -> date | None:
    full = int(year.strip("'"))
    try:
        return date(full + 2000 if full < 100 else full, _NUMBER_OF.get(month) or int(month), int(day))
    except ValueError:
        return None


def time_in(text: str) -> time | None:
    """Return the first time of day in a text."""
    for found in _TIME.finditer(text.casefold()):
        hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 0)
        has_colon = ":" in found[0] or "h" in found[0]
        if found[4] and 1 <= hour <= 12:
            hour = hour % 12 + (12 if found[4] == "p" else 0)
        elif not has_colon:
            continue
        return time(hour, minute, second)
    return None


def folded(text: str) -> str:
    """Return the text in small letters without accents, each letter where it was."""
    return text.lower() if text.isascii() else "".join(map(_folded, text))


@lru_cache(maxsize=_LETTERS)
def _folded(letter: str) -> str:
    plain = unicodedata.normalize("NFKD", letter)[:1].lower()
    if plain == "\u0142":  # the Polish l, whose stroke is no accent to Unicode
        return "l"
    return plain if len(plain) == 1 else letter
