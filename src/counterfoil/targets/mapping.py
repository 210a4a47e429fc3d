"""The rules mapper: fits a schema to what a receipt can say, by names, types and options, and says why."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial

from counterfoil.records.domain import FieldPath
from counterfoil.targets.domain import Entries, Entry, Property, PropertyId, PropertyType, Schema
from counterfoil.targets.expressions import (
    ISSUE_DATE,
    MERCHANT,
    TAX_RATE,
    TAX_TOTAL,
    FieldOf,
    Format,
    Nothing,
    Shape,
    paths_in,
    shape_of,
)
from counterfoil.targets.filling import recognises
from counterfoil.targets.likeness import likeness, squeezed, words
from counterfoil.targets.vocabulary import CHOICE_NAMES, LANGUAGES, NOT_ON_A_RECEIPT, PROPERTY_NAMES, TOO_COMMON

ENOUGH = 0.7
_EXACT, _AMBIGUOUS, _PART, _TYPO, _CONTAINED = 1.0, 0.97, 0.93, 0.9, 0.82
_TYPO_LIKENESS = 0.85
_EXTRA_WORD = 0.04
_MOST_EXTRA_WORDS = 2
_STRANGE_OPTIONS, _FAMILIAR_OPTIONS = 0.6, 1.02
_PARTS = re.compile(r"[()\[\]{}/|:;,]|\s[-\u2013\u2014]\s")

FITS: Mapping[Shape, Mapping[PropertyType, float]] = {
    Shape.TEXT: {PropertyType.TITLE: 1.0, PropertyType.TEXT: 1.0},
    Shape.AMOUNT: {PropertyType.NUMBER: 1.0, PropertyType.TEXT: 0.85},
    Shape.RATE: {PropertyType.NUMBER: 1.0, PropertyType.TEXT: 0.85},
    Shape.DATE: {PropertyType.DATE: 1.0, PropertyType.TEXT: 0.85},
    Shape.TIME: {PropertyType.TEXT: 1.0},
    Shape.MOMENT: {PropertyType.DATE: 1.0, PropertyType.TEXT: 0.85},
    Shape.CHOICE: {
        PropertyType.SELECT: 1.0,
        PropertyType.MULTI_SELECT: 0.95,
        PropertyType.STATUS: 0.9,
        PropertyType.RELATION: 0.85,
        PropertyType.TEXT: 0.9,
    },
    Shape.PHONE: {PropertyType.PHONE: 1.0, PropertyType.TEXT: 0.95},
    Shape.URL: {PropertyType.URL: 1.0, PropertyType.TEXT: 0.85},
    Shape.FILE: {PropertyType.FILES: 1.0},
    Shape.KEY: {PropertyType.TEXT: 1.0},
}
"""How well a value suits a column, by what the rules dare on their own; a person may plan more."""

VENDOR_LISTS = {
    PropertyType.SELECT: 0.9,
    PropertyType.MULTI_SELECT: 0.8,
    PropertyType.RELATION: 0.85,
}  # many keep their merchants as options


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sense:
    """What a name may mean: a path (None: something that no receipt says), how surely, and why."""

    path: FieldPath | None
    score: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Name:
    """One name of the vocabulary."""

    text: str
    words: frozenset[str]
    squeezed: str
    language: str
    path: FieldPath | None


def map_schema(schema: Schema, taken: Collection[FieldPath] = ()) -> Entries:
    """Return what fills each property; a path is used once, and not if it is `taken`."""
    senses = {one.id: tuple(_suited(one)) for one in schema.properties}
    chosen = _chosen(schema, senses, set(taken))
    used = {path for path, _ in chosen.values()} | set(taken)
    entries = {}
    for one in schema.properties:
        if one.id in chosen:
            path, sense = chosen[one.id]
            entries[one.id] = Entry(expression=FieldOf(path=path), reason=sense.reason, score=round(sense.score, 3))
        elif one.type is PropertyType.TITLE and not one.read_only:
            entries[one.id] = _title(used)
            used.update(paths_in(entries[one.id].expression))
        else:
            entries[one.id] = Entry(expression=Nothing(), reason=_why_empty(one, senses[one.id]), score=0.0)
    return entries


def _chosen(
    schema: Schema, senses: Mapping[PropertyId, tuple[_Sense, ...]], used: set[FieldPath]
) -> dict[PropertyId, tuple[FieldPath, _Sense]]:
    """Give each path to the property that means it most surely; among equals, to the first."""
    ranked = sorted(
        ((sense, one) for one in schema.properties for sense in senses[one.id] if sense.score >= ENOUGH),
        key=lambda pair: -pair[0].score,
    )
    chosen: dict[PropertyId, tuple[FieldPath, _Sense]] = {}
    for sense, one in ranked:
        if sense.path is not None and sense.path not in used and one.id not in chosen:
            chosen[one.id] = (sense.path, sense)
            used.add(sense.path)
    return chosen


def _title(used: Collection[FieldPath]) -> Entry:
    """Fill a title in any case: it is what a row is known by."""
    if MERCHANT not in used:
        return Entry(expression=FieldOf(path=MERCHANT), reason="A row is best known by its merchant.", score=0.6)
    template = f"{{{MERCHANT}}}, {{{ISSUE_DATE}}}"
    return Entry(expression=Format(template=template), reason="A row is known by its merchant and date.", score=0.6)


def _why_empty(prop: Property, senses: tuple[_Sense, ...]) -> str:
    if prop.read_only:
        return "It cannot be written."
    best = max(senses, key=lambda sense: sense.score, default=None)
    if best is None:
        return "Its name is none that a receipt's values are known by."
    if best.path is None:
        return best.reason
    if best.score >= ENOUGH:
        return f"It would be the {_label(best.path)} too, which another property takes already."
    return f"It sounds like the {_label(best.path)}, but as {prop.type} it cannot surely be that."


def _suited(prop: Property) -> Iterator[_Sense]:
    """Yield what a property's name may mean, weighed by its type and options."""
    if prop.read_only:
        return
    for sense in map(partial(_in_percent, prop), senses_of(prop.name)):
        if sense.path is None:
            yield _Sense(path=None, score=0.0, reason=sense.reason)
            continue
        weight = _type_weight(sense.path, prop) * _options_weight(sense.path, prop)
        yield _Sense(path=sense.path, score=min(sense.score * weight, 1.0), reason=sense.reason)


