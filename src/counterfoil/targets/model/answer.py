"""What a model may answer about columns: a type made of the very columns, which leaves no room for anything else.

The form that a provider is told is flat and small, since providers refuse unions and long lists of choices. What comes
back is held against the exact type: for each column the expressions that it can hold, with the paths and options that
there are. There is no text in it that is ever written to a table. A proposal that is none of these is dropped alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeAlias, Union

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    PlainValidator,
    SerializeAsAny,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
    create_model,
)

from counterfoil.records.domain import FieldPath
from counterfoil.records.json_form import keepable
from counterfoil.targets.domain import Property, PropertyType
from counterfoil.targets.expressions import Constant, Expression, FieldOf, Format, Lookup, Nothing, Shape, shape_of
from counterfoil.targets.model.values import LINES
from counterfoil.targets.planning import can_hold

MOST_OPTIONS: Final = 100
LONGEST_OPTION: Final = 100  # letters
LONGEST_REASON: Final = 160  # letters
NO_PATH: Final = "none"  # an empty choice is refused by some providers
SEPARATORS: Final = {"space": " ", "comma": ", ", "dash": " - ", "slash": " / ", "colon": ": "}

Key: TypeAlias = str
"""What a column is called before the model: `p1`, `p2`, …"""


def _line(given: object) -> str:
    """Return plain text on one short line."""
    words = keepable(given) if isinstance(given, str) else ""
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in words).split())
    return text if len(text) <= LONGEST_REASON else f"{text[: LONGEST_REASON - 1]}…"


class Proposal(BaseModel):
    """What a model says of one column."""

    property: Key
    kind: str
    reason: Annotated[str, BeforeValidator(_line)] = ""

    def expression(self) -> Expression:
        """Return what is to fill the column."""
        return Nothing()


class Unfit(Proposal):
    """A proposal that was none of those that there can be; nothing of it is kept but whose it was."""

    kind: Literal["unfit"] = "unfit"


class NothingProposal(Proposal):
    """The column is left alone."""

    kind: Literal["nothing"]


class FieldProposal(Proposal):
    """One value."""

    kind: Literal["field"]
    path: str

    def expression(self) -> Expression:
        return FieldOf(path=FieldPath(self.path))


class ConstantProposal(Proposal):
    """Always the same option."""

    kind: Literal["constant"]
    value: str

    def expression(self) -> Expression:
        return Constant(value=self.value)


class FormatProposal(Proposal):
    """A few values, one after the other."""

    kind: Literal["format"]
    paths: Sequence[str]
    separator: Literal["space", "comma", "dash", "slash", "colon"]

    def expression(self) -> Expression:
        return Format(template=SEPARATORS[self.separator].join(f"{{{path}}}" for path in self.paths))


class Case(BaseModel):
    """Which option one value of a lookup gives. The value is only ever compared."""

    value: Annotated[str, BeforeValidator(_line), Field(min_length=1)]
    gives: str


class LookupProposal(Proposal):
    """An option for each of some values."""

    kind: Literal["lookup"]
    path: str
    cases: Sequence[Case]

    def expression(self) -> Expression:
        return Lookup(path=FieldPath(self.path), values={case.value: case.gives for case in self.cases})


class PlanAnswer(BaseModel):
    """What fills the columns of a table."""

    proposals: Sequence[Proposal]

    def of(self, key: Key) -> Proposal | None:
        """Return what is said of a column first."""
        return next((one for one in self.proposals if one.property == key), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What a property can hold, as far as a model may decide it."""

    paths: tuple[FieldPath, ...]
    options: tuple[str, ...]
    formats: bool

    @classmethod
    def of(cls, prop: Property) -> "Room | None":
        """Return what a property has room for; None if that is nothing."""
        if prop.read_only:
            return None
        paths = tuple(path for path in LINES if can_hold(prop.type, shape_of(path)))
        options = prop.options if prop.type.has_options and _choosable(prop.options) else ()
        formats = prop.type in {PropertyType.TITLE, PropertyType.TEXT}
        return cls(paths=paths, options=options, formats=formats) if paths or options else None


