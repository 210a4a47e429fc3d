"""Writes pages into a Notion table.

A page is made in one request, with its body and so with the marker of its delivery: whatever breaks, there is either a
page that can be told from all others, or none.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from typing import Any, Final

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.errors import NetworkError, ServiceUnavailable
from counterfoil.targets.domain import NOTION, Draft, Property, PropertyId, PropertyType, Schema, Target
from counterfoil.targets.errors import (
    InvalidTargetSettings,
    KeyPlaceRefused,
    NotAllowedThere,
    NotShared,
    RowGone,
    SeveralTables,
    UnknownProperty,
    UploadTooSlow,
    WriteNotBegun,
    WriteRefused,
)
from counterfoil.targets.infrastructure.notion import body
from counterfoil.targets.infrastructure.notion.client import (
    SERVICE,
    VERSIONS,
    Json,
    NotionClient,
    NotThere,
    VersionRefused,
)
from counterfoil.targets.infrastructure.notion.tables import OLDEST, NotionTable, schema_of, table_of
from counterfoil.targets.infrastructure.notion.uploads import NotUploaded, Uploaded, Uploads, is_taken, named
from counterfoil.targets.infrastructure.notion.values import files_value, property_value
from counterfoil.targets.notion_address import notion_id
from counterfoil.targets.protocols import Connected, Enclosed, Sought, WriteRequest, Written

KEY_NAME: Final = "Counterfoil ID"
_PAGE: Final = 100
_CLOCKS: Final = timedelta(minutes=5)
"""How far apart our clock and Notion's may be, which also keeps times to the minute only."""
_MOST_CANDIDATES: Final = 500
_LATEST_CREATE: Final = timedelta(seconds=45)
"""How long after a write began we may get in line to ask for its page: with the wait for our turn and with Notion's
minute it is there before all settles."""

