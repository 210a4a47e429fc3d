"""The engine's tables.

Every job writes its row three times (made, claimed, ended), and each time costs an entry in every index that is not
partial: so there are two of those only. The history of attempts and log lines has no foreign keys, which would cost
more than the rows themselves; it is removed with its job.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ColumnElement, ForeignKey, Index, Text, Uuid, exists, text
from sqlalchemy.orm import Mapped, aliased, mapped_column

from counterfoil.foundation.database import Row
from counterfoil.jobs.domain import DEATHS_TO_RUN_ALONE, JobStatus

# Written once for index and query alike: a database uses a partial index only for the very condition it was made with.
READY = "ready"
TO_RELEASE = "NOT ready AND status IN ('pending', 'failed')"
BLOCKED = "status = 'blocked'"
WAITING = "status = 'waiting'"
UNDER_WAY = "status = 'processing'"
DEAD = "status = 'dead_letter'"
WITH_DEADLINE = "deadline IS NOT NULL AND status IN ('blocked', 'pending', 'failed')"
DEADLY = f"(deaths >= {DEATHS_TO_RUN_ALONE})"
CANCEL_WANTED = "status = 'processing' AND cancel_requested_at IS NOT NULL"


def taking_a_slot(of: str = "") -> str:
    """Match jobs that count against the limits they are under; `of` is the table's alias with its dot."""
    return f"({of}ready OR {of}status IN ('processing', 'waiting'))"


def taking_a_key(of: str = "") -> str:
    """Match jobs that keep others of their concurrency key waiting."""
    return f"{of}concurrency_key IS NOT NULL AND {taking_a_slot(of)}"


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
    retries: Mapped[int]
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
    ended_at: Mapped[datetime | None]
    next_retry_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]
    concurrency_key: Mapped[str | None]
    worker_id: Mapped[UUID | None]
    lease: Mapped[UUID | None]
    description: Mapped[str]
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata")
    created_by: Mapped[str | None]
    idempotency_key: Mapped[str | None]
    request_hash: Mapped[str | None]
    deadline: Mapped[datetime | None]
    answer_due_at: Mapped[datetime | None]
    batch_id: Mapped[UUID | None]
    despite_parents: Mapped[bool]

    __table_args__ = (
        CheckConstraint("attempts <= max_attempts", name="jobs_attempts_within_max"),
        CheckConstraint("priority BETWEEN 0 AND 10", name="jobs_priority_range"),
        # What a claim reads: nothing but jobs that can be started now, in the order in which they are.
        Index("jobs_to_claim", "queue", "claim_key", **_only(READY)),
        Index("jobs_deadly", "queue", **_only(f"{READY} AND {DEADLY}")),
        Index("jobs_to_release", "due_at", **_only(f"{TO_RELEASE} AND batch_id IS NULL")),
        Index("jobs_to_release_in_batch", "batch_id", "due_at", **_only(f"{TO_RELEASE} AND batch_id IS NOT NULL")),
        Index("jobs_taking_a_key", "workspace_id", "concurrency_key", **_only(taking_a_key())),
        Index("jobs_taking_a_place", "batch_id", **_only(f"batch_id IS NOT NULL AND {taking_a_slot()}")),
        Index("jobs_of_batch", "batch_id", "status", **_only("batch_id IS NOT NULL")),
        Index("jobs_of_worker", "worker_id", **_only(UNDER_WAY)),
        Index("jobs_to_stop", "worker_id", **_only(CANCEL_WANTED)),
        Index("jobs_blocked", "queue", **_only(BLOCKED)),
        Index("jobs_waiting", "answer_due_at", **_only(WAITING)),
        Index("jobs_with_deadline", "deadline", **_only(WITH_DEADLINE)),
        Index("jobs_dead", "workspace_id", "ended_at", **_only(DEAD)),
        Index("jobs_of_workspace", "workspace_id", "id"),
        Index("jobs_once", "workspace_id", "idempotency_key", unique=True, **_only("idempotency_key IS NOT NULL")),
    )


class JobAttemptRow(Row):
    """An attempt that has ended."""

    __tablename__ = "job_attempts"

    job_id: Mapped[UUID] = mapped_column(primary_key=True)
    lease: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID]
    number: Mapped[int]
    worker_id: Mapped[UUID]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    ending: Mapped[str]
    error_code: Mapped[str | None]
    error_message: Mapped[str | None] = mapped_column(Text)
    error_stack: Mapped[str | None] = mapped_column(Text)

    # Attempts are written in the order in which they end, so that the smallest of indexes finds the latest of them.
    __table_args__ = (Index("job_attempts_by_end", "ended_at", postgresql_using="brin"),)


class JobStepRow(Row):
    """What a finished part of a job gave, by the version of the handler that did it."""

    __tablename__ = "job_steps"

    job_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("workspaces.id", ondelete="CASCADE"))
    result: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class JobEdgeRow(Row):
    """A job that waits for another to end."""

    __tablename__ = "job_edges"

    parent_id: Mapped[UUID] = mapped_column(primary_key=True)
    child_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("workspaces.id", ondelete="CASCADE"))

    __table_args__ = (Index("job_edges_of_child", "child_id"),)


def awaited() -> ColumnElement[bool]:
    """Match jobs that another still waits for."""
    child = aliased(JobRow, name="child")
    return exists().where(
        JobEdgeRow.parent_id == JobRow.id, child.id == JobEdgeRow.child_id, child.status == JobStatus.BLOCKED
    )


class JobLogRow(Row):
    """A line of a job's log."""

    __tablename__ = "job_logs"

    job_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID]
    level: Mapped[str]
    message: Mapped[str] = mapped_column(Text)
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata")
    created_at: Mapped[datetime]


class JobBatchRow(Row):
    """Jobs that were asked for together."""

    __tablename__ = "job_batches"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("workspaces.id", ondelete="CASCADE"))
    description: Mapped[str]
    at_most: Mapped[int | None]
    created_at: Mapped[datetime]
    cancelled_at: Mapped[datetime | None]


class JobCallbackRow(Row):
    """What an attempt expects an outside system to say, and its answer, which may come before the job waits for it."""

    __tablename__ = "job_callbacks"

    job_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    lease: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("workspaces.id", ondelete="CASCADE"))
    token_hash: Mapped[str] = mapped_column(unique=True)
    final: Mapped[bool]
    answer: Mapped[dict[str, Any] | None]
    answered_at: Mapped[datetime | None]


class QueueRow(Row):
    """What a person has decided about a queue."""

    __tablename__ = "queues"

    name: Mapped[str] = mapped_column(primary_key=True)
    at_most: Mapped[int | None]
    paused_at: Mapped[datetime | None]


class UpkeepTurnRow(Row):
    """When one of all processes last took the turn to do some duties. It may be lost: then somebody does them early."""

    __tablename__ = "upkeep_turns"

    name: Mapped[str] = mapped_column(primary_key=True)
    taken_at: Mapped[datetime]


class WorkerRow(Row):
    """A worker process. Narrow, for it is written at every beat."""

    __tablename__ = "workers"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    lock_key: Mapped[int | None] = mapped_column(BigInteger)
    """The advisory lock that it holds while it lives; null where its beat alone tells."""
    lapse_seconds: Mapped[float]
    """After what silence it is given up."""
    started_at: Mapped[datetime]
    beat_at: Mapped[datetime]
    missing_since: Mapped[datetime | None]
    """When somebody first saw that its lock was not held."""
    ended_at: Mapped[datetime | None]

    __table_args__ = (Index("workers_living", "id", **_only("ended_at IS NULL")),)
