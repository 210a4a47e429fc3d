"""What becomes of a plan when its table changes, and whether a plan that a person made can be carried out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from counterfoil.targets.domain import Author, Entries, Entry, Plan, Property, PropertyId, PropertyType, Schema
from counterfoil.targets.expressions import (
    DELIVERY_KEY,
    Constant,
    Expression,
    FieldOf,
    Format,
    Lookup,
    Nothing,
    Shape,
    is_balanced,
    paths_in,
    shape_of,
)
from counterfoil.targets.filling import POINTERS, UNPLANNED, Misfit, fit
from counterfoil.targets.mapping import map_schema
from counterfoil.targets.notation import meant

SURE: Final = 0.85
"""The score of an entry from which nobody else has to be asked."""

DECIDED: Final = "A person decided so."

_LEFT_OUT: Final = Entry(expression=Nothing(), reason="The plan that a person made leaves it out.", score=0.0)
_NEWER: Final = Entry(expression=Nothing(), reason="It is newer than the plan that a person made.", score=0.0)

_TEXTS = {PropertyType.TITLE, PropertyType.TEXT}
_CHOICES = {PropertyType.SELECT, PropertyType.MULTI_SELECT, PropertyType.STATUS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Renamed:
    """A property with the same id and a new name."""

    before: Property
    after: Property


@dataclass(frozen=True, slots=True, kw_only=True)
class Retyped:
    """A property that holds something else than before, or cannot be written any more."""

    before: Property
    after: Property


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How a schema differs from the one that a plan was made for, where that matters to the plan."""

    renamed: tuple[Renamed, ...] = ()
    retyped: tuple[Retyped, ...] = ()
    removed: tuple[Property, ...] = ()
    added: tuple[Property, ...] = ()

    def sentences(self) -> tuple[str, ...]:
        """Say it to a person."""
        return (
            *(f"“{one.before.name}” is called “{one.after.name}” now." for one in self.renamed),
            *(f"“{one.after.name}” was {_kind(one.before)} and is {_kind(one.after)} now." for one in self.retyped),
            *(f"“{one.name}” is gone." for one in self.removed),
            *(f"“{one.name}” ({one.type}) is new." for one in self.added),
        )


def compare(before: Schema, after: Schema) -> Drift:
    """Return what changed between two schemas of one table; the ids say which property is which."""
    old, new = before.by_id, after.by_id
    both = [(old[one], new[one]) for one in old if one in new]
    return Drift(
        renamed=tuple(Renamed(before=a, after=b) for a, b in both if a.name != b.name),
        retyped=tuple(Retyped(before=a, after=b) for a, b in both if _kind(a) != _kind(b)),
        removed=tuple(old[one] for one in old if one not in new),
        added=tuple(new[one] for one in new if one not in old),
    )


def doubts(plan: Plan, schema: Schema) -> tuple[str, ...]:
    """Return what a person has to decide before the plan may write to a table as it is now; nothing if it may."""
    drift = compare(plan.schema, schema)
    changed = Drift(
        retyped=tuple(one for one in drift.retyped if plan.entries.get(one.before.id, UNPLANNED).fills),
        removed=tuple(one for one in drift.removed if plan.entries.get(one.id, UNPLANNED).fills),
    )
    return (*changed.sentences(), *_unfilled(schema, repaired(plan, schema)))


def repaired(plan: Plan, schema: Schema) -> Entries:
    """Return the plan's entries for a schema: kept by id; what is new is mapped if rules made the plan."""
    kept = {one.id: plan.entries[one.id] for one in schema.properties if one.id in plan.entries}
    added = Schema(properties=tuple(one for one in schema.properties if one.id not in kept))
    if plan.made_by is Author.PERSON:
        return {**kept, **{one.id: _left_alone(one, plan) for one in added.properties}}
    taken = {path for entry in kept.values() for path in paths_in(entry.expression)}
    return {**kept, **map_schema(added, taken)}


def decided(entries: Entries, schema: Schema, before: Plan) -> Entries:
    """Return what a person put in place of a plan: what they have not changed keeps its reason and score.

    Columns that they left out are left alone. Of a column that is gone an entry may be left that fills nothing, as it
    was read; it is dropped.
    """
    known = {one: entry for one, entry in entries.items() if entry.fills or not _is_gone(one, schema, before)}
    there = {**dict.fromkeys(schema.by_id, _LEFT_OUT), **known}
    return {one: _unless_same(entry, before.entries.get(one)) for one, entry in there.items()}


def idle(entries: Entries) -> tuple[str, ...]:
    """Return that a plan would write empty rows, if it would."""
    place = key_property(entries)
    fills = any(entry.fills for one, entry in entries.items() if one != place)
    return () if fills else ("It fills no column; let it fill one at least.",)