def _choosable(options: Sequence[str]) -> bool:
    """Tell whether a model can be given the choice: not of too many, too long ones, or ones that nobody can keep."""
    return len(options) <= MOST_OPTIONS and all(
        0 < len(one) <= LONGEST_OPTION and keepable(one) == one for one in options
    )


_CHOICES = tuple(path for path in LINES if shape_of(path) is Shape.CHOICE)


def answer_type(rooms: Mapping[Key, Room]) -> type[PlanAnswer]:
    """Return the type of an answer about these columns; each is asked about, and none beside them."""
    keys: dict[Room, list[Key]] = defaultdict(list)
    for key, room in rooms.items():
        keys[room].append(key)
    union: Any = Union[tuple(_proposals(keys))]  # noqa: UP007 - made as it runs
    exact: TypeAdapter[Proposal] = TypeAdapter(union)
    item: Any = Annotated[SerializeAsAny[Proposal], PlainValidator(_only(exact)), WithJsonSchema(_told(rooms))]
    return create_model("PlanAnswer", __base__=PlanAnswer, __doc__=PlanAnswer.__doc__, proposals=(list[item], ...))


def _only(exact: TypeAdapter[Proposal]) -> Any:
    """Return what takes only what is exactly so, and notes the rest as unfit."""

    def taken(given: object) -> Proposal:
        try:
            return exact.validate_python(given)
        except ValidationError:
            key = given.get("property") if isinstance(given, dict) else None
            return Unfit(property=_line(key))

    return taken


def _proposals(keys: Mapping[Room, Sequence[Key]]) -> Iterable[type[Proposal]]:
    """Yield the types of all that can be proposed, those for columns with the same room together."""
    yield _narrowed(NothingProposal, property=_among(key for same in keys.values() for key in same))
    for room, same in keys.items():
        columns, paths, options = _among(same), _among(room.paths), _among(room.options)
        if room.paths:
            yield _narrowed(FieldProposal, property=columns, path=paths)
        if room.formats:
            yield _narrowed(FormatProposal, property=columns, paths=_some(paths, least=2, most=4))
        if room.options:
            yield _narrowed(ConstantProposal, property=columns, value=options)
            case = create_model("Case", __base__=Case, gives=options)
            yield _narrowed(
                LookupProposal, property=columns, path=_among(_CHOICES), cases=_some(case, least=1, most=50)
            )


def _narrowed(base: type[Proposal], **fields: Any) -> type[Proposal]:
    """Return a type of proposal some of whose fields can be no more than these."""
    made: type[Proposal] = create_model(base.__name__, __base__=base, **fields)
    return made


def _among(choices: Iterable[str]) -> Any:
    return Literal[tuple(choices)]


def _some(one: Any, *, least: int, most: int) -> Any:
    return Annotated[list[one], Field(min_length=least, max_length=most)]


def _told(rooms: Mapping[Key, Room]) -> dict[str, Any]:
    """Return the form that a provider is told."""
    paths = [*LINES]
    fields: dict[str, Any] = {
        "property": _one_of(rooms, "Which column it is about."),
        "kind": _one_of(("field", "constant", "format", "lookup", "nothing"), "What is to fill it."),
        "path": _one_of((NO_PATH, *paths), "Of a field or a lookup; else none."),
        "paths": {"type": "array", "items": _one_of(paths), "description": "Of a format, two to four; else empty."},
        "separator": _one_of(SEPARATORS, "What stands between the values of a format."),
        "value": {"type": "string", "description": "Of a constant, one of the column's options; else empty."},
        "cases": {"type": "array", "items": _object(_CASE), "description": "Of a lookup; else empty."},
        "reason": {"type": "string", "description": "Why, in at most fifteen words."},
    }
    return _object(fields)


_CASE: Final[Mapping[str, Any]] = {
    "value": {"type": "string", "description": "A value that may stand at the path."},
    "gives": {"type": "string", "description": "One of the column's options."},
}


def _one_of(choices: Iterable[str], description: str | None = None) -> dict[str, Any]:
    about = {"description": description} if description else {}
    return {"type": "string", "enum": list(choices), **about}


def _object(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": dict(fields), "required": list(fields), "additionalProperties": False}
