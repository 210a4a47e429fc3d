"""The table of workspaces."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from counterfoil.foundation.database import Row


class WorkspaceRow(Row):
    """A workspace; every row that belongs to a client points to one."""

    __tablename__ = "workspaces"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    created_at: Mapped[datetime]