def problems(schema: Schema, entries: Entries, before: Schema | None = None) -> tuple[str, ...]:
    """Return why a plan cannot be carried out on a schema; nothing if it can. `before` knows names of what is gone."""
    known, gone = schema.by_id, before.by_id if before else {}
    unknown = [
        f"“{gone[one].name}” is gone; leave its entry out." if one in gone else f"There is no property {one}."
        for one in entries
        if one not in known
    ]
    wrong = [
        f"{known[one].name}: {problem}"
        for one, entry in entries.items()
        if one in known and (problem := _problem(known[one], entry.expression))
    ]
    return (*unknown, *wrong, *_unfilled(schema, entries))


def is_open(entries: Entries, property_id: PropertyId) -> bool:
    """Tell whether nothing fills a property, or nothing surely. The place of keys is never given to anything else."""
    entry = entries.get(property_id, UNPLANNED)
    return property_id != key_property(entries) and (not entry.fills or entry.score < SURE)


def key_property(entries: Entries) -> PropertyId | None:
    """Return the property that a plan has the deliveries' keys lie in, if there is one."""
    wanted = FieldOf(path=DELIVERY_KEY)
    return next((one for one, entry in entries.items() if entry.expression == wanted), None)


def with_key(entries: Entries, place: PropertyId) -> Entries:
    """Return a plan's entries with the deliveries' keys in a property."""
    entry = Entry(expression=FieldOf(path=DELIVERY_KEY), reason="A row is found again by its key.", score=1.0)
    return {**entries, place: entry}


def reads(entries: Entries, subject: str) -> bool:
    """Tell whether any property shows a part of a record, such as `line_items`."""
    paths = (path for entry in entries.values() for path in paths_in(entry.expression))
    return any(path == subject or path.startswith(f"{subject}.") for path in paths)


def _is_gone(property_id: PropertyId, schema: Schema, before: Plan) -> bool:
    return property_id in before.schema.by_id and property_id not in schema.by_id


def _unless_same(entry: Entry, before: Entry | None) -> Entry:
    if before and (entry.expression, entry.unknown_option) == (before.expression, before.unknown_option):
        return before
    return entry


def _left_alone(prop: Property, plan: Plan) -> Entry:
    """Return the entry of a column that a person's plan does not have."""
    return _LEFT_OUT if prop.id in plan.schema.by_id else _NEWER


def _constant(value: str) -> Constant:
    return Constant(value=value)


def _unfilled(schema: Schema, entries: Entries) -> Sequence[str]:
    nothing = [one for one in schema.properties if one.required and not entries.get(one.id, UNPLANNED).fills]
    return [f"“{one.name}” is required, and nothing fills it." for one in nothing]


def _problem(prop: Property, expression: Expression) -> str | None:
    if isinstance(expression, Nothing):
        return None
    if prop.read_only:
        return "it cannot be written."
    if fault := _misread(expression):
        return fault
    match expression:
        case Constant() if prop.type in POINTERS:
            return None  # whether something is called so shows when it is looked for
        case Constant(value=value):
            fitted = fit(prop, value)
            return fitted.problem if isinstance(fitted, Misfit) else None
        case FieldOf(path=path):
            return None if can_hold(prop.type, shape_of(path)) else f"{path} is nothing that a {prop.type} can hold."
        case Format():
            able = prop.type not in {PropertyType.FILES, PropertyType.CHECKBOX, PropertyType.DATE}
            return None if able else f"a text is nothing that a {prop.type} can hold."
        case Lookup(values=values, otherwise=otherwise):
            told = (_problem(prop, one) for one in (*map(_constant, values.values()), otherwise))
            return next(filter(None, told), None)
        case _:
            assert_never(expression)


def _misread(expression: Expression) -> str | None:
    """Return why an expression names no values of a record."""
    unknown = next((path for path in paths_in(expression) if shape_of(path) is None), None)
    if unknown is not None:
        near = meant(unknown)
        return f"there is no value {unknown!r}{f'; did you mean {near}?' if near else '.'}"
    within = expression.otherwise if isinstance(expression, Lookup) else expression
    if isinstance(within, Format) and not is_balanced(within.template):
        return f"“{within.template}” has a brace too many or too few; each value stands between {{ and }}."
    return None


def can_hold(kind: PropertyType, shape: Shape | None) -> bool:
    """Tell whether values of a shape can ever be of a type; whether one is shows when it is fitted."""
    if kind in _TEXTS:
        return True
    if kind in POINTERS:
        return shape in {Shape.TEXT, Shape.CHOICE}
    allowed = {
        Shape.TEXT: {*_CHOICES, PropertyType.NUMBER, PropertyType.PHONE, PropertyType.EMAIL, PropertyType.URL},
        Shape.AMOUNT: {PropertyType.NUMBER},
        Shape.RATE: {PropertyType.NUMBER},
        Shape.DATE: {PropertyType.DATE},
        Shape.MOMENT: {PropertyType.DATE},
        Shape.CHOICE: _CHOICES,
        Shape.PHONE: {PropertyType.PHONE},
        Shape.URL: {PropertyType.URL},
        Shape.FILE: {PropertyType.FILES, PropertyType.URL},
        Shape.KEY: set(),
    }
    return shape is not None and kind in allowed.get(shape, set())


def _kind(prop: Property) -> str:
    return f"{prop.type}, read-only" if prop.read_only else prop.type.value
