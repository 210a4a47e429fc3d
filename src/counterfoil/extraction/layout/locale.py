"""Where in the world a paper was printed, from what it shows; nothing is taken for granted."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from counterfoil.extraction.layout.currencies import CURRENCY, DOLLAR_COUNTRIES, OF_COUNTRY, currency_of, is_dollar
from counterfoil.extraction.layout.dates import DateOrder, dates_in, folded
from counterfoil.extraction.layout.rows import Span

# What speaks for a country, and how strongly. Patterns are searched in folded text.
_SIGNS: tuple[tuple[str, float, str], ...] = (
    ("MY", 3, r"\bsdn\.?\s*bhd|\bmalaysia\b|\bselangor\b|\bkuala lumpur\b|\bjohor\b|\bjalan\b|\btaman\b|\bjln\b"),
    ("MY", 2, r"\brm\s?\d|\(rm\)|\brm\b|\bgst id\b|\bmyr\b"),
    ("SG", 3, r"\bsingapore\b|\bpte\.? ?ltd"),
    ("US", 3, r"\b[a-z]{2}[,.]?\s\d{5}(?:-\d{4})?\b(?!\s?[a-z]{3})|\busa\b|\bunited states\b"),
    ("US", 1, r"\(\d{3}\)\s?\d{3}[\s-]\d{4}|\b\d{3}[-.]\d{3}[-.]\d{4}\b|\bsales tax\b|\bsubtotal\b.*\btax\b|\bstate tax\b|\bgratuity\b"),
    ("US", 1, r"\b(?:wal\W?mart|visa debit|guest check|server|auth code)\b"),
    ("CA", 3, r"\b[a-z]\d[a-z]\s?\d[a-z]\d\b|\b(?:hst|qst|pst)\b|\bcanada\b|\bontario\b"),
    ("GB", 3, r"\b(?!gst)[a-z]{1,2}\d[a-z\d]?\s?\d[abd-hjlnp-uw-z]{2}\b|\bunited kingdom\b|\blondon\b|\bengland\b|\u00a3"),
    ("GB", 1, r"\bvat (?:no|reg|number)\b|\bltd\b|\bplc\b"),
    ("AU", 3, r"\babn\b|\baustralia\b|\bpty\.? ?ltd|\b(?:nsw|qld|vic)\b"),
    ("NZ", 3, r"\bnew zealand\b|\bauckland\b"),
    ("IN", 3, r"\bgstin\b|\bindia\b|\bcgst\b|\bsgst\b|\u20b9|\bpvt\.? ltd"),
    ("DE", 3, r"\bgmbh\b|\bdeutschland\b|\bgermany\b|\bmwst\b|\bust\b|\bust-?id|\bsteuer-?nr|\be\.?\s?k\.|\btse\b"),
    ("DE", 1, r"\bstra(?:ss|\u00df)e\b|str\.\s?\d"),
    ("AT", 4, r"\b(?:oesterreich|osterreich|austria)\b|\batu\d{8}\b"),
    ("CH", 4, r"\bchf\b|\bche-?\d{3}|\bschweiz\b|\bsuisse\b"),
    ("FR", 3, r"\btva\b|\bsiret\b|\bsiren\b|\bfrance\b|\bttc\b|\bsarl\b|\bsas\b|\brcs\b"),
    ("NL", 3, r"\bbtw\b|\bkvk\b|\bnederland\b|\bb\.v\.|\bnetherlands\b"),
    ("BE", 3, r"\bbelgi(?:e|que|um)\b|\bbe ?0\d{9}\b"),
    ("IT", 3, r"\bp\.?\s?iva\b|\bpartita iva\b|\bs\.?r\.?l\b|\bs\.?p\.?a\.|\bitalia\b|\bscontrino\b"),
    ("ES", 3, r"\bc\.?i\.?f\b|\bespana\b|\bspain\b|\bs\.l\.|\bn\.?i\.?f\b.*\biva\b"),
    ("PT", 3, r"\bportugal\b|\bcontribuinte\b|\blda\b|\bnif\b.*\blisboa\b"),
    ("BR", 3, r"\bcnpj\b|\br\$|\bbrasil\b"),
    ("PL", 3, r"\bnip\b|\bparagon\b|\bpolska\b|\bpln\b|\bsp\. ?z ?o\. ?o"),
    ("PH", 3, r"\bphilippines\b|\bvatable\b|\btin\b.*\bvat\b|\bphp\b"),
    ("ID", 3, r"\bindonesia\b|\bjakarta\b|\bnpwp\b|\brp\.?\s?\d"),
)
_COMPILED = tuple((country, weight, re.compile(pattern)) for country, weight, pattern in _SIGNS)
_WORDS = {
    "en": "the thank you total change cash date time invoice receipt tax amount due please balance table server item items qty price for and of your customer payment subtotal",
    "de": "der die das und summe betrag rechnung datum uhr mwst netto brutto steuer vielen dank fur ihren einkauf gegeben ruckgeld kasse bon ust menge einzelpreis gesamt anzahl kunde bitte straße strasse wir",
    "fr": "le la les et total facture date tva montant merci votre visite prix unitaire quantite ht ttc du de des client ticket carte bancaire rue a payer visa reglement",
    "es": "el la los y total factura fecha iva importe gracias por su visita precio cantidad cliente base efectivo cambio calle de unidades",
    "it": "il lo la e totale fattura data iva importo grazie prezzo quantita cliente contanti resto via scontrino documento pagamento di euro",
    "nl": "de het een en totaal factuur datum btw bedrag bedankt prijs aantal klant bon kassa pinnen betaling voor omschrijving excl incl van te betalen",
    "pt": "o a os e total fatura data iva valor obrigado preco quantidade cliente dinheiro troco rua pagamento de contribuinte numero",
    "pl": "i w z suma faktura data vat kwota dziekujemy cena ilosc klient gotowka reszta sprzedaz paragon fiskalny razem do zaplaty nip ptu",
    "ms": "jumlah tarikh resit tunai baki cukai terima kasih sila harga kuantiti bayaran masa invois pelanggan barang",
}
_LEXICON = {language: frozenset(words.split()) for language, words in _WORDS.items()}
_MONTH_FIRST = {"US", "PH"}
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
    country = _country(texts, currency_of(_sign(shown)) if shown else None, dollar=bool(shown and is_dollar(_sign(shown))))
    return Locale(
        country=country,
        language=_language(texts),
        date_order=_date_order(texts, country),
        currency=_currency(shown, country),
        currency_shown=shown,
    )


def _country(texts: Iterable[str], currency: str | None, *, dollar: bool) -> str | None:
    points: Counter[str] = Counter()
    whole = "\n".join(texts)
    for country, weight, pattern in _COMPILED:
        hits = len(pattern.findall(whole))
        points[country] += weight * min(hits, 3)  # type: ignore[assignment]  # a Counter may hold fractions
    for country, used in OF_COUNTRY.items():
        if currency and used == currency:
            points[country] += 2 if list(OF_COUNTRY.values()).count(used) == 1 else 1
        elif currency:
            points[country] = 0
        if dollar and country in DOLLAR_COUNTRIES and points[country]:
            points[country] += 1
    best, score = points.most_common(1)[0]
    return best if score >= _SURE else None


def _language(texts: Iterable[str]) -> str | None:
    words = Counter(word for text in texts for word in re.findall(r"[a-z\u00df]+", text))
    points = {
        language: sum(min(words[word], 3) for word in lexicon if len(word) > 1) for language, lexicon in _LEXICON.items()
    }
    (first, most), (_, second) = sorted(points.items(), key=lambda pair: -pair[1])[:2]
    return first if most >= 2 and most > second else None


def _date_order(texts: Iterable[str], country: str | None) -> DateOrder | None:
    """Return the order that other dates on the paper prove, or the country's; points between the parts mean day first."""
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
