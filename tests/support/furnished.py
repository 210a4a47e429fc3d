"""Databases that have all tables from the beginning: copies of one, since to make tables takes longer than a test."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import make_url

from counterfoil.foundation.database import Database, Row
from tests.support.postgres import PostgresServer


@dataclass(frozen=True)
class Furnished:
    """Makes copies of databases that `prepare` has furnished; anew when modules have brought more tables since."""

    folder: Path
    prepare: Callable[[Database], None]
    models: dict[tuple[str, frozenset[str]], str] = field(default_factory=dict)

    def sqlite(self, path: Path) -> str:
        """Put a copy at this path and return its URL."""
        shutil.copyfile(self._model("sqlite", self._new_file), path)
        return f"sqlite:///{path}"

    @contextmanager
    def postgres(self, server: PostgresServer) -> Iterator[str]:
        """Make a copy on the server, and drop it afterwards."""
        model = self._model("postgresql", server.direct.new_database)
        with server.database(template=model) as url:
            yield url

    def _new_file(self) -> str:
        return f"sqlite:///{self.folder / f'{len(self.models)}.db'}"

    def _model(self, kind: str, make: Callable[[], str]) -> str:
        """Return the name of a database that nobody is connected to."""
        key = (kind, frozenset(Row.metadata.tables))
        if key not in self.models:
            url = make()
            database = Database(url)
            self.prepare(database)
            database.close()
            self.models[key] = make_url(url).database or ""
        return self.models[key]
