"""Queries of a table: filters, sorts and pages of results."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.support.notion.calls import Call, page_of
from tests.support.notion.content import plain
from tests.support.notion.errors import not_here, refuse
from tests.support.notion.pages import shown_page
from tests.support.notion.query_shapes import query
from tests.support.notion.schemas import only_source
from tests.support.notion.store import Column, Json, Page, Source, moment

_TEXTS = frozenset({"title", "rich_text", "url", "email", "phone_number"})
_STAMPS = frozenset({"created_time", "last_edited_time"})


def query_source(call: Call) -> Json:
    """Return the pages of a data source."""
    call.need("read_content")
    body = call.json(query(call.version))
    return _found(call, call.store.source(call.connection, call.ids[0]), body)


def query_database(call: Call) -> Json:
    """Return the pages of a database, in the version that knows of no sources."""
    call.need("read_content")
    body = call.json(query(call.version))
    return _found(call, only_source(call, call.store.database(call.connection, call.ids[0])), body)


def _found(call: Call, source: Source, body: Json) -> Json:
    wanted_trash = body.get("in_trash", body.get("archived", False))
    pages = [page for page in reversed(call.store.rows(source)) if page.in_trash == wanted_trash]
    if "filter" in body:
        matches = Matcher(source, body["filter"])
        pages = [page for page in pages if matches(page)]
    for sort in reversed(body.get("sorts", [])):
        _sort(source, pages, sort)
    found = page_of([{"id": page.id, "page": page} for page in pages], body, _kind(call), f"s:{source.id}:")
    return {**found, "results": [shown_page(call, one["page"]) for one in found["results"]]}


def _kind(call: Call) -> str:
    return "page_or_database" if call.old else "page_or_data_source"


class Matcher:
    """Tells whether a page is as a filter wants it."""

    def __init__(self, source: Source, wanted: Json) -> None:
        self._source = source
        self._test = self._compiled(wanted)

    def __call__(self, page: Page) -> bool:
        return self._test(page)

    def _compiled(self, wanted: Json) -> Callable[[Page], bool]:
        for join, holds in (("and", all), ("or", any)):
            if join in wanted:
                tests = [self._compiled(one) for one in wanted[join]]
                return lambda page, holds=holds, tests=tests: holds(test(page) for test in tests)  # type: ignore[misc]
        if "timestamp" in wanted:
            stamp = wanted["timestamp"]
            column = Column(id=stamp, name=stamp, type=stamp)
            return self._condition(column, stamp, wanted[stamp])
        found = self._source.column(wanted["property"])
        if found is None:
            refuse(f"Could not find property with name or id: {wanted['property']}")
        kind = next(key for key in wanted if key not in {"property", "type"})
        if kind != found.type and not (kind == "rich_text" and found.type in _TEXTS):
            refuse(f"database property {found.type} does not match filter {kind}")
        return self._condition(found, kind, wanted[kind])

    def _condition(self, column: Column, kind: str, condition: Json) -> Callable[[Page], bool]:
        if kind in {"formula", "rollup", "verification"}:
            not_here(f"filters on {kind}")
        [(verb, operand)] = condition.items()
        compare = DATES.get(verb) if kind in _STAMPS or kind == "date" else PLAIN.get(verb)
        if compare is None:
            not_here(f"the filter {verb} on {kind}")
        return lambda page: compare(comparable(column, page), operand)


def comparable(column: Column, page: Page) -> Any:
    """Return what a filter or a sort compares."""
    own = _OWN.get(column.type)
    if own is not None:
        return own(page)
    value = page.values.get(column.id)
    if column.type in {"select", "status", "multi_select"}:
        names = _names(column, value if isinstance(value, list) else [value])
        return names if column.type == "multi_select" else next(iter(names), None)
    return _KEPT.get(column.type, _same)(value)


def _same(value: Any) -> Any:
    return value


_OWN: Mapping[str, Callable[[Page], Any]] = {
    "created_time": lambda page: moment(page.made_at),
    "last_edited_time": lambda page: moment(page.changed_at),
    "created_by": lambda page: [page.made_by],
    "last_edited_by": lambda page: [page.changed_by],
    "unique_id": lambda page: page.number,
}
_KEPT: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("title", "rich_text"), lambda value: plain(value or [])),
    **dict.fromkeys(("url", "email", "phone_number"), lambda value: value or ""),
    **dict.fromkeys(("people", "relation", "files"), lambda value: value or []),
    "checkbox": bool,
    "date": lambda value: value["start"] if value else None,
}


def _names(column: Column, ids: list[Any]) -> list[str]:
    return [option["name"] for option_id in ids for option in column.options if option["id"] == option_id]


def _equals(value: Any, operand: Any) -> bool:
    return value in operand if isinstance(operand, list) else bool(value == operand)


def _contains(value: Any, operand: Any) -> bool:
    if isinstance(value, str):
        return operand.lower() in value.lower()
    return any(one in value for one in (operand if isinstance(operand, list) else [operand]))


def _empty(value: Any, _: object) -> bool:
    return value is None or value in ("", [])


def _has(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda value, operand: value is not None and compare(value, operand)


PLAIN: Mapping[str, Callable[[Any, Any], bool]] = {
    "equals": _equals,
    "does_not_equal": lambda value, operand: not _equals(value, operand),
    "contains": _contains,
    "does_not_contain": lambda value, operand: not _contains(value, operand),
    "starts_with": lambda value, operand: value.lower().startswith(operand.lower()),
    "ends_with": lambda value, operand: value.lower().endswith(operand.lower()),
    "greater_than": _has(lambda value, operand: value > operand),
    "less_than": _has(lambda value, operand: value < operand),
    "greater_than_or_equal_to": _has(lambda value, operand: value >= operand),
    "less_than_or_equal_to": _has(lambda value, operand: value <= operand),
    "is_empty": _empty,
    "is_not_empty": lambda value, operand: not _empty(value, operand),
}


def _dated(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Compare days when either side is a day, and moments otherwise."""

    def compared(value: str | None, operand: str) -> bool:
        if value is None:
            return False
        left, right = _moment(value), _moment(_absolute(operand))
        if len(value) == 10 or len(_absolute(operand)) == 10:
            return compare(left.date(), right.date())
        return compare(left, right)

    return compared


