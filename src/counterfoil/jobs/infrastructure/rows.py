"""What the engine keeps, as rows and back."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row as ResultRow

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.ids import NO_ID
from counterfoil.jobs.domain import (
    Attempt,
    Backoff,
    Batch,
    DeadReason,
    Ending,
    Failure,
    Job,
    JobId,
    JobStatus,
    Lease,
    LogLevel,
    LogLine,
    Progress,
    Queue,
    WorkerId,
    claim_key,
)


def identity_of(job: Job) -> dict[str, Any]:
    """Return the columns that never change after a job was made."""
    return {
        "id": job.id,
        "workspace_id": job.workspace,
        "type": job.type,
        "queue": job.queue,
        "payload": dict(job.payload),
        "priority": job.priority,
        "max_attempts": job.max_attempts,
        "retry_delay_seconds": job.backoff.base.total_seconds(),
        "retry_longest_seconds": job.backoff.longest.total_seconds(),
        "timeout_seconds": job.timeout_seconds,
        "memory_mb": job.memory_mb,
        "created_at": job.created_at,
        "scheduled_for": job.scheduled_for,
        "concurrency_key": job.concurrency_key,
        "description": job.description,
        "metadata": dict(job.metadata),
        "created_by": job.created_by,
        "idempotency_key": job.idempotency_key,
        "request_hash": job.request_hash,
        "batch_id": job.batch_id,
        "despite_parents": job.despite_parents,
        "claim_key": claim_key(job.priority, job.due_at) if job.ready else None,
    }


def row_of(job: Job) -> dict[str, Any]:
    """Return the columns that a move may change; progress is written by itself and stays as it is."""
    return {
        "status": job.status,
        "ready": job.ready,
        "due_at": job.due_at,
        "attempts": job.attempts,
        "deaths": job.deaths,
        "retries": job.retries,
        "result": dict(job.result) if job.result is not None else None,
        "dead_reason": job.dead_reason,
        "started_at": job.started_at,
        "completed_at": job.completed_at,
        "failed_at": job.failed_at,
        "ended_at": job.ended_at,
        "next_retry_at": job.next_retry_at,
        "cancel_requested_at": job.cancel_requested_at,
        "deadline": job.deadline,
        "answer_due_at": job.answer_due_at,
        "worker_id": job.worker,
        "lease": job.lease,
        **failure_row(job.failure),
    }


def failure_row(failure: Failure | None) -> dict[str, Any]:
    """Return the columns that say what went wrong; empty ones if nothing did."""
    return {
        "error_code": failure.code if failure else None,
        "error_message": failure.message if failure else None,
        "error_stack": failure.stack if failure else None,
    }


def progress_row(progress: Progress) -> dict[str, Any]:
    """Return the progress as JSON; its percentage follows from it."""
    return {
        "total": progress.total,
        "processed": progress.processed,
        "failed": progress.failed,
        "message": progress.message,
    }


def _failure_of(cells: Mapping[str, Any]) -> Failure | None:
    if cells["error_code"] is None:
        return None
    return Failure(code=cells["error_code"], message=cells["error_message"], stack=cells["error_stack"])


def job_of(row: ResultRow[Any]) -> Job:
    """Return the job that a row of `jobs` holds."""
    cells = row._asdict()
    return Job(
        **{field: cells[column] for column, field in _TOLD.items()},
        backoff=_backoff(cells["retry_delay_seconds"], cells["retry_longest_seconds"]),
        failure=_failure_of(cells),
        status=JobStatus(cells["status"]),
        ready=cells["ready"],
        progress=Progress(**cells["progress"]) if cells["progress"] else None,
        result=cells["result"],
        dead_reason=DeadReason(cells["dead_reason"]) if cells["dead_reason"] else None,
        completed_at=cells["completed_at"],
        ended_at=cells["ended_at"],
        next_retry_at=cells["next_retry_at"],
        cancel_requested_at=cells["cancel_requested_at"],
        worker=cells["worker_id"],
        lease=cells["lease"],
        request_hash=cells["request_hash"],
        answer_due_at=cells["answer_due_at"],
        despite_parents=cells["despite_parents"],
    )


def claimed_of(row: ResultRow[Any], worker: WorkerId, lease: Lease) -> Job:
    """Return the job that a worker has claimed just now, from the columns `CLAIMED`."""
    # A row gives its cells one by one by name so slowly that it would take longer than all the rest.
    facts = dict(zip(_TOLD.values(), row, strict=False))
    base, longest, code, message, stack, _ = row[len(_TOLD) :]
    return _BLANK.changed(
        **facts,
        backoff=_backoff(base, longest),
        failure=Failure(code=code, message=message, stack=stack) if code else None,
        status=JobStatus.PROCESSING,
        worker=worker,
        lease=lease,
    )


_TOLD = {
    "id": "id",
    "workspace_id": "workspace",
    "type": "type",
    "queue": "queue",
    "payload": "payload",
    "priority": "priority",
    "created_at": "created_at",
    "due_at": "due_at",
    "attempts": "attempts",
    "max_attempts": "max_attempts",
    "deaths": "deaths",
    "retries": "retries",
    "timeout_seconds": "timeout_seconds",
    "memory_mb": "memory_mb",
    "scheduled_for": "scheduled_for",
    "started_at": "started_at",
    "failed_at": "failed_at",
    "concurrency_key": "concurrency_key",
    "description": "description",
    "metadata": "metadata",
    "created_by": "created_by",
    "idempotency_key": "idempotency_key",
    "deadline": "deadline",
    "batch_id": "batch_id",
}
"""The columns that also a job just claimed has something in, as they are, and what the job calls them."""

# The others are empty in a row that can be claimed, or are known to who claims it.
CLAIMED = (
    *_TOLD,
    "retry_delay_seconds",
    "retry_longest_seconds",
    "error_code",
    "error_message",
    "error_stack",
    "claim_key",
)

_BLANK = Job(
    id=JobId(NO_ID),
    workspace=WorkspaceId(NO_ID),
    type="",
    queue="",
    payload={},
    status=JobStatus.PENDING,
    priority=0,
    created_at=datetime.min.replace(tzinfo=UTC),
    due_at=datetime.min.replace(tzinfo=UTC),
    max_attempts=1,
    backoff=Backoff(),
    timeout_seconds=1,
    memory_mb=1,
)


@cache
def _backoff(base: float, longest: float) -> Backoff:
    """Return a backoff by its seconds; there are few that differ."""
    return Backoff(base=timedelta(seconds=base), longest=timedelta(seconds=longest))


def changes_of(before: Job, after: Job) -> dict[str, Any]:
    """Return the columns that a move has changed."""
    old = row_of(before)
    return {name: value for name, value in row_of(after).items() if value != old[name]}


def attempt_of(row: ResultRow[Any]) -> Attempt:
    """Return the attempt that a row of `job_attempts` holds."""
    return Attempt(
        job=row.job_id,
        lease=row.lease,
        number=row.number,
        worker=row.worker_id,
        started_at=row.started_at,
        ended_at=row.ended_at,
        ending=Ending(row.ending),
        failure=_failure_of(row._asdict()),
    )


def line_of(row: ResultRow[Any]) -> LogLine:
    """Return the line that a row of `job_logs` holds."""
    return LogLine(
        id=row.id,
        job=row.job_id,
        level=LogLevel(row.level),
        message=row.message,
        metadata=row.metadata,
        created_at=row.created_at,
    )


def attempt_row(attempt: Attempt, workspace: UUID) -> dict[str, Any]:
    """Return the columns of an attempt."""
    return {
        "job_id": attempt.job,
        "lease": attempt.lease,
        "workspace_id": workspace,
        "number": attempt.number,
        "worker_id": attempt.worker,
        "started_at": attempt.started_at,
        "ended_at": attempt.ended_at,
        "ending": attempt.ending,
        **failure_row(attempt.failure),
    }


def line_row(line: LogLine, workspace: UUID) -> dict[str, Any]:
    """Return the columns of a log line."""
    return {
        "id": line.id,
        "job_id": line.job,
        "workspace_id": workspace,
        "level": line.level,
        "message": line.message,
        "metadata": dict(line.metadata),
        "created_at": line.created_at,
    }


def batch_of(row: ResultRow[Any], counts: Mapping[JobStatus, int]) -> Batch:
    """Return the batch that a row of `job_batches` holds, with how many of its jobs stand where."""
    return Batch(
        id=row.id,
        workspace=row.workspace_id,
        description=row.description,
        at_most=row.at_most,
        created_at=row.created_at,
        cancelled_at=row.cancelled_at,
        counts=counts,
    )


def queue_of(row: ResultRow[Any]) -> Queue:
    """Return the decisions that a row of `queues` holds."""
    return Queue(name=row.name, at_most=row.at_most, paused_at=row.paused_at)
