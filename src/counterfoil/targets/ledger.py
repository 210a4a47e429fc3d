"""The ledger's columns and rows, as its owner defines and reads them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.ids import IdSource
from counterfoil.foundation.paging import Page, Paging
from counterfoil.targets.domain import (
    LEDGER,
    LedgerRow,
    Property,
    PropertyId,
    PropertyType,
    RowId,
    Schema,
    Target,
    TargetId,
)
from counterfoil.targets.errors import InvalidColumns, NotALedger, RowNotFound, SchemaChanged, TargetNotFound
from counterfoil.targets.protocols import LedgerStore, TargetStore

MOST_COLUMNS = 200
LONGEST_NAME = 500


def _column(name: str, kind: PropertyType, options: str = "", *, open_options: bool = False) -> Property:
    return Property(
        id=PropertyId(name.lower().replace(" ", "_")),
        name=name,
        type=kind,
        options=tuple(options.split(", ")) if options else (),
        open_options=open_options,
    )


DEFAULT_COLUMNS: tuple[Property, ...] = (
    _column("Merchant", PropertyType.TITLE),
    _column("Date", PropertyType.DATE),
    _column("Total", PropertyType.NUMBER),
    _column("Currency", PropertyType.SELECT, "EUR, USD, GBP, CHF", open_options=True),
    _column("Tax", PropertyType.NUMBER),
    _column("Subtotal", PropertyType.NUMBER),
    _column("Tip", PropertyType.NUMBER),
    _column("Discount", PropertyType.NUMBER),
    _column("Category", PropertyType.SELECT, open_options=True),
    _column("Number", PropertyType.TEXT),
    _column("Kind", PropertyType.SELECT, "Receipt, Invoice, Credit note"),
    _column("Due date", PropertyType.DATE),
    _column("Payment", PropertyType.SELECT, "Cash, Card, Transfer, Direct debit, Other"),
    _column("Items", PropertyType.TEXT),
    _column("Address", PropertyType.TEXT),
    _column("Tax ID", PropertyType.TEXT),
    _column("Document", PropertyType.URL),
    _column("Notes", PropertyType.TEXT),
)
"""What a ledger has until its owner says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerService:
    """What the rest of the house may ask about ledgers."""

    database: Database
    targets: TargetStore
    store: LedgerStore
    new_id: IdSource

    def put_columns(
        self, workspace: WorkspaceId, target_id: TargetId, columns: Sequence[Property], schema_version: str
    ) -> Schema:
        """Let a ledger have these columns in this order, and return them.

        Those without an id are new and get one; those that are left out go, and what rows hold in them is kept unseen.

        Raises:
            SchemaChanged: the columns are no longer those of `schema_version`.
            InvalidColumns: a ledger cannot have such columns.
        """
        with self.database.transaction(workspace) as tx:
            self._ledger(tx, workspace, target_id, lock=True)
            before = Schema(properties=self.store.columns(tx, workspace, target_id))
            if before.version != schema_version:
                raise SchemaChanged(before.version)
            if problems := tuple(_problems(columns, before)):
                raise InvalidColumns(problems)
            named = tuple(one if one.id else replace(one, id=PropertyId(self.new_id().hex)) for one in columns)
            self.store.put_columns(tx, workspace, target_id, named)
        return Schema(properties=named)

    def rows(self, workspace: WorkspaceId, target_id: TargetId, paging: Paging) -> tuple[Schema, Page[LedgerRow]]:
        """Return a part of a ledger's rows, newest first, and the columns that they are in."""
        with self.database.reading(workspace) as tx:
            schema = self._schema(tx, workspace, target_id)
            return schema, self.store.rows(tx, workspace, target_id, paging)

    def row(self, workspace: WorkspaceId, target_id: TargetId, row_id: RowId) -> tuple[Schema, LedgerRow]:
        """Return one row and the columns that it is in."""
        with self.database.reading(workspace) as tx:
            schema = self._schema(tx, workspace, target_id)
            row = self.store.row(tx, workspace, target_id, row_id)
        if row is None:
            raise RowNotFound(row_id)
        return schema, row

    def _schema(self, tx: Transaction, workspace: WorkspaceId, target_id: TargetId) -> Schema:
        self._ledger(tx, workspace, target_id)
        return Schema(properties=self.store.columns(tx, workspace, target_id))

    def _ledger(self, tx: Transaction, workspace: WorkspaceId, target_id: TargetId, *, lock: bool = False) -> Target:
        target = self.targets.get(tx, workspace, target_id, lock=lock)
        if target is None:
            raise TargetNotFound("with the id", target_id)
        if target.kind != LEDGER:
            raise NotALedger(target)
        return target


def _problems(columns: Sequence[Property], before: Schema) -> Iterator[str]:
    """Say what is wrong with columns. A ledger has one title, by which a row is known, and no name twice."""
    if sum(one.type is PropertyType.TITLE for one in columns) != 1:
        yield "A ledger needs exactly one column of type title."
    if len(columns) > MOST_COLUMNS:
        yield f"A ledger has at most {MOST_COLUMNS} columns."
    names = Counter(one.name.strip().casefold() for one in columns)
    yield from (f"There are {count} columns named {name!r}." for name, count in names.items() if count > 1)
    ids = Counter(one.id for one in columns if one.id)
    yield from (f"The column {one} is there {count} times." for one, count in ids.items() if count > 1)
    yield from (f"There is no column {one} to keep." for one in ids if one not in before.by_id)
    for column in columns:
        yield from _column_problems(column)


def _column_problems(column: Property) -> Iterator[str]:
    name = column.name.strip()
    if not 0 < len(name) <= LONGEST_NAME:
        yield f"A column's name has 1 to {LONGEST_NAME} characters."
    if not column.type.has_options and (column.options or column.open_options):
        yield f"{name}: a {column.type} has no options."
    if column.type is PropertyType.STATUS and column.open_options:
        yield f"{name}: a status never gets new options by itself."
    if len(set(column.options)) != len(column.options) or not all(option.strip() for option in column.options):
        yield f"{name}: its options must be different from each other, and none empty."
