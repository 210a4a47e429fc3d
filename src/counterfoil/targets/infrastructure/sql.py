"""Targets, the versions of their plans, and deliveries, as rows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Discriminator, TypeAdapter
from sqlalchemy import (
    ForeignKey,
    Index,
    Insert,
    Select,
    UniqueConstraint,
    Uuid,
    delete,
    false,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Row, Transaction
from counterfoil.foundation.paging import Page, Paging
from counterfoil.records.domain import RecordId
from counterfoil.targets.domain import (
    Author,
    Delivery,
    DeliveryId,
    DeliveryStatus,
    Doubt,
    Entry,
    OptionPolicy,
    Plan,
    Property,
    PropertyId,
    Run,
    Schema,
    Target,
    TargetId,
    TargetStatus,
)
from counterfoil.targets.expressions import Expression
from counterfoil.targets.protocols import DeliveryFilter

_EXPRESSION: TypeAdapter[Expression] = TypeAdapter(Annotated[Expression, Discriminator("kind")])
_RUN: TypeAdapter[Run] = TypeAdapter(Run)
_LONGEST_DOUBT: Final = timedelta(hours=1)
PROPERTIES: TypeAdapter[tuple[Property, ...]] = TypeAdapter(tuple[Property, ...])


class TargetRow(Row):
    """A target."""

    __tablename__ = "targets"
    __table_args__ = (
        Index(
            "ix_targets_default",
            "workspace_id",
            unique=True,
            sqlite_where=text("is_default"),
            postgresql_where=text("is_default"),
        ),
        Index("ix_targets_workspace_id", "workspace_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("workspaces.id", ondelete="CASCADE"))
    kind: Mapped[str]
    name: Mapped[str]
    settings: Mapped[dict[str, Any]]
    place: Mapped[str | None] = mapped_column(index=True)
    is_default: Mapped[bool]
    paused_because: Mapped[str | None]
    refused: Mapped[bool] = mapped_column(server_default=false())
    created_at: Mapped[datetime]


class PlanRow(Row):
    """One version of a target's plan."""

    __tablename__ = "target_plans"

    target_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("targets.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("workspaces.id", ondelete="CASCADE"))
    schema_version: Mapped[str]
    properties: Mapped[list[Any]]
    entries: Mapped[list[Any]]
    made_by: Mapped[str]
    made_at: Mapped[datetime]


class DeliveryRow(Row):
    """One record's way into one target."""

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("target_id", "record_id"),
        Index("ix_deliveries_workspace_id", "workspace_id", "id"),
        Index("ix_deliveries_record_id", "workspace_id", "record_id"),
        Index("ix_deliveries_status", "target_id", "status"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("workspaces.id", ondelete="CASCADE"))
    target_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("targets.id"))
    record_id: Mapped[UUID]
    key: Mapped[str]
    status: Mapped[str]
    record_version: Mapped[int]
    delivered_version: Mapped[int | None]
    external_id: Mapped[str | None]
    url: Mapped[str | None]
    attempt: Mapped[int]
    in_doubt_since: Mapped[datetime | None]
    settles_at: Mapped[datetime | None]
    key_property: Mapped[str | None]
    written: Mapped[list[Any]]
    problems: Mapped[list[Any]]
    error: Mapped[str | None]
    run: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


def insert_new(tx: Transaction, row: type[Row], values: dict[str, Any]) -> bool:
    """Insert a row unless a unique index has one like it already, and tell whether it was inserted."""
    dialect: Any = sqlite if tx.dialect == "sqlite" else postgresql
    statement: Insert = dialect.insert(row).values(values).on_conflict_do_nothing()
    # Of an INSERT the driver may not tell how many rows it has written; what it returns does.
    return tx.execute(statement.returning(*row.__table__.primary_key)).one_or_none() is not None


