"""What has happened to a job so far, in order: told from its row and its attempts, and kept nowhere else."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from counterfoil.jobs.domain import Attempt, Ending, Job, JobStatus


class Happening(StrEnum):
    """What can happen to a job."""

    CREATED = "created"
    SCHEDULED = "scheduled"
    STARTED = "started"
    COMPLETED = "completed"
    FAILED = "failed"
    POSTPONED = "postponed"
    WAITING = "waiting"
    RETURNED = "returned"
    LOST = "lost"
    CANCEL_REQUESTED = "cancel_requested"
    CANCELLED = "cancelled"
    RETRY_DUE = "retry_due"
    DEAD_LETTER = "dead_letter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Something that happened to a job, or is to happen, and in which attempt."""

    at: datetime
    what: Happening
    attempt: int | None = None


def timeline(job: Job, attempts: Sequence[Attempt]) -> Sequence[Moment]:
    """Return what happened to the job, first to last; the last of it may lie ahead."""
    # Sorting keeps the order of what happened in the same moment.
    return sorted((*_beginning(job), *_tries(attempts), *_now(job, attempts)), key=lambda moment: moment.at)


def _beginning(job: Job) -> Iterator[Moment]:
    yield Moment(at=job.created_at, what=Happening.CREATED)
    if job.scheduled_for:
        yield Moment(at=job.scheduled_for, what=Happening.SCHEDULED)


def _tries(attempts: Sequence[Attempt]) -> Iterator[Moment]:
    for one in attempts:
        yield Moment(at=one.started_at, what=Happening.STARTED, attempt=one.number)
        if one.ending is not Ending.CANCELLED:  # the job's own end tells
            yield Moment(at=one.ended_at, what=Happening(one.ending), attempt=one.number)


def _now(job: Job, attempts: Sequence[Attempt]) -> Iterator[Moment]:
    if job.status is JobStatus.PROCESSING and job.started_at:
        yield Moment(at=job.started_at, what=Happening.STARTED, attempt=job.attempts)
    if job.cancel_requested_at and job.cancel_requested_at != job.ended_at:
        yield Moment(at=job.cancel_requested_at, what=Happening.CANCEL_REQUESTED)
    if job.next_retry_at:
        yield Moment(at=job.next_retry_at, what=Happening.RETRY_DUE)
    told = any(one.ending is Ending.COMPLETED for one in attempts)
    if job.ended_at and not (told and job.status is JobStatus.COMPLETED):
        yield Moment(at=job.ended_at, what=Happening(job.status))
