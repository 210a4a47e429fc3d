"""The properties of pages: what may be written into each type, and how it is read."""

import random
import string
from collections.abc import Callable, Mapping
from typing import Any

from tests.support.notion.content import bot, file_link, kept_date, kept_text, person, plain
from tests.support.notion.errors import refuse
from tests.support.notion.store import Column, Connection, Json, Page, Store, moment, new_id, plain_id, unseen
from tests.support.notion.uploads import attach

WRITABLE = frozenset(
    [
        "title",
        "rich_text",
        "number",
        "url",
        "select",
        "multi_select",
        "people",
        "email",
        "phone_number",
        "date",
        "checkbox",
        "relation",
        "files",
        "status",
        "place",
        "verification",
    ]
)
_SHOWN_OF_RELATIONS = 25
_NOWHERE = dict.fromkeys(("lat", "lon", "name", "address", "aws_place_id", "google_place_id"))
_ID_LETTERS = string.ascii_letters + string.digits + ":;<=>?@[]^_`{|}~\\"


def new_property_id() -> str:
    """Return an id as short and as odd as those that Notion makes."""
    return "".join(random.choices(_ID_LETTERS, k=4))


class Writer:
    """Turns what a request says of a property into what is kept."""

    def __init__(self, store: Store, connection: Connection) -> None:
        self._store = store
        self._connection = connection
        self._new: list[tuple[Column, Json]] = []

    def add_options(self) -> None:
        """Add the options that were written and not there; a write that is refused adds none."""
        for column, option in self._new:
            column.options.append(option)

    def kept(self, column: Column, value: Any) -> Any:
        """Return the value to keep.

        Raises:
            NotionError: it cannot be written.
        """
        special: Mapping[str, Callable[[Column, Any], Any]] = {
            "title": self._text,
            "rich_text": self._text,
            "select": self._select,
            "status": self._select,
            "multi_select": lambda column, options: [self._select(column, option) for option in options],
            "date": lambda _, value: kept_date(value),
            "people": self._people,
            "relation": self._related,
            "files": self._files,
            "url": self._filled,
            "email": self._filled,
            "phone_number": self._filled,
            "verification": self._verified,
            "place": lambda _, value: {**_NOWHERE, **value},
        }
        if value is None or column.type not in special:
            return value
        return special[column.type](column, value)

    def _text(self, _: Column, value: list[Json]) -> list[Json]:
        return kept_text(value, self._store)

    def _filled(self, column: Column, value: str) -> str:
        if not value:
            refuse(f"{column.name} should be a non-empty string or null.")
        return value

    def _select(self, column: Column, value: Json) -> str:
        key = "id" if "id" in value else "name"
        options = [*column.options, *(option for of, option in self._new if of is column)]
        found = next((option for option in options if option[key] == value[key]), None)
        if found is not None:
            return str(found["id"])
        if key == "id" or column.type == "status":
            refuse(f'Invalid {column.type} option. {column.type.capitalize()} option "{value[key]}" does not exist.')
        return self._new_option(column, value)

    def _new_option(self, column: Column, value: Json) -> str:
        if "," in value["name"]:
            refuse(f"Invalid select option, commas not allowed: {value['name']}")
        if not value["name"]:
            refuse("Invalid select option, name should not be empty.")
        option = {"id": new_id(), "name": value["name"], "color": value.get("color", "default"), "description": None}
        self._new.append((column, option))
        return str(option["id"])

    def _people(self, column: Column, value: list[Json]) -> list[str]:
        ids = [plain_id(one["id"]) for one in value]
        for user_id in ids:
            if user_id not in self._store.users:
                refuse(f"{column.name}: user {user_id} does not exist in this workspace.")
        return ids

    def _related(self, column: Column, value: list[Json]) -> list[str]:
        ids = [plain_id(one["id"]) for one in value]
        for page_id in ids:
            node = self._store.nodes.get(page_id)
            if not isinstance(node, Page) or not self._store.sees(self._connection, page_id):
                raise unseen("page", page_id, self._connection)
            if node.parent_id != column.config.get("data_source_id", node.parent_id):
                refuse(f"{column.name}: page {page_id} is not in the related database.")
        return ids

    def _files(self, _: Column, value: list[Json]) -> list[Json]:
        return [self._file(one) for one in value]

    def _file(self, value: Json) -> Json:
        if "file_upload" not in value:
            return value
        upload = attach(self._store, self._connection, value["file_upload"]["id"])
        return {"name": value.get("name") or upload.filename, "type": "file_upload", "file_upload": {"id": upload.id}}

    def _verified(self, _: Column, value: Json) -> Json:
        verified = value["state"] == "verified"
        by = bot(self._connection.bot_id) if verified else None
        return {"state": value["state"], "date": value.get("date"), "verified_by": by}


