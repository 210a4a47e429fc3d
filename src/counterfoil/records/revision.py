"""How a record changes: by a new reading, which leaves alone what a person set, and by a person."""

from collections.abc import Container, Mapping
from dataclasses import replace

from counterfoil.records.domain import (
    PERSON,
    FieldPath,
    FieldValue,
    InvoiceData,
    Record,
    RecordStatus,
    Source,
    Sources,
)
from counterfoil.records.fields import LISTS, list_of, order, replaced, value_of, values, written

_BY_HAND = Source(reader=PERSON, version="", confidence=1.0)


def reread(record: Record, data: InvoiceData, sources: Sources) -> Record:
    """Return the record after a new reading, which changes only what is not locked.

    Rows have no names of their own and may come in other numbers next time: one locked value keeps its whole list.
    """
    kept = {FieldPath(list_of(path) or path) for path in record.locked}
    for path in kept:
        data = replaced(data, path, value_of(record.data, path))
    fresh = {path: source for path, source in sources.items() if not _within(path, kept)}
    held = {path: source for path, source in record.sources.items() if _within(path, kept)}
    return _with_values(record, data, fresh | held)


def corrected(record: Record, changes: Mapping[FieldPath, FieldValue]) -> Record:
    """Return the record with the values that a person set, all of them locked, also those that stay as they were.

    Raises:
        InvalidField: there is no such field, or no such row.
    """
    data, locked = record.data, set(record.locked)
    for path in sorted(changes, key=order):
        data = replaced(data, path, changes[path])
        locked = {other for other in locked if not (path in LISTS and list_of(other) == path)} | {path}
    sources = {path: source for path, source in record.sources.items() if not _within(path, changes)}
    by_hand = {path: _BY_HAND for path in values(data) if _within(path, changes)}
    return _with_values(replace(record, locked=frozenset(locked)), data, sources | by_hand)


def _within(path: FieldPath, named: Container[str]) -> bool:
    """Tell whether a path is named, by itself or by its whole list."""
    return path in named or (list_of(path) or path) in named


def _with_values(record: Record, data: InvoiceData, sources: Sources) -> Record:
    """Put in the values. Other values than those accepted make it a draft again."""
    changed = replace(record, data=data, sources=sources)
    if data == record.data:
        return changed
    return replace(changed, status=RecordStatus.DRAFT, accepted_by=None)


def differences(before: Record, after: Record) -> list[tuple[FieldPath, str | None, str | None]]:
    """Return every path whose value became another or was confirmed by a person, with both values as text."""
    old, new = values(before.data), values(after.data)
    confirmed = {path for path in new if _by_person(after, path) and not _by_person(before, path)}
    return [
        (path, written(old[path]) if path in old else None, written(new[path]) if path in new else None)
        for path in old | new
        if path in confirmed or old.get(path) != new.get(path)
    ]


def _by_person(record: Record, path: FieldPath) -> bool:
    source = record.sources.get(path)
    return source is not None and source.reader == PERSON
