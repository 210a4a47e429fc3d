"""What people do in the app, and what can be seen there: tables made, shared, changed under a connection's feet."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from tests.support.notion.content import plain, text
from tests.support.notion.store import WORKSPACE, Block, Connection, Database, Json, Page, Store, User, new_id
from tests.support.notion.tables import Properties, Table


class Desk:
    """A workspace with one connection, with which everything made here is shared unless it is said otherwise."""

    def __init__(self) -> None:
        self.store = Store()
        self.connection = self.connect("Counterfoil")

    @property
    def token(self) -> str:
        return self.connection.token

    def connect(self, name: str, *, without: str | None = None) -> Connection:
        """Add a connection with a token of its own, to which nothing is shared yet; it may lack a capability."""
        connection = Connection(token=f"ntn_{new_id().replace('-', '')}", name=name)
        connection.capabilities.discard(without or "")
        self.store.connections[connection.token] = connection
        return connection

    def person(self, name: str = "Somebody", email: str = "somebody@example.com") -> str:
        """Add a person and return their id."""
        user = User(name=name, email=email)
        self.store.users[user.id] = user
        return user.id

    def database(self, title: str, properties: Properties, *, shared: bool = True, parent: str = WORKSPACE) -> Table:
        """Make a database with one source. Properties are types by name, or configurations as the API has them."""
        now = self.store.now()
        database = Database(title=title, parent_id=parent, made_at=now, changed_at=now)
        self.store.databases[database.id] = database
        table = Table.made(self.store, database, title, properties)
        if shared:
            self.share(database.id)
        return table

    def linked(self, table: Table) -> str:
        """Show a table as a linked database, which the API gives no sources of, and return its id."""
        now = self.store.now()
        source_ids = [table.source_id]
        database = Database(title=table.source.name, source_ids=source_ids, linked=True, made_at=now, changed_at=now)
        self.store.databases[database.id] = database
        self.share(database.id)
        return database.id

    def page(self, title: str, *, shared: bool = True, parent: str = WORKSPACE) -> str:
        """Make a page outside of tables and return its id."""
        now = self.store.now()
        page = Page(parent_id=parent, made_by="", made_at=now, changed_by="", changed_at=now)
        page.values["title"] = text(title)
        self.store.nodes[page.id] = page
        if shared:
            self.share(page.id)
        return page.id

    def share(self, object_id: str, connection: Connection | None = None) -> None:
        """Share something with a connection, and all that is below it."""
        with self.store.lock:
            (connection or self.connection).shared.add(object_id)

    def unshare(self, object_id: str, connection: Connection | None = None) -> None:
        """Take it back."""
        with self.store.lock:
            (connection or self.connection).shared.discard(object_id)

    def trash(self, object_id: str, *, restore: bool = False) -> None:
        """Put a page, a block, a database or a source into the trash, or fetch it back."""
        with self.store.lock:
            found: Mapping[str, Any] = {**self.store.nodes, **self.store.databases, **self.store.sources}
            found[object_id].in_trash = not restore

    def pass_time(self, by: timedelta) -> None:
        """Let time pass for everything that expires and for the times that pages are given."""
        self.store.shift += by

    def body(self, page_id: str) -> list[Json]:
        """Return the blocks of a page: type, content and, under `children`, those below."""
        with self.store.lock:
            return self._blocks(self.store.nodes[page_id].children)

    def words(self, page_id: str) -> list[str]:
        """Return the text of each block of a page."""
        return [plain(block.get("rich_text", [])) for block in self.body(page_id)]

    def file(self, upload_id: str) -> bytes:
        """Return the content of a file."""
        content = self.store.uploads[upload_id].content
        assert content is not None, "it has not arrived"
        return content

    def _block(self, block_id: str) -> Json:
        node = self.store.nodes[block_id]
        kind, content = (node.type, node.content) if isinstance(node, Block) else ("child_page", {})
        return {**content, "id": node.id, "type": kind, "children": self._blocks(node.children)}

    def _blocks(self, ids: Sequence[str]) -> list[Json]:
        return [self._block(one) for one in ids if not self.store.nodes[one].in_trash]
