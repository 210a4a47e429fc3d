"""Where in the world a paper was printed, from what it shows; nothing is taken for granted."""

import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from counterfoil.extraction.layout.checksums import ibans_in, tax_number_holds
from counterfoil.extraction.layout.currencies import CURRENCY, DOLLAR_COUNTRIES, OF_COUNTRY, currency_of, is_dollar
from counterfoil.extraction.layout.dates import DateOrder, dates_in, folded
from counterfoil.extraction.layout.rows import Span

_STATES = (
    "al|ak|az|ar|ca|co|ct|de|dc|fl|ga|hi|id|il|in|ia|ks|ky|la|me|md|ma|mi|mn|ms|mo|mt|ne|nv|nh|nj|nm|ny|nc|nd|oh|ok|or|"
    "pa|ri|sc|sd|tn|tx|ut|vt|va|wa|wv|wi|wy"
)
# Names of places, and how a country writes addresses: looked for only on rows without money, as goods have origins too.
_PLACES: dict[str, str] = {
    "MY": r"\bmalaysia\b|\bselangor\b|\bkuala lumpur\b|\bjohor\b|\bjalan\b|\btaman\b|\bjln\b",
    "SG": r"\bsingapore\b",
    "US": rf"\b(?:{_STATES})[,. ]{{0,2}}\d{{5}}(?:-\d{{4}})?\b|\busa\b|\bunited states\b",
    "CA": r"\b[a-z]\d[a-z] ?\d[a-z]\d\b|\bcanada\b|\bontario\b",
    "GB": r"\b(?!gst)[a-z]{1,2}\d[a-z\d]? ?\d[abd-hjlnp-uw-z]{2}\b|\bunited kingdom\b|\blondon\b|\bengland\b",
    "AU": r"\baustralia\b|\b(?:nsw|qld|vic) \d{4}\b",
    "NZ": r"\bnew zealand\b|\bauckland\b",
    "IN": r"\bindia\b|\bmumbai\b|\bdelhi\b",
    "DE": r"\bdeutschland\b|\bgermany\b|stra(?:ss|\u00df)e \d",
    "AT": r"\boe?sterreich\b|\baustria\b",
    "CH": r"\bschweiz\b|\bsuisse\b|\bswitzerland\b",
    "FR": r"\bfrance\b",
    "NL": r"\bnederland\b|\bnetherlands\b|\b\d{4} ?[a-z]{2} [a-z]{4,}",
    "BE": r"\bbelgi(?:e|que|um)\b|\bbruxelles\b|\bbrussels?\b",
    "IT": r"\bitalia\b|\bitaly\b",
    "ES": r"\bespana\b|\bspain\b",
    "PT": r"\bportugal\b",
    "BR": r"\bbrasil\b",
    "PL": r"\bpolska\b|\bpoland\b",
    "PH": r"\bphilippines\b|\bmanila\b",
    "ID": r"\bindonesia\b|\bjakarta\b",
    "AE": r"\bdubai\b|\babu dhabi\b|\bu\.?a\.?e\b",
}
# Legal forms, taxes, currencies and telephone numbers, by how strongly they speak for a country.
_CUSTOMS: tuple[tuple[str, float, str], ...] = (
    ("MY", 3, r"\bsdn\.?\s*bhd"),
    ("MY", 2, r"\brm ?\d|\(rm\)|\brm\b|\bgst id\b|\bmyr\b"),
    ("SG", 3, r"\bpte\.? ?ltd"),
    ("US", 2, r"\(\d{3}\) ?\d{3}[ -]\d{4}|\b\d{3}[-.]\d{3}[-.]\d{4}\b"),
    ("US", 1, r"\bsales tax\b|\bstate tax\b|\bgratuity\b|\bguest check\b"),
    ("CA", 3, r"\b(?:hst|qst|pst)\b"),
    ("GB", 3, r"\u00a3"),
    ("GB", 1, r"\bvat (?:no|reg|number)\b|\bltd\b|\bplc\b"),
    ("AU", 3, r"\babn\b|\bpty\.? ?ltd"),
    ("IN", 3, r"\bgstin\b|\bcgst\b|\bsgst\b|\u20b9|\bpvt\.? ltd"),
    ("DE", 3, r"\bgmbh\b|\bmwst\b|\bust\b|\bust-?id|\bsteuer-?nr|\be\. ?k\.|\btse\b"),
    ("AT", 4, r"\batu\d{8}\b"),
    ("CH", 4, r"\bchf\b|\bche-?\d{3}"),
    ("FR", 3, r"\btva\b|\bsiret\b|\bsiren\b|\bttc\b|\bsarl\b|\bsas\b|\brcs\b"),
    ("NL", 3, r"\bbtw\b|\bkvk\b|\bb\.v\."),
    ("BE", 3, r"\bbe ?0\d{9}\b"),
    ("IT", 3, r"\bp\.? ?iva\b|\bpartita iva\b|\bs\.?r\.?l\b|\bs\.?p\.?a\.|\bscontrino\b"),
    ("ES", 3, r"\bc\.?i\.?f\b|\bs\.l\.|\bn\.?i\.?f\b.*\biva\b"),
    ("PT", 3, r"\bcontribuinte\b|\blda\b"),
    ("BR", 3, r"\bcnpj\b|\br\$"),
    ("PL", 3, r"\bnip\b|\bparagon\b|\bpln\b|\bsp\. ?z ?o\. ?o"),
    ("PH", 3, r"\bvatable sales?\b"),
    ("ID", 3, r"\bnpwp\b|\brp\.? ?\d"),
)
_TAX_NUMBER = re.compile(r"(?<![A-Z0-9])[A-Z]{2} ?[A-Z0-9](?:[ .]?[A-Z0-9]){6,11}(?![A-Z0-9])")
_TAX_NUMBER_HOLDS, _ACCOUNT = 4.0, 1.0  # what a number with the right check digits says for its country
_PLACE = 3.0  # what a place says for its country
_SIGNS = tuple((country, weight, re.compile(pattern)) for country, weight, pattern in _CUSTOMS)
_PLACE_NAMES = {country: re.compile(pattern) for country, pattern in _PLACES.items()}
_HAS_MONEY = re.compile(r"\d[.,]\d\d\b(?![.,]\d)")
_MONTH_FIRST = {"US", "PH"}
_ENOUGH = 3  # further signs of one sort say nothing new
_SURE = 2.0  # points of evidence that a country needs


