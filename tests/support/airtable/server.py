"""The stand-in over HTTP: two hosts, a limit of calls, and faults that are asked for."""

import json
import re
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.airtable.service import Call, Service
from tests.support.airtable.store import ALL_SCOPES, Refused, Store

CALLS_A_SECOND = 5


class Fault(Enum):
    """What goes wrong with a call."""

    CLOSED_BEFORE = auto()
    CLOSED_AFTER = auto()
    GARBAGE = auto()
    """The work is done, and the answer is not JSON."""
    BROKEN = auto()
    """502, and nothing was done."""
    BROKEN_AFTER = auto()
    """503, and the work was done."""
    LATE = auto()
    """The work is done, and the answer comes after `Airtable.late` seconds."""
    USED_UP = auto()
    """429, of the plan's calls in a month."""


@dataclass
class Airtable:
    """A running stand-in. `faults` wait for a call whose method and path their pattern is found in, each for one."""

    store: Store
    faults: list[tuple[str, Fault]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    limited: bool = False
    penalty: float = 30
    late: float = 3
    latency: float = 0
    url: str = ""
    content_url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)
    begun: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    closed_until: dict[str, float] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def running(cls, token: str = "patTest.secret") -> Iterator["Airtable"]:
        """Serve on two free ports until the context ends."""
        airtable = cls(store=Store(tokens={token: ALL_SCOPES}))
        hosts = [
            ThreadingHTTPServer(("127.0.0.1", 0), _handler(airtable, content=content)) for content in (False, True)
        ]
        for host in hosts:
            threading.Thread(target=host.serve_forever, args=(0.02,), daemon=True).start()
        airtable.url, airtable.content_url = (f"http://127.0.0.1:{host.server_port}" for host in hosts)
        try:
            yield airtable
        finally:
            for host in hosts:
                host.shutdown()
                host.server_close()

    def made(self, pattern: str) -> list[Call]:
        """Return the calls whose method and path a pattern is found in."""
        return [one for one in self.calls if re.search(pattern, f"{one.method} {one.path}")]

    def fault_of(self, call: Call) -> Fault | None:
        with self.lock:
            for at, (pattern, fault) in enumerate(self.faults):
                if re.search(pattern, f"{call.method} {call.path}"):
                    del self.faults[at]
                    return fault
        return None

    def answer(self, call: Call, fault: Fault | None, *, content: bool) -> tuple[int, Any]:
        with self.lock:
            self.calls.append(call)
            if self.limited and self._too_many(call):
                message = "Rate limit exceeded. Please try again later"
                return 429, {"errors": [{"error": "RATE_LIMIT_REACHED", "message": message}]}
            if fault is Fault.USED_UP:
                message = "The API billing plan limit has been exceeded for this workspace"
                return 429, {"errors": [{"error": "PUBLIC_API_BILLING_LIMIT_EXCEEDED", "message": message}]}
            if fault is Fault.BROKEN:
                return 502, {"error": {"type": "SERVER_ERROR", "message": "Bad gateway"}}
            try:
                told = Service(store=self.store).answer(call, content=content)
            except Refused as refused:
                return refused.status, refused.body
        return (503, {"error": "SERVICE_UNAVAILABLE"}) if fault is Fault.BROKEN_AFTER else (200, told)

    def _too_many(self, call: Call) -> bool:
        found = re.search(r"app\w{14}", call.path)
        base, now = found[0] if found else "", time.monotonic()
        if now < self.closed_until.get(base, 0):
            return True
        self.begun[base] = [one for one in self.begun[base] if one > now - 1] + [now]
        if len(self.begun[base]) > CALLS_A_SECOND:
            self.closed_until[base] = now + self.penalty
            return True
        return False


def _handler(airtable: Airtable, *, content: bool) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Reads calls and writes answers."""

        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            call = self._call()
            fault = airtable.fault_of(call)
            time.sleep(airtable.latency)
            if fault is Fault.CLOSED_BEFORE:
                self.close_connection = True
                return
            status, told = airtable.answer(call, fault, content=content)
            if fault is Fault.CLOSED_AFTER:
                self.close_connection = True
                return
            if fault is Fault.LATE:
                time.sleep(airtable.late)
            self._tell(status, b"<html>" if fault is Fault.GARBAGE else json.dumps(told).encode())

        do_GET = do_POST = do_PATCH = _serve  # noqa: N815 - names that the server looks for

        def _call(self) -> Call:
            parts = urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("content-length", 0)))
            method, bearer = self.command, self.headers.get("authorization", "")
            return Call(
                method=method,
                path=unquote(parts.path),
                query=parse_qs(parts.query, keep_blank_values=True),
                body=json.loads(raw) if raw else None,
                token=bearer.removeprefix("Bearer ") or None,
            )

        def _tell(self, status: int, body: bytes) -> None:
            try:
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                self.close_connection = True  # whoever asked has gone

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    return Handler
