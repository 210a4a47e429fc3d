"""The ledger passes the suite of all adapters, and refuses by itself what others have to be kept from."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

import pytest
from sqlalchemy import select

from counterfoil.access.domain import WorkspaceId
from counterfoil.documents.domain import DocumentId
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.targets.domain import Property, PropertyId, PropertyType, Schema, Target
from counterfoil.targets.errors import InvalidTargetSettings
from counterfoil.targets.infrastructure.ledger import LedgerAdapter, LedgerRowRow, SqlLedgerStore
from counterfoil.targets.protocols import Connected, Sought, WriteRequest
from counterfoil.targets.values import FileRef, Value
from tests.support.clock import FixedClock
from tests.support.targets import PUBLIC_URL, build
from tests.targets.adapter_suite import COLUMNS, VALUES, AdapterSuite, StoredRow, Table

SCHEMA = Schema(properties=COLUMNS)
SOUGHT = Sought(key="a", since=datetime(2026, 3, 1, tzinfo=UTC))


@dataclass(frozen=True, kw_only=True)
class LedgerTable:
    """A ledger with the suite's columns."""

    database: Database
    adapter: LedgerAdapter
    target: Target
    columns: Sequence[Property] = COLUMNS
    values: Mapping[PropertyType, Value] = field(default_factory=lambda: VALUES)
    key_property: PropertyId | None = None

    def property_id(self, name: str) -> PropertyId:
        return PropertyId(name)

    def rows(self) -> Sequence[StoredRow]:
        with self.database.reading() as tx:
            found = tx.execute(select(LedgerRowRow.__table__).order_by(LedgerRowRow.id)).all()
        return [
            StoredRow(external_id=str(row.id), values={one: decoded(one, value) for one, value in row.values.items()})
            for row in found
        ]


def decoded(name: str, value: Any) -> Value:
    """Read a value of the column called `name` from what the database holds."""
    match PropertyType.DATE if name == "moment" else PropertyType(name):
        case PropertyType.NUMBER:
            assert isinstance(value, str), "an amount must not pass through a binary fraction"
            return Decimal(value)
        case PropertyType.DATE:
            return datetime.fromisoformat(value) if "T" in value else date.fromisoformat(value)
        case PropertyType.FILES:
            return tuple(
                FileRef(document_id=DocumentId(UUID(one["document_id"])), name=one["name"], url=one["url"])
                for one in value
            )
        case _:
            return tuple(value) if isinstance(value, list) else cast("str | bool", value)


@pytest.fixture
def table(database: Database, workspace: WorkspaceId, clock: FixedClock) -> LedgerTable:
    target = build(database, clock).default(workspace)
    store = SqlLedgerStore(clock=clock, new_id=new_id)
    with database.transaction() as tx:
        store.put_columns(tx, workspace, target.id, COLUMNS)
    adapter = LedgerAdapter(database=database, store=store, public_url=PUBLIC_URL)
    return LedgerTable(database=database, adapter=adapter, target=target)


class TestLedger(AdapterSuite):
    @pytest.fixture
    def table(self, table: LedgerTable) -> Table:
        return table

    def test_a_key_makes_one_row_even_when_nobody_knows_of_the_first(self, table: Table) -> None:
        first = self.write(table, "a", {"title": "A row"})
        assert self.write(table, "a", {"title": "A row"}) == first
        assert len(table.rows()) == 1

    def test_an_older_version_does_not_overwrite_a_newer_one(self, table: Table) -> None:
        row = self.write(table, "a", {"title": "New"}, version=2)
        assert self.write(table, "a", {"title": "Old"}, version=1) == row
        [stored] = table.rows()
        assert stored.values["title"] == "New"  # type: ignore[index]

    def test_eight_writes_of_one_key_at_once_make_one_row_with_the_newest_version(self, table: Table) -> None:
        with ThreadPoolExecutor(8) as pool:
            written = [pool.submit(self.write, table, "a", {"number": Decimal(n)}, n) for n in range(1, 9)]
            assert len({one.result() for one in written}) == 1
        [stored] = table.rows()
        assert stored.values[table.property_id("number")] == Decimal(8)


def test_a_ledger_takes_no_settings(table: LedgerTable) -> None:
    assert table.adapter.connect(table.target.workspace, {}) == Connected(settings={}, place=None)
    with pytest.raises(InvalidTargetSettings, match="path"):
        table.adapter.connect(table.target.workspace, {"path": "/"})


def test_a_row_tells_where_it_can_be_looked_at(table: LedgerTable) -> None:
    written = table.adapter.write(WriteRequest(target=table.target, key="a", version=1, schema=SCHEMA, draft={}))
    assert written.url == f"{PUBLIC_URL}/api/v1/targets/{table.target.id}/rows/{written.external_id}"
    assert table.adapter.find(table.target, SOUGHT) == written


def test_the_same_key_in_two_ledgers_is_two_rows(
    table: LedgerTable, other_workspace: WorkspaceId, database: Database, clock: FixedClock
) -> None:
    neighbour = build(database, clock).default(other_workspace)
    written = table.adapter.write(WriteRequest(target=table.target, key="a", version=1, schema=SCHEMA, draft={}))
    assert table.adapter.find(neighbour, SOUGHT) is None
    other = table.adapter.write(WriteRequest(target=neighbour, key="a", version=1, schema=SCHEMA, draft={}))
    assert other.external_id != written.external_id
