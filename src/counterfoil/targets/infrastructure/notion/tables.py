"""Where a Notion table is, and its properties in neutral types."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.targets.domain import Property, PropertyId, PropertyType, Schema, Target
from counterfoil.targets.infrastructure.notion.client import Json

OLDEST: Final = "2022-06-28"
"""The version of the API in which a database is the table; in all later ones it holds data sources, which are."""

WRITABLE: Final[Mapping[str, PropertyType]] = {
    "title": PropertyType.TITLE,
    "rich_text": PropertyType.TEXT,
    "number": PropertyType.NUMBER,
    "select": PropertyType.SELECT,
    "multi_select": PropertyType.MULTI_SELECT,
    "status": PropertyType.STATUS,
    "date": PropertyType.DATE,
    "checkbox": PropertyType.CHECKBOX,
    "url": PropertyType.URL,
    "email": PropertyType.EMAIL,
    "phone_number": PropertyType.PHONE,
    "files": PropertyType.FILES,
    "relation": PropertyType.RELATION,
    "people": PropertyType.PEOPLE,
}
"""Notion's types that a delivery writes, and what they are here. All others are shown and left alone."""

READ_ONLY: Final = (
    "formula",
    "rollup",
    "created_time",
    "created_by",
    "last_edited_time",
    "last_edited_by",
    "last_visited_time",
    "unique_id",
    "button",
    "verification",
    "place",
    "location",
)
"""Types that Notion fills by itself, or that need what no receipt says: a place its coordinates."""

_GROWING: Final = {PropertyType.SELECT, PropertyType.MULTI_SELECT}


@dataclass(frozen=True, slots=True, kw_only=True)
class NotionTable:
    """A table, as one version of the API knows it."""

    id: str
    version: str

    @property
    def is_data_source(self) -> bool:
        return self.version != OLDEST

    @property
    def path(self) -> str:
        return f"{'data_sources' if self.is_data_source else 'databases'}/{self.id}"

    @property
    def parent(self) -> Json:
        """Where its pages are made."""
        kind = "data_source_id" if self.is_data_source else "database_id"
        return {"type": kind, kind: self.id}

    def beside(self, id_: str) -> "NotionTable":
        """Return another table of the same version."""
        return NotionTable(id=id_, version=self.version)


def table_of(target: Target) -> NotionTable:
    """Return the table that a target's settings lead to; a database that n8n was given says no version."""
    settings = target.settings
    id_ = settings.get("data_source_id") or settings["database_id"]
    return NotionTable(id=id_, version=settings.get("version", OLDEST))


def schema_of(table: Json) -> Schema:
    """Return the columns of a table as Notion tells them, in its order."""
    return Schema(properties=tuple(_property(name, config) for name, config in table["properties"].items()))


def _property(name: str, config: Json) -> Property:
    kind = config["type"]
    details = config.get(kind) or {}
    known = WRITABLE.get(kind)
    return Property(
        id=PropertyId(config["id"]),
        name=name,
        type=known or PropertyType.TEXT,
        options=tuple(option["name"] for option in details.get("options", ())) if known else (),
        open_options=known in _GROWING,
        read_only=known is None,
        related=_related(details) if known is PropertyType.RELATION else None,
        percent=known is PropertyType.NUMBER and details.get("format") == "percent",
    )


def _related(details: Mapping[str, Any]) -> str | None:
    return details.get("data_source_id") or details.get("database_id")
