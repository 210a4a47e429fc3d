"""The servers and the wire of the fault tests do what they are told."""

import socket
import time
from collections.abc import Iterator

import pytest

from tests.support.proxy import Proxy
from tests.support.redis import RedisServer
from tests.support.waiting import wait_until


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with RedisServer.running() as server:
        yield server


@pytest.fixture
def proxy(redis: RedisServer) -> Iterator[Proxy]:
    with Proxy(("127.0.0.1", redis.port)) as proxy:
        yield proxy


def dial(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=20)


def ping(wire: socket.socket) -> bytes:
    """Return the answer; a connection that ended before it is an error, however it ended."""
    wire.sendall(b"PING\r\n")
    if answer := wire.recv(100):
        return answer
    raise ConnectionResetError


def test_redis_keeps_what_it_was_given_only_with_a_file_of_its_commands() -> None:
    for keeps, found in (("yes", "1"), ("no", "$-1")):
        with RedisServer.running(appendonly=keeps, appendfsync="always") as server:
            server.call("SET", "a", "1")
            server.kill()
            server.start(appendonly=keeps)
            assert server.call("GET", "a") == found
            server.call("SET", "a", "2")
            server.call("FLUSHALL")
            assert server.call("GET", "a") == "$-1"
            server.stop()


def test_redis_with_a_limit_refuses_or_forgets() -> None:
    with RedisServer.running(maxmemory="2mb", maxmemory_policy="noeviction") as server:
        answers = [server.call("SET", f"key{n}", "x" * 100_000) for n in range(30)]
        assert answers[0] == "+OK"
        assert answers[-1].startswith("-OOM")
        server.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        assert server.call("SET", "last", "x" * 100_000) == "+OK"


def test_a_wire_carries_both_ways_and_is_slow_when_told_to(proxy: Proxy) -> None:
    with dial(proxy) as wire:
        assert ping(wire) == b"+PONG\r\n"
        proxy.delay = 0.1
        begun = time.monotonic()
        assert ping(wire) == b"+PONG\r\n"
        assert time.monotonic() - begun >= 0.2


def test_a_wire_that_is_cut_resets_the_chosen_connections_alone(proxy: Proxy) -> None:
    with dial(proxy) as first, dial(proxy) as second:
        assert ping(first) == ping(second) == b"+PONG\r\n"
        assert proxy.cut(lambda link: link.number == 1) == 1
        with pytest.raises(ConnectionError):
            ping(first)
        assert ping(second) == b"+PONG\r\n"


def test_a_wire_that_refuses_lets_nobody_in_until_it_is_over(proxy: Proxy) -> None:
    with proxy.refusing(), pytest.raises(ConnectionError), dial(proxy) as wire:
        ping(wire)
    with dial(proxy) as wire:
        assert ping(wire) == b"+PONG\r\n"


def test_a_wire_that_swallows_stays_open_and_says_nothing(proxy: Proxy) -> None:
    with dial(proxy) as wire:
        assert ping(wire) == b"+PONG\r\n"
        wire.settimeout(0.3)
        with proxy.swallowing(), pytest.raises(TimeoutError):
            ping(wire)
        wait_until(lambda: proxy.links == [])
    with dial(proxy) as wire:
        assert ping(wire) == b"+PONG\r\n"


def test_a_wire_to_a_server_that_is_down_is_refused(proxy: Proxy, redis: RedisServer) -> None:
    redis.kill()
    with pytest.raises(ConnectionError), dial(proxy) as wire:
        ping(wire)
    redis.start()
    with dial(proxy) as wire:
        assert ping(wire) == b"+PONG\r\n"
