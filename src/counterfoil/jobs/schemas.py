"""How jobs look over HTTP."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from counterfoil.jobs.domain import (
    Attempt,
    BatchId,
    DeadReason,
    Ending,
    Failure,
    Job,
    JobDetail,
    JobId,
    JobStatus,
    LogLevel,
    LogLine,
    Order,
    Priority,
    Progress,
)
from counterfoil.jobs.timeline import Happening, Moment, timeline

Word: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,100}$")]
QueueName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,50}$")]
Line: TypeAlias = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")]
Time: TypeAlias = Annotated[
    AwareDatetime,
    # Within what every database and every time zone can tell.
    Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(2200, 1, 1, tzinfo=UTC)),
    AfterValidator(lambda time: time.astimezone(UTC)),
]
PriorityName: TypeAlias = Literal["low", "medium", "high", "critical"]
MOST_PARENTS = 1_000


class Strict(BaseModel):
    """What comes in: a key that nobody reads is a mistake worth telling."""

    model_config = ConfigDict(extra="forbid")


class JobCreate(Strict):
    """A job that is to be done."""

    type: Word = Field(description="What sort of work it is.", examples=["read_document"])
    payload: dict[str, Any] = Field(default={}, description="What it is given.", examples=[{}])
    queue: QueueName | None = Field(
        default=None, description="Which queue it waits in; null for that of its type.", examples=["default"]
    )
    priority: Annotated[int, Field(ge=0, le=10, strict=True)] | PriorityName | None = Field(
        default=None, description="0 to 10, or a name; null for that of its type.", examples=["high"]
    )
    scheduled_for: Time | None = Field(
        default=None, description="Not to be started before.", examples=["2026-03-02T06:00:00Z"]
    )
    deadline: Time | None = Field(
        default=None, description="Not worth beginning after.", examples=["2026-03-03T06:00:00Z"]
    )
    concurrency_key: Line | None = Field(
        default=None, min_length=1, description="Of the jobs of one key, one at a time runs.", examples=["account:7"]
    )
    batch_id: UUID | None = Field(default=None, description="The batch that it belongs to.", examples=[None])
    after: list[UUID] = Field(
        default=[], max_length=MOST_PARENTS, description="The jobs that have to be completed before.", examples=[[]]
    )
    despite_parents: bool = Field(
        default=False, description="Run it also when one of those died or was cancelled.", examples=[False]
    )
    description: Line = Field(default="", description="What it is about, for people.", examples=["Read receipt.jpg"])
    metadata: dict[str, Any] = Field(
        default={}, description="What you want to find with it again.", examples=[{"source": "shop"}]
    )

    def order(self, idempotency_key: str | None) -> Order:
        named = Priority[self.priority.upper()] if isinstance(self.priority, str) else self.priority
        return Order(
            queue=self.queue,
            priority=named,
            scheduled_for=self.scheduled_for,
            deadline=self.deadline,
            concurrency_key=self.concurrency_key,
            batch=BatchId(self.batch_id) if self.batch_id else None,
            after=[JobId(parent) for parent in self.after],
            despite_parents=self.despite_parents,
            idempotency_key=idempotency_key,
            description=self.description,
            metadata=self.metadata,
        )


class JobPatch(Strict):
    """What is to become of a job."""

    status: Literal["cancelled"] = Field(description="A job can be cancelled.", examples=["cancelled"])


class RetryCreate(Strict):
    """How a dead letter is to be tried again."""

    payload: dict[str, Any] | None = Field(
        default=None, description="A corrected payload; null for the one it has.", examples=[None]
    )


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


class MomentRead(BaseModel):
    """Something that happened to a job, or is to happen."""

    at: datetime = Field(description="When.", examples=["2026-03-01T12:00:00Z"])
    what: Happening = Field(description="What.", examples=["started"])
    attempt: int | None = Field(description="In which attempt, if in one.", examples=[1])

    @classmethod
    def of(cls, moment: Moment) -> "MomentRead":
        return cls(at=moment.at, what=moment.what, attempt=moment.attempt)


class JobDetailRead(JobRead):
    """A job with all that is known about it."""

    deadline: datetime | None = Field(description="Not worth beginning after.", examples=[None])
    ended_at: datetime | None = Field(description="When nothing more was to happen to it.", examples=[None])
    cancel_requested_at: datetime | None = Field(description="When somebody no longer wanted it.", examples=[None])
    retries: int = Field(description="How often a person had it tried again.", examples=[0])
    concurrency_key: str | None = Field(description="Of the jobs of one key, one at a time runs.", examples=[None])
    batch_id: UUID | None = Field(description="The batch that it belongs to.", examples=[None])
    metadata: dict[str, Any] = Field(description="What came with it.", examples=[{}])
    parents: list[UUID] = Field(description="The jobs that it waits or waited for; 1000 at most.")
    children: list[UUID] = Field(description="The jobs that wait or waited for it; 1000 at most.")
    worker_id: UUID | None = Field(description="The worker that has it.", examples=[None])
    worker_heartbeat_at: datetime | None = Field(
        description="When that worker last said that it lives.", examples=[None]
    )
    attempt_history: list[AttemptRead] = Field(default=[], description="The attempts that have ended, first to last.")
    timeline: list[MomentRead] = Field(default=[], description="What happened to it, first to last.")

    @classmethod
    def of_detail(cls, detail: JobDetail) -> "JobDetailRead":
        job = detail.job
        return cls(
            **JobRead.of(job).model_dump(),
            deadline=job.deadline,
            ended_at=job.ended_at,
            cancel_requested_at=job.cancel_requested_at,
            retries=job.retries,
            concurrency_key=job.concurrency_key,
            batch_id=job.batch_id,
            metadata=dict(job.metadata),
            parents=list(detail.neighbours.parents),
            children=list(detail.neighbours.children),
            worker_id=job.worker,
            worker_heartbeat_at=detail.heartbeat_at,
            attempt_history=[AttemptRead.of(attempt) for attempt in detail.attempts],
            timeline=[MomentRead.of(moment) for moment in timeline(job, detail.attempts)],
        )


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
