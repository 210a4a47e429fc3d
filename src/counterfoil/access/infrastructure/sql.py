"""Workspaces in SQL."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from counterfoil.access.domain import DEFAULT_WORKSPACE, WorkspaceId
from counterfoil.foundation.database import Row, Transaction


class WorkspaceRow(Row):
    """A workspace; every row that belongs to a client points to one."""

    __tablename__ = "workspaces"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    created_at: Mapped[datetime]


class SqlWorkspaceStore:
    """Keeps workspaces in SQL."""

    def ensure_default(self, tx: Transaction) -> None:
        """See to it that the default workspace is there."""
        dialect: Any = sqlite if tx.dialect == "sqlite" else postgresql
        row = {"id": DEFAULT_WORKSPACE, "name": "default", "created_at": tx.now()}
        tx.execute(dialect.insert(WorkspaceRow).values(row).on_conflict_do_nothing())

    def add(self, tx: Transaction, workspace: WorkspaceId, name: str) -> None:
        tx.execute(insert(WorkspaceRow), {"id": workspace, "name": name, "created_at": tx.now()})

    def rename(self, tx: Transaction, workspace: WorkspaceId, name: str) -> None:
        tx.execute(update(WorkspaceRow).where(WorkspaceRow.id == workspace).values(name=name))
