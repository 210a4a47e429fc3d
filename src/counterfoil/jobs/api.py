"""Routes about jobs: look at them, follow their logs, try dead letters again."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request

from counterfoil.access.api import CurrentWorkspace
from counterfoil.foundation.paging import PageRead, PagingParameters, page_read
from counterfoil.foundation.problems import problems
from counterfoil.foundation.routing import provided
from counterfoil.jobs.changes import JobChanges
from counterfoil.jobs.domain import JobId, JobStatus
from counterfoil.jobs.protocols import JobFilter
from counterfoil.jobs.schemas import AttemptRead, JobDetailRead, JobRead, LogLineRead
from counterfoil.jobs.service import JobService

router = APIRouter(prefix="/jobs", tags=["jobs"])

Jobs = Annotated[JobService, Depends(provided(JobService))]
Changes = Annotated[JobChanges, Depends(provided(JobChanges))]
JobIdInPath = Annotated[
    UUID,
    Path(
        alias="job_id",
        description="The job's id, as the upload answered it.",
        examples=["01950000-0000-7000-8000-000000000001"],
    ),
]
Status = Annotated[JobStatus | None, Query(description="Only jobs that stand there.", examples=["dead_letter"])]
Type = Annotated[
    str | None,
    Query(
        alias="type", pattern=r"^[\x20-\x7e]{1,100}$", description="Only jobs of this type.", examples=["read_document"]
    ),
]


@router.get("", responses=problems(422))
def list_jobs(
    request: Request,
    jobs: Jobs,
    workspace: CurrentWorkspace,
    paging: PagingParameters,
    status: Status = None,
    type_: Type = None,
) -> PageRead[JobRead]:
    """List jobs, newest first."""
    return page_read(jobs.page(workspace, paging, JobFilter(status=status, type=type_)), request, JobRead.of)


@router.get("/{job_id}", responses=problems(404, 422))
def get_job(jobs: Jobs, workspace: CurrentWorkspace, job: JobIdInPath) -> JobDetailRead:
    """Show a job, with how its attempts went."""
    found = JobRead.of(jobs.get(workspace, JobId(job)))
    history = [AttemptRead.of(attempt) for attempt in jobs.attempts(workspace, JobId(job))]
    return JobDetailRead(**found.model_dump(), attempt_history=history)


@router.get("/{job_id}/logs", responses=problems(404, 422))
def list_job_logs(
    request: Request, jobs: Jobs, workspace: CurrentWorkspace, job: JobIdInPath, paging: PagingParameters
) -> PageRead[LogLineRead]:
    """Show what a job's handler wrote, newest line first."""
    return page_read(jobs.logs(workspace, JobId(job), paging), request, LogLineRead.of)


@router.post("/{job_id}/retry", responses=problems(404, 409, 422))
def retry_job(changes: Changes, workspace: CurrentWorkspace, job: JobIdInPath) -> JobRead:
    """Give a dead letter a fresh allowance of attempts; those it has had are kept."""
    return JobRead.of(changes.retry(workspace, JobId(job)))
