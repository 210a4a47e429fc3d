"""Currencies as papers write them."""

import re

_WRITTEN = {
    "RM": "MYR",
    "MYR": "MYR",
    "US$": "USD",
    "USD": "USD",
    "A$": "AUD",
    "AUD": "AUD",
    "C$": "CAD",
    "CAD": "CAD",
    "S$": "SGD",
    "SGD": "SGD",
    "NZ$": "NZD",
    "NZD": "NZD",
    "HK$": "HKD",
    "HKD": "HKD",
    "R$": "BRL",
    "BRL": "BRL",
    "EUR": "EUR",
    "EURO": "EUR",
    "\u20ac": "EUR",
    "GBP": "GBP",
    "\u00a3": "GBP",
    "CHF": "CHF",
    "SFR": "CHF",
    "PLN": "PLN",
    "Z\u0141": "PLN",
    "JPY": "JPY",
    "\u5186": "JPY",
    "\u00a5": "JPY",
    "INR": "INR",
    "RS.": "INR",
    "RS": "INR",
    "\u20b9": "INR",
    "IDR": "IDR",
    "RP": "IDR",
    "PHP": "PHP",
    "\u20b1": "PHP",
    "THB": "THB",
    "\u0e3f": "THB",
    "SEK": "SEK",
    "NOK": "NOK",
    "DKK": "DKK",
    "CZK": "CZK",
    "K\u010c": "CZK",
    "HUF": "HUF",
    "FT": "HUF",
    "MXN": "MXN",
    "AED": "AED",
    "ZAR": "ZAR",
    "KRW": "KRW",
    "\u20a9": "KRW",
    "\uc6d0": "KRW",
    "VND": "VND",
    "VN\u0110": "VND",
    "\u20ab": "VND",
    "TWD": "TWD",
    "NT$": "TWD",
    "CLP": "CLP",
    "ISK": "ISK",
    "XOF": "XOF",
    "XAF": "XAF",
    "FCFA": "XOF",
}
_DOLLAR = "$"  # whose, the rest of the paper must say

CURRENCY = "(?i:" + "|".join(re.escape(sign) for sign in sorted(_WRITTEN, key=len, reverse=True)) + r")(?![A-Za-z])|\$"
"""A pattern for a currency's sign or code before or after an amount."""

WITHOUT_CENTS = frozenset({"CLP", "HUF", "IDR", "ISK", "JPY", "KRW", "PYG", "TWD", "UGX", "VND", "XAF", "XOF", "XPF"})
"""Currencies whose amounts are mostly printed without cents, though some have a smaller unit."""

OF_COUNTRY = {
    "MY": "MYR",
    "US": "USD",
    "GB": "GBP",
    "AU": "AUD",
    "SG": "SGD",
    "NZ": "NZD",
    "CA": "CAD",
    "IN": "INR",
    "CH": "CHF",
    "PL": "PLN",
    "BR": "BRL",
    "DE": "EUR",
    "AT": "EUR",
    "FR": "EUR",
    "ES": "EUR",
    "IT": "EUR",
    "NL": "EUR",
    "BE": "EUR",
    "PT": "EUR",
    "IE": "EUR",
    "AE": "AED",
    "CZ": "CZK",
    "DK": "DKK",
    "HK": "HKD",
    "HU": "HUF",
    "ID": "IDR",
    "JP": "JPY",
    "KR": "KRW",
    "VN": "VND",
    "TW": "TWD",
    "CL": "CLP",
    "IS": "ISK",
    "MX": "MXN",
    "NO": "NOK",
    "PH": "PHP",
    "SE": "SEK",
    "TH": "THB",
    "ZA": "ZAR",
}
DOLLAR_COUNTRIES = {"US", "AU", "SG", "NZ", "CA", "HK"}


def currency_of(written: str) -> str | None:
    """Return the code of a written currency; the dollar sign alone is not enough for one."""
    return _WRITTEN.get(written.strip().upper())


def is_dollar(written: str) -> bool:
    """Say whether it is a dollar of no named country."""
    return written.strip() == _DOLLAR
