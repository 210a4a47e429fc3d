"""Reasons in plain sentences, for the people who are asked."""

from collections.abc import Mapping

from counterfoil.records.domain import Reason, ReasonCode

SENTENCES: Mapping[ReasonCode, str] = {
    ReasonCode.NOTHING_READABLE: "Nothing could be read on this document.",
    ReasonCode.MISSING_TOTAL: "No total was found.",
    ReasonCode.MISSING_DATE: "No date was found.",
    ReasonCode.MISSING_MERCHANT: "The merchant's name was not found.",
    ReasonCode.MISSING_CURRENCY: "The currency was not found.",
    ReasonCode.SUM_MISMATCH: "Subtotal, taxes, tip and discount make {expected}, but the total says {total}.",
    ReasonCode.ITEMS_MISMATCH: "The lines add up to {sum}, which fits neither the subtotal nor the total ({total}).",
    ReasonCode.TAX_MISMATCH: "{rate} % of {base} is {expected}, but the tax says {amount}.",
    ReasonCode.DATE_IN_FUTURE: "The date {date} lies in the future.",
    ReasonCode.DATE_LONG_AGO: "The date {date} is more than {years} years ago.",
    ReasonCode.DUE_BEFORE_ISSUE: "It is due on {due}, before its own date {date}.",
    ReasonCode.UNKNOWN_CURRENCY: "{currency} is not a currency in use.",
    ReasonCode.TOO_MANY_DECIMALS: "The {field}, {amount}, has more decimals than the currency.",
    ReasonCode.NEGATIVE_TOTAL: "The total {total} is negative, but this is not a credit note.",
    ReasonCode.ABSURD_VALUE: "The {field} can hardly be {value}.",
    ReasonCode.LOW_CONFIDENCE: "The {field} was read with {confidence} % confidence; {threshold} % is asked for.",
    ReasonCode.SAME_PURCHASE: "Another record tells of the same purchase: {merchant}, {date}, {total}.",
    ReasonCode.SEVERAL_RECEIPTS: "The file shows several receipts; hand in each by itself.",
    ReasonCode.PAGE_DIFFERS: "The e-invoice says that the {field} is {value}; the page does not show it.",
    ReasonCode.EINVOICE_REFUSED: "The e-invoice in this file was not read, only its page: {reason}",
    ReasonCode.LOOKS_ALIKE: "Another document shows the same ({document}).",
    ReasonCode.NOT_ON_PAGE: "The model gave what the page does not show: {fields}.",
    ReasonCode.INSTRUCTIONS_IN_DOCUMENT: "Page {page} has text that looks like instructions to a model: {text}.",
    ReasonCode.MODEL_NOT_ASKED: "The model was not asked: {why}.",
    ReasonCode.MODEL_FAILED: "The model did not help: {why}.",
    ReasonCode.JOINED: "It is read as a part of another document ({document}).",
    ReasonCode.DUPLICATE: "The same file was handed in before ({document}).",
}
"""What a reason says, with its facts in braces. Whoever makes a reason gives all of its facts."""


def sentence(reason: Reason) -> str:
    """Return the reason as one sentence."""
    return SENTENCES[reason.code].format_map(reason.facts)
