"""A faulty wire: a proxy on loopback that slows, cuts, refuses and swallows what passes between client and server."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeAlias

Address: TypeAlias = tuple[str, int] | Path  # of TCP, or a socket in the file system
_RESET = struct.pack("ii", 1, 0)  # linger for no time: the peer sees a reset, as from a machine that fell over


class Cut(Exception):
    """Raised by a reader of the traffic: nothing of this piece goes on, and the connection is cut."""


class Reader(Protocol):
    """Reads along on one connection, each way on a thread of its own."""

    def to_server(self, data: bytes) -> None:
        """See what the client says before the server does."""
        ...

    def to_client(self, data: bytes) -> None:
        """See what the server says before the client does."""
        ...


class Link:
    """One connection through the proxy; `number` counts from 1, `requests` are the pieces that the client has sent."""

    def __init__(self, number: int, client: socket.socket, server: socket.socket, reader: Reader | None) -> None:
        self.number = number
        self.reader = reader
        self.requests = 0
        self.swallowing = False
        self._ends = (client, server)

    def cut(self) -> None:
        """Break it off, so that both sides see a reset."""
        for end in self._ends:
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            with suppress(OSError):
                end.shutdown(socket.SHUT_RD)  # wakes the thread that reads it; the close then resets
            end.close()

    def pump(self, proxy: "Proxy", *, upwards: bool) -> None:
        """Carry one way until either side ends."""
        source, sink = self._ends if upwards else self._ends[::-1]
        try:
            while data := source.recv(65536):
                self.requests += upwards
                time.sleep(proxy.delay)
                if self.swallowing:
                    continue
                if self.reader is not None:
                    (self.reader.to_server if upwards else self.reader.to_client)(data)
                sink.sendall(data)
        except (OSError, Cut):
            pass
        if not self.swallowing:
            proxy.drop(self)


Which: TypeAlias = Callable[[Link], bool]


def every(_link: Link) -> bool:
    return True


class Proxy:
    """Stands before a server on a port of its own, and does to connections what a bad network would.

    `delay` seconds are added each way. New connections are let through until `refuse` or `swallow` say otherwise.
    """

    def __init__(self, upstream: Address) -> None:
        self.delay = 0.0
        self.seen = 0
        self._upstream = upstream
        self._refusing = False
        self._swallowing = False
        self._links: list[Link] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    @property
    def links(self) -> list[Link]:
        """The connections that are open."""
        with self._lock:
            return list(self._links)

    def cut(self, which: Which = every) -> int:
        """Cut these connections; return how many there were. New ones are still let through."""
        chosen = [link for link in self.links if which(link)]
        for link in chosen:
            self.drop(link)
        return len(chosen)

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Cut every connection, and new ones at once, as if there were no server."""
        self._refusing = True
        self.cut()
        try:
            yield
        finally:
            self._refusing = False

    @contextmanager
    def swallowing(self, which: Which = every) -> Iterator[None]:
        """Keep these connections and new ones open, and let nothing through: neither side learns that it is alone.

        Afterwards they are cut, since they have missed something.
        """
        self._swallowing = True
        for link in filter(which, self.links):
            link.swallowing = True
        try:
            yield
        finally:
            self._swallowing = False
            self.cut(lambda link: link.swallowing)

    def reader(self) -> Reader | None:
        """Return who reads along on a new connection."""
        return None

    def drop(self, link: Link) -> None:
        """Cut one connection and forget it."""
        with self._lock:
            if link in self._links:
                self._links.remove(link)
        link.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.seen += 1
                self._open(client)

    def _open(self, client: socket.socket) -> None:
        try:
            server = self._dial()
        except OSError:
            server = socket.socket()
            Link(self.seen, client, server, None).cut()
            return
        link = Link(self.seen, client, server, self.reader())
        if self._refusing:
            link.cut()
            return
        link.swallowing = self._swallowing
        with self._lock:
            self._links.append(link)
        for upwards in (True, False):
            threading.Thread(target=link.pump, args=(self,), kwargs={"upwards": upwards}, daemon=True).start()

    def _dial(self) -> socket.socket:
        if isinstance(self._upstream, Path):
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self._upstream))
            return server
        return socket.create_connection(self._upstream)
