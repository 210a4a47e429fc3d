"""Whether two records tell of the same purchase, handed in as different files."""

from rapidfuzz import fuzz

from counterfoil.records.domain import InvoiceData, Kind

ALIKE = 80
"""How similar (0 to 100) names and numbers have to be: the same paper, read twice, may differ by a letter or two."""


def purchase_key(data: InvoiceData) -> str | None:
    """Return what the records of one purchase share, to look them up by; None if too little is known."""
    if data.issue_date is None or not data.total:
        return None
    return f"{data.issue_date.isoformat()} {abs(data.total).normalize():f}"


def same_purchase(one: InvoiceData, other: InvoiceData) -> bool:
    """Tell whether two records of one key are of one purchase; what only one of them says does not matter."""
    if (one.kind is Kind.CREDIT_NOTE) != (other.kind is Kind.CREDIT_NOTE):
        return False
    if one.issue_time and other.issue_time and one.issue_time != other.issue_time:
        return False
    if one.number and other.number and not _alike(one.number, other.number):
        return False
    if one.merchant.tax_id and one.merchant.tax_id == other.merchant.tax_id:
        return True
    return bool(one.merchant.name and other.merchant.name and _alike(one.merchant.name, other.merchant.name))


def _alike(one: str, other: str) -> bool:
    return fuzz.ratio(_letters(one), _letters(other)) >= ALIKE


def _letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())
