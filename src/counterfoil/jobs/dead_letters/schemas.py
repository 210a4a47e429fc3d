"""How dead letters look over HTTP."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from counterfoil.jobs.dead_letters.domain import Group
from counterfoil.jobs.domain import DeadReason, Job, JobDetail, JobId
from counterfoil.jobs.protocols import JobFilter
from counterfoil.jobs.schemas import AttemptRead, FailureRead, Line, Strict, Word

MOST_IDS = 1_000
_TYPE = Field(default=None, description="Only those of this type.", examples=["read_document"])
_ERROR = Field(default=None, description="Only those that died of this error.", examples=["task_timeout"])
_REASON = Field(default=None, description="Only those that died for this reason.", examples=["poison"])
_IDS = Field(default=None, max_length=MOST_IDS, description="Only these.", examples=[None])


class DeadLetterRead(BaseModel):
    """A job that is not tried again unless a person wants it."""

    id: UUID = Field(description="The job's id.", examples=["019c1d5e-0000-7000-8000-000000000000"])
    type: str = Field(description="What sort of work it was.", examples=["read_document"])
    queue: str = Field(description="Which queue it was in.", examples=["default"])
    description: str = Field(description="What it was about.", examples=["Read receipt.jpg"])
    payload: dict[str, Any] = Field(description="What it was given.", examples=[{}])
    reason: DeadReason = Field(description="Why it is a dead letter.", examples=["attempts_used_up"])
    error: FailureRead | None = Field(description="What went wrong last.", examples=[None])
    attempts: int = Field(description="How many attempts it had.", examples=[5])
    retries: int = Field(description="How often a person had it tried again.", examples=[0])
    created_at: datetime = Field(description="When it was made.", examples=["2026-03-01T12:00:00Z"])
    died_at: datetime = Field(description="When it became a dead letter.", examples=["2026-03-01T13:00:00Z"])

    @classmethod
    def of(cls, job: Job) -> "DeadLetterRead":
        return cls(
            id=job.id,
            type=job.type,
            queue=job.queue,
            description=job.description,
            payload=dict(job.payload),
            reason=job.dead_reason or DeadReason.ATTEMPTS_USED_UP,
            error=FailureRead.of(job.failure),
            attempts=job.attempts,
            retries=job.retries,
            created_at=job.created_at,
            died_at=job.ended_at or job.created_at,
        )


class DeadLetterDetailRead(DeadLetterRead):
    """A dead letter with all that helps to find out why."""

    stack: str | None = Field(description="Where in the program it went wrong last.", examples=[None])
    metadata: dict[str, Any] = Field(description="What came with it.", examples=[{}])
    attempt_history: list[AttemptRead] = Field(description="The attempts that it had, first to last.")

    @classmethod
    def of_detail(cls, detail: JobDetail) -> "DeadLetterDetailRead":
        return cls(
            **DeadLetterRead.of(detail.job).model_dump(),
            stack=detail.job.failure.stack if detail.job.failure else None,
            metadata=dict(detail.job.metadata),
            attempt_history=[AttemptRead.of(attempt) for attempt in detail.attempts],
        )


class GroupRead(BaseModel):
    """Dead letters of one type that died of the same error."""

    type: str = Field(description="What sort of work.", examples=["read_document"])
    error_code: str | None = Field(description="Of which error.", examples=["task_timeout"])
    number: int = Field(description="How many.", examples=[12])
    oldest: datetime = Field(description="When the first of them died.", examples=["2026-03-01T12:00:00Z"])
    newest: datetime = Field(description="When the last of them died.", examples=["2026-03-02T12:00:00Z"])

    @classmethod
    def of(cls, group: Group) -> "GroupRead":
        return cls(
            type=group.type,
            error_code=group.error_code,
            number=group.number,
            oldest=group.oldest,
            newest=group.newest,
        )


class GroupsRead(BaseModel):
    """The dead letters by what they died of."""

    items: list[GroupRead] = Field(description="The groups, the largest first.")


class _Chosen(Strict):
    """Which dead letters are meant; nothing means all."""

    ids: list[UUID] | None = _IDS
    type: Word | None = _TYPE
    error_code: Word | None = _ERROR
    reason: DeadReason | None = _REASON

    def filter(self) -> JobFilter:
        ids = None if self.ids is None else [JobId(one) for one in self.ids]
        return JobFilter(ids=ids, type=self.type, error_code=self.error_code, dead_reason=self.reason)


class RetryManyCreate(_Chosen):
    """Which dead letters are to be tried again; nothing means all."""

    q: Line | None = Field(
        default=None, description="Only those with these words in the description or the error.", examples=["timeout"]
    )


class RetriedRead(BaseModel):
    """What became of it."""

    retried: int = Field(description="How many are tried again.", examples=[12])


class CleanUpCreate(_Chosen):
    """Which dead letters are to be removed. Nothing means those that are older than they are kept anyway."""

    older_than_days: float | None = Field(
        default=None, ge=0, le=36_500, description="Only those that died so long ago.", examples=[30]
    )


class RemovedRead(BaseModel):
    """What became of it."""

    removed: int = Field(description="How many are gone.", examples=[12])