def _moment(value: str) -> datetime:
    at = datetime.fromisoformat(value)
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


_DAYS = {"today": 0, "tomorrow": 1, "yesterday": -1, "one_week_ago": -7, "one_week_from_now": 7}


def _absolute(operand: str) -> str:
    if operand not in _DAYS:
        return operand
    today: date = datetime.now(UTC).date()
    return (today + timedelta(days=_DAYS[operand])).isoformat()


DATES: Mapping[str, Callable[[Any, Any], bool]] = {
    "equals": _dated(lambda value, operand: value == operand),
    "before": _dated(lambda value, operand: value < operand),
    "after": _dated(lambda value, operand: value > operand),
    "on_or_before": _dated(lambda value, operand: value <= operand),
    "on_or_after": _dated(lambda value, operand: value >= operand),
    "is_empty": _empty,
    "is_not_empty": lambda value, operand: not _empty(value, operand),
}


def _sort(source: Source, pages: list[Page], sort: Json) -> None:
    stamp = sort.get("timestamp")
    column = Column(id=stamp, name=stamp, type=stamp) if stamp else source.column(sort["property"])
    if column is None:
        refuse(f"Could not find sort property with name or id: {sort['property']}")
    there = [page for page in pages if not _empty(comparable(column, page), None)]
    empty = [page for page in pages if _empty(comparable(column, page), None)]
    there.sort(key=lambda page: comparable(column, page), reverse=sort["direction"] == "descending")
    pages[:] = there + empty
