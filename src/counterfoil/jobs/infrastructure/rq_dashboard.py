"""RQ's dashboard behind a password. It shows bells, not jobs, and what is deleted there is rung again."""

import base64
import binascii
import hmac
import warnings

from rq import serializers
from rq_dashboard_fast import RedisQueueDashboard
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

PATH = "/rq"
_SAFE = {"GET", "HEAD", "OPTIONS"}


def guarded_dashboard(redis_url: str, user: str, password: str) -> ASGIApp:
    """Return the dashboard, for who knows the password."""
    # It reads what is in Redis with RQ's own choice, which would run whatever somebody has pickled there.
    serializers.PickleSerializer = serializers.JSONSerializer  # type: ignore[assignment]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says where it is mounted in a way that FastAPI advises against
        # Without its own documentation, which loads scripts from elsewhere.
        board = RedisQueueDashboard(redis_url, PATH, docs_url=None, redoc_url=None, openapi_url=None)
    return Doorkeeper(board, user, password)


class Doorkeeper:
    """Lets in who sends the right name and password by HTTP's basic authentication."""

    def __init__(self, inside: ASGIApp, user: str, password: str) -> None:
        self._inside = inside
        self._right = f"{user}:{password}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        if not hmac.compare_digest(_said(headers), self._right):
            refusal = PlainTextResponse("Name and password, please.", 401, {"www-authenticate": 'Basic realm="RQ"'})
            await refusal(scope, receive, send)
        elif scope["method"] not in _SAFE and _is_from_elsewhere(headers):
            # A browser sends the password along with what any page makes it send.
            await PlainTextResponse("Not from another site.", 403)(scope, receive, send)
        else:
            await self._inside(scope, receive, send)


def _said(headers: Headers) -> bytes:
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(credentials, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _is_from_elsewhere(headers: Headers) -> bool:
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2] != headers.get("host")
