"""A request's head has to come in time, on a new connection and on a kept one; a slow answer is no slow head."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from counterfoil.foundation import head_limit
from counterfoil.foundation.head_limit import HeadLimit
from tests.support.waiting import wait_until

PATIENCE_SECONDS = 0.5
WHOLE = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
BEGUN = b"GET / HTTP/1.1\r\nHost: he"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if Request(scope, receive).query_params:
        await asyncio.sleep(3 * PATIENCE_SECONDS)
    await PlainTextResponse("done")(scope, receive, send)


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    monkeypatch.setattr(head_limit, "PATIENCE_SECONDS", PATIENCE_SECONDS)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, http=HeadLimit, lifespan="off", log_config=None, timeout_keep_alive=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    wait_until(lambda: server.started)
    yield listener.getsockname()
    server.should_exit = True
    thread.join()


def ask(connection: socket.socket, request: bytes = WHOLE) -> None:
    """Send a request, and read its answer to the end."""
    connection.settimeout(20 * PATIENCE_SECONDS)
    connection.sendall(request)
    answer = b""
    while not answer.endswith(b"done"):
        answer += connection.recv(4096) or pytest.fail("hung up")
    assert answer.startswith(b"HTTP/1.1 200 OK")


def heard(connection: socket.socket) -> bytes:
    """Return all that is said until the server hangs up."""
    connection.settimeout(20 * PATIENCE_SECONDS)
    return b"".join(iter(lambda: connection.recv(4096), b""))


@pytest.mark.parametrize("before", [0, 2])
@pytest.mark.parametrize("said", [b"", b"G", BEGUN])
def test_who_does_not_finish_a_head_is_told_so_and_hung_up_on(
    address: tuple[str, int], said: bytes, before: int
) -> None:
    with socket.create_connection(address) as connection:
        for _ in range(before):
            ask(connection)
        connection.sendall(said)
        answer = heard(connection)
    if said or not before:
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'"code":"request_too_slow"' in answer
    else:
        assert answer == b""  # a connection that was of use is hung up on without a word


def test_bytes_that_trickle_in_gain_no_time(address: tuple[str, int]) -> None:
    stop = threading.Event()
    with socket.create_connection(address) as connection:

        def trickle() -> None:
            connection.sendall(BEGUN)
            while not stop.wait(PATIENCE_SECONDS / 10):
                try:
                    connection.sendall(b"r")
                except OSError:
                    return

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            assert connection.recv(4096).startswith(b"HTTP/1.1 408 ")
        finally:
            stop.set()
            thread.join()


def test_a_whole_head_may_be_answered_slowly_and_the_connection_kept(address: tuple[str, int]) -> None:
    slow = WHOLE.replace(b"/ ", b"/?slowly ", 1)
    with socket.create_connection(address) as connection:
        for _ in range(2):
            ask(connection, slow)