def _in_percent(prop: Property, sense: _Sense) -> _Sense:
    """“VAT %”, and a tax in a column of percents, is the rate."""
    is_rate = sense.path == TAX_TOTAL and (prop.percent or "%" in prop.name)
    return replace(sense, path=TAX_RATE, reason=f"{sense.reason[:-1]}, in percent.") if is_rate else sense


def _type_weight(path: FieldPath, prop: Property) -> float:
    if path == MERCHANT and prop.type in VENDOR_LISTS:
        return VENDOR_LISTS[prop.type]
    shape = shape_of(path)
    if shape is None or (prop.percent and shape is not Shape.RATE):
        return 0.0
    return FITS[shape].get(prop.type, 0.0)


def _options_weight(path: FieldPath, prop: Property) -> float:
    """Doubt a column whose options are all strange to a choice: "Type" with "Travel" and "Food" is no document type."""
    if path not in CHOICE_NAMES or not prop.options:
        return 1.0
    return _FAMILIAR_OPTIONS if any(recognises(path, option) for option in prop.options) else _STRANGE_OPTIONS


def senses_of(name: str) -> tuple[_Sense, ...]:
    """Return what a name may mean: by itself, by one of its parts, with a typo, or among other words."""
    if not squeezed(name):
        return ()
    return _exact(name, name, _EXACT) or _by_parts(name) or _with_typo(name) or _among_words(name)


def _exact(name: str, shown: str, score: float) -> tuple[_Sense, ...]:
    found = _by_squeezed().get(squeezed(name), ())
    several = len({one.path for one in found}) > 1
    return _senses(found, shown, min(score, _AMBIGUOUS) if several else score, "is")


def _by_parts(name: str) -> tuple[_Sense, ...]:
    """“Betrag / Amount” and “Total (EUR)” mean what their first known part means."""
    parts = [part for part in _PARTS.split(name) if part.strip()]
    if len(parts) == 1:
        return ()
    return next((found for part in parts if (found := _exact(part, name, _PART))), ())


def _with_typo(name: str) -> tuple[_Sense, ...]:
    wanted = squeezed(name)
    scored = [(likeness(wanted, known), names) for known, names in _by_squeezed().items()]
    best, names = max(scored, key=lambda pair: pair[0])
    return _senses(names, name, best * _TYPO, "is nearly") if best >= _TYPO_LIKENESS else ()


def _among_words(name: str) -> tuple[_Sense, ...]:
    """Find the longest known names whose words are all among the name's."""
    have = frozenset(words(name))
    inside = [one for one in _names() if one.words <= have and not (len(one.words) == 1 and one.words <= TOO_COMMON)]
    longest = max((len(one.words) for one in inside), default=0)
    extra = len(have) - longest
    if not longest or extra > _MOST_EXTRA_WORDS:
        return ()
    found = tuple(one for one in inside if len(one.words) == longest)
    return _senses(found, name, _CONTAINED - _EXTRA_WORD * extra, "contains")


def _senses(found: Collection[_Name], shown: str, score: float, relation: str) -> tuple[_Sense, ...]:
    """Return one sense for each path; a name that may mean something else means nothing surely."""
    foreign = next((one for one in found if one.path is None), None)
    if foreign:
        reason = f"“{_short(shown)}” {relation} “{foreign.text}”, which a receipt does not say."
        return (_Sense(path=None, score=0.0, reason=reason),)
    by_path = {one.path: one for one in reversed(list(found))}
    return tuple(
        _Sense(path=path, score=score, reason=_reason(one, shown, relation)) for path, one in reversed(by_path.items())
    )


def _reason(name: _Name, shown: str, relation: str) -> str:
    assert name.path is not None  # noqa: S101 - `_senses` has dealt with the others
    meaning = f"{LANGUAGES[name.language]} for the {_label(name.path)}"
    if relation == "is":
        return f"“{_short(shown)}” is {meaning}."
    return f"“{_short(shown)}” {relation} “{name.text}”, {meaning}."


def _short(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:59]}…"


def _label(path: FieldPath) -> str:
    return PROPERTY_NAMES[path]["en"].split(",")[0]


@cache
def _names() -> tuple[_Name, ...]:
    tables = [*PROPERTY_NAMES.items(), (None, NOT_ON_A_RECEIPT)]
    return tuple(
        _Name(
            text=text.strip(),
            words=frozenset(words(text)),
            squeezed=squeezed(text),
            language=language,
            path=None if path is None else FieldPath(path),
        )
        for path, table in tables
        for language, texts in table.items()
        for text in texts.split(",")
    )


@cache
def _by_squeezed() -> Mapping[str, tuple[_Name, ...]]:
    names: dict[str, tuple[_Name, ...]] = {}
    for one in _names():
        names[one.squeezed] = (*names.get(one.squeezed, ()), one)
    return names
