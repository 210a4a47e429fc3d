"""HTTP on loopback: one thread a connection, which is kept open, and ended as a fault wants it."""

import json
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, TypeAlias
from urllib.parse import parse_qs, urlsplit

from tests.support.notion.faults import Ending, Request


@dataclass(slots=True, kw_only=True)
class Answer:
    """What goes out, and how the connection ends."""

    status: int = 0
    content: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    ending: Ending = Ending.ANSWERED


Answering: TypeAlias = Callable[[Request, bytes], Answer]


class _Handler(BaseHTTPRequestHandler):
    """Reads requests, hands them on, and writes the answers."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer leaves in one piece
    disable_nagle_algorithm = True
    answering: ClassVar[Answering]

    def do_GET(self) -> None:
        content = self._content()
        url = urlsplit(self.path)
        request = Request(
            at=time.monotonic(),
            method=self.command,
            path=url.path,
            query=parse_qs(url.query),
            headers=list(self.headers.items()),
            body=self._logged(content),
            token=self.headers.get("authorization", "").removeprefix("Bearer ").strip(),
        )
        answer = type(self).answering(request, content)
        with suppress(OSError):  # who asked may have gone
            self._send(answer)

    do_POST = do_PATCH = do_DELETE = do_PUT = do_GET  # noqa: N815 - their names in the base

    def _content(self) -> bytes:
        if "chunked" in self.headers.get("transfer-encoding", ""):
            return self._chunks()
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def _chunks(self) -> bytes:
        pieces = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _logged(self, content: bytes) -> object:
        """Return a body as it is remembered: JSON as what it says, a file as its length."""
        with suppress(ValueError):
            return json.loads(content) if content else None
        return len(content)

    def _send(self, answer: Answer) -> None:
        if answer.ending is not Ending.CUT:
            self.send_response(answer.status)
            for name, value in {**answer.headers, "content-type": answer.content_type}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            half = answer.ending is Ending.HALF
            self.wfile.write(answer.content[: len(answer.content) // 2] if half else answer.content)
            self.wfile.flush()
        if answer.ending is not Ending.ANSWERED:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base
        pass


class Server(ThreadingHTTPServer):
    """Serves on loopback until it is ended, and then lets no connection outlive it. `mistakes` should stay empty."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, port: int, answering: Answering) -> None:
        super().__init__(("127.0.0.1", port), type("Handler", (_Handler,), {"answering": staticmethod(answering)}))
        self.mistakes: list[BaseException] = []
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep what is a mistake of the stand-in's own; that clients have ended connections is none."""
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            self.mistakes.append(error)

    def end(self) -> None:
        """End all connections and wait for their threads."""
        with self._guard:
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
        self.server_close()
