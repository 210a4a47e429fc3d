"""How the engine's standing looks over HTTP."""

from collections.abc import Mapping
from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field

from counterfoil.jobs.domain import JobStatus
from counterfoil.jobs.overview.domain import Dashboard, FailedAttempt, Minute, OfType, QueueStanding, Spread, Statistics
from counterfoil.jobs.schemas import Strict


class SpreadRead(BaseModel):
    """How long something takes, in milliseconds; null while there is nothing to measure."""

    p50: float | None = Field(description="The median.", examples=[900.0])
    p95: float | None = Field(description="What 95 of 100 stay within.", examples=[2100.0])
    p99: float | None = Field(description="What 99 of 100 stay within.", examples=[4300.0])

    @classmethod
    def of(cls, spread: Spread) -> "SpreadRead":
        return cls(p50=spread.p50, p95=spread.p95, p99=spread.p99)


class StatisticsRead(BaseModel):
    """What there is to do now, and how the last hour went."""

    queue_depth: int = Field(description="Jobs that can be started, now or once they are due.", examples=[42])
    processing: int = Field(description="Jobs that are being processed.", examples=[5])
    waiting: int = Field(description="Jobs that wait for an outside system to call back.", examples=[0])
    blocked: int = Field(description="Jobs that wait for others.", examples=[3])
    failed: int = Field(description="Jobs that failed and are tried again by themselves.", examples=[1])
    dead: int = Field(description="Dead letters.", examples=[0])
    completed_last_hour: int = Field(description="Attempts that completed within the last hour.", examples=[3240])
    failed_last_hour: int = Field(description="Attempts that failed within the last hour.", examples=[12])
    success_rate: float | None = Field(description="Per cent of those that completed.", examples=[99.63])
    throughput_per_minute: float = Field(description="Completed a minute, over the last hour.", examples=[54.0])
    average_duration_ms: float | None = Field(description="Of those that completed.", examples=[1250.0])
    duration_ms: SpreadRead = Field(description="How long attempts took that completed.")
    start_latency_ms: SpreadRead = Field(description="How long jobs had been due when they were started.")

    @classmethod
    def of(cls, statistics: Statistics) -> "StatisticsRead":
        ended = statistics.ended
        return cls(
            queue_depth=statistics.number(JobStatus.PENDING),
            processing=statistics.number(JobStatus.PROCESSING),
            waiting=statistics.number(JobStatus.WAITING),
            blocked=statistics.number(JobStatus.BLOCKED),
            failed=statistics.number(JobStatus.FAILED),
            dead=statistics.number(JobStatus.DEAD_LETTER),
            completed_last_hour=ended.completed,
            failed_last_hour=ended.failed,
            success_rate=ended.success_rate,
            throughput_per_minute=ended.throughput_per_minute,
            average_duration_ms=ended.duration.mean,
            duration_ms=SpreadRead.of(ended.duration),
            start_latency_ms=SpreadRead.of(ended.start_latency),
        )


class QueueRead(BaseModel):
    """A queue: how many of the workspace's jobs are in it, and what was decided about it for the installation."""

    name: str = Field(description="Its name.", examples=["default"])
    depth: int = Field(description="Jobs that wait in it.", examples=[20])
    processing: int = Field(description="Jobs of it that are being processed.", examples=[2])
    at_most: int | None = Field(description="How many may run at once, over all workers.", examples=[10])
    paused: bool = Field(description="Whether no job of it begins.", examples=[False])
    paused_at: datetime | None = Field(description="Since when.", examples=[None])

    @classmethod
    def of(cls, queue: QueueStanding) -> "QueueRead":
        return cls(
            name=queue.name,
            depth=queue.depth,
            processing=queue.processing,
            at_most=queue.at_most,
            paused=queue.paused_at is not None,
            paused_at=queue.paused_at,
        )


class QueuesRead(BaseModel):
    """The queues."""

    items: list[QueueRead] = Field(description="The queues, by name.")


class QueuePatch(Strict):
    """What is to be decided about a queue, for the whole installation; what is left out stays as it is."""

    at_most: int | None = Field(
        default=None, ge=1, le=100_000, description="How many may run at once; null lifts the limit.", examples=[10]
    )
    paused: bool | None = Field(default=None, description="Let no job of it begin, or let them again.", examples=[True])


class FailedAttemptRead(BaseModel):
    """An attempt that failed lately."""

    job_id: UUID = Field(description="Of which job.", examples=["019c1d5e-0000-7000-8000-000000000000"])
    type: str = Field(description="Of what type.", examples=["read_document"])
    description: str = Field(description="What it was about.", examples=["Read receipt.jpg"])
    code: str = Field(description="What went wrong, for programs.", examples=["task_timeout"])
    message: str = Field(description="What went wrong.", examples=["The job took longer than 900 s."])
    at: datetime = Field(description="When.", examples=["2026-03-01T12:00:00Z"])

    @classmethod
    def of(cls, one: FailedAttempt) -> "FailedAttemptRead":
        return cls(
            job_id=one.job, type=one.type, description=one.description, code=one.code, message=one.message, at=one.at
        )


class OfTypeRead(BaseModel):
    """The jobs of one type that were made within the last hour."""

    type: str = Field(description="The type.", examples=["read_document"])
    number: int = Field(description="How many.", examples=[120])
    completed: int = Field(description="How many of them are completed.", examples=[118])
    dead: int = Field(description="How many of them are dead letters.", examples=[0])

    @classmethod
    def of(cls, one: OfType) -> "OfTypeRead":
        return cls(type=one.type, number=one.number, completed=one.completed, dead=one.dead)


class MinuteRead(BaseModel):
    """A minute of the last hour."""

    at: datetime = Field(description="Its end.", examples=["2026-03-01T12:00:00Z"])
    made: int = Field(description="Jobs made in it.", examples=[60])
    completed: int = Field(description="Attempts completed in it.", examples=[58])
    failed: int = Field(description="Attempts failed in it.", examples=[0])
    depth: int = Field(description="Unfinished jobs at its end, reckoned back from now.", examples=[20])

    @classmethod
    def of(cls, minute: Minute) -> "MinuteRead":
        return cls(at=minute.at, made=minute.made, completed=minute.completed, failed=minute.failed, depth=minute.depth)


class DashboardRead(BaseModel):
    """All that a dashboard shows."""

    queues: Mapping[str, QueueRead] = Field(
        description="The queues by name.",
        examples=[{"default": {"name": "default", "depth": 20, "processing": 2, "at_most": None, "paused": False}}],
    )
    recent_failures: list[FailedAttemptRead] = Field(description="What failed within the last hour, latest first.")
    performance_metrics: StatisticsRead = Field(description="The figures of `/jobs/stats`.")
    types: list[OfTypeRead] = Field(description="Which jobs were made within the last hour, most frequent first.")
    history: list[MinuteRead] = Field(description="The last hour by minutes, first to last.")

    @classmethod
    def of(cls, dashboard: Dashboard) -> Self:
        return cls(
            queues={queue.name: QueueRead.of(queue) for queue in dashboard.queues},
            recent_failures=[FailedAttemptRead.of(one) for one in dashboard.failures],
            performance_metrics=StatisticsRead.of(dashboard.statistics),
            types=[OfTypeRead.of(one) for one in dashboard.types],
            history=[MinuteRead.of(minute) for minute in dashboard.minutes],
        )
