"""Pages: made, read and changed, below a source, a database with one source, or another page."""

import re
from typing import Any

from tests.support.notion.blocks import add_blocks
from tests.support.notion.bodies import page_changed, page_made
from tests.support.notion.calls import Call
from tests.support.notion.content import bot, shown_media
from tests.support.notion.errors import invalid, not_here, refuse
from tests.support.notion.properties import Writer, page_title, shown
from tests.support.notion.schemas import in_order, only_source, trashed
from tests.support.notion.store import WORKSPACE, Column, Connection, Json, Page, Source, Store, moment, plain_id
from tests.support.notion.uploads import attach

_TITLE = Column(id="title", name="title", type="title")


def make_page(call: Call) -> Json:
    """Make a page with its properties and blocks."""
    call.need("insert_content")
    body = call.json(page_made(call.version))
    _refuse(body, "markdown", "template", "position")
    parent_id, source = _parent(call, body["parent"])
    now, me = call.store.now(), call.connection.bot_id
    page = Page(parent_id=parent_id, made_by=me, made_at=now, changed_by=me, changed_at=now)
    values = _values(call, source, body.get("properties", {}))
    page.values.update(values)
    _dress(call, page, body)
    add_blocks(call, page, body.get("children") or body.get("content") or [])
    _place(call, page, source)
    return shown_page(call, page)


def retrieve_page(call: Call) -> Json:
    """Return a page."""
    call.need("read_content")
    return shown_page(call, call.store.page(call.connection, call.ids[0]))


def change_page(call: Call) -> Json:
    """Change a page's properties, or put it into the trash and back."""
    call.need("update_content")
    body = call.json(page_changed(call.version))
    _refuse(body, "template")
    page = call.store.page(call.connection, call.ids[0])
    to_trash = trashed(call, body, default=page.in_trash)
    if page.in_trash and to_trash:
        refuse("Can't edit block that is archived. You must unarchive the block before editing.")
    _refuse_below_trash(call, page)
    page.values.update(_values(call, call.store.sources.get(page.parent_id), body.get("properties", {})))
    page.in_trash, page.is_locked = to_trash, body.get("is_locked", page.is_locked)
    _dress(call, page, body)
    if body.get("erase_content"):
        page.children.clear()
    page.changed_at, page.changed_by = call.store.now(), call.connection.bot_id
    return shown_page(call, page)


def shown_page(call: Call, page: Page) -> Json:
    """Return a page as it is read."""
    store = call.store
    source = store.sources.get(page.parent_id)
    columns = {column.id: column for column in in_order(source)} if source else {"title": _TITLE}
    wanted = _wanted(call, columns)
    name = re.sub(r"[^\w]+", "-", page_title(columns, page)).strip("-")
    return {
        "object": "page",
        "id": page.id,
        "created_time": moment(page.made_at),
        "last_edited_time": moment(page.changed_at),
        "created_by": bot(page.made_by),
        "last_edited_by": bot(page.changed_by),
        "cover": shown_media(page.cover, store) if page.cover else None,
        "icon": shown_media(page.icon, store) if page.icon else None,
        "parent": _shown_parent(call, page, source),
        **call.trash(store.in_trash(page)),
        "is_archived": False,
        "is_locked": page.is_locked,
        "properties": {column.name: shown(column, page, store) for column in wanted},
        "url": f"https://www.notion.so/{name}{'-' * bool(name)}{page.id.replace('-', '')}",
        "public_url": None,
    }


def _refuse(body: Json, *keys: str) -> None:
    for key in keys:
        if key in body:
            not_here(f"pages with {key}")


def _parent(call: Call, parent: Json) -> tuple[str, Source | None]:
    store, connection = call.store, call.connection
    if "workspace" in parent:
        return WORKSPACE, None
    if "page_id" in parent:
        above = store.page(connection, plain_id(parent["page_id"]))
        if store.in_trash(above):
            raise _below_trash()
        return above.id, None
    if "data_source_id" in parent:
        source = store.source(connection, plain_id(parent["data_source_id"]))
    else:
        source = only_source(call, store.database(connection, plain_id(parent["database_id"])))
    if _in_trash(store, source):
        raise _below_trash()
    return source.id, source


def _in_trash(store: Store, source: Source) -> bool:
    return source.in_trash or store.databases[source.database_id].in_trash


def _below_trash() -> Exception:
    return invalid(
        "Can't edit page on block with an archived ancestor. You must unarchive the ancestor before editing page."
    )


def _refuse_below_trash(call: Call, page: Page) -> None:
    source, above = call.store.sources.get(page.parent_id), call.store.nodes.get(page.parent_id)
    if (source and _in_trash(call.store, source)) or (above and call.store.in_trash(above)):
        raise _below_trash()


def _place(call: Call, page: Page, source: Source | None) -> None:
    if source is not None:
        call.store.add_row(source, page)
    elif page.parent_id == WORKSPACE:
        call.connection.shared.add(page.id)
    else:
        call.store.nodes[page.parent_id].children.append(page.id)
    call.store.nodes[page.id] = page


def _values(call: Call, source: Source | None, properties: Json) -> Json:
    """Return the values to keep by the id of the column; either all can be written or none is."""
    if isinstance(properties.get("title"), list):
        properties = {"title": {"title": properties["title"]}}
    columns = {key: source.column(key) if source else _title(key) for key in properties}
    wrong = [f"{key} is not a property that exists." for key, column in columns.items() if column is None]
    wrong += [
        f"{column.name} is expected to be {column.type}."
        for key, column in columns.items()
        if column is not None and column.type not in properties[key]
    ]
    if wrong:
        refuse(" ".join(wrong))
    writer = Writer(call.store, call.connection)
    found = [(column, properties[key][column.type]) for key, column in columns.items() if column is not None]
    kept = {column.id: writer.kept(column, value) for column, value in found}
    writer.add_options()
    return kept


def _title(key: str) -> Column | None:
    return _TITLE if key == "title" else None


def _dress(call: Call, page: Page, body: Json) -> None:
    for key in ("icon", "cover"):
        if key in body:
            setattr(page, key, kept_media(call.store, call.connection, body[key]))


def kept_media(store: Store, connection: Connection, media: Json | None) -> Any:
    """Return an icon or a cover as it is kept."""
    if media is None:
        return None
    kind = next(key for key in media if key != "type")
    if kind == "file_upload":
        attach(store, connection, media[kind]["id"])
    return {"type": kind, kind: media[kind]}


def _wanted(call: Call, columns: dict[str, Column]) -> list[Column]:
    keys = [key for name in ("filter_properties", "filter_properties[]") for key in call.query.get(name, [])]
    if not keys:
        return list(columns.values())
    found = [column for key in keys for column in columns.values() if key in {column.id, column.api_id, column.name}]
    if len(found) < len(keys):
        refuse("query failed validation: query.filter_properties should be ids of properties.")
    return found


def _shown_parent(call: Call, page: Page, source: Source | None) -> Json:
    if source is None:
        workspace = page.parent_id == WORKSPACE
        return {"type": "workspace", "workspace": True} if workspace else {"type": "page_id", "page_id": page.parent_id}
    if call.old:
        return {"type": "database_id", "database_id": source.database_id}
    return {"type": "data_source_id", "data_source_id": source.id, "database_id": source.database_id}
