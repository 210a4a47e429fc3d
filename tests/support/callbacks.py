"""Where a job's callback goes in tests: it keeps what comes, and refuses as often as it is told."""

import json
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Callback:
    """One request that came."""

    path: str
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text)
        return found


@dataclass(slots=True)
class Callbacks:
    """All that came, the refused as well."""

    url: str
    token: str
    refusals: deque[int] = field(default_factory=deque)
    came: list[Callback] = field(default_factory=list)

    @classmethod
    @contextmanager
    def listening(cls, token: str) -> Iterator["Callbacks"]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        callbacks = cls(f"http://127.0.0.1:{server.server_address[1]}", token)
        server.RequestHandlerClass = type("Handler", (_Handler,), {"callbacks": callbacks})
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield callbacks
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def of(self, path: str) -> list[Callback]:
        """Return what came to a path."""
        return [one for one in self.came if one.path == path]

    def answer(self, callback: Callback) -> int:
        self.came.append(callback)
        if callback.headers.get("x-callback-token") != self.token:
            return 401
        return self.refusals.popleft() if self.refusals else 200


class _Handler(BaseHTTPRequestHandler):
    """Hands a request to the callbacks."""

    callbacks: Callbacks

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["content-length"])).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        content = b'{"status": "received"}'
        self.send_response(self.callbacks.answer(Callback(self.path, headers, text)))
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base
        pass
