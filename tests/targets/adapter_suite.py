"""What every target adapter has to pass: rows are made once for a key, changed by it, and hold exactly what was sent.

A new adapter's tests derive a class from `AdapterSuite` and give it a `table` fixture.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Protocol
from uuid import UUID

import pytest

from counterfoil.documents.domain import DocumentId
from counterfoil.records.domain import LineItem
from counterfoil.targets.domain import Draft, Property, PropertyId, PropertyType, Target
from counterfoil.targets.errors import UnknownProperty
from counterfoil.targets.protocols import Enclosed, Sought, SourceFile, TargetAdapter, WriteRequest
from counterfoil.targets.values import FileRef, Value
from tests.support.targets import PUBLIC_URL, column

VALUES: Mapping[PropertyType, Value] = {
    PropertyType.TITLE: "Bäckerei “Zur Ecke” 🥐",
    PropertyType.TEXT: "two\nlines, and a 'quote'",
    PropertyType.NUMBER: Decimal("-1234567890.1200"),
    PropertyType.DATE: date(2026, 2, 28),
    PropertyType.SELECT: "EUR",
    PropertyType.MULTI_SELECT: ("a", "b"),
    PropertyType.STATUS: "open",
    PropertyType.CHECKBOX: True,
    PropertyType.URL: "https://counterfoil.example/a?b=c#d",
    PropertyType.EMAIL: "office@counterfoil.example",
    PropertyType.PHONE: "+49 30 123456",
    PropertyType.FILES: (
        FileRef(document_id=DocumentId(UUID(int=7)), name="Beleg 1.pdf", url=f"{PUBLIC_URL}/api/v1/documents/7/file"),
    ),
    PropertyType.RELATION: ("other-row",),
    PropertyType.PEOPLE: ("somebody",),
}
OPTIONS: Mapping[PropertyType, tuple[str, ...]] = {
    PropertyType.SELECT: ("EUR", "USD"),
    PropertyType.MULTI_SELECT: ("a", "b", "c"),
    PropertyType.STATUS: ("open", "closed"),
}
COLUMNS: tuple[Property, ...] = (
    *(column(kind.value, kind, *OPTIONS.get(kind, ())) for kind in PropertyType),
    column("moment", PropertyType.DATE),
)
PDF = b"%PDF-1.4\n%%EOF\n"
MOMENT = datetime(2026, 3, 1, 11, 30, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class StoredRow:
    """A row as a look into the table finds it; empty properties are left out."""

    external_id: str
    values: Mapping[PropertyId, Value]


class Table(Protocol):
    """An empty table with `COLUMNS`, the adapter that writes to it, and a look into it past the adapter.

    A table that has no columns of some type leaves them out; `values` are those that its columns can hold, `VALUES` but
    for ids that only the table knows.
    """

    @property
    def adapter(self) -> TargetAdapter: ...
    @property
    def target(self) -> Target: ...
    @property
    def columns(self) -> Sequence[Property]: ...
    @property
    def values(self) -> Mapping[PropertyType, Value]: ...
    @property
    def key_property(self) -> PropertyId | None:
        """Return the column that keys lie in, if they lie in any."""
        ...

    def property_id(self, name: str) -> PropertyId:
        """Return the id under which the table knows one of `COLUMNS`."""
        ...

    def rows(self) -> Sequence[StoredRow]: ...


class AdapterSuite:
    """The promises of `TargetAdapter`."""

    enclosed: Enclosed

    @pytest.fixture(autouse=True)
    def a_document(self, tmp_path: Path) -> None:
        path = tmp_path / "document"
        path.write_bytes(PDF)
        self.enclosed = Enclosed(
            file=SourceFile(name="Beleg 1.pdf", media_type="application/pdf", size=len(PDF), path=path),
            line_items=(LineItem(description="Bread", quantity=Decimal(2), amount=Decimal("12.30")),),
            currency="EUR",
        )

    @pytest.fixture
    def table(self) -> Table:
        raise NotImplementedError

    def write(
        self, table: Table, key: str, values: Mapping[str, Value | None], version: int = 1, row: str | None = None
    ) -> str:
        draft: dict[PropertyId, Value | None] = {table.property_id(name): value for name, value in values.items()}
        if table.key_property:
            draft[table.key_property] = key
        request = WriteRequest(
            target=table.target,
            key=key,
            version=version,
            schema=table.adapter.schema(table.target),
            draft=draft,
            external_id=row,
            key_property=table.key_property,
            enclosed=self.enclosed,
        )
        return table.adapter.write(request).external_id

    def sought(self, table: Table, key: str) -> Sought:
        return Sought(key=key, since=datetime.now(UTC) - timedelta(minutes=1), key_property=table.key_property)

    def test_the_schema_names_every_column_with_its_type_and_options(self, table: Table) -> None:
        found = {one.name: one for one in table.adapter.schema(table.target).properties}
        assert set(found) == {one.name for one in table.columns}
        for wanted in table.columns:
            assert found[wanted.name].type is wanted.type
            assert set(found[wanted.name].options) >= set(wanted.options)

    def test_the_schema_stays_the_same_while_nothing_changes(self, table: Table) -> None:
        first, second = table.adapter.schema(table.target), table.adapter.schema(table.target)
        assert first.version == second.version

    def test_a_value_of_every_type_comes_to_lie_in_the_table_as_it_was_sent(self, table: Table) -> None:
        row = self.write(table, "a", {kind.value: value for kind, value in table.values.items()})
        [stored] = table.rows()
        assert stored.external_id == row
        for kind, value in table.values.items():
            assert stored.values[table.property_id(kind.value)] == value

    def test_a_moment_keeps_its_time(self, table: Table) -> None:
        self.write(table, "a", {"title": "A row", "moment": MOMENT})
        [stored] = table.rows()
        assert stored.values[table.property_id("moment")] == MOMENT

    def test_the_same_row_again_changes_nothing(self, table: Table) -> None:
        first = self.write(table, "a", {"title": "A row"})
        before = table.rows()
        assert self.write(table, "a", {"title": "A row"}, row=first) == first
        assert table.rows() == before

    def test_a_row_is_changed_and_what_is_not_named_stays(self, table: Table) -> None:
        row = self.write(table, "a", {"title": "A row", "number": Decimal(1), "text": "stays"})
        self.write(table, "a", {"title": "The row", "number": Decimal(2)}, version=2, row=row)
        [stored] = table.rows()
        assert stored.external_id == row
        assert stored.values == {
            table.property_id("title"): "The row",
            table.property_id("number"): Decimal(2),
            table.property_id("text"): "stays",
        }

    def test_none_empties_a_property(self, table: Table) -> None:
        row = self.write(table, "a", {"title": "A row", "number": Decimal(1)})
        self.write(table, "a", {"title": "A row", "number": None}, version=2, row=row)
        [stored] = table.rows()
        assert stored.values == {table.property_id("title"): "A row"}

    def test_a_row_is_found_by_its_key(self, table: Table) -> None:
        row = self.write(table, "a", {"title": "A row"})
        self.write(table, "b", {"title": "A row"})
        found = table.adapter.find(table.target, self.sought(table, "a"))
        assert found is not None
        assert found.external_id == row

    def test_a_key_that_was_never_written_is_not_found(self, table: Table) -> None:
        self.write(table, "a", {"title": "A row"})
        assert table.adapter.find(table.target, self.sought(table, "b")) is None

    def test_two_equal_receipts_are_two_rows(self, table: Table) -> None:
        coffee: dict[str, Value | None] = {"title": "Coffee", "number": Decimal("2.50"), "date": date(2026, 2, 28)}
        assert self.write(table, "a", coffee) != self.write(table, "b", coffee)
        assert len(table.rows()) == 2

    def test_a_property_that_is_not_there_is_refused_and_nothing_is_written(self, table: Table) -> None:
        draft: Draft = {table.property_id("title"): "A row", PropertyId("nowhere"): "lost"}
        with pytest.raises(UnknownProperty):
            table.adapter.write(
                WriteRequest(
                    target=table.target, key="a", version=1, schema=table.adapter.schema(table.target), draft=draft
                )
            )
        assert table.rows() == []
