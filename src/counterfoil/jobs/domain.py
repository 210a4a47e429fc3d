"""What the engine talks about: jobs and where they stand, their attempts, batches, queues and log lines."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any, Final, NewType, TypeAlias
from uuid import UUID

from counterfoil.access.domain import WorkspaceId

JobId = NewType("JobId", UUID)
BatchId = NewType("BatchId", UUID)
WorkerId = NewType("WorkerId", UUID)
Lease = NewType("Lease", UUID)
"""The fencing token of an attempt: whoever comes with an older one is refused."""
AttemptKey: TypeAlias = tuple[JobId, Lease]

Json: TypeAlias = Mapping[str, Any]

AGEING: Final = timedelta(minutes=1)
"""What a step of priority is worth in waiting time, so that the least urgent job waits a bounded time."""
DEATHS_TO_RUN_ALONE: Final = 2
DEATHS_TO_POISON: Final = 3


class JobStatus(StrEnum):
    """Where a job stands."""

    BLOCKED = "blocked"
    PENDING = "pending"
    PROCESSING = "processing"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DEAD_LETTER = "dead_letter"

    @property
    def final(self) -> bool:
        """Tell whether nothing more happens unless a person asks for it."""
        return self in FINAL


FINAL: Final = frozenset({JobStatus.COMPLETED, JobStatus.CANCELLED, JobStatus.DEAD_LETTER})


class Priority(IntEnum):
    """Named points on the scale from 0 to 10; any number between them will do as well."""

    LOW = 0
    MEDIUM = 3
    HIGH = 6
    CRITICAL = 9


class DeadReason(StrEnum):
    """Why a job became a dead letter."""

    ATTEMPTS_USED_UP = "attempts_used_up"
    NOT_WORTH_RETRYING = "not_worth_retrying"
    DEADLINE_PASSED = "deadline_passed"
    POISON = "poison"


class Ending(StrEnum):
    """How an attempt ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    POSTPONED = "postponed"
    WAITING = "waiting"
    RETURNED = "returned"
    LOST = "lost"
    CANCELLED = "cancelled"


