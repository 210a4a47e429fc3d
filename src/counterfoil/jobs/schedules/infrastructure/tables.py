"""The tables of schedules."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from counterfoil.foundation.database import Row


class ScheduleRow(Row):
    """A schedule as it stands now."""

    __tablename__ = "schedules"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("workspaces.id", ondelete="CASCADE"))
    name: Mapped[str]
    cron: Mapped[str]
    time_zone: Mapped[str]
    job_type: Mapped[str]
    payload: Mapped[dict[str, Any]]
    queue: Mapped[str | None]
    priority: Mapped[int | None]
    missed_runs: Mapped[str]
    next_run_at: Mapped[datetime | None]
    last_run_at: Mapped[datetime | None]
    last_job_id: Mapped[UUID | None]
    left_out: Mapped[int]
    error_code: Mapped[str | None]
    error_message: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    created_by: Mapped[str | None]

    __table_args__ = (
        CheckConstraint("priority BETWEEN 0 AND 10", name="schedules_priority_range"),
        Index("schedules_name", "workspace_id", "name", unique=True),
        Index("schedules_of_workspace", "workspace_id", "id"),
        Index("schedules_due", "next_run_at"),
    )
