"""What is known of a document: a line of a truth file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from counterfoil.extraction.evaluation.normalising import letters, normal
from counterfoil.extraction.evaluation.predictions import PixelBox


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The right values of a document's fields; a field that is not labelled says nothing.

    `alternatives` are further right values, `contained` the fields where a prediction may say more than the truth,
    and `absent` those that are not on the document.
    """

    file: str
    values: Mapping[str, str]
    items: Sequence[Mapping[str, str]] | None = None
    alternatives: Mapping[str, Sequence[str]] = field(default_factory=dict)
    contained: frozenset[str] = frozenset()
    absent: Sequence[str] = ()
    boxes: Mapping[str, Sequence[PixelBox]] = field(default_factory=dict)
    picture_size: tuple[int, int] | None = None  # of the first page, in the pixels that the boxes are in
    quick: bool = False

    def accepted(self, name: str) -> list[str]:
        """Return all right values of a field."""
        return [self.values[name], *self.alternatives.get(name, ())]

    def accepts(self, name: str, value: str) -> bool:
        """Say whether a value is right."""
        given = normal(name, value)
        if given is None:
            return False
        wanted = [normal(name, one) for one in self.accepted(name)]
        if given in wanted:
            return True
        return name in self.contained and any(letters(str(one)) in letters(value) for one in wanted if one)


def read_truths(path: Path, *, subset: bool = False) -> tuple[Truth, ...]:
    """Return the truths of a file with a JSON object a line; with `subset` only those marked as quick."""
    with path.open(encoding="utf-8") as lines:
        truths = tuple(_truth(json.loads(line)) for line in lines if line.strip())
    return tuple(truth for truth in truths if truth.quick or not subset)


def _truth(row: dict[str, Any]) -> Truth:
    return Truth(
        file=row["file"],
        values={name: value for name, value in row["fields"].items() if name != "line_items"},
        items=row["fields"].get("line_items"),
        alternatives=row.get("alt", {}),
        contained=frozenset(name for name, how in row.get("match", {}).items() if how == "contains"),
        absent=row.get("absent", ()),
        boxes=row.get("boxes", {}),
        picture_size=tuple(row["image_size"]) if "image_size" in row else None,
        quick=row.get("quick", False),
    )
