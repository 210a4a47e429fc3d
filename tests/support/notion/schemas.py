"""Databases and data sources: how they are read in each version, and how their properties change."""

from collections.abc import Mapping
from typing import Any

from tests.support.notion.bodies import database_changed, source_changed
from tests.support.notion.calls import Call
from tests.support.notion.content import bot, text
from tests.support.notion.errors import NotionError, refuse
from tests.support.notion.properties import new_property_id
from tests.support.notion.store import Column, Database, Json, Source, Store, moment, new_id

GROUPS = (("To-do", "gray"), ("In progress", "blue"), ("Complete", "green"))
_DEFAULTS: Mapping[str, Json] = {"number": {"format": "number"}, "unique_id": {"prefix": None}}
_STATUSES = (("Not started", "To-do"), ("In progress", "In progress"), ("Done", "Complete"))
_CREATABLE = frozenset(
    [
        "title",
        "rich_text",
        "number",
        "select",
        "multi_select",
        "status",
        "relation",
        "rollup",
        "formula",
        "unique_id",
        "url",
        "people",
        "files",
        "email",
        "phone_number",
        "date",
        "checkbox",
        "created_by",
        "created_time",
        "last_edited_by",
        "last_edited_time",
        "place",
    ]
)


def retrieve_database(call: Call) -> Json:
    """Return a database: with its properties as long as there were no data sources, with the list of those since."""
    call.need("read_content")
    return shown_database(call, call.store.database(call.connection, call.ids[0]))


def retrieve_source(call: Call) -> Json:
    """Return a data source."""
    call.need("read_content")
    return shown_source(call, call.store.source(call.connection, call.ids[0]))


def change_database(call: Call) -> Json:
    """Change a database; in the oldest version that is where properties are added."""
    call.need("update_content")
    body = call.json(database_changed(call.version))
    database = call.store.database(call.connection, call.ids[0])
    source = only_source(call, database) if call.old else None
    if "title" in body:
        database.title = "".join(item["text"]["content"] for item in body["title"])
    if source is not None:
        _change_columns(call, source, body.get("properties", {}))
    database.in_trash = trashed(call, body, default=database.in_trash)
    return shown_database(call, database)


def change_source(call: Call) -> Json:
    """Change a data source."""
    call.need("update_content")
    body = call.json(source_changed(call.version))
    source = call.store.source(call.connection, call.ids[0])
    if "title" in body:
        source.name = "".join(item["text"]["content"] for item in body["title"])
    _change_columns(call, source, body.get("properties", {}))
    source.in_trash = trashed(call, body, default=source.in_trash)
    return shown_source(call, source)


def trashed(call: Call, body: Json, *, default: bool) -> bool:
    """Return whether a change puts something into the trash."""
    return next((bool(body[key]) for key in call.trash_keys if key in body), default)


def only_source(call: Call, database: Database) -> Source:
    """Return the one source of a database; without a version that knows of sources, or without a choice, that is all.

    Raises:
        NotionError: there is none, or there are several.
    """
    sources = visible_sources(call.store, database)
    if len(sources) > 1:
        raise NotionError(
            400,
            "validation_error",
            "Databases with multiple data sources are not supported in this API version.",
            additional_data={
                "error_type": "multiple_data_sources_for_database",
                "database_id": database.id,
                "child_data_source_ids": [source.id for source in sources],
                "minimum_api_version": "2025-09-03",
            },
        )
    if not sources:
        refuse(f"Database with ID {database.id} does not contain any data sources accessible by this API bot.")
    return sources[0]


def visible_sources(store: Store, database: Database) -> list[Source]:
    """Return the sources that the API shows, which a linked database has none of."""
    return [] if database.linked else [store.sources[source_id] for source_id in database.source_ids]


def shown_database(call: Call, database: Database) -> Json:
    """Return a database as it is read."""
    common = _common(call, database.title, database.made_at, database.changed_at, database.in_trash)
    url = f"https://www.notion.so/{database.id.replace('-', '')}"
    head = {"object": "database", "id": database.id, **common, "parent": _parent(call, database), "url": url}
    if call.old:
        return {**head, **_authors(call), "properties": _columns(call, only_source(call, database))}
    sources = [{"id": source.id, "name": source.name} for source in visible_sources(call.store, database)]
    return {**head, "is_locked": False, "data_sources": sources}


def shown_source(call: Call, source: Source) -> Json:
    """Return a data source as it is read."""
    database = call.store.databases[source.database_id]
    return {
        "object": "data_source",
        "id": source.id,
        **_common(call, source.name, source.made_at, source.changed_at, source.in_trash or database.in_trash),
        **_authors(call),
        "properties": _columns(call, source),
        "parent": {"type": "database_id", "database_id": database.id},
        "database_parent": _parent(call, database),
        "url": f"https://www.notion.so/{database.id.replace('-', '')}",
    }


def in_order(source: Source) -> list[Column]:
    """Return the columns in the order in which they are given: by id, with the title at the end."""
    return sorted(source.columns.values(), key=lambda column: (column.id == "title", column.id))


def _columns(call: Call, source: Source) -> Json:
    return {column.name: _column(call, column) for column in in_order(source)}


