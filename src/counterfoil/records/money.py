"""Currencies, how small their smallest unit is, and amounts in it."""

from decimal import ROUND_HALF_UP, Decimal, localcontext


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TWO_DIGITS = _codes(
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC "
    "CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD "
    "KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO "
    "NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SYP SZL THB "
    "TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD YER ZAR ZMW"
)
_NO_DIGITS = _codes("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF")
_THREE_DIGITS = _codes("BHD IQD JOD KWD LYD OMR TND")

MINOR_UNITS = dict.fromkeys(_TWO_DIGITS, 2) | dict.fromkeys(_NO_DIGITS, 0) | dict.fromkeys(_THREE_DIGITS, 3)
"""The digits after the point of each currency in use (ISO 4217)."""

_CASH_STEPS = {
    "AUD": Decimal("0.05"),
    "CAD": Decimal("0.05"),
    "CHF": Decimal("0.05"),
    "CZK": Decimal(1),
    "DKK": Decimal("0.50"),
    "EUR": Decimal("0.05"),
    "HKD": Decimal("0.10"),
    "HUF": Decimal(5),
    "ILS": Decimal("0.10"),
    "MYR": Decimal("0.05"),
    "NOK": Decimal(1),
    "NZD": Decimal("0.10"),
    "SEK": Decimal(1),
    "SGD": Decimal("0.05"),
    "THB": Decimal("0.25"),
    "TWD": Decimal(1),
    "ZAR": Decimal("0.10"),
}
_ENOUGH_DIGITS = 100  # more than any amount that a document can print


def is_currency(code: str) -> bool:
    """Tell whether this is the code of a currency in use."""
    return code in MINOR_UNITS


def minor_unit(currency: str | None) -> Decimal:
    """Return the smallest unit of a currency; that of most currencies where it is unknown."""
    return Decimal(1).scaleb(-MINOR_UNITS.get(currency or "", 2))


def cash_step(currency: str | None) -> Decimal | None:
    """Return what a cash total is rounded to where the smallest coin is worth more than the smallest unit."""
    return _CASH_STEPS.get(currency or "")


def rounded(amount: Decimal, currency: str | None) -> Decimal:
    """Return the amount in whole minor units, halves away from zero as on invoices."""
    with localcontext(prec=_ENOUGH_DIGITS):
        return amount.quantize(minor_unit(currency), rounding=ROUND_HALF_UP)


def fits(amount: Decimal, currency: str | None) -> bool:
    """Tell whether the amount can be said in the currency's minor units."""
    return rounded(amount, currency) == amount


def written(amount: Decimal, currency: str | None) -> str:
    """Return the amount for people to read, with all its digits and at least those of the currency."""
    shown = rounded(amount, currency) if fits(amount, currency) else amount
    return f"{shown:f} {currency}" if currency else f"{shown:f}"
