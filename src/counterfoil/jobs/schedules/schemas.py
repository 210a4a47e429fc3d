"""How schedules look over HTTP."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Self, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from counterfoil.jobs.domain import JobId
from counterfoil.jobs.schedules.cron import LONGEST, InvalidCron, describe
from counterfoil.jobs.schedules.domain import MissedRuns, Schedule, Terms
from counterfoil.jobs.schemas import FailureRead

Name: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$", strip_whitespace=True)
]
Word: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,100}$")]
Cron: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=LONGEST, pattern=r"^[\x20-\x7e]*$", strip_whitespace=True)
]

_CRON = Field(
    description="Minute, hour, day of month, month, day of week; or @hourly, @daily, @weekly, @monthly, @yearly.",
    examples=["30 6 * * MON-FRI"],
)
_TIME_ZONE = Field(description="On whose clocks, by its IANA name.", examples=["Europe/Berlin"])
_NAME = Field(description="What people call it; once in a workspace.", examples=["Nightly export"])
_JOB_TYPE = Field(description="What sort of job it makes.", examples=["read_document"])
_PAYLOAD = Field(description="What its jobs are given.", examples=[{}])
_QUEUE = Field(description="Which queue its jobs wait in; null for that of their type.", examples=["scheduled"])
_PRIORITY = Field(ge=0, le=10, description="0 (low) to 10 for its jobs; null for that of their type.", examples=[3])
_MISSED_RUNS = Field(
    description="Of slots missed while nothing ran: skip them, make up for the latest once, or for all (at most 100).",
    examples=["once"],
)
_ENABLED = Field(description="Whether it fires; a paused one does not.", examples=[True])


class _Strict(BaseModel):
    """What comes in: a key that nobody reads is a mistake worth telling."""

    model_config = ConfigDict(extra="forbid")


class ScheduleCreate(_Strict):
    """Work that is to come round."""

    name: Annotated[Name, _NAME]
    cron: Annotated[Cron, _CRON]
    time_zone: Annotated[Word, _TIME_ZONE] = "UTC"
    job_type: Annotated[Word, _JOB_TYPE]
    payload: Annotated[dict[str, Any], _PAYLOAD] = {}
    queue: Annotated[Word | None, _QUEUE] = None
    priority: Annotated[int | None, _PRIORITY] = None
    missed_runs: Annotated[MissedRuns, _MISSED_RUNS] = MissedRuns.ONCE
    enabled: Annotated[bool, _ENABLED] = True

    def domain(self) -> Terms:
        return Terms(**self.model_dump(exclude={"enabled"}))


class SchedulePatch(_Strict):
    """What is to be changed of a schedule; what is left out stays as it is."""

    name: Annotated[Name, _NAME] = Field(default_factory=str)
    cron: Annotated[Cron, _CRON] = Field(default_factory=str)
    time_zone: Annotated[Word, _TIME_ZONE] = Field(default_factory=str)
    job_type: Annotated[Word, _JOB_TYPE] = Field(default_factory=str)
    payload: Annotated[dict[str, Any], _PAYLOAD] = Field(default_factory=dict)
    queue: Annotated[Word | None, _QUEUE] = None
    priority: Annotated[int | None, _PRIORITY] = None
    missed_runs: Annotated[MissedRuns, _MISSED_RUNS] = MissedRuns.ONCE
    enabled: bool | None = Field(
        default=None, description="False pauses it; true lets it go on from now.", examples=[False]
    )

    def apply_to(self, terms: Terms) -> Terms:
        return replace(terms, **self.model_dump(exclude_unset=True, exclude={"enabled"}))


class ScheduleRead(BaseModel):
    """A schedule as it stands now."""

    id: UUID = Field(description="The schedule's id.", examples=["01950000-0000-7000-8000-000000000001"])
    name: Annotated[str, _NAME]
    cron: Annotated[str, _CRON]
    description: str = Field(description="The expression in words.", examples=["At 06:30 on Monday through Friday"])
    time_zone: Annotated[str, _TIME_ZONE]
    job_type: Annotated[str, _JOB_TYPE]
    payload: Annotated[dict[str, Any], _PAYLOAD]
    queue: Annotated[str | None, _QUEUE]
    priority: Annotated[int | None, _PRIORITY]
    missed_runs: Annotated[MissedRuns, _MISSED_RUNS]
    enabled: Annotated[bool, _ENABLED]
    next_run_at: datetime | None = Field(
        description="Its next slot; null while it is paused.", examples=["2026-03-02T05:30:00Z"]
    )
    last_run_at: datetime | None = Field(description="When it last made a job.", examples=["2026-03-01T05:30:01Z"])
    last_job_id: UUID | None = Field(
        description="The latest job it made.", examples=["01950000-0000-7000-8000-000000000002"]
    )
    left_out: int = Field(
        description="How many missed slots its latest firing left out; counted up to 1000.", examples=[0]
    )
    last_error: FailureRead | None = Field(description="Why it was paused, if not by a person.", examples=[None])
    created_at: datetime = Field(description="When it was made.", examples=["2026-03-01T12:00:00Z"])
    created_by: str | None = Field(description="Who made it, if that is known.", examples=[None])

    @classmethod
    def of(cls, schedule: Schedule) -> Self:
        terms = schedule.terms
        return cls(
            id=schedule.id,
            name=terms.name,
            cron=terms.cron,
            description=_in_words(terms.cron),
            time_zone=terms.time_zone,
            job_type=terms.job_type,
            payload=dict(terms.payload),
            queue=terms.queue,
            priority=terms.priority,
            missed_runs=terms.missed_runs,
            enabled=schedule.enabled,
            next_run_at=schedule.next_run_at,
            last_run_at=schedule.last_run_at,
            last_job_id=schedule.last_job,
            left_out=schedule.left_out,
            last_error=FailureRead.of(schedule.failure),
            created_at=schedule.created_at,
            created_by=schedule.created_by,
        )


def _in_words(cron: str) -> str:
    """Return what an expression means; one that another version could read, and this one cannot, as it stands."""
    try:
        return describe(cron)
    except InvalidCron:
        return cron


class ScheduleRunRead(BaseModel):
    """The job that was made at a person's wish."""

    job_id: UUID = Field(description="The new job's id.", examples=["01950000-0000-7000-8000-000000000002"])

    @classmethod
    def of(cls, job: JobId) -> Self:
        return cls(job_id=job)


class SchedulePreviewCreate(_Strict):
    """An expression to try out."""

    cron: Annotated[Cron, _CRON]
    time_zone: Annotated[Word, _TIME_ZONE] = "UTC"
    count: int = Field(default=5, ge=1, le=100, description="How many slots to show.", examples=[5])


class SlotRead(BaseModel):
    """A moment at which a schedule fires."""

    at: datetime = Field(description="In UTC.", examples=["2026-03-02T05:30:00Z"])
    local: datetime = Field(description="On the clocks of the time zone.", examples=["2026-03-02T06:30:00+01:00"])


class SchedulePreviewRead(BaseModel):
    """What an expression means."""

    description: str = Field(description="In words.", examples=["At 06:30 on Monday through Friday"])
    next_runs: list[SlotRead] = Field(description="Its next slots.")

    @classmethod
    def of(cls, description: str, time_zone: str, slots: Sequence[datetime]) -> Self:
        zone = ZoneInfo(time_zone)
        return cls(description=description, next_runs=[SlotRead(at=at, local=at.astimezone(zone)) for at in slots])
