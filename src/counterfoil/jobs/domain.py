"""A job, its states, and the one function that decides every move between them.

    blocked ──→ pending ──→ processing ──→ completed
                   ↑            ├──→ waiting ──→ pending | completed
                   └── failed ←─┤
                                └──→ dead_letter          anything unfinished ──→ cancelled

Everything here is pure: `move` takes a job and an event and returns the job as it stands afterwards. Nothing leads to
blocked, waiting or cancelled yet: the statuses are there, so that rows, indexes and callers need not change with them.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any, Final, NewType, TypeAlias, assert_never
from uuid import UUID

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.errors import Conflict, InvalidInput, NotFound

JobId = NewType("JobId", UUID)
WorkerId = NewType("WorkerId", UUID)
Lease = NewType("Lease", UUID)
"""The fencing token of an attempt: whoever comes with an older one is refused."""

Json: TypeAlias = Mapping[str, Any]

AGEING: Final = timedelta(minutes=1)
"""What a step of priority is worth in waiting time, so that the least urgent job waits a bounded time."""
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
        return self in {JobStatus.COMPLETED, JobStatus.CANCELLED, JobStatus.DEAD_LETTER}


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
    POISON = "poison"


class Ending(StrEnum):
    """How an attempt ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    RETURNED = "returned"
    LOST = "lost"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A unit of durable work. `attempts` counts those begun; the one running is the last of them."""

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
    attempts: int = 0
    deaths: int = 0
    progress: Progress | None = None
    result: Json | None = None
    failure: Failure | None = None
    dead_reason: DeadReason | None = None
    scheduled_for: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    failed_at: datetime | None = None
    next_retry_at: datetime | None = None
    concurrency_key: str | None = None
    worker: WorkerId | None = None
    lease: Lease | None = None
    description: str = ""
    metadata: Json = field(default_factory=dict)
    created_by: str | None = None
    idempotency_key: str | None = None
    """What the one who made it calls it; a workspace has one job of each such name."""
    deadline: datetime | None = None
    batch_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A worker takes the job."""

    worker: WorkerId
    lease: Lease


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """The handler did its work."""

    result: Json | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The handler could not do its work. `chance` (0 to 1) spreads the times at which failed jobs return."""

    failure: Failure
    retry: bool = True
    chance: float = field(default_factory=random.random)


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """The worker gives the job back unfinished because it shuts down; this costs no attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The worker died with the job; this costs no attempt, but is counted, for the job may be what killed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """A person wants the dead letter tried again, with a fresh allowance of attempts."""


Outcome: TypeAlias = Completed | Failed | Returned | Lost
"""How an attempt ended."""
Event: TypeAlias = Claimed | Outcome | Retried


def move(job: Job, event: Event, now: datetime) -> Job:
    """Return the job as it stands after the event.

    Raises:
        IllegalMove: the event cannot happen to a job that stands where this one does.
    """
    match event:
        case Claimed():
            _expect(job, event, JobStatus.PENDING)
            return replace(
                job,
                status=JobStatus.PROCESSING,
                ready=False,
                attempts=job.attempts + 1,
                worker=event.worker,
                lease=event.lease,
                started_at=now,
                progress=None,
            )
        case Completed():
            _expect(job, event, JobStatus.PROCESSING)
            done = replace(job, status=JobStatus.COMPLETED, completed_at=now, result=event.result, failure=None)
            return _let_go(done)
        case Failed():
            _expect(job, event, JobStatus.PROCESSING)
            return _fail(job, event, now)
        case Returned():
            _expect(job, event, JobStatus.PROCESSING)
            return _let_go(_pending(replace(job, attempts=job.attempts - 1), now))
        case Lost():
            _expect(job, event, JobStatus.PROCESSING)
            return _lose(job, now)
        case Retried():
            _expect(job, event, JobStatus.DEAD_LETTER)
            return _pending(replace(job, attempts=0, deaths=0, dead_reason=None, failed_at=None), now)
        case _:
            assert_never(event)


