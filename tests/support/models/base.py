"""A provider of models on loopback: it speaks a provider's language over HTTP, and fails as it is told.

Each request is looked at as the provider would: its key, its model, its pictures, what it wants to be answered with.
What is wrong with it is answered with an error of the provider's kind, and noted.
"""

import base64
import json
import socket
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

KEY = "sk-test-5ecret-9f2c"
INPUT_TOKENS, OUTPUT_TOKENS = 3000, 400
JPEG = b"\xff\xd8\xff"
INVOICE = frozenset({"total", "merchant", "line_items", "taxes"})
"""Some of the fields that are asked for of a document."""

Json = dict[str, Any]


class Fault(Enum):
    """What a request meets instead of an answer."""

    BUSY = auto()  # 429, with the time after which to ask again
    NO_CREDIT = auto()
    BROKEN = auto()  # 500
    IN_BETWEEN = auto()  # 502, by a proxy: what is behind it may have worked
    OVERLOADED = auto()
    KEY_REFUSED = auto()  # 401
    NO_SUCH_MODEL = auto()  # 404
    TRUNCATED = auto()
    REFUSES = auto()
    PROSE = auto()  # words instead of what was asked for
    LIST = auto()  # JSON, but of another shape
    SLOW = auto()  # no answer for longer than anybody waits
    CUT = auto()  # the connection ends when the request was read


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes out."""

    status: int
    body: Json
    headers: Mapping[str, str] = field(default_factory=dict)


class Complaint(Exception):
    """The request is not as the provider wants it."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class Provider(ABC):
    """One provider's language. `answer` is what its model says to every question of the one kind that it is asked."""

    name: ClassVar[str]
    model: ClassVar[str]
    retry_after: ClassVar[int] = 7

    def __init__(self, answer: Json | None = None, *, asked_for: Collection[str] = INVOICE, shown: bool = True) -> None:
        self.answer: Json = answer or {}
        self.asked_for = frozenset(asked_for)
        self.shown = shown  # pictures
        self.faults: deque[Fault] = deque()
        self.asked: list[Json] = []
        self.complaints: list[str] = []
        self.over = threading.Event()
        self._port = 0

    @property
    def setting(self) -> str:
        """What MODEL is to be set to."""
        return f"{self.name}:{self.model}"

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def base_url(self) -> str:
        """What MODEL_BASE_URL is to be set to."""
        return self.root

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Listen on a free port."""
        server = _server(self)
        self._port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name=self.name, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.over.set()
            server.shutdown()
            server.server_close()
            thread.join()

    def replied(self, path: str, headers: Mapping[str, str], body: Json) -> Reply | None:
        """Return what to answer; None to cut the connection."""
        self.asked.append(body)
        try:
            self.check(path, headers, body)
        except Complaint as complaint:
            self.complaints.append(str(complaint))
            return self.error(complaint.status, str(complaint))
        return self._with(self.faults.popleft()) if self.faults else self.said(self.answer)

    def _with(self, fault: Fault) -> Reply | None:
        match fault:
            case Fault.CUT:
                return None
            case Fault.SLOW:
                self.over.wait(30)
                return None
            case Fault.KEY_REFUSED:
                return self.error(401, f"Incorrect API key provided: {KEY}.")
            case Fault.NO_SUCH_MODEL:
                return self.error(404, "There is no such model.")
            case Fault.BROKEN:
                return self.error(500, "Something broke.")
            case Fault.IN_BETWEEN:
                return self.error(502, "Bad gateway.")
            case _:
                return self.failed(fault)

    def want_fields(self, schema: Mapping[str, Any]) -> None:
        """Complain unless the schema asks for what this model is asked for."""
        want(self.asked_for <= set(schema.get("properties", {})), "that schema asks for less")

    def want_shown(self, pictures: Sequence[object]) -> None:
        """Complain of pictures that are not there, or that are shown with a question of words."""
        want(bool(pictures) == self.shown, "there is no picture" if self.shown else "what is that a picture of?")

    @abstractmethod
    def check(self, path: str, headers: Mapping[str, str], body: Json) -> None:
        """Complain of what the provider would not take."""

    @abstractmethod
    def said(self, answer: Json) -> Reply:
        """Return an answer as the provider wraps it."""

    @abstractmethod
    def failed(self, fault: Fault) -> Reply:
        """Return what the provider says in its own way when it is busy, or when its model fails."""

    @abstractmethod
    def error(self, status: int, words: str) -> Reply:
        """Return an error as the provider wraps it."""


def want(condition: object, words: str, status: int = 400) -> None:
    """Complain unless it is so."""
    if not condition:
        raise Complaint(status, words)


def want_picture(content: str) -> None:
    """Complain unless it is a JPEG in base64, of either alphabet."""
    picture = base64.b64decode(content.replace("-", "+").replace("_", "/") + "==")
    want(picture.startswith(JPEG), "that is no picture")


class Quiet(BaseHTTPRequestHandler):
    """Hands a request to the provider."""

    protocol_version = "HTTP/1.1"
    provider: ClassVar[Provider]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        reply = self.provider.replied(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        self.close_connection = True
        if reply is None:
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        content = json.dumps(reply.body).encode()
        with suppress(OSError):  # who asked may have gone
            self.send_response(reply.status)
            for name, value in {**reply.headers, "content-type": "application/json"}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base
        pass


def _server(provider: Provider) -> ThreadingHTTPServer:
    handler = type("Handler", (Quiet,), {"provider": provider})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    return server


def parts_of(content: Sequence[Json], kind: str) -> Sequence[Json]:
    """Return the parts of a message of this kind."""
    return [part for part in content if part.get("type") == kind]
