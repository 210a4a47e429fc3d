"""Users, the connection itself, and the search."""

from collections.abc import Mapping
from typing import Any

from tests.support.notion.bodies import search as search_shape
from tests.support.notion.calls import Call, page_of
from tests.support.notion.content import person, plain
from tests.support.notion.errors import NotionError
from tests.support.notion.pages import shown_page
from tests.support.notion.schemas import shown_database, shown_source, visible_sources
from tests.support.notion.store import Connection, Json, Store


def me(call: Call) -> Json:
    """Return the bot that the token belongs to, with what its workspace allows."""
    return _bot(call.store, call.connection)


def users(call: Call) -> Json:
    """Return all users."""
    call.need("read_users")
    people = [person(user_id, call.store) for user_id in call.store.users]
    return page_of([*people, _bot(call.store, call.connection)], call.paging(), "user")


def user(call: Call) -> Json:
    """Return a user."""
    call.need("read_users")
    if call.ids[0] == call.connection.bot_id:
        return _bot(call.store, call.connection)
    if call.ids[0] not in call.store.users:
        raise NotionError(404, "object_not_found", f"Could not find user with ID: {call.ids[0]}.")
    return person(call.ids[0], call.store)


def search(call: Call) -> Json:
    """Return pages and tables whose titles have these words, those changed last first."""
    call.need("read_content")
    body = call.json(search_shape(call.version))
    wanted = body.get("filter", {})
    trashed = wanted.get("in_trash", False)
    found = [one for one in [*_pages(call), *_tables(call)] if one["in_trash"] == trashed]
    found = [one for one in found if wanted.get("value", one["object"]) == one["object"]]
    found = [one for one in found if body.get("query", "").lower() in _title(one).lower()]
    oldest_first = body.get("sort", {}).get("direction") == "ascending"
    found.sort(key=lambda one: one["last_edited_time"], reverse=not oldest_first)
    return page_of(found, body, "page_or_database" if call.old else "page_or_data_source")


def _bot(store: Store, connection: Connection) -> Json:
    about: Mapping[str, Any] = {
        "owner": {"type": "workspace", "workspace": True},
        "workspace_name": "Workspace",
        "workspace_id": store.id,
        "workspace_limits": {"max_file_upload_size_in_bytes": store.max_file_bytes},
    }
    head = {"object": "user", "id": connection.bot_id, "name": connection.name, "avatar_url": None}
    return {**head, "type": "bot", "bot": about}


def _pages(call: Call) -> list[Json]:
    return [shown_page(call, page) for page in call.store.pages if call.store.sees(call.connection, page.id)]


def _tables(call: Call) -> list[Json]:
    seen = [one for one in call.store.databases.values() if call.store.sees(call.connection, one.id)]
    if call.old:
        return [shown_database(call, one) for one in seen if len(visible_sources(call.store, one)) == 1]
    return [shown_source(call, source) for one in seen for source in visible_sources(call.store, one)]


def _title(found: Json) -> str:
    if found["object"] != "page":
        return plain(found["title"])
    return next((plain(one["title"]) for one in found["properties"].values() if one["type"] == "title"), "")
