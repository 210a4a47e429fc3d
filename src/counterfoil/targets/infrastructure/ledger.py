"""The ledger: a table in our own database whose columns its owner defines."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, Uuid, delete, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.clock import Clock
from counterfoil.foundation.database import Database, Row, Transaction
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
from counterfoil.targets.errors import InvalidTargetSettings, KeyPlaceRefused, UnknownProperty
from counterfoil.targets.infrastructure.sql import insert_new, paged
from counterfoil.targets.ledger import DEFAULT_COLUMNS
from counterfoil.targets.protocols import Connected, LedgerStore, Sought, WriteRequest, Written
from counterfoil.targets.values import JsonValue, encode


class LedgerColumnRow(Row):
    """A column of a ledger. `position` counts from 0."""

    __tablename__ = "ledger_columns"

    target_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("targets.id"), primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("workspaces.id", ondelete="CASCADE"))
    position: Mapped[int]
    name: Mapped[str]
    type: Mapped[str]
    options: Mapped[list[Any]]
    open_options: Mapped[bool]
    required: Mapped[bool]


class LedgerRowRow(Row):
    """A row of a ledger; `values` by column id."""

    __tablename__ = "ledger_rows"
    __table_args__ = (UniqueConstraint("target_id", "key"), Index("ix_ledger_rows_target_id", "target_id", "id"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("workspaces.id", ondelete="CASCADE"))
    target_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("targets.id"))
    key: Mapped[str]
    record_version: Mapped[int]
    values: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlLedgerStore:
    """Keeps the columns and rows of ledgers in the database."""

    clock: Clock
    new_id: IdSource

    def columns(self, tx: Transaction, workspace: WorkspaceId, target_id: TargetId) -> tuple[Property, ...]:
        query = select(LedgerColumnRow.__table__).where(*_columns_of(workspace, target_id))
        rows = tx.execute(query.order_by(LedgerColumnRow.position)).all()
        return tuple(_column(row) for row in rows) or DEFAULT_COLUMNS

    def put_columns(
        self, tx: Transaction, workspace: WorkspaceId, target_id: TargetId, columns: Sequence[Property]
    ) -> None:
        tx.execute(delete(LedgerColumnRow).where(*_columns_of(workspace, target_id)))
        owner = {"workspace_id": workspace, "target_id": target_id}
        values = [{**owner, "position": position, **_column_values(one)} for position, one in enumerate(columns)]
        tx.execute(insert(LedgerColumnRow), values)

    def remove_columns(self, tx: Transaction, target: Target) -> None:
        tx.execute(delete(LedgerColumnRow).where(*_columns_of(target.workspace, target.id)))

    def put_row(self, tx: Transaction, workspace: WorkspaceId, request: WriteRequest) -> LedgerRow:
        made = self._new(request)
        if insert_new(tx, LedgerRowRow, {**asdict(made), "workspace_id": workspace}):
            return made
        row = self._one(tx, workspace, request.target.id, LedgerRowRow.key == request.key, lock=True)
        assert row is not None  # noqa: S101 - its key was in the way of the insert, and rows are never removed
        if row.record_version >= request.version:
            return row
        values = _merged(row.values, request)
        changes = {"record_version": request.version, "values": values, "updated_at": self.clock.now()}
        tx.execute(
            update(LedgerRowRow)
            .where(LedgerRowRow.workspace_id == workspace, LedgerRowRow.id == row.id)
            .values(**changes)
        )
        return row

    def row_of_key(self, tx: Transaction, target: Target, key: str) -> LedgerRow | None:
        return self._one(tx, target.workspace, target.id, LedgerRowRow.key == key)

    def row(self, tx: Transaction, workspace: WorkspaceId, target_id: TargetId, row_id: RowId) -> LedgerRow | None:
        return self._one(tx, workspace, target_id, LedgerRowRow.id == row_id)

    def rows(self, tx: Transaction, workspace: WorkspaceId, target_id: TargetId, paging: Paging) -> Page[LedgerRow]:
        query = select(LedgerRowRow.__table__).where(*_rows_of(workspace, target_id))
        rows = [_row(row) for row in tx.execute(paged(query, LedgerRowRow.id, paging))]
        return Page.of(rows, paging, lambda row: row.id)

    def _one(
        self, tx: Transaction, workspace: WorkspaceId, target_id: TargetId, condition: Any, *, lock: bool = False
    ) -> LedgerRow | None:
        query = select(LedgerRowRow.__table__).where(*_rows_of(workspace, target_id), condition)
        row = tx.execute(query.with_for_update() if lock else query).one_or_none()
        return None if row is None else _row(row)

    def _new(self, request: WriteRequest) -> LedgerRow:
        now = self.clock.now()
        return LedgerRow(
            id=RowId(self.new_id()),
            target_id=request.target.id,
            key=request.key,
            record_version=request.version,
            values=_merged({}, request),
            created_at=now,
            updated_at=now,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerAdapter:
    """Writes to ledgers, in a transaction of its own.

    The unique key and the version in the row refuse a second row and an older record, whatever calls overlap.
    """

    database: Database
    store: LedgerStore
    public_url: str
    kind: str = LEDGER
    settles_after: timedelta = timedelta()
    schema_lasts: timedelta = timedelta()
    check_every_hours: int = 1
    needs_key_property: bool = False

    def connect(self, workspace: WorkspaceId, settings: Mapping[str, str]) -> Connected:  # noqa: ARG002
        if settings:
            raise InvalidTargetSettings(self.kind, f"a ledger has none, and {', '.join(sorted(settings))} was given.")
        return Connected(settings={}, place=None)

    def schema(self, target: Target) -> Schema:
        with self.database.reading(target.workspace) as tx:
            return Schema(properties=self.store.columns(tx, target.workspace, target.id))

    def candidates(self, target: Target, prop: Property, name: str) -> Mapping[str, str]:  # noqa: ARG002
        return {}  # a ledger's relations are words

    def find(self, target: Target, sought: Sought) -> Written | None:
        with self.database.reading(target.workspace) as tx:
            row = self.store.row_of_key(tx, target, sought.key)
        return None if row is None else self._written(row)

    def write(self, request: WriteRequest) -> Written:
        target = request.target
        with self.database.transaction(target.workspace) as tx:
            known = {one.id for one in self.store.columns(tx, target.workspace, target.id)}
            if unknown := request.draft.keys() - known:
                raise UnknownProperty(unknown)
            row = self.store.put_row(tx, target.workspace, request)
        return self._written(row)

    def add_key_property(self, target: Target) -> PropertyId:
        raise KeyPlaceRefused(target)

    def _written(self, row: LedgerRow) -> Written:
        url = f"{self.public_url}/api/v1/targets/{row.target_id}/rows/{row.id}"
        return Written(external_id=str(row.id), url=url)


def _columns_of(workspace: WorkspaceId, target_id: TargetId) -> tuple[Any, ...]:
    return LedgerColumnRow.workspace_id == workspace, LedgerColumnRow.target_id == target_id


def _rows_of(workspace: WorkspaceId, target_id: TargetId) -> tuple[Any, ...]:
    return LedgerRowRow.workspace_id == workspace, LedgerRowRow.target_id == target_id


def _merged(values: Mapping[PropertyId, JsonValue], request: WriteRequest) -> dict[PropertyId, JsonValue]:
    kept = {one: value for one, value in values.items() if one not in request.draft}
    return {**kept, **{one: encode(value) for one, value in request.draft.items() if value is not None}}


def _column(row: Any) -> Property:
    return Property(
        id=PropertyId(row.id),
        name=row.name,
        type=PropertyType(row.type),
        options=tuple(row.options),
        open_options=row.open_options,
        required=row.required,
    )


def _column_values(column: Property) -> dict[str, Any]:
    return {
        "id": column.id,
        "name": column.name,
        "type": column.type.value,
        "options": list(column.options),
        "open_options": column.open_options,
        "required": column.required,
    }


def _row(row: Any) -> LedgerRow:
    return LedgerRow(
        id=RowId(row.id),
        target_id=TargetId(row.target_id),
        key=row.key,
        record_version=row.record_version,
        values=row.values,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
