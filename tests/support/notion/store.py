"""What a workspace holds: users, connections, databases with their sources, pages, blocks and uploads.

Everything is kept in one `Store`; whoever reads or changes it holds its `lock`.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from urllib.parse import quote, unquote
from uuid import UUID, uuid4

from tests.support.notion.errors import NotionError, refuse

Json: TypeAlias = dict[str, Any]
FREE_PLAN = 5 * 1024 * 1024
CAPABILITIES = frozenset({"read_content", "update_content", "insert_content", "read_users"})
WORKSPACE = "workspace"


def new_id() -> str:
    """Return an id in the form in which Notion gives them."""
    return str(uuid4())


def plain_id(value: str) -> str:
    """Return an id with its dashes."""
    return str(UUID(value))


@dataclass(slots=True, kw_only=True)
class User:
    """A person of the workspace."""

    id: str = field(default_factory=new_id)
    name: str
    email: str


@dataclass(slots=True, kw_only=True)
class Connection:
    """One integration with its token: what it may do, and the ids of what is shared with it, with all that is below."""

    token: str
    name: str = "Counterfoil"
    bot_id: str = field(default_factory=new_id)
    capabilities: set[str] = field(default_factory=lambda: set(CAPABILITIES))
    shared: set[str] = field(default_factory=set)


@dataclass(slots=True, kw_only=True)
class Column:
    """A property of a source. `id` is as the app has it, before it is made fit for URLs."""

    id: str
    name: str
    type: str
    config: Json = field(default_factory=dict)
    description: str | None = None

    @property
    def api_id(self) -> str:
        return quote(self.id, safe="-_.!~*'()")

    @property
    def options(self) -> list[Json]:
        found: list[Json] = self.config.setdefault("options", [])
        return found


@dataclass(slots=True, kw_only=True)
class Source:
    """A table: columns by their ids."""

    id: str = field(default_factory=new_id)
    database_id: str
    name: str
    columns: dict[str, Column] = field(default_factory=dict)
    made_at: datetime
    changed_at: datetime
    in_trash: bool = False
    page_ids: list[str] = field(default_factory=list)

    def column(self, key: str) -> Column | None:
        """Return the property of this name or id, which may have been made fit for URLs."""
        by_name = next((column for column in self.columns.values() if column.name == key), None)
        return by_name or self.columns.get(key) or self.columns.get(unquote(key))


@dataclass(slots=True, kw_only=True)
class Database:
    """What holds sources. A linked one shows the source of another, which the API does not."""

    id: str = field(default_factory=new_id)
    title: str
    parent_id: str = WORKSPACE
    source_ids: list[str] = field(default_factory=list)
    linked: bool = False
    made_at: datetime
    changed_at: datetime
    in_trash: bool = False


@dataclass(slots=True, kw_only=True)
class Node:
    """A page or a block. `parent_id` is that of a page, a block or a source; children are blocks in their order."""

    id: str = field(default_factory=new_id)
    parent_id: str
    made_by: str
    made_at: datetime
    changed_by: str
    changed_at: datetime
    in_trash: bool = False
    children: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Page(Node):
    """A row or a page; values by the id of the column."""

    values: Json = field(default_factory=dict)
    number: int = 0
    icon: Json | None = None
    cover: Json | None = None
    is_locked: bool = False


@dataclass(slots=True, kw_only=True)
class Block(Node):
    """A piece of a page."""

    type: str
    content: Json


@dataclass(slots=True, kw_only=True)
class Upload:
    """A file on its way, and then the file."""

    id: str = field(default_factory=new_id)
    bot_id: str
    mode: str
    filename: str | None
    content_type: str | None
    number_of_parts: int | None
    made_at: datetime
    parts: dict[int, bytes] = field(default_factory=dict)
    content: bytes | None = None
    attached: bool = False

    @property
    def expires_at(self) -> datetime:
        return self.made_at + timedelta(hours=1)


class Store:
    """All that is there, behind one lock, and the time, which tests may move on."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.id = new_id()
        self.max_file_bytes = FREE_PLAN
        self.users: dict[str, User] = {}
        self.connections: dict[str, Connection] = {}
        self.databases: dict[str, Database] = {}
        self.sources: dict[str, Source] = {}
        self.nodes: dict[str, Page | Block] = {}
        self.uploads: dict[str, Upload] = {}
        self.shift = timedelta()
        self.url = ""

    def now(self) -> datetime:
        return datetime.now(UTC) + self.shift

    @property
    def pages(self) -> Iterator[Page]:
        return (node for node in self.nodes.values() if isinstance(node, Page))

    def add_row(self, source: Source, page: Page) -> None:
        """Add a page to a table, with the next of its numbers."""
        source.page_ids.append(page.id)
        page.number = len(source.page_ids)
        self.nodes[page.id] = page

    def rows(self, source: Source) -> list[Page]:
        """Return the pages of a table, oldest first."""
        return [page for page_id in source.page_ids if isinstance(page := self.nodes[page_id], Page)]

    def sees(self, connection: Connection, object_id: str) -> bool:
        """Tell whether this or anything above it is shared."""
        above: str | None = object_id
        while above is not None and above != WORKSPACE:
            if above in connection.shared:
                return True
            above = self._parent(above)
        return False

    def _parent(self, object_id: str) -> str | None:
        if object_id in self.nodes:
            return self.nodes[object_id].parent_id
        if object_id in self.sources:
            return self.sources[object_id].database_id
        return self.databases[object_id].parent_id if object_id in self.databases else None

    def database(self, connection: Connection, database_id: str) -> Database:
        if isinstance(self.nodes.get(database_id), Page) and self.sees(connection, database_id):
            refuse(
                f"Provided database_id {database_id} is a page, not a database. Use the pages API instead, or pass the "
                "ID of the database itself."
            )
        found = self.databases.get(database_id)
        if found is None or not self.sees(connection, database_id):
            raise unseen("database", database_id, connection)
        return found

    def source(self, connection: Connection, source_id: str) -> Source:
        found = self.sources.get(source_id)
        if found is None or not self.sees(connection, source_id):
            raise unseen("data_source", source_id, connection)
        return found

    def page(self, connection: Connection, page_id: str) -> Page:
        found = self.nodes.get(page_id)
        if not isinstance(found, Page) or not self.sees(connection, page_id):
            raise unseen("page", page_id, connection)
        return found

    def node(self, connection: Connection, block_id: str) -> Page | Block:
        found = self.nodes.get(block_id)
        if found is None or not self.sees(connection, block_id):
            raise unseen("block", block_id, connection)
        return found

    def in_trash(self, node: Page | Block) -> bool:
        """Tell whether it or anything above it was put into the trash."""
        above: Page | Block | None = node
        while above is not None:
            if above.in_trash:
                return True
            above = self.nodes.get(above.parent_id)
        return False


def unseen(kind: str, object_id: str, connection: Connection) -> NotionError:
    """Return what is said of something that is not there, or not shared, which is the same to a connection."""
    return NotionError(
        404,
        "object_not_found",
        f"Could not find {kind} with ID: {object_id}. Make sure the relevant pages and databases are shared with your "
        f'integration "{connection.name}".',
        additional_data={"integration_id": connection.bot_id},
    )


def moment(at: datetime) -> str:
    """Return a time as Notion gives it: it keeps no seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:00.000Z")