class SqlTargetStore:
    """Keeps targets in the database."""

    def add(self, tx: Transaction, target: Target) -> bool:
        return insert_new(tx, TargetRow, _target_values(target))

    def get(self, tx: Transaction, workspace: WorkspaceId, target_id: TargetId, *, lock: bool = False) -> Target | None:
        found = _targets(tx, workspace, _locked(_in(TargetRow, workspace).where(TargetRow.id == target_id), lock=lock))
        return found[0] if found else None

    def default(self, tx: Transaction, workspace: WorkspaceId) -> Target | None:
        found = _targets(tx, workspace, _in(TargetRow, workspace).where(TargetRow.is_default))
        return found[0] if found else None

    def of_kind(self, tx: Transaction, workspace: WorkspaceId, kind: str) -> Sequence[Target]:
        return _targets(tx, workspace, _in(TargetRow, workspace).where(TargetRow.kind == kind).order_by(TargetRow.id))

    def hold(self, tx: Transaction, workspace: WorkspaceId, target_id: TargetId) -> bool:
        wanted = select(TargetRow.id).where(TargetRow.workspace_id == workspace, TargetRow.id == target_id)
        return tx.execute(wanted.with_for_update(read=True, key_share=True)).one_or_none() is not None

    def at(self, tx: Transaction, workspace: WorkspaceId, place: str) -> Sequence[Target]:
        return _targets(tx, workspace, _in(TargetRow, workspace).where(TargetRow.place == place).order_by(TargetRow.id))

    def elsewhere(self, tx: Transaction, workspace: WorkspaceId) -> Sequence[Target]:
        placed = _in(TargetRow, workspace).where(TargetRow.place.is_not(None)).order_by(TargetRow.id)
        return _targets(tx, workspace, placed)

    def is_elsewhere(self, tx: Transaction, workspace: WorkspaceId, place: str) -> bool:
        others = (TargetRow.place == place, TargetRow.workspace_id != workspace)
        return tx.execute(select(TargetRow.id).where(*others).limit(1)).one_or_none() is not None

    def counts(self, tx: Transaction) -> Mapping[tuple[str, TargetStatus], int]:
        paused = TargetRow.paused_because.is_not(None)
        query = select(TargetRow.kind, paused.label("paused"), func.count().label("number"))
        return {
            (row.kind, TargetStatus.PAUSED if row.paused else TargetStatus.ACTIVE): row.number
            for row in tx.execute(query.group_by(TargetRow.kind, paused))
        }

    def page(self, tx: Transaction, workspace: WorkspaceId, paging: Paging) -> Page[Target]:
        query = paged(_in(TargetRow, workspace), TargetRow.id, paging)
        return Page.of(_targets(tx, workspace, query), paging, lambda target: target.id)

    def save(self, tx: Transaction, target: Target) -> None:
        chosen = (TargetRow.workspace_id == target.workspace, TargetRow.id == target.id)
        tx.execute(update(TargetRow).where(*chosen).values(_target_values(target)))

    def hold_all(self, tx: Transaction, workspace: WorkspaceId) -> None:
        if tx.dialect == "postgresql":  # on SQLite, a transaction that writes is alone
            key = func.hashtextextended(f"targets of {workspace}", 0)
            tx.execute(select(func.pg_advisory_xact_lock(key)))

    def choose(self, tx: Transaction, target: Target) -> None:
        # One after the other: two defaults at once would be refused, even for a moment.
        of_workspace = update(TargetRow).where(TargetRow.workspace_id == target.workspace)
        tx.execute(of_workspace.where(TargetRow.is_default).values(is_default=False))
        tx.execute(of_workspace.where(TargetRow.id == target.id).values(is_default=True))

    def hold_alone(self, tx: Transaction, workspace: WorkspaceId, target_id: TargetId) -> Target | None:
        alone = _in(TargetRow, workspace).where(TargetRow.id == target_id).with_for_update()
        found = _targets(tx, workspace, alone)
        return found[0] if found else None

    def remove(self, tx: Transaction, target: Target) -> None:
        chosen = (TargetRow.workspace_id == target.workspace, TargetRow.id == target.id)
        tx.execute(delete(TargetRow).where(*chosen))


class SqlPlanStore:
    """Keeps every version of the plans in the database."""

    def newest(self, tx: Transaction, workspace: WorkspaceId, target_id: TargetId) -> Plan | None:
        return _found_plan(tx, _plans_of(workspace, target_id).order_by(PlanRow.version.desc()).limit(1))

    def of_version(self, tx: Transaction, workspace: WorkspaceId, target_id: TargetId, version: int) -> Plan | None:
        return _found_plan(tx, _plans_of(workspace, target_id).where(PlanRow.version == version))

    def add(self, tx: Transaction, workspace: WorkspaceId, plan: Plan) -> None:
        values = {
            "target_id": plan.target,
            "version": plan.version,
            "workspace_id": workspace,
            "schema_version": plan.schema.version,
            "properties": PROPERTIES.dump_python(plan.schema.properties, mode="json"),
            "entries": [_entry_values(one, entry) for one, entry in plan.entries.items()],
            "made_by": plan.made_by.value,
            "made_at": plan.made_at,
        }
        tx.execute(insert(PlanRow).values(values))

    def remove(self, tx: Transaction, target: Target) -> None:
        chosen = (PlanRow.workspace_id == target.workspace, PlanRow.target_id == target.id)
        tx.execute(delete(PlanRow).where(*chosen))


