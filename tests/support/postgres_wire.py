"""A proxy that understands enough of PostgreSQL's protocol to cut a connection just before or after a commit."""

import re
import struct
import threading
from collections.abc import Iterator
from enum import Enum, auto

from sqlalchemy import make_url

from tests.support.postgres import PostgresServer
from tests.support.proxy import Cut, Proxy

_ASKS_FOR_ENCRYPTION = {80877103, 80877104}  # TLS and GSSAPI; answered by one byte without a header
_COMMIT = re.compile(rb"\s*(COMMIT|END)\b", re.IGNORECASE)


class At(Enum):
    """Where in a commit the wire is cut."""

    BEFORE_COMMIT = auto()  # the server never hears of it, and rolls back
    AFTER_COMMIT = auto()  # the server did it, and its answer is lost


class PostgresProxy(Proxy):
    """Stands before a PostgreSQL server, and can cut the next commits."""

    def __init__(self, server: PostgresServer) -> None:
        super().__init__(server.socket)
        self._cuts: list[At] = []
        self._turn = threading.Lock()

    def url(self, database_url: str, **query: str) -> str:
        """Return the URL of this database through the proxy."""
        through = make_url(database_url).set(host="127.0.0.1", port=self.port, query=query)
        return through.render_as_string(hide_password=False)

    def cut_next_commit(self, at: At) -> None:
        """Cut at the next commit of any connection, once."""
        with self._turn:
            self._cuts.append(at)

    @property
    def commits_to_cut(self) -> int:
        return len(self._cuts)

    def takes(self, at: At) -> bool:
        """Return whether this commit is to be cut here, which uses the order up."""
        with self._turn:
            if self._cuts[:1] != [at]:
                return False
            self._cuts.pop(0)
            return True

    def reader(self) -> "CommitReader":
        return CommitReader(self)


class CommitReader:
    """Finds the messages of one connection that ask for a commit and confirm it."""

    def __init__(self, proxy: PostgresProxy) -> None:
        self.application = ""
        self._proxy = proxy
        self._asked = b""
        self._answered = b""
        self._greeted = False
        self._bare_bytes = 0

    def to_server(self, data: bytes) -> None:
        self._asked += data
        for kind, body in self._requests():
            statement = body if kind == b"Q" else body.partition(b"\0")[2] if kind == b"P" else b""
            if _COMMIT.match(statement) and self._proxy.takes(At.BEFORE_COMMIT):
                raise Cut

    def to_client(self, data: bytes) -> None:
        self._answered += data
        bare = min(self._bare_bytes, len(self._answered))
        self._bare_bytes -= bare
        self._answered = self._answered[bare:]
        while len(self._answered) >= 5:
            length = 1 + struct.unpack_from("!I", self._answered, 1)[0]
            if len(self._answered) < length:
                return
            message, self._answered = self._answered[:length], self._answered[length:]
            if message[:1] == b"C" and message[5:] == b"COMMIT\0" and self._proxy.takes(At.AFTER_COMMIT):
                raise Cut

    def _requests(self) -> Iterator[tuple[bytes, bytes]]:
        """Split off the whole messages; those before the greeting have no kind."""
        while True:
            head = 1 if self._greeted else 0
            if len(self._asked) < head + 4:
                return
            length = head + struct.unpack_from("!I", self._asked, head)[0]
            if len(self._asked) < length:
                return
            message, self._asked = self._asked[:length], self._asked[length:]
            kind, body = message[:head], message[head + 4 :]
            if not self._greeted:
                self._greet(body)
            yield kind, body

    def _greet(self, body: bytes) -> None:
        if struct.unpack_from("!I", body)[0] in _ASKS_FOR_ENCRYPTION:
            self._bare_bytes += 1
            return
        self._greeted = True
        words = body[4:].split(b"\0")
        self.application = dict(zip(words[::2], words[1::2], strict=False)).get(b"application_name", b"").decode()
