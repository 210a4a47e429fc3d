"""A table as people see it: its columns, which they change as they like, and its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

from tests.support.notion.content import text
from tests.support.notion.properties import new_property_id
from tests.support.notion.queries import comparable
from tests.support.notion.schemas import config_of, replaced_options
from tests.support.notion.store import Column, Database, Json, Page, Source, Store

Properties: TypeAlias = Mapping[str, str | Json]
"""Types by name, or `{type: configuration}`; the options of a select may be no more than their names."""


@dataclass(frozen=True, slots=True)
class Table:
    """One source of a database."""

    store: Store
    source_id: str

    @classmethod
    def made(cls, store: Store, database: Database, name: str, properties: Properties) -> Self:
        """Make a source in a database."""
        now = store.now()
        source = Source(database_id=database.id, name=name, made_at=now, changed_at=now)
        database.source_ids.append(source.id)
        store.sources[source.id] = source
        table = cls(store, source.id)
        for title, config in properties.items():
            table.add(title, config)
        return table

    @property
    def source(self) -> Source:
        return self.store.sources[self.source_id]

    @property
    def database_id(self) -> str:
        return self.source.database_id

    @property
    def url(self) -> str:
        """What a person copies out of the address bar."""
        return f"https://www.notion.so/workspace/{self.database_id.replace('-', '')}?v={'0' * 32}"

    def add(self, name: str, config: str | Json, *, property_id: str | None = None) -> str:
        """Add a property and return its id as the API gives it."""
        kind, config = (config, {}) if isinstance(config, str) else next(iter(config.items()))
        with self.store.lock:
            column_id = "title" if kind == "title" else property_id or new_property_id()
            column = Column(id=column_id, name=name, type=kind, config=config_of(self.store, kind, _named(config)))
            self.source.columns[column.id] = column
        return column.api_id

    def id_of(self, name: str) -> str:
        """Return a property's id as the API gives it."""
        return self._column(name).api_id

    def options(self, name: str) -> list[str]:
        """Return the names of a property's options."""
        return [option["name"] for option in self._column(name).options]

    def set_options(self, name: str, options: Sequence[str]) -> None:
        """Change a property's options to these; rows keep those that are still there, which keep their ids."""
        with self.store.lock:
            column = self._column(name)
            column.config = replaced_options(column, [{"name": option} for option in options])

    def rename(self, old: str, new: str) -> None:
        with self.store.lock:
            self._column(old).name = new

    def remove(self, name: str) -> None:
        with self.store.lock:
            del self.source.columns[self._column(name).id]

    def retype(self, name: str, config: str | Json) -> None:
        """Give a property another type; it keeps its id, and the rows lose what they had there."""
        kind, config = (config, {}) if isinstance(config, str) else next(iter(config.items()))
        with self.store.lock:
            column = self._column(name)
            column.type, column.config = kind, config_of(self.store, kind, _named(config))
            for page in self.store.rows(self.source):
                page.values.pop(column.id, None)

    def add_source(self, name: str, properties: Properties) -> "Table":
        """Add a second source to the database, with which old versions of the API cannot cope."""
        with self.store.lock:
            return Table.made(self.store, self.store.databases[self.database_id], name, properties)

    def insert(self, title: str, **values: Any) -> str:
        """Add a row as a person does, with values as they are kept, and return its id."""
        with self.store.lock:
            now = self.store.now()
            page = Page(parent_id=self.source_id, made_by="", made_at=now, changed_by="", changed_at=now)
            page.values = {"title": text(title), **{self._column(name).id: one for name, one in values.items()}}
            self.store.add_row(self.source, page)
            return page.id

    def rows(self, *, trashed: bool = False) -> list[Json]:
        """Return what the rows hold, by the names of the properties, with `id` of the page; oldest first.

        Texts and options are strings, files are `{name, upload or url}`, dates are as they are read.
        """
        with self.store.lock:
            return [self._row(page) for page in self.store.rows(self.source) if page.in_trash == trashed]

    def row(self, page_id: str) -> Json:
        """Return what one row holds."""
        return next(row for row in self.rows() if row["id"] == page_id)

    def _row(self, page: Page) -> Json:
        values = {column.name: _seen(column, page) for column in self.source.columns.values()}
        return {**values, "id": page.id}

    def _column(self, name: str) -> Column:
        column = self.source.column(name)
        assert column is not None, f"there is no property {name}"
        return column


def _seen(column: Column, page: Page) -> Any:
    if column.type == "files":
        return [_file(file) for file in page.values.get(column.id) or ()]
    if column.type == "date":
        return page.values.get(column.id)
    return comparable(column, page)


def _file(file: Json) -> Json:
    if "file_upload" in file:
        return {"name": file["name"], "upload": file["file_upload"]["id"]}
    link = file["external"] if "external" in file else file["file"]
    return {"name": file["name"], "url": link["url"]}


def _named(config: Json) -> Json:
    """Return a configuration in which options that are only names have become options."""
    if "options" not in config:
        return config
    options = [{"name": option} if isinstance(option, str) else option for option in config["options"]]
    return {**config, "options": options}
