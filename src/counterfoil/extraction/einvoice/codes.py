"""The code lists that EN 16931 takes from the United Nations, as far as a record has use for them."""

from counterfoil.records.domain import Kind, PaymentMethod

# UNTDID 1001: kinds of documents. What is not a credit note is an invoice of one sort or another.
_CREDIT_NOTES = {"81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "532"}
# UNTDID 4461: means of payment.
_METHODS = {
    PaymentMethod.CASH: {"10"},
    PaymentMethod.CARD: {"48", "54", "55"},
    PaymentMethod.TRANSFER: {"30", "31", "42", "45", "58"},
    PaymentMethod.DIRECT_DEBIT: {"49", "59"},
}
_UNDEFINED = {"1", "ZZZ"}
# UN/ECE recommendations 20 and 21: units. Those that are not here keep their code.
_UNITS = {
    "C62": "pcs",
    "H87": "pcs",
    "EA": "pcs",
    "XPP": "pcs",
    "PCE": "pcs",
    "NAR": "pcs",
    "SET": "set",
    "PR": "pair",
    "HUR": "h",
    "MIN": "min",
    "DAY": "day",
    "WEE": "week",
    "MON": "month",
    "ANN": "year",
    "KGM": "kg",
    "GRM": "g",
    "TNE": "t",
    "LTR": "l",
    "MLT": "ml",
    "MTR": "m",
    "CMT": "cm",
    "MMT": "mm",
    "KMT": "km",
    "MTK": "m²",
    "MTQ": "m³",
    "KWH": "kWh",
    "P1": "%",
    "LS": "lump sum",
}


def kind_of(type_code: str | None) -> Kind:
    """Return what sort of document a type code stands for."""
    return Kind.CREDIT_NOTE if type_code in _CREDIT_NOTES else Kind.INVOICE


def payment_method_of(code: str | None) -> PaymentMethod | None:
    """Return how it is paid; None if the code leaves it open."""
    if code is None or code in _UNDEFINED:
        return None
    return next((method for method, codes in _METHODS.items() if code in codes), PaymentMethod.OTHER)


def unit_of(code: str | None) -> str | None:
    """Return a unit as people write it."""
    return _UNITS.get(code, code) if code else None
