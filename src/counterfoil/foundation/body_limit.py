"""Refuses requests whose body is too long while it streams in, before any parser sees the rest of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from counterfoil.foundation.errors import CounterfoilError, InvalidInput
from counterfoil.foundation.problems import answer

MAX_BYTES = 1 << 20
_GONE: Message = {"type": "http.disconnect"}


class RequestTooLarge(InvalidInput):
    """A request whose body is longer than the route takes."""

    code = "request_too_large"
    status = 413
    advice = "Send less at once."

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"The body of this request is longer than {max_bytes / (1 << 20):.3g} MB.")


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
            await guarded.refuse()
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
        self._answered = False
        self._refused = False

    async def receive(self) -> Message:
        if self._refused:
            return _GONE
        message = await self._receive()
        self._arrived += len(message.get("body", b""))
        if self._arrived > self._limit.max_bytes:
            await self.refuse()
            return _GONE
        return message

    async def send(self, message: Message) -> None:
        if not self._refused:
            self._answered = True
            await self._send(message)

    async def refuse(self) -> None:
        """Answer in the application's stead, unless it has answered, and close: the rest of the body is not wanted."""
        if self._answered:
            return
        self._refused = True
        response = answer(self._limit.error)
        response.headers["Connection"] = "close"
        await response(self._scope, self._receive, self._send)


def _declared(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0