@dataclass(frozen=True, slots=True, kw_only=True)
class Locale:
    """What the paper says about where it comes from. None where it says nothing."""

    country: str | None
    language: str | None
    date_order: DateOrder | None
    currency: str | None
    currency_shown: Span | None  # where the currency is written, if it is


def locale_of(rows: Sequence[Span]) -> Locale:
    """Gather the evidence of all rows."""
    texts = [folded(row.text) for row in rows]
    shown = _currency_shown(rows)
    country = _country(
        texts,
        _numbered([row.text for row in rows]),
        currency_of(_sign(shown)) if shown else None,
        dollar=bool(shown and is_dollar(_sign(shown))),
    )
    return Locale(
        country=country,
        language=_language(texts),
        date_order=_date_order(texts, country),
        currency=_currency(shown, country),
        currency_shown=shown,
    )


def _numbered(texts: Sequence[str]) -> Mapping[str, float]:
    """Return what the numbers whose check digits hold say for the countries that gave them."""
    points: dict[str, float] = defaultdict(float)
    for text in texts:
        for account in ibans_in(text):
            points[account[:2]] = max(points[account[:2]], _ACCOUNT)
        for number in _TAX_NUMBER.findall(text):
            if tax_number_holds(number):
                points[number[:2]] = _TAX_NUMBER_HOLDS
    return points


def _country(texts: Sequence[str], numbered: Mapping[str, float], currency: str | None, *, dollar: bool) -> str | None:
    points: dict[str, float] = defaultdict(float, numbered)
    whole = "\n".join(texts)
    for country, weight, pattern in _SIGNS:
        points[country] += weight * min(len(pattern.findall(whole)), _ENOUGH)
    unpriced = "\n".join(text for text in texts if not _HAS_MONEY.search(text))
    for country, pattern in _PLACE_NAMES.items():
        points[country] += _PLACE * min(len(pattern.findall(unpriced)), _ENOUGH)
    for country, used in OF_COUNTRY.items():
        if currency and used != currency:
            points[country] = 0
        elif currency:
            points[country] += 1 if currency == "EUR" else _SURE
        if dollar and country in DOLLAR_COUNTRIES and points[country]:
            points[country] += 1
    best = max(points, key=lambda country: points[country])
    return best if points[best] >= _SURE else None


def _language(texts: Sequence[str]) -> str | None:
    words = Counter(word for text in texts for word in re.findall(r"[a-z\u00df]+", text))
    points = {
        language: sum(min(words[word], 3) for word in lexicon if len(word) > 1)
        for language, lexicon in _lexicon().items()
    }
    (first, most), (_, second) = sorted(points.items(), key=lambda pair: -pair[1])[:2]
    return first if most >= 2 and most > second else None


@cache
def _lexicon() -> dict[str, frozenset[str]]:
    text = resources.files(__package__).joinpath("languages.toml").read_text(encoding="utf-8")
    return {language: frozenset(words.split()) for language, words in tomllib.loads(text).items()}


def _date_order(texts: Sequence[str], country: str | None) -> DateOrder | None:
    """Return the order that other dates on the paper prove, or the country's."""
    written = [found for text in texts for found in dates_in(text)]
    proven = Counter(found.order for found in written if found.order and found.full_year)
    if proven:
        return proven.most_common(1)[0][0]
    if country:
        return DateOrder.MONTH if country in _MONTH_FIRST else DateOrder.DAY
    return None


_SIGN = re.compile(rf"(?<![A-Za-z])({CURRENCY})")


def _sign(span: Span) -> str:
    found = _SIGN.search(span.text)
    return found[1] if found else ""


def _currency_shown(rows: Sequence[Span]) -> Span | None:
    """Return a place where the currency is written that is written most often."""
    places: dict[str, list[Span]] = {}
    for row in rows:
        for token in row.tokens:
            one = Span(tokens=(token,))
            if sign := _sign(one):
                places.setdefault(currency_of(sign) or sign, []).append(one)
    return max(places.values(), key=len)[0] if places else None


def _currency(shown: Span | None, country: str | None) -> str | None:
    written = _sign(shown) if shown else ""
    if code := currency_of(written):
        return code
    if is_dollar(written):
        return OF_COUNTRY.get(country) if country in DOLLAR_COUNTRIES else None
    return OF_COUNTRY.get(country) if country else None
