"""The engine's tables."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from counterfoil.foundation.database import Row

# Written once for index and query alike: a database uses a partial index only for the very condition it was made with.
READY = "ready"
TO_RELEASE = "NOT ready AND status IN ('pending', 'failed')"
UNDER_WAY = "status = 'processing'"
UNFINISHED = "status NOT IN ('completed', 'cancelled')"


def taking_a_slot(of: str = "") -> str:
    """Match jobs that keep others of their concurrency key waiting; `of` is the table's alias with its dot."""
    under_way = f"({of}ready OR {of}status IN ('processing', 'waiting'))"
    return f"{of}concurrency_key IS NOT NULL AND {under_way}"


def _only(condition: str) -> dict[str, Any]:
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


class JobRow(Row):
    """A job as it stands now."""

    __tablename__ = "jobs"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("workspaces.id", ondelete="CASCADE"))
    type: Mapped[str]
    queue: Mapped[str]
    payload: Mapped[dict[str, Any]]
    status: Mapped[str]
    priority: Mapped[int]
    ready: Mapped[bool]
    claim_key: Mapped[int | None] = mapped_column(BigInteger)
    due_at: Mapped[datetime]
    attempts: Mapped[int]
    max_attempts: Mapped[int]
    deaths: Mapped[int]
    retry_delay_seconds: Mapped[float]
    retry_longest_seconds: Mapped[float]
    timeout_seconds: Mapped[int]
    memory_mb: Mapped[int]
    progress: Mapped[dict[str, Any] | None]
    result: Mapped[dict[str, Any] | None]
    error_code: Mapped[str | None]
    error_message: Mapped[str | None] = mapped_column(Text)
    error_stack: Mapped[str | None] = mapped_column(Text)
    dead_reason: Mapped[str | None]
    created_at: Mapped[datetime]
    scheduled_for: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    next_retry_at: Mapped[datetime | None]
    concurrency_key: Mapped[str | None]
    worker_id: Mapped[UUID | None]
    lease: Mapped[UUID | None]
    description: Mapped[str]
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata")
    created_by: Mapped[str | None]
    idempotency_key: Mapped[str | None]
    deadline: Mapped[datetime | None]
    batch_id: Mapped[UUID | None]

    __table_args__ = (
        CheckConstraint("attempts <= max_attempts", name="jobs_attempts_within_max"),
        CheckConstraint("priority BETWEEN 0 AND 10", name="jobs_priority_range"),
        # What a claim reads: nothing but jobs that can be started now, in the order in which they are.
        Index("jobs_to_claim", "claim_key", **_only(READY)),
        Index("jobs_to_release", "due_at", **_only(TO_RELEASE)),
        Index("jobs_taking_a_slot", "workspace_id", "concurrency_key", **_only(taking_a_slot())),
        Index("jobs_of_worker", "worker_id", **_only(UNDER_WAY)),
        Index("jobs_unfinished", "queue", "status", **_only(UNFINISHED)),
        Index("jobs_of_workspace", "workspace_id", "id"),
        Index("jobs_once", "workspace_id", "idempotency_key", unique=True, **_only("idempotency_key IS NOT NULL")),
    )


class JobAttemptRow(Row):
    """An attempt that has ended."""

    __tablename__ = "job_attempts"

    job_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    lease: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("workspaces.id", ondelete="CASCADE"))
    number: Mapped[int]
    worker_id: Mapped[UUID]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    ending: Mapped[str]
    error_code: Mapped[str | None]
    error_message: Mapped[str | None] = mapped_column(Text)
    error_stack: Mapped[str | None] = mapped_column(Text)


class JobStepRow(Row):
    """What a finished part of a job gave."""

    __tablename__ = "job_steps"

    job_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("workspaces.id", ondelete="CASCADE"))
    result: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class JobLogRow(Row):
    """A line of a job's log."""

    __tablename__ = "job_logs"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    job_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("jobs.id", ondelete="CASCADE"))
    workspace_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("workspaces.id", ondelete="CASCADE"))
    level: Mapped[str]
    message: Mapped[str] = mapped_column(Text)
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata")
    created_at: Mapped[datetime]

    __table_args__ = (Index("job_logs_of_job", "job_id", "id"),)


class WorkerRow(Row):
    """A worker process. Narrow, for it is written at every beat."""

    __tablename__ = "workers"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    started_at: Mapped[datetime]
    beat_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (Index("workers_living", "beat_at", **_only("ended_at IS NULL")),)
