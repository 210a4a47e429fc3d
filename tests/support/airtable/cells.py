"""What each type of field takes, and what it keeps of it."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from tests.support.airtable.store import Base, Field, Refused, Store, choices, names_of

TEXTS = {"singleLineText", "multilineText", "richText", "email", "url", "phoneNumber"}
NUMBERS = {"number", "currency", "percent", "duration"}
LONGEST = 100_000


def kept(store: Store, base: Base, field: Field, value: Any, *, typecast: bool) -> Any:
    """Return what a cell holds afterwards; None for empty."""
    if field.type not in _TAKEN:
        raise _wrong(field, "because the field is computed")
    if value is None or value in ("", []) or value is False:
        return None
    return _TAKEN[field.type](store, base, field, value, typecast)


def _wrong(field: Field, why: str = "") -> Refused:
    return Refused(422, "INVALID_VALUE_FOR_COLUMN", f'Field "{field.name}" cannot accept the provided value {why}')


def _text(_store: Store, _base: Base, field: Field, value: Any, typecast: bool) -> Any:
    if isinstance(value, (int, float)) and typecast:
        value = str(value)
    if not isinstance(value, str) or len(value) > LONGEST:
        raise _wrong(field)
    return value


def _number(_store: Store, _base: Base, field: Field, value: Any, typecast: bool) -> Any:
    if isinstance(value, str) and typecast:
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _wrong(field)
    return value


def _rating(store: Store, base: Base, field: Field, value: Any, typecast: bool) -> Any:
    if not isinstance(value, int) or not 1 <= value <= field.options.get("max", 5):
        raise _wrong(field)
    return value


def _day(_store: Store, _base: Base, field: Field, value: Any, typecast: bool) -> Any:
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        raise _wrong(field)
    return date.fromisoformat(value).isoformat()


def _moment(_store: Store, _base: Base, field: Field, value: Any, typecast: bool) -> Any:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _wrong(field) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _option(_store: Store, _base: Base, field: Field, value: Any, typecast: bool) -> Any:
    if not isinstance(value, str):
        raise _wrong(field)
    if value not in names_of(field.options):
        if not typecast:
            reason = f'Insufficient permissions to create new select option "{value}"'
            raise Refused(422, "INVALID_MULTIPLE_CHOICE_OPTIONS", reason)
        field.options.setdefault("choices", []).extend(choices(value)["choices"])
    return value


def _options(store: Store, base: Base, field: Field, value: Any, typecast: bool) -> Any:
    if not isinstance(value, list):
        raise _wrong(field)
    return [_option(store, base, field, one, typecast) for one in value]


def _check(_store: Store, _base: Base, field: Field, value: Any, typecast: bool) -> Any:
    if value is not True:
        raise _wrong(field)
    return True


def _links(_store: Store, base: Base, field: Field, value: Any, typecast: bool) -> Any:
    linked = base.table(field.options["linkedTableId"])
    if linked is None or not isinstance(value, list):
        raise _wrong(field)
    for one in value:
        if linked.record(one) is None:
            raise Refused(422, "ROW_DOES_NOT_EXIST", f"Record ID {one} does not exist in this table")
    return list(value)


def _person(store: Store, _base: Base, field: Field, value: Any, typecast: bool) -> Any:
    if not isinstance(value, dict) or value.get("id") not in store.people:
        raise _wrong(field)
    return {"id": value["id"], "name": store.people[value["id"]]}


def _people(store: Store, base: Base, field: Field, value: Any, typecast: bool) -> Any:
    if not isinstance(value, list):
        raise _wrong(field)
    return [_person(store, base, field, one, typecast) for one in value]


def _files(_store: Store, _base: Base, field: Field, value: Any, typecast: bool) -> Any:
    raise _wrong(field)  # by URL alone, which the machine of a test has none of


_TAKEN: dict[str, Callable[[Store, Base, Field, Any, bool], Any]] = {
    **dict.fromkeys(TEXTS, _text),
    **dict.fromkeys(NUMBERS, _number),
    "rating": _rating,
    "date": _day,
    "dateTime": _moment,
    "singleSelect": _option,
    "multipleSelects": _options,
    "checkbox": _check,
    "multipleRecordLinks": _links,
    "singleCollaborator": _person,
    "multipleCollaborators": _people,
    "multipleAttachments": _files,
}
