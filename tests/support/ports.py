"""Ports for servers that are ended and started again on the same one."""

import random
import socket

# Below those that systems give to outgoing connections, so that nobody takes it while the server is down.
_FIRST, _LAST = 15_000, 30_000


def free_port() -> int:
    """Return a port that nobody listens on."""
    for port in random.sample(range(_FIRST, _LAST), 100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise AssertionError("no port is free")
