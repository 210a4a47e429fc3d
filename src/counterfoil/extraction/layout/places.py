"""The words and numbers by which a line shows that it is part of a postal address."""

import re

_STREET = re.compile(
    r"\b(?:jalan|jln|jl|lorong|persiaran|lebuh(?:raya)?|kampung|kg|taman|tmn|bandar|kawasan|seksyen|"
    r"section|lot|batu|wisma|menara|dataran|lengkok|lingkaran|medan|pusat|pekan|plaza|mall|"
    r"street|st|road|rd|avenue|ave|av|blvd|boulevard|lane|ln|drive|dr|highway|hwy|parkway|pkwy|square|sq|"
    r"court|ct|circle|way|terrace|suite|ste|unit|floor|flr|level|ground|"
    r"block|blk|building|bldg|broadway|place|pl|center|centre|complex|park|route|p\.?o\.? box|postfach|"
    r"rue|chemin|impasse|quai|bd|cours|allee|zone|zi|"
    r"calle|avenida|avda|plaza|paseo|ctra|via|viale|piazza|corso|largo|straat|laan|plein|gracht|kade|rua|"
    r"praca|travessa|ul|ulica|aleja|os|no|nr)\b\.?"
    r"|[a-z](?:stra(?:ss|\u00df)e|str\.|straat|weg|platz|allee|gasse|ring|ufer|damm|laan|plein|gracht)\b"
)
_BUILDING = re.compile(
    r"\b(?:menara|wisma|plaza|mall|bangunan|kompleks|complex|tower|floor|flr|level|block|blk|lounge)\b"
)
_BRANCH = re.compile(r"^\d{3,4}-(?:taman|tmn|jalan|jln|bandar|bdr|kampung|kg|desa|sungai|sg|seksyen|bukit|subang)\b")
_HOUSE = re.compile(
    r"(?:^|\bno\.?\s*|\blot\s*|,\s*)\d{1,5}[a-z]?(?:\s*[-&/,]\s*\d{1,5}[a-z]?)*[,\s]\s*[a-z](?:[a-z]|\W+[a-z]{2})"
)
_HOUSE_LAST = re.compile(r"[a-z]{4,}\.?\s\d{1,4}\s?[a-z]?$")
_START = re.compile(
    r"^\W*(?:no\b|lot\b|unit\b|level\b|ground\b|suite\b|block\b|blk\b|pt\W?\d|jalan\b|jln\b|"
    r"\d+[a-z]?(?:\b|(?=jalan))|[a-z]{1,2}[-.]?\d|[a-z]-[a-z]{1,2}-\d|\d+(?:st|nd|rd|th)\b|p\.?o\.? box|(?:rue|avenue|"
    r"boulevard|chemin|quai|via|viale|piazza|corso|calle|avenida|paseo|rua|ul|ulica)\b)"
)
_POSTCODE = re.compile(
    r"(?<!lot )(?<!p\.t\. )(?<!pt )(?<!no )(?<!no\. )\b(?:[a-z]{1,2}-)?\d{5}(?:-\d{4})?[,\s]+[a-z]{3}|"
    r"\b[a-z]{2}[.,]?\s*\d{5}(?:-\d{4})?$|"
    r"\b[a-z]{1,2}\d[a-z\d]?\s?\d[a-z]{2}\b|"
    r"\b[a-z]\d[a-z]\s?\d[a-z]\d\b|\b\d{4}\s?[a-z]{2}\s[a-z]{3}|\b(?:nsw|vic|qld|wa|sa|tas|act|"
    r"nt)\s*\d{4}\b|^(?:[a-z]{1,2}-)?\d{4,5}\s[a-z]{3,}|\b\d{2}-\d{3}\s[a-z]{3}|"
    r"\b\d{4}-\d{3}\s[a-z]{3}|^\W?\d{3}-\d{4}\s[a-z]{4}|[a-z]{4,}(?<!call)(?<!fone)(?<!phone),?\s\d{3}-\d{4}$|"
    r"\b(?:singapore|s)\s?\(?\d{6}\)?|,\s*\d{5,6}\b|^\d{5}[,\s]|[a-z]{3,},?\s\d{5}$"
)
_REGION = re.compile(
    r"\b(?:johor|bahru|selangor|kuala lumpur|pulau pinang|penang|perak|melaka|malacca|kedah|kelantan|"
    r"terengganu|pahang|negeri sembilan|sabah|sarawak|petaling jaya|shah alam|"
    r"klang|puchong|subang|wilayah persekutuan|malaysia|singapore|usa|united states|canada|australia|"
    r"united kingdom|england|deutschland|germany|france|espana|spain|italia|italy|"
    r"nederland|belgique|portugal|polska|schweiz|austria|osterreich|etats[- ]unis|darul ehsan|"
    r"darul takzim|darul ridzuan|damansara|cheras|ampang|kepong)\b"
)
_STATE = re.compile(
    r"[a-z]{3,}[,.]\s*(?:a[lkzr]|c[aot]|d[ec]|fl|ga|hi|i[adln]|k[sy]|la|m[adeinost]|n[cdehjmvy]|o[hkr]|pa|"
    r"ri|s[cd]|t[nx]|ut|v[at]|w[aivy])\b(?:\s*\d{5})?"
)
_NOT = re.compile(
    r"\b(?:tel|telephone|phone|fax|h/?p|gst|vat|reg|registration|invoice|receipt|date|time|cashier|"
    r"e-?mail|www|http|ssm|co\.? ?no|company no|tax|bill|website|hotline|facebook|"
    r"iban|bic|swift|bank|kto|blz|konto\w*|order|table|server|check|store|welcome|thank|open|hours|"
    r"manager|mgr|rechnung|facture|datum|ust|kunden\w*|steuer\w*|roc|tin|abn|siret|customer|cash|total|"
    r"amount|qty)\b|@|\.com\b|:\d\d"
    r"|\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}|\d[.,]\d\d\b(?!\d)"
)
REGISTRATION = re.compile(
    r"\(?\b(?:co\.?\s*(?:reg\.?)?\s*(?:no)?[.:\s]*)?\d{5,7}\s*-\s*[A-Za-z0-9]\)?(?!\w)|"
    r"\(\d{6,12}[^)]{0,16}\)|\b\d{12}\b(?:\s*\([^)]*\))?"
)


