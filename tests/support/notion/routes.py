"""Which request is answered by which function, in which versions."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from tests.support.notion import blocks, lookups, pages, queries, schemas, uploads
from tests.support.notion.bodies import NEWEST, OLD, SOURCES
from tests.support.notion.calls import Call
from tests.support.notion.errors import NotionError, not_here
from tests.support.notion.shapes import UUID, shown
from tests.support.notion.store import Json, plain_id

Endpoint: TypeAlias = Callable[[Call], Json]


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path, where `{page_id}` stands for an id."""

    method: str
    path: str
    endpoint: Endpoint
    since: str = OLD
    until: str = NEWEST


ROUTES = (
    Route("GET", "users/me", lookups.me),
    Route("GET", "users", lookups.users),
    Route("GET", "users/{user_id}", lookups.user),
    Route("POST", "search", lookups.search),
    Route("GET", "databases/{database_id}", schemas.retrieve_database),
    Route("PATCH", "databases/{database_id}", schemas.change_database),
    Route("POST", "databases/{database_id}/query", queries.query_database, until=OLD),
    Route("GET", "data_sources/{data_source_id}", schemas.retrieve_source, since=SOURCES),
    Route("PATCH", "data_sources/{data_source_id}", schemas.change_source, since=SOURCES),
    Route("POST", "data_sources/{data_source_id}/query", queries.query_source, since=SOURCES),
    Route("POST", "pages", pages.make_page),
    Route("GET", "pages/{page_id}", pages.retrieve_page),
    Route("PATCH", "pages/{page_id}", pages.change_page),
    Route("GET", "blocks/{block_id}", blocks.retrieve_block),
    Route("PATCH", "blocks/{block_id}", blocks.change_block),
    Route("DELETE", "blocks/{block_id}", blocks.delete_block),
    Route("GET", "blocks/{block_id}/children", blocks.list_children),
    Route("PATCH", "blocks/{block_id}/children", blocks.append_children),
    Route("POST", "file_uploads", uploads.make),
    Route("GET", "file_uploads/{file_upload_id}", uploads.retrieve),
    Route("POST", "file_uploads/{file_upload_id}/send", uploads.send),
    Route("POST", "file_uploads/{file_upload_id}/complete", uploads.complete),
)

NOT_HERE = (
    "pages/{id}/properties/{id}",
    "pages/{id}/markdown",
    "pages/{id}/move",
    "data_sources/{id}/templates",
    *("databases", "data_sources", "file_uploads", "comments", "views", "custom_emojis"),
)
"""What Notion answers and the stand-in does not."""


def find(method: str, path: str, version: str) -> tuple[Endpoint, tuple[str, ...]]:
    """Return what answers a request, and the ids in its path.

    Raises:
        NotionError: nothing does, or an id is none.
    """
    for route in ROUTES:
        fits = route.method == method and route.since <= version <= route.until
        if fits and (found := _pattern(route.path).fullmatch(path)):
            return route.endpoint, _ids(found.groupdict())
    if any(_pattern(known).fullmatch(path) for known in NOT_HERE):
        not_here(f"{method} {path}")
    raise NotionError(400, "invalid_request_url", "Invalid request URL.")


@cache
def _pattern(path: str) -> re.Pattern[str]:
    return re.compile("/v1/" + re.sub(r"\{(\w+)_id\}", r"(?P<\1_id>[^/]+)", path.replace("{id}", "[^/]+")))


def _ids(found: Mapping[str, str]) -> tuple[str, ...]:
    for name, value in found.items():
        if not UUID.fullmatch(value):
            message = f"path failed validation: path.{name} should be a valid uuid, instead was {shown(value)}."
            raise NotionError(400, "validation_error", message)
    return tuple(plain_id(value) for value in found.values())
