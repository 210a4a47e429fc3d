"""Ready-made jobs."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.ids import first_id, new_id
from counterfoil.jobs.domain import Backoff, Job, JobId, JobStatus, Lease, WorkerId
from counterfoil.jobs.types import JobType
from tests.support.handlers import Note

_numbers = count()


def make_job(workspace: WorkspaceId, **changes: Any) -> Job:
    """Return a job that can be claimed at once."""
    now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    facts: dict[str, Any] = {
        "id": JobId(UUID(int=first_id(now - timedelta(days=365)).int + next(_numbers))),
        "workspace": workspace,
        "type": "note",
        "queue": "default",
        "payload": {},
        "status": JobStatus.PENDING,
        "priority": 3,
        "created_at": now,
        "due_at": now,
        "max_attempts": 5,
        "backoff": Backoff(),
        "timeout_seconds": 60,
        "memory_mb": 512,
        "ready": True,
    }
    return Job(**(facts | changes))


def claimed_job(job_type: JobType[Note], **payload: object) -> Job:
    """Return a job as a worker has claimed it."""
    return make_job(
        WorkspaceId(new_id()),
        type=job_type.name,
        status=JobStatus.PROCESSING,
        payload=payload,
        attempts=1,
        timeout_seconds=job_type.timeout_seconds,
        memory_mb=job_type.memory_mb,
        lease=Lease(new_id()),
        worker=WorkerId(new_id()),
    )


def fresh_job(workspace: WorkspaceId, **changes: Any) -> Job:
    """Return a job whose id says that it was made just now, where that of `make_job` is a year old."""
    return make_job(workspace, **({"id": JobId(new_id())} | changes))