class LogLevel(StrEnum):
    """How much a line in a job's log matters."""

    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long to wait before trying again: `base · 2ⁿ`, at most `longest`, and up to half of it more by chance."""

    base: timedelta = timedelta(seconds=60)
    longest: timedelta = timedelta(hours=1)

    def delay(self, attempt: int, chance: float) -> timedelta:
        """Return the wait after this attempt (from 1); `chance` lies between 0 and 1."""
        doublings = min(attempt - 1, 64)  # beyond that every base has long reached the longest delay
        # In floats: no timedelta is long enough for every base doubled so often.
        seconds = min(self.base.total_seconds() * 2.0**doublings, self.longest.total_seconds())
        return timedelta(seconds=seconds + seconds * chance / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a job is: so many of `total`, `failed` of them in vain."""

    total: int | None = None
    processed: int = 0
    failed: int = 0
    message: str = ""

    @property
    def percentage(self) -> float | None:
        """Return 0 to 100, or None while the total is unknown."""
        return min(100.0, 100 * self.processed / self.total) if self.total else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What went wrong in an attempt, in words that are safe to keep and to show."""

    code: str
    message: str
    stack: str | None = None


@dataclass(frozen=True, kw_only=True)
class Job:
    """A unit of durable work. `attempts` counts those begun; the one running is the last of them.

    It has no slots: a worker makes three of each, and a dictionary is copied at once where slots are filled one by one.
    """

    id: JobId
    workspace: WorkspaceId
    type: str
    queue: str
    payload: Json
    status: JobStatus
    priority: int
    created_at: datetime
    due_at: datetime
    """Not to be started before: the time it was scheduled for, or when it is to be tried again."""
    max_attempts: int
    backoff: Backoff
    timeout_seconds: int
    memory_mb: int
    ready: bool = False
    """Nothing stands in its way any more: the next claim may take it."""
    attempts: int = 0
    deaths: int = 0
    """How many workers died while they had it."""
    retries: int = 0
    """How often a person gave it a fresh allowance of attempts."""
    progress: Progress | None = None
    result: Json | None = None
    failure: Failure | None = None
    dead_reason: DeadReason | None = None
    scheduled_for: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    failed_at: datetime | None = None
    ended_at: datetime | None = None
    """When it became final."""
    next_retry_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    concurrency_key: str | None = None
    worker: WorkerId | None = None
    lease: Lease | None = None
    description: str = ""
    metadata: Json = field(default_factory=dict)
    created_by: str | None = None
    idempotency_key: str | None = None
    """What the one who made it calls it; a workspace has one job of each such name."""
    request_hash: str | None = None
    """What was asked for under the idempotency key, so that another request is told from a repetition."""
    deadline: datetime | None = None
    """Not worth beginning after."""
    answer_due_at: datetime | None = None
    """When the answer of an outside system that it waits for is overdue."""
    batch_id: BatchId | None = None
    despite_parents: bool = False
    """Run it also when a job that it waited for died or was cancelled."""

    @property
    def suspect(self) -> bool:
        """Tell whether it may be what killed a worker, so that it had better run in a process of its own."""
        return self.deaths > 0

    def changed(self, **facts: Any) -> "Job":
        """Return the job with other facts, as `dataclasses.replace` does; that takes many times as long."""
        assert facts.keys() <= self.__dict__.keys()  # noqa: S101 - true unless a fact's name is misspelt
        job = object.__new__(Job)
        job.__dict__.update(self.__dict__, **facts)
        return job


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How a job is wanted, beside its type and payload; what is not said is as the type has it."""

    queue: str | None = None
    priority: int | None = None
    scheduled_for: datetime | None = None
    deadline: datetime | None = None
    concurrency_key: str | None = None
    """Of the jobs of one key in a workspace, one at a time is processed."""
    batch: BatchId | None = None
    after: Collection[JobId] = ()
    """The jobs that have to be completed before."""
    despite_parents: bool = False
    """Run it also when one of those died or was cancelled, instead of cancelling it, too."""
    idempotency_key: str | None = None
    description: str = ""
    metadata: Json | None = None
    created_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a dispatcher needs to know about a job that can be claimed."""

    job: JobId
    queue: str
    priority: int


def claim_key(priority: int, ready_at: datetime) -> int:
    """Return what ready jobs are served by, the smallest first: microseconds, moved forward by the priority."""
    return int((ready_at - AGEING * priority).timestamp() * 1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at a job, kept for good once it has ended."""

    job: JobId
    lease: Lease
    number: int
    worker: WorkerId
    started_at: datetime
    ended_at: datetime
    ending: Ending
    failure: Failure | None

    @property
    def key(self) -> AttemptKey:
        return self.job, self.lease


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line that a handler wrote about its work."""

    id: UUID
    job: JobId
    level: LogLevel
    message: str
    metadata: Json
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """The jobs that a job waits or waited for, and those that wait for it; of very many, some."""

    parents: Sequence[JobId] = ()
    children: Sequence[JobId] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDetail:
    """A job with all that is known about it."""

    job: Job
    attempts: Sequence[Attempt]
    neighbours: Neighbours
    heartbeat_at: datetime | None
    """When the worker that has it last said that it lives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Jobs that were asked for together, of which at most so many run at once."""

    id: BatchId
    workspace: WorkspaceId
    description: str
    at_most: int | None
    created_at: datetime
    cancelled_at: datetime | None = None
    counts: Mapping[JobStatus, int] = field(default_factory=dict)
    """How many of its jobs stand where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """What a person has decided about a queue; one that nobody decided about has no limit and is not paused."""

    name: str
    at_most: int | None = None
    """How many of its jobs may run at once, over all workers."""
    paused_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """What an outside system is expected to say about a job, and has said already or not."""

    job: JobId
    lease: Lease
    token_hash: str
    final: bool
    """The answer is the job's result; else the handler goes on with it."""
    answer: Json | None = None
    answered_at: datetime | None = None