class SqlDeliveryStore:
    """Keeps deliveries in the database."""

    def add(self, tx: Transaction, delivery: Delivery) -> bool:
        return insert_new(tx, DeliveryRow, _delivery_values(delivery))

    def get(
        self, tx: Transaction, workspace: WorkspaceId, delivery_id: DeliveryId, *, lock: bool = False
    ) -> Delivery | None:
        query = _locked(_in(DeliveryRow, workspace).where(DeliveryRow.id == delivery_id), lock=lock)
        found = _deliveries(tx, workspace, query)
        return found[0] if found else None

    def of_record(self, tx: Transaction, workspace: WorkspaceId, record_id: RecordId) -> Sequence[Delivery]:
        chosen = _in(DeliveryRow, workspace).where(DeliveryRow.record_id == record_id).order_by(DeliveryRow.id)
        return _deliveries(tx, workspace, _locked(chosen, lock=True))

    def waiting(self, tx: Transaction, workspace: WorkspaceId, target_id: TargetId) -> Sequence[Delivery]:
        waiting = (DeliveryRow.target_id == target_id, DeliveryRow.status == DeliveryStatus.WAITING.value)
        chosen = _in(DeliveryRow, workspace).where(*waiting).order_by(DeliveryRow.id)
        return _deliveries(tx, workspace, _locked(chosen, lock=True))

    def remove_finished(self, tx: Transaction, target: Target) -> None:
        finished = (
            DeliveryRow.workspace_id == target.workspace,
            DeliveryRow.target_id == target.id,
            DeliveryRow.status == DeliveryStatus.DELIVERED.value,
            DeliveryRow.in_doubt_since.is_(None),
        )
        tx.execute(delete(DeliveryRow).where(*finished))

    def remaining(self, tx: Transaction, target: Target) -> Sequence[Delivery]:
        chosen = _in(DeliveryRow, target.workspace).where(DeliveryRow.target_id == target.id).order_by(DeliveryRow.id)
        return _deliveries(tx, target.workspace, _locked(chosen, lock=True))

    def remove(self, tx: Transaction, delivery: Delivery) -> None:
        chosen = (DeliveryRow.workspace_id == delivery.workspace, DeliveryRow.id == delivery.id)
        tx.execute(delete(DeliveryRow).where(*chosen))

    def rows_of_others(self, tx: Transaction, delivery: Delivery, rows: Sequence[str]) -> Collection[str]:
        theirs = (
            DeliveryRow.workspace_id == delivery.workspace,
            DeliveryRow.target_id == delivery.target_id,
            DeliveryRow.id != delivery.id,
            DeliveryRow.external_id.in_(rows),
        )
        return {row for row in tx.execute(select(DeliveryRow.external_id).where(*theirs)).scalars() if row}

    def page(self, tx: Transaction, workspace: WorkspaceId, paging: Paging, wanted: DeliveryFilter) -> Page[Delivery]:
        query = paged(_in(DeliveryRow, workspace), DeliveryRow.id, paging)
        if wanted.record_id is not None:
            query = query.where(DeliveryRow.record_id == wanted.record_id)
        if wanted.target_id is not None:
            query = query.where(DeliveryRow.target_id == wanted.target_id)
        if wanted.status is not None:
            query = query.where(DeliveryRow.status == wanted.status.value)
        if wanted.status not in {None, DeliveryStatus.DELIVERED}:
            # Nearly all others are delivered: the index on target and status finds these few without reading those.
            query = query.where(DeliveryRow.target_id.in_(_in(TargetRow, workspace).with_only_columns(TargetRow.id)))
        return Page.of(_deliveries(tx, workspace, query), paging, lambda delivery: delivery.id)

    def save(self, tx: Transaction, delivery: Delivery) -> None:
        chosen = (DeliveryRow.workspace_id == delivery.workspace, DeliveryRow.id == delivery.id)
        tx.execute(update(DeliveryRow).where(*chosen).values(_delivery_values(delivery)))


def paged(query: Select[Any], column: Any, paging: Paging) -> Select[Any]:
    """Return a query for one page, newest id first, and one row more, which tells whether there is another page."""
    query = query.order_by(column.desc()).limit(paging.limit + 1)
    return query if paging.after is None else query.where(column < paging.after)


