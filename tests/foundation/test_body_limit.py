"""A body that is too long is refused while it streams in."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from counterfoil.foundation import body_limit
from counterfoil.foundation.body_limit import BodyLimit, RouteLimit
from counterfoil.foundation.errors import Conflict

ROUTES = [RouteLimit(path="/upload", max_bytes=100, error=Conflict("A hundred are enough."))]


class Reader:
    """An application that reads its whole body, counting, and then answers."""

    def __init__(self, *, early: bool = False) -> None:
        self.read = 0
        self.messages: list[str] = []
        self.early = early

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.early:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            message = await receive()
            self.messages.append(message["type"])
            self.read += len(message.get("body", b""))
            if message["type"] != "http.request" or not message.get("more_body"):
                break
        await receive()
        if not self.early:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})


def request(
    app: Reader,
    pieces: Iterable[int],
    path: str = "/upload",
    headers: Sequence[tuple[bytes, bytes]] = (),
    pause: float = 0,
    pause_after: float = 0,
) -> list[Message]:
    """Send a body in pieces of these lengths; return what was answered. `app` sees what the limit lets through.

    There is a pause in seconds before each piece, and one before the client goes.
    """
    lengths = list(pieces)
    sent: list[Message] = []
    left = [{"type": "http.request", "body": b"x" * size, "more_body": True} for size in lengths]
    left[-1]["more_body"] = False
    arriving = iter(left)

    async def receive() -> Message:
        message = next(arriving, {"type": "http.disconnect"})
        await asyncio.sleep(pause if message["type"] == "http.request" else pause_after)
        return message

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": path, "headers": list(headers)}
    asyncio.run(BodyLimit(app, routes=ROUTES, default=50)(scope, receive, send))
    return sent


def test_a_body_of_exactly_the_limit_passes() -> None:
    app = Reader()
    assert request(app, [60, 40])[0]["status"] == 200
    assert app.read == 100


def test_one_byte_more_is_refused_as_soon_as_it_arrives() -> None:
    app = Reader()
    start, body = request(app, [60, 41, 1000, 1000])
    assert start["status"] == 409
    assert (b"connection", b"close") in start["headers"]
    assert json.loads(body["body"])["detail"] == "A hundred are enough."
    assert app.messages == ["http.request", "http.disconnect"]
    assert app.read == 60


def test_a_declared_length_is_believed_when_it_is_too_long() -> None:
    app = Reader()
    start, _ = request(app, [1], headers=[(b"content-length", b"101")])
    assert start["status"] == 409
    assert app.messages == []


@pytest.mark.parametrize("length", [b"5", b"-1", b"nonsense", b""])
def test_a_declared_length_is_not_believed_when_it_lies(length: bytes) -> None:
    app = Reader()
    start, _ = request(app, [60, 60], headers=[(b"content-length", length)])
    assert start["status"] == 409
    assert app.read == 60


def test_a_body_that_hardly_moves_is_refused_and_one_that_moves_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that sends a byte now and then; and one that has sent all, and waits for long."""
    monkeypatch.setattr(body_limit, "PATIENCE_SECONDS", 1.0)
    monkeypatch.setattr(body_limit, "SLOWEST_BYTES_A_SECOND", 10)
    slow, quick = Reader(), Reader()
    start, body = request(slow, [1] * 90, pause=0.2)
    assert (start["status"], json.loads(body["body"])["code"]) == (408, "request_too_slow")
    assert (b"connection", b"close") in start["headers"]
    assert 0 < slow.read < 90
    assert slow.messages[-1] == "http.disconnect"
    assert request(quick, [20] * 5, pause=0.3)[0]["status"] == 200
    assert quick.read == 100
    assert request(Reader(), [1], pause_after=1.5)[0]["status"] == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [("/upload/more", 413), ("/upload", 200), ("/upload/", 200), ("/uploads", 413), ("/other", 413), ("/", 413)],
)
def test_each_path_has_its_own_limit(path: str, status: int) -> None:
    start, body = request(Reader(), [51], path)
    assert start["status"] == status
    if status == 413:
        assert json.loads(body["body"])["code"] == "request_too_large"


def test_an_answer_that_has_begun_is_finished() -> None:
    app = Reader(early=True)
    start, body = request(app, [60, 60])
    assert (start["status"], body["body"]) == (200, b"done")
    assert app.messages == ["http.request", "http.disconnect"]


def test_what_is_no_request_passes() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    async def nothing(*_: object) -> Message:
        return {}

    asyncio.run(BodyLimit(app)({"type": "lifespan"}, nothing, nothing))  # type: ignore[arg-type]  # never called
    assert seen == ["lifespan"]
