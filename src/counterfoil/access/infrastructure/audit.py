"""The audit log in SQL: entries as they come, and their chains."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Select, Uuid, delete, func, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from counterfoil.access.audit.domain import Entry, Link, linked, start_of
from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Row, Transaction
from counterfoil.foundation.paging import InvalidCursor, Page, Paging

_READ_AHEAD = 1_000
_WORKSPACES_AT_ONCE = 100


class AuditInboxRow(Row):
    """An entry that is not linked yet."""

    __tablename__ = "audit_inbox"
    __table_args__ = (Index("ix_audit_inbox_workspace_id", "workspace_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("workspaces.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str | None]
    address: Mapped[str | None]
    details: Mapped[dict[str, Any]]


class AuditLogRow(Row):
    """An entry in its workspace's chain."""

    __tablename__ = "audit_log"
    __table_args__ = (Index("ix_audit_log_id", "workspace_id", "id", unique=True),)

    workspace_id: Mapped[UUID] = mapped_column(
        Uuid(), ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hash: Mapped[str]
    id: Mapped[UUID]
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str | None]
    address: Mapped[str | None]
    details: Mapped[dict[str, Any]]


class SqlAuditStore:
    """Keeps the audit log in the database."""

    def add(self, tx: Transaction, entry: Entry) -> None:
        tx.execute(insert(AuditInboxRow).values(_values(entry)))

    def waiting(self, tx: Transaction) -> Sequence[WorkspaceId]:
        found = select(AuditInboxRow.workspace_id).distinct().limit(_WORKSPACES_AT_ONCE)
        return [WorkspaceId(id_) for id_ in tx.execute(found).scalars()]

    def link(self, tx: Transaction, workspace: WorkspaceId, at_most: int) -> Link | None:
        _hold(tx, workspace)
        inbox = AuditInboxRow.__table__
        mine = inbox.c.workspace_id == workspace
        entries = [_entry(row) for row in tx.execute(select(inbox).where(mine).order_by(inbox.c.id).limit(at_most))]
        last = tx.execute(_of(workspace).order_by(AuditLogRow.position.desc()).limit(1)).one_or_none()
        position, previous = (last.position, last.hash) if last else (0, start_of(workspace))
        links = []
        for entry in entries:
            position += 1
            links.append(linked(entry, position, previous))
            previous = links[-1].hash
        if not links:
            return None
        rows = [{**_values(one.entry), "position": one.position, "hash": one.hash} for one in links]
        tx.execute(insert(AuditLogRow), rows)
        tx.execute(delete(AuditInboxRow).where(mine, inbox.c.id.in_([one.id for one in entries])))
        return links[-1]

    def page(self, tx: Transaction, workspace: WorkspaceId, paging: Paging) -> Page[Link]:
        query = _of(workspace).order_by(AuditLogRow.position.desc()).limit(paging.limit + 1)
        if paging.after:
            place = select(AuditLogRow.position).where(
                AuditLogRow.workspace_id == workspace, AuditLogRow.id == paging.after
            )
            before = tx.execute(place).scalar_one_or_none()
            if before is None:
                raise InvalidCursor
            query = query.where(AuditLogRow.position < before)
        return Page.of([_link(row) for row in tx.execute(query)], paging, lambda link: link.entry.id)

    def chain(self, tx: Transaction, workspace: WorkspaceId) -> Iterator[Link]:
        reached = 0
        while True:
            part = _of(workspace).where(AuditLogRow.position > reached).order_by(AuditLogRow.position)
            rows = tx.execute(part.limit(_READ_AHEAD)).all()
            yield from map(_link, rows)
            if len(rows) < _READ_AHEAD:
                return
            reached = rows[-1].position

    def workspaces(self, tx: Transaction) -> Sequence[WorkspaceId]:
        found = select(AuditLogRow.workspace_id).where(AuditLogRow.position == 1)
        return [WorkspaceId(id_) for id_ in tx.execute(found).scalars()]


def _hold(tx: Transaction, workspace: WorkspaceId) -> None:
    """Let nobody else lengthen the workspace's chain; SQLite has one writer anyway."""
    if tx.dialect == "postgresql":
        key = func.hashtextextended(f"audit_log {workspace}", 0)
        tx.execute(select(func.pg_advisory_xact_lock(key)))


def _of(workspace: WorkspaceId) -> Select[Any]:
    return select(AuditLogRow.__table__).where(AuditLogRow.workspace_id == workspace)


def _values(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "workspace_id": entry.workspace,
        "at": entry.at,
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "address": entry.address,
        "details": dict(entry.details),
    }


def _entry(row: Any) -> Entry:
    return Entry(
        id=row.id,
        workspace=WorkspaceId(row.workspace_id),
        at=row.at,
        actor=row.actor,
        action=row.action,
        subject=row.subject,
        address=row.address,
        details=row.details,
    )


def _link(row: Any) -> Link:
    return Link(entry=_entry(row), position=row.position, hash=row.hash)