def _column(call: Call, column: Column) -> Json:
    config: Any = column.config
    if column.type == "relation" and call.old:
        config = {key: value for key, value in config.items() if key != "data_source_id"}
    about = {"id": column.api_id, "name": column.name, "description": column.description, "type": column.type}
    return {**about, column.type: config}


def _common(call: Call, title: str, made_at: Any, changed_at: Any, in_trash: bool) -> Json:
    return {
        "title": text(title),
        "description": [],
        "is_inline": False,
        "created_time": moment(made_at),
        "last_edited_time": moment(changed_at),
        "icon": None,
        "cover": None,
        "public_url": None,
        **call.trash(in_trash),
    }


def _authors(call: Call) -> Json:
    return dict.fromkeys(("created_by", "last_edited_by"), bot(call.connection.bot_id))


def _parent(call: Call, database: Database) -> Json:
    if database.parent_id == "workspace":
        return {"type": "workspace", "workspace": True}
    return {"type": "page_id", "page_id": database.parent_id}


def _change_columns(call: Call, source: Source, changes: Json) -> None:
    for key, change in changes.items():
        column = source.column(key)
        if column is None:
            _add(call, source, key, change)
        elif change is None:
            _remove(source, column)
        else:
            _change(call, source, column, change)
    if changes:
        source.changed_at = call.store.now()


def _add(call: Call, source: Source, name: str, change: Json | None) -> None:
    kind = next((key for key in change or {} if key in _CREATABLE), None)
    if change is None or kind is None:
        refuse(f"{name} is not a property that exists.")
    if kind == "title":
        refuse("Cannot create a new title property, because one exists already.")
    column = Column(id=new_property_id(), name=change.get("name", name), type=kind)
    column.config = config_of(call.store, kind, change[kind])
    source.columns[column.id] = column


def _remove(source: Source, column: Column) -> None:
    if column.type == "title":
        refuse("Cannot delete the title property.")
    del source.columns[column.id]


def _change(call: Call, source: Source, column: Column, change: Json) -> None:
    if "name" in change and any(one.name == change["name"] and one is not column for one in source.columns.values()):
        refuse(f"Cannot rename {column.name}: there is a property {change['name']} already.")
    column.name = change.get("name", column.name)
    column.description = change.get("description", column.description)
    kind = next((key for key in change if key in _CREATABLE), column.type)
    if kind != column.type and "title" in {kind, column.type}:
        refuse("Cannot change a property to or from a title.")
    if kind in change:
        column.config = _changed_config(call.store, column, kind, change[kind])
        column.type = kind


def _changed_config(store: Store, column: Column, kind: str, config: Json) -> Json:
    if kind != column.type or "options" not in config:
        return config_of(store, kind, config) if kind != column.type else {**column.config, **config}
    return replaced_options(column, config["options"])


def replaced_options(column: Column, options: list[Json]) -> Json:
    """Return a config with these options alone: who is left out is gone, and names and colours do not change."""
    known = {option[key]: option for option in column.options for key in ("id", "name")}
    kept = [known.get(option.get("id", option.get("name"))) or new_option(option) for option in options]
    if column.type != "status":
        return {**column.config, "options": kept}
    left = {option["id"] for option in kept}
    groups = [
        {**group, "option_ids": [one for one in group["option_ids"] if one in left]}
        for group in column.config["groups"]
    ]
    grouped = {one for group in groups for one in group["option_ids"]}
    groups[0]["option_ids"] += [option["id"] for option in kept if option["id"] not in grouped]
    return {"options": kept, "groups": groups}


def new_option(option: Json) -> Json:
    """Return an option of a select."""
    if "," in option.get("name", ""):
        refuse(f"Invalid select option, commas not allowed: {option['name']}")
    return {"id": new_id(), "name": option["name"], "color": option.get("color", "default"), "description": None}


def config_of(store: Store, kind: str, config: Json) -> Json:
    """Return the configuration of a new property with what was left out."""
    if kind in {"select", "multi_select"}:
        return {"options": [new_option(option) for option in config.get("options", [])]}
    if kind == "status":
        return _status(config.get("options", []))
    if kind == "relation":
        return _relation(store, config)
    return {**_DEFAULTS.get(kind, {}), **config}


def _status(options: list[Json]) -> Json:
    """Return the options in their groups; one may name its `group`, which the API does not allow."""
    made = [(new_option(option), option.get("group", GROUPS[0][0])) for option in options]
    made = made or [(new_option({"name": name}), group) for name, group in _STATUSES]
    groups = [
        {
            "id": new_id(),
            "name": name,
            "color": color,
            "option_ids": [one["id"] for one, group in made if group == name],
        }
        for name, color in GROUPS
    ]
    return {"options": [option for option, _ in made], "groups": groups}


def _relation(store: Store, config: Json) -> Json:
    source_id = config.get("data_source_id") or store.databases[config["database_id"]].source_ids[0]
    kind = next((key for key in ("dual_property", "single_property") if key in config), "single_property")
    database_id = store.sources[source_id].database_id
    return {"database_id": database_id, "data_source_id": source_id, "type": kind, kind: config.get(kind, {})}
