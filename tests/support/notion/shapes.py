"""A small language for what a request may look like, and Notion's words for what is wrong with one.

A shape tells what is wrong with a value (`faults`) and gives values that are right (`samples`), so that a test can walk
through whatever is described.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Protocol

from tests.support.notion.errors import NotionError

UUID = re.compile(
    r"[0-9a-f]{8}-?[0-9a-f]{4}-?[1-8][0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}|[0-]{32,36}", re.IGNORECASE
)
_SAMPLE_ID = "11111111-2222-4333-8444-555555555555"
_MISSING = object()


class Shape(Protocol):
    """What a value has to be like."""

    def faults(self, value: object, path: str) -> Iterator[str]:
        """Say what is wrong with it, each with its path."""
        ...

    def samples(self, spread: int) -> Iterator[Any]:
        """Give values that are right. `spread` is how many unions deep every variant is shown."""
        ...


def check(shape: Shape, value: object, root: str = "body") -> None:
    """Refuse what is not of this shape as Notion does.

    Raises:
        NotionError: validation_error, which names the paths.
    """
    faults = list(dict.fromkeys(shape.faults(value, root)))
    if faults:
        lead = f"{root} failed validation: " if len(faults) == 1 else f"{root} failed validation. Fix one:\n"
        raise NotionError(400, "validation_error", lead + "\n".join(faults))


def shown(value: object) -> str:
    """Return a value as it stands in a message."""
    if value is _MISSING:
        return "`undefined`"
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return f"`{text if len(text) <= 100 else text[:100] + '...'}`"


def units(text: str) -> int:
    """Count as JavaScript does, in which an emoji is two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _wrong(path: str, wanted: str, value: object) -> str:
    return f"{path} should be {wanted}, instead was {shown(value)}."


@dataclass(frozen=True, slots=True)
class Text:
    """A string, of at most so many UTF-16 units."""

    most: int | None = None
    sample: str = "a text"

    def faults(self, value: object, path: str) -> Iterator[str]:
        if not isinstance(value, str):
            yield _wrong(path, "a string", value)
        elif self.most is not None and units(value) > self.most:
            yield f"{path}.length should be ≤ `{self.most}`, instead was `{units(value)}`."

    def samples(self, spread: int) -> Iterator[str]:
        yield self.sample


@dataclass(frozen=True, slots=True)
class Id:
    """The id of an object, with its dashes or without."""

    def faults(self, value: object, path: str) -> Iterator[str]:
        if not isinstance(value, str) or not UUID.fullmatch(value):
            yield _wrong(path, "a valid uuid", value)

    def samples(self, spread: int) -> Iterator[str]:
        yield _SAMPLE_ID


@dataclass(frozen=True, slots=True)
class Number:
    """A number, or a whole one, and at most so great."""

    whole: bool = False
    most: int | None = None

    def faults(self, value: object, path: str) -> Iterator[str]:
        if isinstance(value, bool) or not isinstance(value, int if self.whole else (int, float)):
            yield _wrong(path, "a number", value)
        elif self.most is not None and value > self.most:
            yield f"{path} should be ≤ `{self.most}`, instead was `{value}`."

    def samples(self, spread: int) -> Iterator[float]:
        yield 1 if self.whole else 12.5


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def faults(self, value: object, path: str) -> Iterator[str]:
        if not isinstance(value, bool):
            yield _wrong(path, "a boolean", value)

    def samples(self, spread: int) -> Iterator[bool]:
        yield True


