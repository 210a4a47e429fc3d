"""From a plan and a record to the values of one row, each checked against the type of its property."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import TypeAlias, assert_never
from urllib.parse import urlsplit

from counterfoil.records.domain import InvoiceData
from counterfoil.targets.domain import Draft, Entries, Entry, OptionPolicy, Property, PropertyId, PropertyType, Schema
from counterfoil.targets.expressions import Facts, Nothing, Raw, as_text, evaluate, is_rate
from counterfoil.targets.likeness import likeness, squeezed
from counterfoil.targets.values import FileRef, Value, is_plain
from counterfoil.targets.vocabulary import CHOICE_NAMES

CLOSED_LIKENESS = 0.85
OPEN_LIKENESS = 0.92  # where a new option may be made, only a typo is worth bending the value for

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")  # no leading zeros: "007" is a name, not an amount
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_SPECIAL = {
    PropertyType.URL: "web address",
    PropertyType.EMAIL: "mail address",
    PropertyType.PHONE: "telephone number",
}
_TRUTHS = {"true": True, "yes": True, "false": False, "no": False}

POINTERS = frozenset({PropertyType.RELATION, PropertyType.PEOPLE})

UNPLANNED = Entry(expression=Nothing(), reason="The plan does not know this property yet.", score=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfit:
    """Why a value cannot be what its property holds."""

    problem: str


Fitted: TypeAlias = Value | Misfit


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """What one property of a row gets, by which entry of the plan; a problem is there only without a value.

    `names` say what is called so where the value is ids.
    """

    property: Property
    entry: Entry
    value: Value | None = None
    names: tuple[str, ...] = ()
    problem: str | None = None


Candidates: TypeAlias = Callable[[Property, str], Mapping[str, str]]
"""What a relation or people property can point to that may be called so: names by id."""


def fill(
    schema: Schema, entries: Entries, data: InvoiceData, facts: Facts, candidates: Candidates
) -> tuple[Filling, ...]:
    """Return what each property gets. A value that does not fit is a problem, never a wrong write."""
    return tuple(_filling(one, entries.get(one.id, UNPLANNED), data, facts, candidates) for one in schema.properties)


def draft_of(fillings: Sequence[Filling], written: frozenset[PropertyId]) -> Draft:
    """Return what to write: the values, and None where an earlier write may have left one that is gone now."""
    draft: dict[PropertyId, Value | None] = {}
    for filling in fillings:
        emptied = filling.entry.fills and filling.property.id in written
        if filling.value is not None or emptied:
            draft[filling.property.id] = filling.value
    return draft


def missing(fillings: Sequence[Filling]) -> tuple[str, ...]:
    """Return the names of the properties that the table demands and that have no value."""
    return tuple(one.property.name for one in fillings if one.property.required and one.value is None)


def undecided(fillings: Sequence[Filling]) -> tuple[str, ...]:
    """Return what a person has to decide before anything is written."""
    asking = (one for one in fillings if one.entry.unknown_option is OptionPolicy.ASK)
    return tuple(one.problem for one in asking if one.problem)


def fit(prop: Property, raw: Raw, unknown_option: OptionPolicy = OptionPolicy.ADD) -> Fitted:
    """Return a value as its property's type holds it, or why it cannot be one."""
    match prop.type:
        case PropertyType.TITLE | PropertyType.TEXT:
            return as_text(raw)
        case PropertyType.NUMBER:
            return _number(raw)
        case PropertyType.DATE:
            return _date(raw)
        case PropertyType.SELECT | PropertyType.STATUS:
            return _option(prop, raw, unknown_option)
        case PropertyType.MULTI_SELECT:
            option = _option(prop, raw, unknown_option)
            return option if isinstance(option, Misfit) else (option,)
        case PropertyType.URL | PropertyType.EMAIL | PropertyType.PHONE:
            return _special_text(prop.type, raw.url if isinstance(raw, FileRef) else as_text(raw))
        case PropertyType.CHECKBOX:
            return _TRUTHS.get(as_text(raw).casefold(), Misfit(problem=f"“{as_text(raw)}” is neither true nor false."))
        case PropertyType.FILES:
            return (raw,) if isinstance(raw, FileRef) else Misfit(problem="Only the document itself can be attached.")
        case PropertyType.RELATION | PropertyType.PEOPLE:
            return Misfit(problem=f"“{as_text(raw)}” has to be found where the {prop.type} points to.")
        case _:
            assert_never(prop.type)


