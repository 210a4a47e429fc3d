"""What the tests let limited children do: top-level functions of a module of their own, as children need them."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from counterfoil.documents.domain import EncryptedDocument, Inspected, MediaType, TooManyPages
from counterfoil.foundation.children import run_limited
from counterfoil.foundation.nursery import Nursery


def double(number: int) -> int:
    return 2 * number


def environment() -> list[str]:
    return sorted(os.environ)


def describe() -> Inspected:
    return Inspected(media_type=MediaType.PDF, page_count=3)


def refuse_encrypted() -> None:
    raise EncryptedDocument


def refuse_pages() -> None:
    raise TooManyPages(10_000, 200)


def divide_by_zero() -> float:
    return 1 / 0


def leave(code: int) -> None:
    sys.exit(code)


def vanish() -> None:
    os._exit(0)


def give_a_path() -> Path:
    return Path("/etc")


def give_a_function() -> object:
    return lambda: 1


def take(megabytes: int) -> int:
    return len(bytearray(megabytes << 20))


def answer_at_length(megabytes: int) -> bytes:
    return bytes(megabytes << 20)


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def sleep_deafly() -> None:
    """Sleep and listen to no signal that can be ignored."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM, signal.SIGXCPU):
        signal.signal(number, signal.SIG_IGN)
    time.sleep(60)


def spin() -> None:
    while True:
        pass


def write(path: str) -> None:
    with Path(path).open("wb") as file:
        file.write(b"x")


def leave_a_grandchild(seconds: int) -> int:
    """Start a process that would outlive this one; return its id."""
    return subprocess.Popen(["sleep", str(seconds)]).pid


def parent() -> int:
    return os.getppid()


def call_from_a_fork() -> int:
    """Call a child, fork the way a worker does, and return as an exit code what a child said to the fork."""
    run_limited(double, 1, memory_mb=256, seconds=10)
    born = os.fork()
    if not born:
        os._exit(run_limited(double, 21, memory_mb=256, seconds=10))
    return os.waitstatus_to_exitcode(os.waitpid(born, 0)[1])


def call_for_long() -> None:
    """Tell which process bears the children, then wait for one that sleeps."""
    sys.stdout.write(f"{run_limited(parent, memory_mb=256, seconds=10)}\n")
    sys.stdout.flush()
    run_limited(sleep_deafly, memory_mb=256, seconds=60)


def serve_nursery(control: socket.socket) -> None:
    """Be a nursery in a process of the test's own."""
    Nursery(control).serve()
