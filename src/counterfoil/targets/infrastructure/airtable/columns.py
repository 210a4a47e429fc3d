"""Airtable's fields as neutral properties. A type that is not known here is read-only text, as new ones may come."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from counterfoil.targets.domain import Property, PropertyId, PropertyType, Schema

ATTACHMENTS: Final = "multipleAttachments"
LINKS: Final = "multipleRecordLinks"
COLLABORATOR: Final = "singleCollaborator"
COLLABORATORS: Final = "multipleCollaborators"
DATE: Final = "date"
PERCENT: Final = "percent"
TEXTS: Final = ("singleLineText", "multilineText", "richText")

TYPES: Final[Mapping[str, PropertyType]] = {
    **dict.fromkeys(TEXTS, PropertyType.TEXT),
    "email": PropertyType.EMAIL,
    "url": PropertyType.URL,
    "phoneNumber": PropertyType.PHONE,
    "number": PropertyType.NUMBER,
    "currency": PropertyType.NUMBER,
    PERCENT: PropertyType.NUMBER,
    "rating": PropertyType.NUMBER,
    "duration": PropertyType.NUMBER,
    DATE: PropertyType.DATE,
    "dateTime": PropertyType.DATE,
    "singleSelect": PropertyType.SELECT,
    "multipleSelects": PropertyType.MULTI_SELECT,
    "checkbox": PropertyType.CHECKBOX,
    ATTACHMENTS: PropertyType.FILES,
    LINKS: PropertyType.RELATION,
    COLLABORATOR: PropertyType.PEOPLE,
    COLLABORATORS: PropertyType.PEOPLE,
}
"""A duration is a number of seconds. What is not here is computed, or of a type that we do not know."""


class AirtableField(BaseModel):
    """A field as Airtable tells it."""

    id: str
    name: str
    type: str
    options: dict[str, Any] | None = None


class AirtableTable(BaseModel):
    """A table as Airtable tells it."""

    id: str
    name: str
    primaryFieldId: str  # noqa: N815 - Airtable's word
    fields: list[AirtableField]

    def field(self, id_: str) -> AirtableField | None:
        return next((one for one in self.fields if one.id == id_), None)


class AirtableBase(BaseModel):
    """The tables of a base."""

    tables: list[AirtableTable]


def schema_of(table: AirtableTable) -> Schema:
    """Return a table's fields in their order."""
    return Schema(properties=tuple(_property(one, primary=one.id == table.primaryFieldId) for one in table.fields))


def _property(field: AirtableField, *, primary: bool) -> Property:
    kind, options = TYPES.get(field.type), field.options or {}
    title = primary and (kind is None or field.type in TEXTS)
    choices = tuple(one["name"] for one in options.get("choices", ())) if kind and kind.has_options else ()
    return Property(
        id=PropertyId(field.id),
        name=field.name,
        type=PropertyType.TITLE if title else kind or PropertyType.TEXT,
        options=choices,
        open_options=kind is not None and kind.has_options,
        read_only=kind is None,
        related=options.get("linkedTableId") if kind is PropertyType.RELATION else None,
        percent=field.type == PERCENT,
    )