def nearest_option(text: str, options: Sequence[str], threshold: float) -> str | None:
    """Return the option that a text means: the same, its name in another language, or the one most like it.

    Nothing is returned when two options are equally near.
    """
    if text in options:
        return text
    wanted = squeezed(text)
    meant = _aliases().get(wanted, frozenset({wanted}))
    scored = [(max(likeness(wanted, name), 1.0 if name in meant else 0.0), o) for o in options if (name := squeezed(o))]
    best = max((score for score, _ in scored), default=0.0)
    nearest = [option for score, option in scored if score == best]
    return nearest[0] if best >= threshold and len(nearest) == 1 else None


def recognises(choice: str, option: str) -> bool:
    """Tell whether an option is one that a record's choice (`kind`, `currency`, …) can take."""
    return squeezed(option) in _option_names().get(choice, frozenset())


def _filling(prop: Property, entry: Entry, data: InvoiceData, facts: Facts, candidates: Candidates) -> Filling:
    raw = evaluate(entry.expression, data, facts)
    if raw is None or raw == "":
        return Filling(property=prop, entry=entry)
    if prop.read_only:
        return Filling(property=prop, entry=entry, problem=f"{prop.name} cannot be written.")
    names: tuple[str, ...] = ()
    if prop.type in POINTERS:
        there = candidates(prop, as_text(raw))
        pointed = _pointed(as_text(raw), there)
        names = () if isinstance(pointed, Misfit) else tuple(there[one] for one in pointed)
        fitted: Fitted = pointed
    else:
        fitted = fit(prop, _hundredth(raw) if prop.percent and is_rate(entry.expression) else raw, entry.unknown_option)
    if isinstance(fitted, Misfit):
        return Filling(property=prop, entry=entry, problem=f"{prop.name}: {fitted.problem}")
    return Filling(property=prop, entry=entry, value=fitted, names=names)


def _pointed(name: str, candidates: Mapping[str, str]) -> tuple[str, ...] | Misfit:
    """Return the id of the one candidate that a name means."""
    nearest = nearest_option(name, tuple(candidates.values()), CLOSED_LIKENESS)
    ids = [one for one, called in candidates.items() if called == nearest]
    if len(ids) > 1:
        return Misfit(problem=f"{len(ids)} of those that it can point to are called “{nearest}”.")
    return tuple(ids) or Misfit(problem=f"nothing that it can point to is called “{name}”.")


def _hundredth(raw: Raw) -> Raw:
    return raw.scaleb(-2) if isinstance(raw, Decimal) and is_plain(raw) else raw


def _number(raw: Raw) -> Decimal | Misfit:
    text = as_text(raw)
    if not isinstance(raw, Decimal) and not _NUMBER.fullmatch(text):
        return Misfit(problem=f"“{text}” is no number.")
    number = raw if isinstance(raw, Decimal) else Decimal(text)
    return number if is_plain(number) else Misfit(problem=f"“{text}” is no amount that can be kept exactly.")


def _date(raw: Raw) -> date | datetime | Misfit:
    if isinstance(raw, date):
        return raw
    try:
        return date.fromisoformat(as_text(raw))
    except ValueError:
        return Misfit(problem=f"“{as_text(raw)}” is no date.")


def _special_text(kind: PropertyType, text: str) -> str | Misfit:
    match kind:
        case PropertyType.URL:
            good = _is_url(text)
        case PropertyType.EMAIL:
            good = _EMAIL.fullmatch(text) is not None
        case _:
            good = any(c.isdigit() for c in text)
    return text if good else Misfit(problem=f"“{text}” is no {_SPECIAL[kind]}.")


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc) and not any(c.isspace() for c in text)


def _option(prop: Property, raw: Raw, unknown_option: OptionPolicy) -> str | Misfit:
    text = as_text(raw)
    may_add = prop.open_options and prop.type is not PropertyType.STATUS and unknown_option is OptionPolicy.ADD
    option = nearest_option(text, prop.options, OPEN_LIKENESS if may_add else CLOSED_LIKENESS)
    if option is not None:
        return option
    return text if may_add else Misfit(problem=f"no option is like “{text}”.")


@cache
def _aliases() -> Mapping[str, frozenset[str]]:
    """Return, for each choice, all its names, squeezed."""
    return {
        squeezed(value): frozenset(squeezed(name) for name in names.split(","))
        for choices in CHOICE_NAMES.values()
        for value, names in choices.items()
    }


@cache
def _option_names() -> Mapping[str, frozenset[str]]:
    return {
        choice: frozenset(squeezed(name) for names in choices.values() for name in names.split(","))
        for choice, choices in CHOICE_NAMES.items()
    }
