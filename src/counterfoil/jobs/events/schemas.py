"""How events look over HTTP: what stands in the `data` of each."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from counterfoil.jobs.domain import JobId, JobStatus, Progress
from counterfoil.jobs.events.domain import Glance
from counterfoil.jobs.schemas import FailureRead, ProgressRead


class MovedRead(BaseModel):
    """Where a job stands: the data of `status`, and of `end`, after which nothing more happens by itself."""

    job_id: UUID = Field(description="The job's id.", examples=["019c1d5e-0000-7000-8000-000000000000"])
    type: str = Field(description="What sort of work it is.", examples=["read_document"])
    queue: str = Field(description="Which queue it is in.", examples=["default"])
    description: str = Field(description="What it is about.", examples=["Read receipt.jpg"])
    status: JobStatus = Field(description="Where it stands.", examples=["processing"])
    attempts: int = Field(description="How many attempts have begun.", examples=[1])
    max_attempts: int = Field(description="How many there may be.", examples=[5])
    error: FailureRead | None = Field(description="What went wrong in its latest failed attempt.", examples=[None])
    cancel_requested_at: datetime | None = Field(description="When somebody no longer wanted it.", examples=[None])

    @classmethod
    def of(cls, glance: Glance) -> "MovedRead":
        return cls(
            job_id=glance.job,
            type=glance.type,
            queue=glance.queue,
            description=glance.description,
            status=glance.status,
            attempts=glance.attempts,
            max_attempts=glance.max_attempts,
            error=FailureRead.of(glance.failure),
            cancel_requested_at=glance.cancel_requested_at,
        )


class ProgressedRead(ProgressRead):
    """How far a job is: the data of `progress`."""

    job_id: UUID = Field(description="The job's id.", examples=["019c1d5e-0000-7000-8000-000000000000"])

    @classmethod
    def of_job(cls, job: JobId, progress: Progress) -> "ProgressedRead":
        return cls(job_id=job, **ProgressRead.of(progress).model_dump())


class GoneRead(BaseModel):
    """A job has been removed: the data of `removed`."""

    job_id: UUID = Field(description="The job's id.", examples=["019c1d5e-0000-7000-8000-000000000000"])
