"""What filters and sorts look like. See `texts` for where the facts are from."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from tests.support.notion.shapes import (
    EMPTY,
    Either,
    Fields,
    Flag,
    Id,
    Items,
    Nullable,
    Number,
    Shape,
    Tagged,
    Text,
    Word,
    words,
)
from tests.support.notion.texts import Moment

_EXISTS: Mapping[str, Shape] = {"is_empty": Word((True,)), "is_not_empty": Word((True,))}


def _one(conditions: Mapping[str, Shape]) -> Shape:
    return Tagged(conditions, typed=False)


_TEXTS = _one(
    {
        **dict.fromkeys(
            ("equals", "does_not_equal", "contains", "does_not_contain", "starts_with", "ends_with"), Text()
        ),
        **_EXISTS,
    }
)
_NUMBERS = _one(
    {
        **dict.fromkeys(("equals", "does_not_equal", "greater_than", "less_than"), Number()),
        **dict.fromkeys(("greater_than_or_equal_to", "less_than_or_equal_to"), Number()),
        **_EXISTS,
    }
)
_RELATIVE = words("today tomorrow yesterday one_week_ago one_week_from_now one_month_ago one_month_from_now")
_DATES = _one(
    {
        **dict.fromkeys(("equals", "before", "after", "on_or_before", "on_or_after"), Either((_RELATIVE, Moment()))),
        **dict.fromkeys(
            ["this_week", "past_week", "past_month", "past_year", "next_week", "next_month", "next_year"], EMPTY
        ),
        **_EXISTS,
    }
)
_SOME = Either((Items(Text()), Text()))
_CHOICE = _one({"equals": _SOME, "does_not_equal": _SOME, **_EXISTS})
_CHOICES = _one({"contains": _SOME, "does_not_contain": _SOME, **_EXISTS})
_CHECKED = _one({"equals": Flag(), "does_not_equal": Flag()})
_PERSON = Either((words("me"), Id()))
_PEOPLE = _one({"contains": _PERSON, "does_not_contain": _PERSON, **_EXISTS})
_RELATED = _one({"contains": Id(), "does_not_contain": Id(), **_EXISTS})
_FILES = _one(_EXISTS)
_PART: Mapping[str, Shape] = {
    "rich_text": _TEXTS,
    "number": _NUMBERS,
    "checkbox": _CHECKED,
    "select": _CHOICE,
    "multi_select": _CHOICES,
    "relation": _RELATED,
    "date": _DATES,
    "people": _PEOPLE,
    "files": _FILES,
    "status": _CHOICE,
}
_VERIFIED = words("verified expired none")
CONDITIONS: Mapping[str, Shape] = {
    **_PART,
    **dict.fromkeys(("title", "url", "email", "phone_number"), _TEXTS),
    **dict.fromkeys(("created_by", "last_edited_by"), _PEOPLE),
    **dict.fromkeys(("created_time", "last_edited_time"), _DATES),
    "unique_id": _NUMBERS,
    "formula": _one({"string": _TEXTS, "checkbox": _CHECKED, "number": _NUMBERS, "date": _DATES}),
    "rollup": _one({**dict.fromkeys(("any", "none", "every"), _one(_PART)), "date": _DATES, "number": _NUMBERS}),
    "verification": _one({"status": _VERIFIED, "does_not_equal": _VERIFIED}),
}


def _alone(tag: str) -> Fields:
    return Fields({tag: CONDITIONS[tag], "property": Text()}, {"type": words([tag])})


def _timestamp(tag: str) -> Fields:
    return Fields({tag: _DATES, "timestamp": words([tag])}, {"type": words([tag])})


class Filter:
    """A condition on a property or a timestamp, or several of them joined, at most two joins deep."""

    def __init__(self, joins: int = 2) -> None:
        self.joins = joins

    def _shape(self, value: object) -> Shape:
        keys = value if isinstance(value, dict) else {}
        for join in ("and", "or"):
            if join in keys and self.joins:
                return Fields({join: Items(Filter(self.joins - 1))})
        if "timestamp" in keys:
            return _timestamp("last_edited_time" if "last_edited_time" in keys else "created_time")
        tag = next((tag for tag in CONDITIONS if tag in keys), None)
        return _alone(tag) if tag else Tagged(CONDITIONS, {"property": Text()})

    def faults(self, value: object, path: str) -> Iterator[str]:
        return self._shape(value).faults(value, path)

    def samples(self, spread: int) -> Iterator[Any]:
        for tag in CONDITIONS:
            yield from _alone(tag).samples(spread)
        yield from _timestamp("created_time").samples(spread)
        if self.joins:
            for one in Filter(0).samples(0):
                yield {"and": [one, {"or": [one]}] if self.joins > 1 else [one]}


_DIRECTION = words("ascending descending")
_SORT = Either(
    (
        Fields({"timestamp": words("created_time last_edited_time"), "direction": _DIRECTION}),
        Fields({"property": Text(), "direction": _DIRECTION}),
    )
)


@cache
def query(version: str) -> Shape:
    """Return the shape of a query of a table."""
    since_sources: Mapping[str, Shape] = {"in_trash": Flag(), "result_type": words("page data_source")}
    trash = {"archived": Flag()} if version < "2026-03-11" else {}
    return Fields(
        optional={
            "filter": Filter(),
            "sorts": Items(_SORT),
            "start_cursor": Nullable(Text()),
            "page_size": Number(whole=True, most=100),
            **trash,
            **(since_sources if version >= "2025-09-03" else {}),
        }
    )