_NOT_SHARED_RELATED: Final = (
    "Notion does not show the database that “{}” points to to our connection. Open that database in Notion, choose"
    " ••• → Connections, and add the connection."
)
_NOT_SHARED: Final = (
    "Notion does not show this database to our connection, or it was deleted. Open the database in Notion, choose"
    " ••• → Connections, and add the connection."
)
_LINKED: Final = "this database holds no data source of its own; if it is a linked one, give the original's link."
_NO_TABLE: Final[Mapping[str, str]] = {
    "is a page": "that is a page, not a database: open the database as a full page and copy its link. A row is a page,"
    " too; the database is where all rows are seen.",
    "multiple data sources": "the database has several data sources, and Notion offers no version of its API that lets"
    " one be chosen. Give a database that has one.",
    "does not contain any data source": _LINKED,
}
"""What Notion says of something that is no table of ours, and what that means to whoever gave it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotionAdapter:
    """Speaks to tables in Notion."""

    client: NotionClient
    kind: str = NOTION
    settles_after: timedelta = timedelta(minutes=2)
    monotonic: Callable[[], float] = time.monotonic
    schema_lasts: timedelta = timedelta(minutes=1)
    check_every_hours: int = 1
    needs_key_property: bool = False

    def connect(self, workspace: WorkspaceId, settings: Mapping[str, str]) -> Connected:
        if unknown := settings.keys() - {"table", "data_source_id"}:
            raise InvalidTargetSettings(self.kind, f"nobody asks for {', '.join(sorted(unknown))}.")
        given = settings.get("data_source_id") or settings.get("table", "")
        id_ = notion_id(given)
        if id_ is None:
            reason = "give the link of a database as `table`, or its id, as Notion's “Copy link” does."
            raise InvalidTargetSettings(self.kind, reason)
        for version in VERSIONS:
            with suppress(VersionRefused):
                return self._meant(workspace, version, id_)
        raise InvalidTargetSettings(self.kind, f"Notion offers none of the versions {', '.join(VERSIONS)} of its API.")

    def schema(self, target: Target) -> Schema:
        table = table_of(target)
        try:
            return schema_of(self.client.get(target.workspace, table.version, table.path))
        except NotThere:
            raise NotShared(_NOT_SHARED) from None

    def candidates(self, target: Target, prop: Property, name: str) -> Mapping[str, str]:
        table = table_of(target)
        if prop.type is PropertyType.PEOPLE:
            pages = self._listed(target.workspace, table.version, "users")
            return {one["id"]: one.get("name") or "" for one in pages}
        if prop.related is None:
            return {}
        longest = max(name.split(), key=len, default=name)  # of names that are nearly alike, the same
        query = {"filter": {"property": "title", "title": {"contains": longest}}}
        found = self._queried(target.workspace, table.beside(prop.related), query)
        try:
            return {page["id"]: _title(page) for page, _ in zip(found, range(_MOST_CANDIDATES), strict=False)}
        except NotThere:
            raise NotShared(_NOT_SHARED_RELATED.format(prop.name)) from None

    def find(self, target: Target, sought: Sought) -> Written | None:
        table = table_of(target)
        try:
            if sought.key_property is None:
                return self._marked(target, table, sought)
            with suppress(WriteRefused):  # the property is gone
                return self._keyed(target, table, sought.key_property, sought.key)
            return self._marked(target, table, sought)
        except NotThere:
            raise NotShared(_NOT_SHARED) from None

    def _keyed(self, target: Target, table: NotionTable, place: PropertyId, key: str) -> Written | None:
        query: Json = {"filter": {"property": place, "rich_text": {"equals": key}}}
        return next((_written(page) for page in self._queried(target.workspace, table, query)), None)

    def _marked(self, target: Target, table: NotionTable, sought: Sought) -> Written | None:
        """Look for the marker, which every page has."""
        since = (sought.since - _CLOCKS).isoformat()
        query: Json = {"filter": {"timestamp": "created_time", "created_time": {"on_or_after": since}}}
        for pages in self._parts_of(target.workspace, table, query):
            others = sought.others([page["id"] for page in pages])
            for page in pages:
                if page["id"] in others:
                    continue
                if body.sections_of(self._blocks(target.workspace, table, page["id"]), sought.key):
                    return _written(page)
        return None

    def write(self, request: WriteRequest) -> Written:
        began, latest = self.monotonic(), _LATEST_CREATE.total_seconds()
        page, uploaded, problems = self._prepared(request)
        try:
            if page:
                return self._changed(request, page, uploaded, problems)
            if request.enclosed and self.monotonic() - began > latest:
                # Its page could come into being when we believe that there is none.
                raise UploadTooSlow(request.enclosed.file.name, latest)
            return self._made(request, uploaded, problems)
        except (WriteRefused, NotThere) as error:
            raise self._why(request, error) from None

    def _prepared(self, request: WriteRequest) -> tuple[Json | None, Uploaded | None, tuple[str, ...]]:
        """Do what comes before the page is asked for: look at the one that is there, bring the document."""
        try:
            page = self._page(request) if request.external_id else None
            return page, *self._uploaded(request, page)
        except (ServiceUnavailable, NetworkError) as error:
            raise WriteNotBegun(error) from error

    def add_key_property(self, target: Target) -> PropertyId:
        table = table_of(target)
        there = next((one for one in self.schema(target).properties if one.name == KEY_NAME), None)
        if there is None:
            change = {"properties": {KEY_NAME: {"type": "rich_text", "rich_text": {}}}}
            try:
                changed = self.client.patch(target.workspace, table.version, table.path, change)
            except NotAllowedThere:
                raise KeyPlaceRefused(target, "the connection may not change the database in Notion.") from None
            return PropertyId(changed["properties"][KEY_NAME]["id"])
        if there.type is not PropertyType.TEXT or there.read_only:
            raise KeyPlaceRefused(target, f"“{KEY_NAME}” is there already, and is no text property.")
        return there.id

    def _meant(self, workspace: WorkspaceId, version: str, id_: str) -> Connected:
        """Return the table that an id means, or say of what else it is."""
        try:
            return self._located(workspace, version, id_)
        except WriteRefused as error:
            said = error.reason.lower()
            reason = next((ours for theirs, ours in _NO_TABLE.items() if theirs in said), None)
            raise InvalidTargetSettings(self.kind, reason or f"Notion says: {error.reason}") from None

    def _located(self, workspace: WorkspaceId, version: str, id_: str) -> Connected:
        """Return the table that an id means in a version of the API: a database's, or that of one of its sources."""
        try:
            database = self.client.get(workspace, version, f"databases/{id_}")
        except NotThere:
            if version == OLDEST:
                raise NotShared(_NOT_SHARED) from None
            return self._source(workspace, version, id_)
        if version == OLDEST:
            return _connected(version, database, database_id=id_)
        sources = {one["id"]: one["name"] for one in database["data_sources"]}
        if len(sources) > 1:
            raise SeveralTables("data_source_id", sources)
        if not sources:
            raise InvalidTargetSettings(self.kind, _LINKED)
        return _connected(version, database, database_id=id_, data_source_id=next(iter(sources)))

    def _source(self, workspace: WorkspaceId, version: str, id_: str) -> Connected:
        try:
            source = self.client.get(workspace, version, f"data_sources/{id_}")
        except NotThere:
            raise NotShared(_NOT_SHARED) from None
        return _connected(version, source, database_id=source["parent"]["database_id"], data_source_id=id_)

    def _page(self, request: WriteRequest) -> Json:
        """Return the page that is to be changed.

        Raises:
            RowGone: it lies in the bin, or is not there at all.
        """
        table = table_of(request.target)
        assert request.external_id  # noqa: S101 - asked for only then
        try:
            page = self.client.get(request.target.workspace, table.version, f"pages/{request.external_id}")
        except NotThere:
            raise RowGone(request.external_id) from None
        if page.get("in_trash") or page.get("archived"):
            raise RowGone(request.external_id)
        return page

    def _uploaded(self, request: WriteRequest, page: Json | None) -> tuple[Uploaded | None, tuple[str, ...]]:
        """Upload the document unless the page has it already; return it, or why there is nothing to attach."""
        wanted = page is None or bool(_files(request, page))
        if request.enclosed is None or not wanted:
            return None, ()
        client = self.client.going_on() if page else self.client
        uploads, table = Uploads(client=client), table_of(request.target)
        try:
            uploaded = uploads.upload(request.target.workspace, table.version, request.enclosed.file)
        except WriteRefused as error:  # a row without its document is better than none
            uploaded = NotUploaded(problem=str(error))
        return (None, (uploaded.problem,)) if isinstance(uploaded, NotUploaded) else (uploaded, ())

    def _made(self, request: WriteRequest, uploaded: Uploaded | None, problems: tuple[str, ...]) -> Written:
        table = table_of(request.target)
        properties = _properties(request, uploaded, _file_properties(request))
        held = bool(_file_properties(request))
        children = _children(request.key, request.enclosed, None if held else uploaded)
        client = self.client.going_on() if uploaded else self.client
        page = client.post(
            request.target.workspace,
            table.version,
            "pages",
            {"parent": table.parent, "properties": properties, "children": children},
        )
        return _written(page, problems)

    def _changed(
        self, request: WriteRequest, page: Json, uploaded: Uploaded | None, problems: tuple[str, ...]
    ) -> Written:
        table, workspace = table_of(request.target), request.target.workspace
        properties = _properties(request, uploaded, _files(request, page))
        page = self.client.going_on().patch(workspace, table.version, f"pages/{page['id']}", {"properties": properties})
        if request.enclosed:
            self._redraw(request, page["id"], request.enclosed)
        return _written(page, problems)

    def _redraw(self, request: WriteRequest, page: str, enclosed: Enclosed) -> None:
        """Bring the line items in a page's body up to date, if they were there and are not as they should be."""
        table, workspace = table_of(request.target), request.target.workspace
        sections = body.sections_of(self._blocks(workspace, table, page), request.key)
        if not sections:
            return  # a person has made the page their own
        *older, section = sections
        shown = [body.cells_in(self._blocks(workspace, table, one)) for one in section.tables]
        if shown != body.cells_of(enclosed.line_items, enclosed.currency):
            # Before what it takes the place of is removed: if we die in between, the next attempt finds both.
            children = {"children": _children(request.key, enclosed, None)}
            self.client.going_on().patch(workspace, table.version, f"blocks/{page}/children", children)
            older = [*older, section]
        for block in (block for one in older for block in (*one.tables, one.marker)):
            self.client.going_on().delete(workspace, table.version, f"blocks/{block}")

    def _why(self, request: WriteRequest, error: WriteRefused | NotThere) -> Exception:
        """Return what a refusal means: the table has changed or is no longer shared, or it was the values."""
        live = self.schema(request.target).by_id
        seen = request.schema.by_id
        if changed := [one for one in request.draft if one not in live or live[one].type is not seen[one].type]:
            return UnknownProperty(changed)
        return error if isinstance(error, WriteRefused) else WriteRefused(SERVICE, str(error))

    def _blocks(self, workspace: WorkspaceId, table: NotionTable, parent: str) -> Sequence[Json]:
        """Return the first blocks of a page or block; ours are among them."""
        query = {"page_size": _PAGE}
        found = self.client.going_on().get(workspace, table.version, f"blocks/{parent}/children", query)
        return list(found["results"])

    def _queried(self, workspace: WorkspaceId, table: NotionTable, query: Json) -> Iterator[Json]:
        """Yield the pages of a table that match, the newest first."""
        return chain.from_iterable(self._parts_of(workspace, table, query))

    def _parts_of(self, workspace: WorkspaceId, table: NotionTable, query: Json) -> Iterator[Sequence[Json]]:
        """Yield them in the parts in which they come, a request for each."""
        cursor: Json = {}
        client = self.client
        order = {"page_size": _PAGE, "sorts": [{"timestamp": "created_time", "direction": "descending"}]}
        while True:
            found = client.post(workspace, table.version, f"{table.path}/query", {**query, **order, **cursor})
            client = self.client.going_on()
            yield found["results"]
            if not found["has_more"]:
                return
            cursor = {"start_cursor": found["next_cursor"]}

    def _listed(self, workspace: WorkspaceId, version: str, path: str) -> Iterator[Json]:
        query: dict[str, Any] = {"page_size": _PAGE}
        while True:
            found = self.client.get(workspace, version, path, query)
            yield from found["results"]
            if not found["has_more"]:
                return
            query["start_cursor"] = found["next_cursor"]


