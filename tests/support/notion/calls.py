"""One request as the endpoints see it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.notion.bodies import SOURCES, trash
from tests.support.notion.errors import NotionError, refuse
from tests.support.notion.shapes import Id, Number, Shape, check
from tests.support.notion.store import Connection, Json, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Who asks for what, in which version; `ids` are those in the path."""

    store: Store
    connection: Connection
    version: str
    ids: tuple[str, ...] = ()
    query: Mapping[str, list[str]] = field(default_factory=dict)
    content_type: str = ""
    content: bytes = b""
    body: Any = None

    @property
    def old(self) -> bool:
        return self.version < SOURCES

    @property
    def trash_keys(self) -> tuple[str, ...]:
        return trash(self.version)

    def trash(self, in_trash: bool) -> Json:
        """Return what an object says of the trash in this version."""
        return dict.fromkeys(self.trash_keys, in_trash)

    def json(self, shape: Shape) -> Json:
        """Return the body after it was checked."""
        body = {} if self.body is None else self.body
        check(shape, body)
        return dict(body)

    def need(self, *capabilities: str) -> None:
        """Refuse a connection that may not do this."""
        if not self.connection.capabilities.issuperset(capabilities):
            raise NotionError(403, "restricted_resource", "Insufficient permissions for this endpoint.")

    def paging(self) -> Json:
        """Return `start_cursor` and `page_size` out of the URL."""
        given: Json = {key: values[-1] for key, values in self.query.items() if key in {"start_cursor", "page_size"}}
        if "page_size" in given:
            size = given["page_size"]
            given["page_size"] = int(size) if size.isdigit() else size
            check(Number(whole=True, most=100), given["page_size"], "query.page_size")
        if "start_cursor" in given:
            check(Id(), given["start_cursor"], "query.start_cursor")
        return given


def page_of(found: list[Any], paging: Json, kind: str, before_id: str = "") -> Json:
    """Return a list cut to one page; the cursor has the id of the first that is left out, after `before_id`."""
    start, size = 0, paging.get("page_size") or 100
    if cursor := paging.get("start_cursor"):
        cursors = [before_id + one["id"] for one in found]
        if cursor not in cursors:
            refuse(f"The start_cursor provided is invalid: {cursor}")
        start = cursors.index(cursor)
    rest = found[start + size :]
    return {
        "object": "list",
        "results": found[start : start + size],
        "next_cursor": before_id + rest[0]["id"] if rest else None,
        "has_more": bool(rest),
        "type": kind,
        kind: {},
    }