def shown(column: Column, page: Page, store: Store) -> Json:
    """Return a property of a page as it is read."""
    value = _VALUES.get(column.type, _unknown)(column, page, store)
    more = (
        {"has_more": len(page.values.get(column.id) or ()) > _SHOWN_OF_RELATIONS} if column.type == "relation" else {}
    )
    return {"id": column.api_id, "type": column.type, column.type: value, **more}


def page_title(columns: Mapping[str, Column], page: Page) -> str:
    """Return the letters of a page's title."""
    return plain(page.values.get("title") or []) if "title" in columns or not columns else ""


def _unknown(column: Column, page: Page, store: Store) -> Json:
    return {}


def _as_is(column: Column, page: Page, store: Store) -> Any:
    return page.values.get(column.id)


def _list(column: Column, page: Page, store: Store) -> Any:
    return page.values.get(column.id) or []


def _option(column: Column, option_id: object) -> Json | None:
    found = next((option for option in column.options if option["id"] == option_id), None)
    return {key: found[key] for key in ("id", "name", "color")} if found else None


def _select(column: Column, page: Page, store: Store) -> Json | None:
    return _option(column, page.values.get(column.id))


def _selects(column: Column, page: Page, store: Store) -> list[Json]:
    return [one for option_id in page.values.get(column.id) or () if (one := _option(column, option_id))]


def _files(column: Column, page: Page, store: Store) -> list[Json]:
    return [
        {"name": file["name"], "type": "file", "file": file_link(file["file_upload"]["id"], store)}
        if file.get("type") == "file_upload"
        else {"name": file["name"], "type": "external", "external": file["external"]}
        for file in page.values.get(column.id) or ()
    ]


def _rollup(column: Column, page: Page, store: Store) -> Json:
    return {"type": "number", "number": 0, "function": column.config.get("function", "count")}


_VALUES: Mapping[str, Callable[[Column, Page, Store], Any]] = {
    **dict.fromkeys(("number", "url", "email", "phone_number", "date", "place"), _as_is),
    **dict.fromkeys(("title", "rich_text"), _list),
    **dict.fromkeys(("select", "status"), _select),
    "multi_select": _selects,
    "people": lambda column, page, store: [person(one, store) for one in page.values.get(column.id) or ()],
    "relation": lambda column, page, store: [
        {"id": one} for one in (page.values.get(column.id) or ())[:_SHOWN_OF_RELATIONS]
    ],
    "files": _files,
    "checkbox": lambda column, page, store: bool(page.values.get(column.id)),
    "formula": lambda column, page, store: {"type": "string", "string": None},
    "rollup": _rollup,
    "created_time": lambda column, page, store: moment(page.made_at),
    "last_edited_time": lambda column, page, store: moment(page.changed_at),
    "created_by": lambda column, page, store: person(page.made_by, store),
    "last_edited_by": lambda column, page, store: person(page.changed_by, store),
    "unique_id": lambda column, page, store: {"prefix": column.config.get("prefix"), "number": page.number},
    "verification": lambda column, page, store: (
        page.values.get(column.id) or {"state": "unverified", "date": None, "verified_by": None}
    ),
    "last_visited_time": lambda column, page, store: None,
}