def _fail(job: Job, event: Failed, now: datetime) -> Job:
    failed = _let_go(replace(job, failure=event.failure, failed_at=now))
    if not event.retry:
        return _bury(failed, DeadReason.NOT_WORTH_RETRYING)
    if job.attempts >= job.max_attempts:
        return _bury(failed, DeadReason.ATTEMPTS_USED_UP)
    again = now + job.backoff.delay(job.attempts, event.chance)
    return replace(failed, status=JobStatus.FAILED, due_at=again, next_retry_at=again)


def _lose(job: Job, now: datetime) -> Job:
    lost = _let_go(replace(job, attempts=job.attempts - 1, deaths=job.deaths + 1))
    if lost.deaths < DEATHS_TO_POISON:
        return _pending(lost, now)
    failure = Failure(code="poison", message=f"{lost.deaths} workers died while they ran this job.")
    return _bury(replace(lost, failure=failure, failed_at=now), DeadReason.POISON)


def _pending(job: Job, now: datetime) -> Job:
    return replace(job, status=JobStatus.PENDING, due_at=now, next_retry_at=None, ready=False)


def _bury(job: Job, reason: DeadReason) -> Job:
    return replace(job, status=JobStatus.DEAD_LETTER, dead_reason=reason, next_retry_at=None)


def _let_go(job: Job) -> Job:
    return replace(job, worker=None, lease=None, ready=False)


def _expect(job: Job, event: Event, status: JobStatus) -> None:
    if job.status is not status:
        raise IllegalMove(job, event)


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


def attempt_of(job: Job, outcome: Outcome, now: datetime) -> Attempt:
    """Return the attempt that ends with this outcome, given the job as it was claimed."""
    assert job.lease  # noqa: S101 - true of every claimed job, as are the next two
    assert job.worker  # noqa: S101
    assert job.started_at  # noqa: S101
    return Attempt(
        job=job.id,
        lease=job.lease,
        number=job.attempts,
        worker=job.worker,
        started_at=job.started_at,
        ended_at=now,
        ending=ending_of(outcome),
        failure=outcome.failure if isinstance(outcome, Failed) else None,
    )


def ending_of(outcome: Outcome) -> Ending:
    """Return the word for how an attempt ended."""
    match outcome:
        case Completed():
            return Ending.COMPLETED
        case Failed():
            return Ending.FAILED
        case Returned():
            return Ending.RETURNED
        case Lost():
            return Ending.LOST
        case _:
            assert_never(outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line that a handler wrote about its work."""

    id: UUID
    job: JobId
    level: LogLevel
    message: str
    metadata: Json
    created_at: datetime


class JobNotFound(NotFound):
    """No such job in this workspace."""

    code = "job_not_found"

    def __init__(self, job: JobId) -> None:
        super().__init__(f"There is no job {job}.")


class UnknownJobType(InvalidInput):
    """A job of a type that nobody has registered."""

    code = "unknown_job_type"
    advice = "Use one of the registered job types; check that API and workers run the same version."

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no job type {name[:100]!r}.")


class NotJson(InvalidInput):
    """What a job was given or gave cannot be kept as JSON."""

    code = "not_json"
    advice = "Give objects of text, finite numbers, lists and objects only."

    def __init__(self, reason: Exception) -> None:
        super().__init__(f"This cannot be kept as JSON: {str(reason)[:200]}.")


class IllegalMove(Conflict):
    """A job cannot do this from where it stands."""

    code = "illegal_move"

    def __init__(self, job: Job, event: Event) -> None:
        super().__init__(f"A job that is {job.status} cannot be {type(event).__name__.lower()}.")


class LeaseLost(Conflict):
    """Another attempt has taken the job over; what this one still wants to write is refused."""

    code = "lease_lost"
    advice = "Nothing is to be done: the job goes on in its newer attempt."

    def __init__(self, job: JobId) -> None:
        super().__init__(f"Job {job} has been taken over by another attempt.")
