"""The Notion adapter passes the suite of all adapters, on each version of the API, with and without a key property."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import DocumentId
from counterfoil.foundation.database import Database
from counterfoil.targets.domain import Property, PropertyId, PropertyType, Target
from counterfoil.targets.infrastructure.notion.adapter import NotionAdapter
from counterfoil.targets.values import FileRef, Value
from tests.support.notion import adapter as standing
from tests.support.notion.server import Notion
from tests.support.notion.tables import Properties
from tests.support.notion.tables import Table as NotionTable
from tests.support.targets import PUBLIC_URL
from tests.targets.adapter_suite import COLUMNS, OPTIONS, VALUES, AdapterSuite, StoredRow, Table

NAMES = {PropertyType.TEXT: "rich_text", PropertyType.PHONE: "phone_number"}


@pytest.fixture
def notion() -> Iterator[Notion]:
    with Notion(limit=None).serving() as serving:
        yield serving


def properties(related: NotionTable) -> Properties:
    """Return the suite's columns as Notion has them."""
    found: dict[str, str | dict[str, Any]] = {}
    for one in COLUMNS:
        name = NAMES.get(one.type, one.type.value)
        if one.type in OPTIONS:
            found[one.name] = {name: {"options": list(OPTIONS[one.type])}}
        elif one.type is PropertyType.RELATION:
            relation = {"data_source_id": related.source_id, "type": "single_property", "single_property": {}}
            found[one.name] = {"relation": relation}
        else:
            found[one.name] = name
    return found


@dataclass(frozen=True, kw_only=True)
class Expenses:
    """A Notion table with the suite's columns."""

    notion: Notion
    table: NotionTable
    adapter: NotionAdapter
    target: Target
    values: Mapping[PropertyType, Value]
    key_property: PropertyId | None
    columns: Sequence[Property] = COLUMNS

    def property_id(self, name: str) -> PropertyId:
        return PropertyId(self.table.id_of(name))

    def rows(self) -> Sequence[StoredRow]:
        return [self._row(row) for row in self.table.rows()]

    def _row(self, row: Mapping[str, Any]) -> StoredRow:
        found = {self.property_id(one.name): self._value(one.type, row[one.name]) for one in COLUMNS if row[one.name]}
        return StoredRow(external_id=row["id"], values=found)

    def _value(self, kind: PropertyType, seen: Any) -> Value:
        match kind:
            case PropertyType.NUMBER:
                return Decimal(repr(seen))
            case PropertyType.DATE:
                start = seen["start"]
                return datetime.fromisoformat(start) if "T" in start else date.fromisoformat(start)
            case PropertyType.FILES:
                assert [self.notion.file(one["upload"]) for one in seen]
                return tuple(
                    FileRef(
                        document_id=DocumentId(UUID(int=7)),
                        name=one["name"],
                        url=f"{PUBLIC_URL}/api/v1/documents/7/file",
                    )
                    for one in seen
                )
            case PropertyType.MULTI_SELECT | PropertyType.RELATION | PropertyType.PEOPLE:
                return tuple(seen)
            case _:
                return seen  # type: ignore[no-any-return]


@pytest.fixture(params=["2026-03-11", "2025-09-03", "2022-06-28"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["key property", "marker"])
def keyed(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "key property")


class TestNotion(AdapterSuite):
    @pytest.fixture
    def database_url(self, tmp_path: Any) -> str:
        return f"sqlite:///{tmp_path / 'counterfoil.db'}"  # of which nothing here depends

    @pytest.fixture
    def table(self, database: Database, workspace: WorkspaceId, notion: Notion, version: str, keyed: bool) -> Table:
        notion.versions = [version]
        accounts = notion.database("Accounts", {"Name": "title"})
        expenses = notion.database("Expenses", properties(accounts))
        adapter = standing.adapter(database, notion)
        target = standing.connected(adapter, workspace, expenses.url)
        ids = {PropertyType.RELATION: (accounts.insert("Travel"),), PropertyType.PEOPLE: (notion.person(),)}
        table = Expenses(
            notion=notion,
            table=expenses,
            adapter=adapter,
            target=target,
            values={**VALUES, **ids},
            key_property=adapter.add_key_property(target) if keyed else None,
            columns=(*COLUMNS, Property(id=PropertyId(""), name="Counterfoil ID", type=PropertyType.TEXT))
            if keyed
            else COLUMNS,
        )
        assert target.settings["version"] == version
        return table
