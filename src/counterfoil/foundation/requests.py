"""Every HTTP request gets an id, one log line and its place in the metrics."""

import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from counterfoil.foundation.ids import IdSource
from counterfoil.foundation.metrics import Metrics

log = structlog.get_logger()


class RequestLog:
    """Pure ASGI middleware, so that streams pass through it as they are."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, new_id: IdSource) -> None:
        self._app = app
        self._metrics = metrics
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and note its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = str(self._new_id())
        # For the answer to an error that nobody expected, which is made outside of us.
        scope.setdefault("state", {})["request_id"] = request_id
        status = 500
        started = time.perf_counter()

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, note)
            finally:
                self._note(scope, status, time.perf_counter() - started)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        # The route's pattern, not the path: paths hold ids, and labels must be few.
        route = getattr(scope.get("route"), "path_format", "(none)")
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        self._metrics.requests.labels(method=method, route=route, status=str(status)).inc()
        self._metrics.request_seconds.labels(route=route).observe(seconds)
        log.info("request_answered", method=method, path=scope["path"], status=status, seconds=round(seconds, 4))


_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
