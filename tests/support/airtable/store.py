"""What lies in the stand-in: bases, tables, fields, records, tokens."""

import random
import string
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]

ALL_SCOPES = frozenset({"data.records:read", "data.records:write", "schema.bases:read", "schema.bases:write"})


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, kind: str, message: str = "") -> None:
        super().__init__(kind)
        self.status = status
        self.body: Json = {"error": {"type": kind, "message": message}} if message else {"error": kind}


def new_id(prefix: str) -> str:
    return prefix + "".join(random.choices(string.ascii_letters + string.digits, k=14))


@dataclass
class Field:
    """A field of a table."""

    name: str
    type: str
    options: Json = field(default_factory=dict)
    id: str = field(default_factory=lambda: new_id("fld"))

    def shown(self) -> Json:
        return {"id": self.id, "name": self.name, "type": self.type} | (
            {"options": self.options} if self.options else {}
        )


@dataclass
class Record:
    """A record; `cells` by field id, without empty ones."""

    cells: Json
    id: str = field(default_factory=lambda: new_id("rec"))
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class Table:
    """A table; its first field is the primary one."""

    name: str
    fields: list[Field]
    id: str = field(default_factory=lambda: new_id("tbl"))
    records: list[Record] = field(default_factory=list)

    def field(self, name_or_id: str) -> Field | None:
        return next((one for one in self.fields if name_or_id in {one.id, one.name}), None)

    def needed(self, name_or_id: str) -> Field:
        found = self.field(name_or_id)
        if found is None:
            raise Refused(422, "UNKNOWN_FIELD_NAME", f'Unknown field name: "{name_or_id}"')
        return found

    def record(self, id_: str) -> Record | None:
        return next((one for one in self.records if one.id == id_), None)

    def shown(self) -> Json:
        return {
            "id": self.id,
            "name": self.name,
            "primaryFieldId": self.fields[0].id,
            "fields": [one.shown() for one in self.fields],
            "views": [{"id": new_id("viw"), "name": "Grid view", "type": "grid"}],
        }


@dataclass
class Base:
    """A base."""

    tables: list[Table]
    id: str = field(default_factory=lambda: new_id("app"))

    def table(self, name_or_id: str) -> Table | None:
        return next((one for one in self.tables if name_or_id in {one.id, one.name}), None)


@dataclass
class Store:
    """Everything. `tokens` are the scopes of each, and `files` the bytes of attachments by their ids."""

    bases: list[Base] = field(default_factory=list)
    tokens: dict[str, frozenset[str]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=lambda: {"usr00000000000001": "Ada Lovelace"})

    def base(self, id_: str) -> Base | None:
        return next((one for one in self.bases if one.id == id_), None)


def choices(*names: str) -> Json:
    """Return the options of a select field."""
    return {"choices": [{"id": new_id("sel"), "name": one, "color": "blueLight2"} for one in names]}


def names_of(options: Json) -> Iterable[str]:
    return [one["name"] for one in options.get("choices", ())]