def _connected(version: str, named: Json, **ids: str) -> Connected:
    """Return a table that was found, with the title of the database or data source that it is."""
    title = _plain(named.get("title") or ()).strip()
    place = ids["database_id"].replace("-", "")  # all sources of a database belong to one workspace of ours
    return Connected(settings={**ids, "version": version}, place=f"{NOTION}:{place}", title=title or None)


def _written(page: Json, problems: tuple[str, ...] = ()) -> Written:
    return Written(external_id=page["id"], url=page.get("url"), problems=problems)


def _title(page: Json) -> str:
    title = next((one for one in page["properties"].values() if one["type"] == "title"), {"title": ()})
    return _plain(title["title"])


def _plain(parts: Iterable[Json]) -> str:
    return "".join(part.get("plain_text", "") for part in parts)


def _file_properties(request: WriteRequest) -> tuple[PropertyId, ...]:
    """Return the properties that are to hold the document."""
    types = request.schema.by_id
    return tuple(
        one
        for one, value in request.draft.items()
        if value is not None and one in types and types[one].type is PropertyType.FILES
    )


def _files(request: WriteRequest, page: Json) -> tuple[PropertyId, ...]:
    """Return those of them that do not hold it yet; what a person has added beside it stays."""
    if request.enclosed is None:
        return ()
    there = {config["id"]: config.get("files", ()) for config in page["properties"].values()}
    name = request.enclosed.file.name
    names = {name, *([named(request.enclosed.file)] if is_taken(request.enclosed.file) else ())}
    return tuple(
        one for one in _file_properties(request) if not any(file.get("name") in names for file in there.get(one, ()))
    )


def _properties(request: WriteRequest, uploaded: Uploaded | None, files: Sequence[PropertyId]) -> Json:
    """Return the values to write, by property id."""
    types = request.schema.by_id
    if unknown := request.draft.keys() - types.keys():
        raise UnknownProperty(unknown)
    attached: Json = {one: files_value(uploaded.id, uploaded.name) for one in files} if uploaded else {}
    return {**_values(request.draft, request.schema), **attached}


def _values(draft: Draft, schema: Schema) -> Json:
    types = {one.id: one.type for one in schema.properties}
    return {
        one: property_value(types[one], value)
        for one, value in draft.items()
        if types[one] is not PropertyType.FILES or value is None
    }


def _children(key: str, enclosed: Enclosed | None, uploaded: Uploaded | None) -> list[Json]:
    """Return a page's body."""
    if enclosed is None:
        return [body.marker_block(key)]
    shown = [body.file_block(uploaded.id, enclosed.file.media_type)] if uploaded else []
    return [*shown, *body.tables(enclosed.line_items, enclosed.currency), body.marker_block(key)]
