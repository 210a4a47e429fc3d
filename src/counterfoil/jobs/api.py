"""Routes about jobs: make them, look at them, follow their logs, cancel, remove and retry them, call them back."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from counterfoil.access.api import may
from counterfoil.access.domain import Permission, WorkspaceId
from counterfoil.foundation.paging import PageRead, PagingParameters, page_read
from counterfoil.foundation.problems import problems
from counterfoil.foundation.routing import provided
from counterfoil.jobs.changes import JobChanges
from counterfoil.jobs.creating import JobCreation
from counterfoil.jobs.domain import BatchId, JobId, JobStatus, LogLevel
from counterfoil.jobs.protocols import JobFilter, LineFilter
from counterfoil.jobs.schemas import (
    JobCreate,
    JobDetailRead,
    JobPatch,
    JobRead,
    LogLineRead,
    RetryCreate,
    Time,
)
from counterfoil.jobs.service import JobService

router = APIRouter(prefix="/jobs", tags=["jobs"])

ToRead = Annotated[WorkspaceId, may(Permission.JOBS_READ)]
ToManage = Annotated[WorkspaceId, may(Permission.JOBS_MANAGE)]
Jobs = Annotated[JobService, Depends(provided(JobService))]
Creation = Annotated[JobCreation, Depends(provided(JobCreation))]
Changes = Annotated[JobChanges, Depends(provided(JobChanges))]
JobIdInPath = Annotated[
    UUID,
    Path(
        alias="job_id",
        description="The job's id, as the answer that made it said.",
        examples=["01950000-0000-7000-8000-000000000001"],
    ),
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[\x20-\x7e]*$",
        description="A name of your own for this request: sent again with it, it makes no second job.",
        examples=["order-1017"],
    ),
]
Status = Annotated[JobStatus | None, Query(description="Only jobs that stand there.", examples=["dead_letter"])]
Type = Annotated[
    str | None,
    Query(
        alias="type", pattern=r"^[\x20-\x7e]{1,100}$", description="Only jobs of this type.", examples=["read_document"]
    ),
]
Queue = Annotated[
    str | None, Query(pattern=r"^[\x20-\x7e]{1,50}$", description="Only jobs of this queue.", examples=["default"])
]
Batch = Annotated[
    UUID | None,
    Query(alias="batch_id", description="Only jobs of this batch.", examples=["01950000-0000-7000-8000-000000000001"]),
]
ErrorCode = Annotated[
    str | None,
    Query(
        pattern=r"^[\x20-\x7e]{1,100}$", description="Only those that failed with this code.", examples=["task_timeout"]
    ),
]
CreatedAfter = Annotated[
    Time | None, Query(description="Only those made then or later.", examples=["2026-03-01T00:00:00Z"])
]
CreatedBefore = Annotated[Time | None, Query(description="Only those made before.", examples=["2026-03-02T00:00:00Z"])]
Words = Annotated[
    str | None,
    Query(
        alias="q",
        max_length=200,
        pattern=r"^[^\x00]*$",
        description="Only those with these words in the description or the error.",
        examples=["receipt.jpg"],
    ),
]


def job_filter(
    status: Status = None,
    type_: Type = None,
    queue: Queue = None,
    batch: Batch = None,
    error_code: ErrorCode = None,
    created_after: CreatedAfter = None,
    created_before: CreatedBefore = None,
    words: Words = None,
) -> JobFilter:
    """Read from a list's URL which jobs are meant."""
    return JobFilter(
        status=status,
        type=type_,
        queue=queue,
        batch=BatchId(batch) if batch else None,
        error_code=error_code,
        created_after=created_after,
        created_before=created_before,
        containing=words or None,
    )


@router.post("", status_code=201, responses=problems(404, 409, 422, 429))
def create_job(
    creation: Creation,
    workspace: ToManage,
    body: JobCreate,
    request: Request,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> JobRead:
    """Make a job; sent again with the same idempotency key, return the job that is there already."""
    job = creation.create(workspace, body.type, body.payload, body.order(idempotency_key))
    response.headers["Location"] = request.url_for("get_job", job_id=job.id).path
    return JobRead.of(job)


@router.get("", responses=problems(422))
def list_jobs(
    request: Request,
    jobs: Jobs,
    workspace: ToRead,
    paging: PagingParameters,
    wanted: Annotated[JobFilter, Depends(job_filter)],
) -> PageRead[JobRead]:
    """List jobs, newest first."""
    return page_read(jobs.page(workspace, paging, wanted), request, JobRead.of)


@router.get("/{job_id}", responses=problems(404, 422))
def get_job(jobs: Jobs, workspace: ToRead, job: JobIdInPath) -> JobDetailRead:
    """Show a job: how its attempts went, what it waits for and who waits for it, and who works at it."""
    return JobDetailRead.of_detail(jobs.detail(workspace, JobId(job)))


@router.patch("/{job_id}", responses=problems(404, 409, 422))
def change_job(
    changes: Changes,
    workspace: ToManage,
    job: JobIdInPath,
    body: JobPatch,  # noqa: ARG001 - there is one thing it can say
) -> JobRead:
    """Cancel a job: at once, or while it is being processed as soon as its handler looks up."""
    return JobRead.of(changes.cancel(workspace, JobId(job)))


@router.delete("/{job_id}", status_code=204, responses=problems(404, 409, 422))
def delete_job(changes: Changes, workspace: ToManage, job: JobIdInPath) -> None:
    """Remove a job that is completed, cancelled or a dead letter, with its history."""
    changes.remove(workspace, JobId(job))


@router.get("/{job_id}/logs", responses=problems(404, 422))
def list_job_logs(
    request: Request,
    jobs: Jobs,
    workspace: ToRead,
    job: JobIdInPath,
    paging: PagingParameters,
    level: Annotated[
        LogLevel, Query(description="Only lines that matter so much, or more.", examples=["warn"])
    ] = LogLevel.DEBUG,
    oldest_first: Annotated[bool, Query(description="Begin with the oldest line.", examples=[False])] = False,
) -> PageRead[LogLineRead]:
    """Show what a job's handler wrote, newest line first unless asked otherwise."""
    wanted = LineFilter(at_least=level, oldest_first=oldest_first)
    return page_read(jobs.logs(workspace, JobId(job), paging, wanted), request, LogLineRead.of)


@router.post("/{job_id}/retry", responses=problems(404, 409, 422))
def retry_job(changes: Changes, workspace: ToManage, job: JobIdInPath, body: RetryCreate | None = None) -> JobRead:
    """Give a dead letter a fresh allowance of attempts, with a corrected payload if there is one."""
    return JobRead.of(changes.retry(workspace, JobId(job), body.payload if body else None))