def address_weight(text: str) -> float:
    """Return how much a folded line looks like part of an address: 1 for a whole sign, more for several."""
    if _NOT.search(text):
        return 0.0
    signs = (
        (1.2, _POSTCODE.search(text)),
        (0.7, _STREET.search(text)),
        (0.6, _HOUSE.search(text)),
        (0.45, _HOUSE_LAST.search(text)),
        (0.7, _REGION.search(text)),
        (0.8, _STATE.search(text)),
        (0.2, text.endswith(",")),
        (0.15, text.count(",") >= 1),
    )
    return sum(weight for weight, found in signs if found)


def has_postcode(text: str) -> bool:
    """Say whether a folded line has a postcode, or a town with its state."""
    return bool(_POSTCODE.search(text) or _STATE.search(text))


def names_a_place(text: str) -> bool:
    """Say whether a folded line names a town, a region or a country, or has a postcode."""
    return has_postcode(text) or bool(_REGION.search(text))


def is_unit(text: str) -> bool:
    """Say whether a folded line names a building, or a part of one by its number."""
    return bool(_BUILDING.search(text) and re.search(r"\d", text)) and not _NOT.search(text)


def is_branch(text: str) -> bool:
    """Say whether a folded line is a shop's number and the place that it is called by."""
    return bool(_BRANCH.match(text))


def is_street(text: str) -> bool:
    """Say whether a folded line has a word for a street, a building or a part of one."""
    return bool(_STREET.search(text))


def may_be_street(text: str) -> bool:
    """Say whether a folded line could be a street with a house number, though nothing calls it one."""
    return bool(_HOUSE.search(text) or _HOUSE_LAST.search(text)) and not _NOT.search(text)


def starts_address(text: str) -> bool:
    """Say whether a folded line begins as an address does: with a house, a unit or a street."""
    return bool(_START.match(text))


def is_other(text: str) -> bool:
    """Say whether a folded line is something that never stands within an address."""
    return bool(_NOT.search(text))
