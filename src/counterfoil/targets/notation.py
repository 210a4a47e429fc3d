"""How people name a column, and type and read what fills it: `total`, `{merchant.name} {number}`, `=Office`, `-`."""

from difflib import get_close_matches
from typing import Final, assert_never

from counterfoil.foundation.errors import InvalidInput
from counterfoil.records.domain import FieldPath
from counterfoil.targets.domain import Property, Schema
from counterfoil.targets.errors import ColumnNotFound
from counterfoil.targets.expressions import (
    PATHS,
    Constant,
    Expression,
    FieldOf,
    Format,
    Lookup,
    Nothing,
    Simple,
    is_balanced,
    paths_in,
    shape_of,
)
from counterfoil.targets.likeness import squeezed
from counterfoil.targets.mapping import senses_of

NOTHING: Final = "-"
_CONSTANT: Final = "="
_BRACES: Final = {"{", "}"}
_LIKENESS: Final = 0.7
_SENSE: Final = 0.9


class InvalidExpression(InvalidInput):
    """What was typed does not say what is to fill a column."""

    code = "invalid_expression"
    advice = (
        "Say a value of the record (total), a text with values in it ({merchant.name} {number}), = and a text that is"
        " always the same (=Office), or - for nothing."
    )

    def __init__(self, reason: str) -> None:
        super().__init__(reason)


def parsed(typed: str) -> Simple:
    """Return what somebody typed as an expression.

    Raises:
        InvalidExpression: it is none, or names a value that there is not.
    """
    expression = _read(typed.strip())
    if isinstance(expression, Format) and not is_balanced(expression.template):
        fault = f"“{expression.template}” has a brace too many or too few."
        raise InvalidExpression(fault)
    for path in paths_in(expression):
        if shape_of(path) is None:
            raise InvalidExpression(_unknown(path))
    return expression


def said(expression: Expression) -> str:
    """Return an expression as it would be typed; rules, which are not typed, in a few words."""
    match expression:
        case FieldOf(path=path):
            return path
        case Constant(value=value):
            return f"{_CONSTANT}{value}"
        case Format(template=template):
            return template
        case Nothing():
            return NOTHING
        case Lookup(path=path, values=values):
            return f"by {path}: {len(values)} {'rule' if len(values) == 1 else 'rules'}"
        case _:
            assert_never(expression)


def meant(path: str) -> FieldPath | None:
    """Return the path that one which is none may have been meant for."""
    near = get_close_matches(path, PATHS, n=1, cutoff=_LIKENESS)
    known = (FieldPath(one) for one in near)
    senses = senses_of(path.replace("_", " "))
    named = (sense.path for sense in senses if sense.path is not None and sense.score >= _SENSE)
    return next(known, None) or next(named, None)


def column_named(schema: Schema, typed: str) -> Property:
    """Return the column with an id, or with a name however that is written.

    Raises:
        ColumnNotFound: there is none, or there are several.
    """
    columns, wanted = schema.properties, squeezed(typed)
    ways = (
        [one for one in columns if one.id == typed],
        [one for one in columns if one.name == typed],
        [one for one in columns if wanted and squeezed(one.name) == wanted],
    )
    found = next(filter(None, ways), [])
    if len(found) == 1:
        return found[0]
    if found:
        raise ColumnNotFound(typed, f"there are {', '.join(f'“{one.name}” ({one.id})' for one in found)}.")
    names = [one.name for one in columns]
    near = get_close_matches(typed, names, n=1)
    hint = f"did you mean “{near[0]}”? " if near else ""
    raise ColumnNotFound(typed, f"{hint}there are {', '.join(f'“{one}”' for one in names)}.")


def _read(typed: str) -> Simple:
    if typed == NOTHING:
        return Nothing()
    if typed.startswith(_CONSTANT):
        return Constant(value=typed.removeprefix(_CONSTANT))
    if set(typed) & _BRACES:
        return Format(template=typed)
    return FieldOf(path=FieldPath(typed))


def _unknown(path: FieldPath) -> str:
    near = meant(path)
    hint = f" Did you mean {near}?" if near else ""
    return (
        f"There is no value {path!r}.{hint} There are: {', '.join(PATHS)}; and of single ones, from 0,"
        f" taxes.0.amount and line_items.0.description. For the text itself, type {_CONSTANT}{path}."
    )
