"""How jobs look over HTTP."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from counterfoil.jobs.domain import Attempt, DeadReason, Ending, Failure, Job, JobStatus, LogLevel, LogLine, Progress


class ProgressRead(BaseModel):
    """How far a job is."""

    total: int | None = Field(description="How many there are to do, if known.", examples=[1000])
    processed: int = Field(description="How many are done.", examples=[250])
    failed: int = Field(description="How many of them in vain.", examples=[5])
    percentage: float | None = Field(description="0 to 100; null while the total is unknown.", examples=[25.0])
    message: str = Field(description="What is being done.", examples=["Reading page 1 of 4"])

    @classmethod
    def of(cls, progress: Progress) -> "ProgressRead":
        return cls(
            total=progress.total,
            processed=progress.processed,
            failed=progress.failed,
            percentage=progress.percentage,
            message=progress.message,
        )


class FailureRead(BaseModel):
    """What went wrong."""

    code: str = Field(description="A stable word for programs.", examples=["task_timeout"])
    message: str = Field(description="What happened.", examples=["The job took longer than 900 s."])

    @classmethod
    def of(cls, failure: Failure | None) -> "FailureRead | None":
        return cls(code=failure.code, message=failure.message) if failure else None


class AttemptRead(BaseModel):
    """One try at a job that has ended."""

    number: int = Field(description="Counts from 1 within an allowance of attempts.", examples=[1])
    started_at: datetime = Field(description="When it began.", examples=["2026-03-01T12:00:00Z"])
    ended_at: datetime = Field(description="When it ended.", examples=["2026-03-01T12:00:02Z"])
    ending: Ending = Field(description="How it ended.", examples=["completed"])
    error: FailureRead | None = Field(description="What went wrong, if anything.", examples=[None])

    @classmethod
    def of(cls, attempt: Attempt) -> "AttemptRead":
        return cls(
            number=attempt.number,
            started_at=attempt.started_at,
            ended_at=attempt.ended_at,
            ending=attempt.ending,
            error=FailureRead.of(attempt.failure),
        )


class JobRead(BaseModel):
    """A job as it stands now."""

    id: UUID = Field(description="The job's id.", examples=["019c1d5e-0000-7000-8000-000000000000"])
    type: str = Field(description="What sort of work it is.", examples=["read_document"])
    queue: str = Field(description="Which queue it waits in.", examples=["default"])
    status: JobStatus = Field(description="Where it stands.", examples=["processing"])
    description: str = Field(description="What it is about, for people.", examples=["Read receipt.jpg"])
    payload: dict[str, Any] = Field(description="What it was given.", examples=[{}])
    priority: int = Field(description="0 (low) to 10; critical is 9.", examples=[3])
    attempts: int = Field(description="How many attempts have begun.", examples=[1])
    max_attempts: int = Field(description="How many there may be.", examples=[5])
    progress: ProgressRead | None = Field(description="How far it is, if it says so.", examples=[None])
    result: dict[str, Any] | None = Field(description="What it gave, once completed.", examples=[None])
    error: FailureRead | None = Field(description="What went wrong in its latest failed attempt.", examples=[None])
    dead_reason: DeadReason | None = Field(description="Why it is a dead letter, if it is one.", examples=[None])
    created_at: datetime = Field(description="When it was made.", examples=["2026-03-01T12:00:00Z"])
    scheduled_for: datetime | None = Field(description="Not to be started before.", examples=[None])
    started_at: datetime | None = Field(description="When its latest attempt began.", examples=["2026-03-01T12:00:00Z"])
    completed_at: datetime | None = Field(description="When it was completed.", examples=[None])
    failed_at: datetime | None = Field(description="When its latest attempt failed.", examples=[None])
    next_retry_at: datetime | None = Field(description="When it is tried again.", examples=[None])

    @classmethod
    def of(cls, job: Job) -> "JobRead":
        return cls(
            id=job.id,
            type=job.type,
            queue=job.queue,
            status=job.status,
            description=job.description,
            payload=dict(job.payload),
            priority=job.priority,
            attempts=job.attempts,
            max_attempts=job.max_attempts,
            progress=ProgressRead.of(job.progress) if job.progress else None,
            result=dict(job.result) if job.result is not None else None,
            error=FailureRead.of(job.failure),
            dead_reason=job.dead_reason,
            created_at=job.created_at,
            scheduled_for=job.scheduled_for,
            started_at=job.started_at,
            completed_at=job.completed_at,
            failed_at=job.failed_at,
            next_retry_at=job.next_retry_at,
        )


class JobDetailRead(JobRead):
    """A job with the attempts it has had."""

    attempt_history: list[AttemptRead] = Field(default=[], description="The attempts that have ended, first to last.")


class LogLineRead(BaseModel):
    """A line of a job's log."""

    id: UUID = Field(description="The line's id.", examples=["019c1d5e-0000-7000-8000-000000000000"])
    level: LogLevel = Field(description="How much it matters.", examples=["info"])
    message: str = Field(description="What the handler said.", examples=["Read 1 page"])
    metadata: dict[str, Any] = Field(description="Facts that go with it.", examples=[{"reader": "layout"}])
    created_at: datetime = Field(description="When it was said.", examples=["2026-03-01T12:00:01Z"])

    @classmethod
    def of(cls, line: LogLine) -> "LogLineRead":
        return cls(
            id=line.id,
            level=line.level,
            message=line.message,
            metadata=dict(line.metadata),
            created_at=line.created_at,
        )