def _in(row: type[TargetRow] | type[PlanRow] | type[DeliveryRow], workspace: WorkspaceId) -> Select[Any]:
    return select(row.__table__).where(row.workspace_id == workspace)


def _locked(query: Select[Any], *, lock: bool) -> Select[Any]:
    """Lock what is found until the transaction ends; a writing transaction on SQLite has the database to itself.

    Rows that point to it may still be inserted.
    """
    return query.with_for_update(key_share=True) if lock else query


def _targets(tx: Transaction, workspace: WorkspaceId, query: Select[Any]) -> Sequence[Target]:
    return [
        Target(
            id=TargetId(row.id),
            workspace=workspace,
            kind=row.kind,
            name=row.name,
            settings=row.settings,
            place=row.place,
            is_default=row.is_default,
            paused_because=row.paused_because,
            refused=row.refused,
            created_at=row.created_at,
        )
        for row in tx.execute(query)
    ]


def _target_values(target: Target) -> dict[str, Any]:
    return {
        "id": target.id,
        "workspace_id": target.workspace,
        "kind": target.kind,
        "name": target.name,
        "settings": dict(target.settings),
        "place": target.place,
        "is_default": target.is_default,
        "paused_because": target.paused_because,
        "refused": target.refused,
        "created_at": target.created_at,
    }


def _plan(row: Any) -> Plan:
    return Plan(
        target=TargetId(row.target_id),
        version=row.version,
        schema=Schema(properties=PROPERTIES.validate_python(row.properties)),
        entries={PropertyId(values["property_id"]): _entry(values) for values in row.entries},
        made_by=Author(row.made_by),
        made_at=row.made_at,
    )


def _plans_of(workspace: WorkspaceId, target_id: TargetId) -> Select[Any]:
    return _in(PlanRow, workspace).where(PlanRow.target_id == target_id)


def _found_plan(tx: Transaction, query: Select[Any]) -> Plan | None:
    row = tx.execute(query).one_or_none()
    return None if row is None else _plan(row)


def _entry(values: dict[str, Any]) -> Entry:
    expression = _EXPRESSION.validate_python(values["expression"])
    policy = OptionPolicy(values.get("unknown_option", OptionPolicy.ADD))  # older plans do not say
    return Entry(expression=expression, reason=values["reason"], score=values["score"], unknown_option=policy)


def _entry_values(property_id: PropertyId, entry: Entry) -> dict[str, Any]:
    expression = _EXPRESSION.dump_python(entry.expression, mode="json")
    return {
        "property_id": property_id,
        "expression": expression,
        "reason": entry.reason,
        "score": entry.score,
        "unknown_option": entry.unknown_option.value,
    }


def _deliveries(tx: Transaction, workspace: WorkspaceId, query: Select[Any]) -> Sequence[Delivery]:
    return [
        Delivery(
            id=DeliveryId(row.id),
            workspace=workspace,
            target_id=TargetId(row.target_id),
            record_id=RecordId(row.record_id),
            key=row.key,
            status=DeliveryStatus(row.status),
            record_version=row.record_version,
            delivered_version=row.delivered_version,
            external_id=row.external_id,
            url=row.url,
            attempt=row.attempt,
            doubt=_doubt(row),
            written=frozenset(row.written),
            problems=tuple(row.problems),
            error=row.error,
            run=None if row.run is None else _RUN.validate_python(row.run),
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        for row in tx.execute(query)
    ]


def _doubt(row: Any) -> Doubt | None:
    """Return what is in doubt. An older version, at work during an upgrade, writes down only since when."""
    since, settles_at = row.in_doubt_since, row.settles_at
    if since is None:
        return None
    known = settles_at if settles_at and settles_at >= since else since + _LONGEST_DOUBT
    return Doubt(since=since, settles_at=known, key_property=row.key_property)


def _delivery_values(delivery: Delivery) -> dict[str, Any]:
    values = asdict(delivery)
    values["workspace_id"] = values.pop("workspace")
    doubt = values.pop("doubt") or {"since": None, "settles_at": None, "key_property": None}
    lists = {"written": sorted(delivery.written), "problems": list(delivery.problems)}
    run = _RUN.dump_python(delivery.run, mode="json") if delivery.run else None
    held = {"in_doubt_since": doubt.pop("since"), **doubt}
    return {**values, **lists, **held, "status": delivery.status.value, "run": run}
