"""Refuses requests whose body is too long, or comes too slowly, while it streams in, before a parser sees the rest."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from counterfoil.foundation.errors import CounterfoilError, InvalidInput
from counterfoil.foundation.problems import answer

MAX_BYTES = 1 << 20
PATIENCE_SECONDS = 30.0
SLOWEST_BYTES_A_SECOND = 1_000
"""What a body has to reach on the average once our patience is over; slower than any line that is still of use."""
_GONE: Message = {"type": "http.disconnect"}


class RequestTooLarge(InvalidInput):
    """A request whose body is longer than the route takes."""

    code = "request_too_large"
    status = 413
    advice = "Send less at once."

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"The body of this request is longer than {max_bytes / (1 << 20):.3g} MB.")


class RequestTooSlow(InvalidInput):
    """A request that hardly moves, as of a client that wants to keep us busy."""

    code = "request_too_slow"
    status = 408
    advice = "Send it again on a better line, or in smaller parts."

    def __init__(self) -> None:
        super().__init__("This request came too slowly.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteLimit:
    """How long a body may be under a path, and what is said to a longer one."""

    path: str  # and nothing beneath it
    max_bytes: int
    error: CounterfoilError


class BodyLimit:
    """ASGI middleware: at most `default` bytes of body, or what the first matching route's limit says.

    It counts what arrives, so that no missing or wrong `Content-Length` gets more in, and keeps nothing of it.
    """

    def __init__(self, app: ASGIApp, *, routes: Sequence[RouteLimit] = (), default: int = MAX_BYTES) -> None:
        self._app = app
        self._limits = (*routes, RouteLimit(path="", max_bytes=default, error=RequestTooLarge(default)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        guarded = _Guarded(limit=limit, scope=scope, receive=receive, send=send)
        if _declared(scope) > limit.max_bytes:
            await guarded.refuse(limit.error)
        else:
            await self._app(scope, guarded.receive, guarded.send)

    def _limit(self, path: str) -> RouteLimit:
        return next(limit for limit in self._limits if not limit.path or path.removesuffix("/") == limit.path)


class _Guarded:
    """One request under a limit. Over it, the application sees its client gone, and is no longer heard itself."""

    def __init__(self, *, limit: RouteLimit, scope: Scope, receive: Receive, send: Send) -> None:
        self._limit = limit
        self._scope = scope
        self._receive = receive
        self._send = send
        self._arrived = 0
        self._began = time.monotonic()
        self._whole = False
        self._answered = False
        self._refused = False

    async def receive(self) -> Message:
        if self._refused:
            return _GONE
        try:
            async with asyncio.timeout(self._seconds_left()):
                message = await self._receive()
        except TimeoutError:
            await self.refuse(RequestTooSlow())
            return _GONE
        self._arrived += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._arrived > self._limit.max_bytes:
            await self.refuse(self._limit.error)
            return _GONE
        return message

    def _seconds_left(self) -> float | None:
        """Return how long the next piece may take. After the last one, only the client's going is waited for."""
        if self._whole:
            return None
        return PATIENCE_SECONDS + self._arrived / SLOWEST_BYTES_A_SECOND - (time.monotonic() - self._began)

    async def send(self, message: Message) -> None:
        if not self._refused:
            self._answered = True
            await self._send(message)

    async def refuse(self, error: CounterfoilError) -> None:
        """Answer in the application's stead, unless it has answered, and close: the rest of the body is not wanted."""
        if self._answered:
            return
        self._refused = True
        response = answer(error)
        response.headers["Connection"] = "close"
        await response(self._scope, self._receive, self._send)


def _declared(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0
