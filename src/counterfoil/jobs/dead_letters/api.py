"""Routes about dead letters: look through them, try them again, clear them away."""

from dataclasses import replace
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from counterfoil.access.api import may
from counterfoil.access.domain import Permission, WorkspaceId
from counterfoil.foundation.paging import PageRead, PagingParameters, page_read
from counterfoil.foundation.problems import problems
from counterfoil.foundation.routing import provided
from counterfoil.jobs.api import ErrorCode, JobIdInPath, Queue, Type, Words
from counterfoil.jobs.dead_letters.schemas import (
    CleanUpCreate,
    DeadLetterDetailRead,
    DeadLetterRead,
    GroupRead,
    GroupsRead,
    RemovedRead,
    RetriedRead,
    RetryManyCreate,
)
from counterfoil.jobs.dead_letters.service import DeadLetters
from counterfoil.jobs.domain import DeadReason, JobId
from counterfoil.jobs.protocols import JobFilter
from counterfoil.jobs.schemas import JobRead, RetryCreate

router = APIRouter(prefix="/dlq", tags=["dead letters"])

ToRead = Annotated[WorkspaceId, may(Permission.JOBS_READ)]
ToManage = Annotated[WorkspaceId, may(Permission.JOBS_MANAGE)]
Letters = Annotated[DeadLetters, Depends(provided(DeadLetters))]
Reason = Annotated[DeadReason | None, Query(description="Only those that died for this reason.", examples=["poison"])]


def letter_filter(
    type_: Type = None,
    queue: Queue = None,
    error_code: ErrorCode = None,
    reason: Reason = None,
    words: Words = None,
) -> JobFilter:
    """Read from a list's URL which dead letters are meant."""
    return JobFilter(type=type_, queue=queue, error_code=error_code, dead_reason=reason, containing=words or None)


Wanted = Annotated[JobFilter, Depends(letter_filter)]


@router.get("", responses=problems(422))
def list_dead_letters(
    request: Request, letters: Letters, workspace: ToRead, paging: PagingParameters, wanted: Wanted
) -> PageRead[DeadLetterRead]:
    """List the dead letters, newest job first."""
    return page_read(letters.page(workspace, paging, wanted), request, DeadLetterRead.of)


@router.get("/groups", responses=problems(422))
def list_dead_letter_groups(letters: Letters, workspace: ToRead, wanted: Wanted) -> GroupsRead:
    """Count the dead letters by type and error, the largest group first, at most 200 of them."""
    return GroupsRead(items=[GroupRead.of(group) for group in letters.groups(workspace, wanted)])


@router.post("/retry", responses=problems(422))
def retry_dead_letters(letters: Letters, workspace: ToManage, body: RetryManyCreate) -> RetriedRead:
    """Try all dead letters again that match, except those that were retried too often already."""
    wanted = replace(body.filter(), containing=body.q or None)
    return RetriedRead(retried=letters.retry_many(workspace, wanted))


@router.post("/cleanup", responses=problems(422))
def clean_up_dead_letters(letters: Letters, workspace: ToManage, body: CleanUpCreate | None = None) -> RemovedRead:
    """Remove dead letters with their history: those that match, or those that are older than they are kept anyway."""
    asked = body or CleanUpCreate()
    older_than = None if asked.older_than_days is None else timedelta(days=asked.older_than_days)
    return RemovedRead(removed=letters.clean_up(workspace, asked.filter(), older_than))


@router.get("/{job_id}", responses=problems(404, 422))
def get_dead_letter(letters: Letters, workspace: ToRead, job: JobIdInPath) -> DeadLetterDetailRead:
    """Show a dead letter: what it was given, where it went wrong, and how its attempts went."""
    return DeadLetterDetailRead.of_detail(letters.get(workspace, JobId(job)))


@router.post("/{job_id}/retry", responses=problems(404, 409, 422))
def retry_dead_letter(
    letters: Letters, workspace: ToManage, job: JobIdInPath, body: RetryCreate | None = None
) -> JobRead:
    """Give a dead letter a fresh allowance of attempts, with a corrected payload if there is one."""
    return JobRead.of(letters.retry(workspace, JobId(job), body.payload if body else None))


@router.delete("/{job_id}", status_code=204, responses=problems(404, 409, 422))
def delete_dead_letter(letters: Letters, workspace: ToManage, job: JobIdInPath) -> None:
    """Remove a dead letter with its history."""
    letters.remove(workspace, JobId(job))