@dataclass(frozen=True, slots=True)
class Word:
    """One of a few values."""

    values: tuple[object, ...]

    def faults(self, value: object, path: str) -> Iterator[str]:
        if not any(value is known or (isinstance(known, str) and value == known) for known in self.values):
            yield _wrong(path, " or ".join(f"`{json.dumps(one)}`" for one in self.values), value)

    def samples(self, spread: int) -> Iterator[object]:
        yield from self.values if spread else self.values[:1]


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    of: Shape
    most: int | None = 100

    def faults(self, value: object, path: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield _wrong(path, "an array", value)
            return
        if self.most is not None and len(value) > self.most:
            yield f"{path}.length should be ≤ `{self.most}`, instead was `{len(value)}`."
        for number, one in enumerate(value):
            yield from self.of.faults(one, f"{path}[{number}]")

    def samples(self, spread: int) -> Iterator[list[Any]]:
        for one in self.of.samples(spread):
            yield [one]


@dataclass(frozen=True, slots=True)
class Nullable:
    """A value or null."""

    of: Shape

    def faults(self, value: object, path: str) -> Iterator[str]:
        if value is not None:
            for fault in self.of.faults(value, path):
                yield (
                    fault.replace(", instead was", " or `null`, instead was") if fault.startswith(f"{path} ") else fault
                )

    def samples(self, spread: int) -> Iterator[Any]:
        yield None
        yield from self.of.samples(spread)


@dataclass(frozen=True, slots=True)
class Either:
    """A value of one of these shapes; what is said of a wrong one is what the last of them says."""

    of: tuple[Shape, ...]

    def faults(self, value: object, path: str) -> Iterator[str]:
        found = [list(shape.faults(value, path)) for shape in self.of]
        if all(found):
            yield from found[-1]

    def samples(self, spread: int) -> Iterator[Any]:
        return chain.from_iterable(shape.samples(spread) for shape in self.of)


@dataclass(frozen=True, slots=True)
class Keyed:
    """An object whose keys are the caller's."""

    of: Shape

    def faults(self, value: object, path: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield _wrong(path, "an object", value)
            return
        for key, one in value.items():
            yield from self.of.faults(one, f"{path}.{key}")

    def samples(self, spread: int) -> Iterator[dict[str, Any]]:
        for one in self.of.samples(spread):
            yield {"Name": one}


@dataclass(frozen=True, slots=True)
class Fields:
    """An object with these keys and no others."""

    required: Mapping[str, Shape] = field(default_factory=dict)
    optional: Mapping[str, Shape] = field(default_factory=dict)

    def faults(self, value: object, path: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield _wrong(path, "an object", value)
            return
        for key in self.required:
            if key not in value:
                yield _wrong(f"{path}.{key}", "defined", _MISSING)
        for key, one in value.items():
            shape = self.required.get(key) or self.optional.get(key)
            if shape is None:
                yield _wrong(f"{path}.{key}", "not present", one)
            else:
                yield from shape.faults(one, f"{path}.{key}")

    def samples(self, spread: int) -> Iterator[dict[str, Any]]:
        least = {key: next(shape.samples(0)) for key, shape in self.required.items()}
        yield least
        for key, shape in chain(self.required.items(), self.optional.items()):
            for one in shape.samples(spread):
                yield {**least, key: one}


@dataclass(frozen=True, slots=True)
class Tagged:
    """An object that is told by which one of the tags it has; `common` may stand beside it."""

    variants: Mapping[str, Shape]
    common: Mapping[str, Shape] = field(default_factory=dict)
    bare: bool = False  # may be without any tag
    typed: bool = True  # may say in `type` which tag it has

    def faults(self, value: object, path: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield _wrong(path, "an object", value)
            return
        tags = [tag for tag in self.variants if tag in value]
        if len(tags) == 1:
            yield from self._variant(tags[0]).faults(value, path)
        elif tags:
            yield _wrong(f"{path}.{tags[1]}", "not present", value[tags[1]])
        elif self.bare:
            yield from Fields(optional=self.common).faults(value, path)
        else:
            yield from (_wrong(f"{path}.{tag}", "defined", _MISSING) for tag in self.variants)
            extra = [key for key in value if key not in self.common and (key != "type" or not self.typed)]
            yield from (_wrong(f"{path}.{key}", "not present", value[key]) for key in extra)

    def samples(self, spread: int) -> Iterator[dict[str, Any]]:
        tags = list(self.variants) if spread else list(self.variants)[:1]
        for tag in tags:
            yield from (
                self._variant(tag).samples(max(0, spread - 1)) if spread else [next(self._variant(tag).samples(0))]
            )

    def _variant(self, tag: str) -> Fields:
        said: Mapping[str, Shape] = {"type": Word((tag,))} if self.typed else {}
        return Fields({tag: self.variants[tag]}, {**said, **self.common})


@dataclass(frozen=True, slots=True)
class Later:
    """A shape that is made when it is needed, for those that hold themselves."""

    make: Callable[[], Shape]

    def faults(self, value: object, path: str) -> Iterator[str]:
        return self.make().faults(value, path)

    def samples(self, spread: int) -> Iterator[Any]:
        return self.make().samples(spread)


EMPTY = Fields()


def words(values: str | Sequence[str]) -> Word:
    """Return the shape of one of these words."""
    return Word(tuple(values.split() if isinstance(values, str) else values))
