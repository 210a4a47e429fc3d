"""The one function that decides every move of a job.

    blocked ──→ pending ──→ processing ──→ completed
                   ↑            ├──→ waiting ──→ pending | completed | failed
                   ├── failed ←─┤
                   ↑            └──→ dead_letter
                   └────────────────────┘ a person retries it; blocked, while others have to end first

    Anything unfinished may be cancelled, and is a dead letter once its deadline has passed.

Everything here is pure: `move` takes a job and an event and returns the job as it stands afterwards.
"""

import random
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias, assert_never

from counterfoil.jobs.domain import (
    DEATHS_TO_POISON,
    Attempt,
    DeadReason,
    Ending,
    Failure,
    Job,
    JobStatus,
    Json,
    Lease,
    WorkerId,
)
from counterfoil.jobs.errors import IllegalMove

CANCELLED = Failure(code="task_cancelled", message="It was cancelled.")
PARENT_ENDED = Failure(code="parent_ended", message="A job that it waited for died or was cancelled.")
DEADLINE_PASSED = Failure(code="deadline_passed", message="Its deadline passed before it was done.")
OVERDUE = Failure(code="callback_overdue", message="The outside system did not answer in time.")


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
    """The handler could not do its work. `chance` (0 to 1) spreads the times at which failed jobs return.

    `not_before` is when whoever refused us wants to be asked again; it wins over the backoff.
    """

    failure: Failure
    retry: bool = True
    chance: float = field(default_factory=random.random)
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Postponed:
    """An outside service is to be left alone until then; this costs no attempt."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The handler handed the work to an outside system, which is to call back before `deadline`."""

    deadline: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """The handler ended because the job was cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """The worker gives the job back unfinished because it shuts down; this costs no attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The worker died with the job; this costs no attempt, but is counted, for the job may be what killed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentsDone:
    """All jobs that it waited for are final; `well` if all of them were completed."""

    well: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The outside system called back. With `final` this is the job's result, else the handler goes on with it."""

    answer: Json
    final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """The deadline has passed before the job was begun, or before the outside system called back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelWanted:
    """Somebody does not want the job any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """A person wants the dead letter tried again, with a fresh allowance of attempts."""

    not_before: datetime | None = None
    held_back: bool = False
    """Jobs that it waited for are unfinished: it died before they ended, or they are tried again as well."""


Outcome: TypeAlias = Completed | Failed | Postponed | Waiting | Stopped | Returned | Lost
"""How an attempt ended."""
Event: TypeAlias = Claimed | Outcome | ParentsDone | Answered | Expired | CancelWanted | Retried


def move(job: Job, event: Event, now: datetime) -> Job:  # noqa: C901 - one case for each event, as drawn
    """Return the job as it stands after the event.

    Raises:
        IllegalMove: the event cannot happen to a job that stands where this one does.
    """
    match event:
        case Claimed():
            _expect(job, event, JobStatus.PENDING)
            return _claim(job, event, now)
        case Completed():
            _expect(job, event, JobStatus.PROCESSING)
            return _complete(job, event.result, now)
        case Failed():
            _expect(job, event, JobStatus.PROCESSING)
            return _fail(_let_go(job), event, now)
        case Postponed():
            _expect(job, event, JobStatus.PROCESSING)
            return _again(_uncharged(job), event.until, now)
        case Waiting():
            _expect(job, event, JobStatus.PROCESSING)
            return _wait(job, event, now)
        case Stopped():
            _expect(job, event, JobStatus.PROCESSING)
            return _cancel(job, now)
        case Returned():
            _expect(job, event, JobStatus.PROCESSING)
            return _again(_uncharged(job), now, now)
        case Lost():
            _expect(job, event, JobStatus.PROCESSING)
            return _lose(job, now)
        case ParentsDone():
            _expect(job, event, JobStatus.BLOCKED)
            return _unblock(job, event, now)
        case Answered():
            _expect(job, event, JobStatus.WAITING)
            return _answer(job, event, now)
        case Expired():
            _expect(job, event, JobStatus.BLOCKED, JobStatus.PENDING, JobStatus.FAILED, JobStatus.WAITING)
            return _expire(job, now)
        case CancelWanted():
            _expect(job, event, *(status for status in JobStatus if not status.final))
            return _want_cancelled(job, now)
        case Retried():
            _expect(job, event, JobStatus.DEAD_LETTER)
            return _retry(job, event, now)
        case _:
            assert_never(event)


def _claim(job: Job, event: Claimed, now: datetime) -> Job:
    return job.changed(
        status=JobStatus.PROCESSING,
        ready=False,
        attempts=job.attempts + 1,
        worker=event.worker,
        lease=event.lease,
        started_at=now,
        progress=None,
    )


def _complete(job: Job, result: Json | None, now: datetime) -> Job:
    return job.changed(
        status=JobStatus.COMPLETED,
        completed_at=now,
        ended_at=now,
        result=result,
        failure=None,
        next_retry_at=None,
        worker=None,
        lease=None,
        answer_due_at=None,
    )


def _fail(job: Job, event: Failed, now: datetime) -> Job:
    failed = job.changed(failure=event.failure, failed_at=now)
    if job.cancel_requested_at:
        return _cancel(failed, now)
    if not event.retry:
        return _bury(failed, DeadReason.NOT_WORTH_RETRYING, now)
    if job.attempts >= job.max_attempts:
        return _bury(failed, DeadReason.ATTEMPTS_USED_UP, now)
    again = event.not_before or now + job.backoff.delay(job.attempts, event.chance)
    return failed.changed(status=JobStatus.FAILED, due_at=again, next_retry_at=again)


def _wait(job: Job, event: Waiting, now: datetime) -> Job:
    if job.cancel_requested_at:
        return _cancel(job, now)
    # The lease stays: it tells the callback of this attempt from those of older ones.
    return job.changed(status=JobStatus.WAITING, worker=None, answer_due_at=event.deadline)


def _answer(job: Job, event: Answered, now: datetime) -> Job:
    if event.final:
        return _complete(job, event.answer, now)
    # The attempt that waited goes on: the claim to come counts it again.
    return _again(_uncharged(job), now, now)


def _lose(job: Job, now: datetime) -> Job:
    lost = _uncharged(job).changed(deaths=job.deaths + 1)
    if lost.deaths < DEATHS_TO_POISON or lost.cancel_requested_at:
        return _again(lost, now, now)
    failure = Failure(code="poison", message=f"{lost.deaths} workers died while they ran this job.")
    return _bury(lost.changed(failure=failure, failed_at=now), DeadReason.POISON, now)


def _unblock(job: Job, event: ParentsDone, now: datetime) -> Job:
    if event.well or job.despite_parents:
        return _pending(job, max(now, job.due_at))
    return _cancel(job.changed(failure=PARENT_ENDED), now)


def _expire(job: Job, now: datetime) -> Job:
    if job.status is JobStatus.WAITING:
        return _fail(_let_go(job), Failed(failure=OVERDUE), now)
    return _bury(job.changed(failure=DEADLINE_PASSED, failed_at=now), DeadReason.DEADLINE_PASSED, now)


def _want_cancelled(job: Job, now: datetime) -> Job:
    wanted = job.changed(cancel_requested_at=job.cancel_requested_at or now)
    return wanted if job.status is JobStatus.PROCESSING else _cancel(wanted, now)


def _retry(job: Job, event: Retried, now: datetime) -> Job:
    fresh = job.changed(attempts=0, deaths=0, retries=job.retries + 1, dead_reason=None, failed_at=None)
    fresh = _pending(fresh.changed(ended_at=None, deadline=None), event.not_before or now)
    return fresh.changed(status=JobStatus.BLOCKED) if event.held_back else fresh


def _again(job: Job, due_at: datetime, now: datetime) -> Job:
    return _cancel(job, now) if job.cancel_requested_at else _pending(job, due_at)


def _pending(job: Job, due_at: datetime) -> Job:
    return job.changed(status=JobStatus.PENDING, due_at=due_at, next_retry_at=None, ready=False)


def _cancel(job: Job, now: datetime) -> Job:
    gone = _let_go(job).changed(status=JobStatus.CANCELLED, ended_at=now, next_retry_at=None)
    return gone.changed(failure=gone.failure or CANCELLED, cancel_requested_at=gone.cancel_requested_at or now)


def _bury(job: Job, reason: DeadReason, now: datetime) -> Job:
    dead = _let_go(job).changed(status=JobStatus.DEAD_LETTER, dead_reason=reason)
    return dead.changed(ended_at=now, next_retry_at=None)


def _uncharged(job: Job) -> Job:
    return _let_go(job).changed(attempts=job.attempts - 1)


def _let_go(job: Job) -> Job:
    return job.changed(worker=None, lease=None, ready=False, answer_due_at=None)


def _expect(job: Job, event: Event, *statuses: JobStatus) -> None:
    if job.status not in statuses:
        raise IllegalMove(job, type(event).__name__.lower())


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
        failure=_failure_of(outcome),
    )


def _failure_of(outcome: Outcome) -> Failure | None:
    match outcome:
        case Failed():
            return outcome.failure
        case Postponed():
            return Failure(code="postponed", message=outcome.reason)
        case _:
            return None


def ending_of(outcome: Outcome) -> Ending:
    """Return the word for how an attempt ended."""
    match outcome:
        case Completed():
            return Ending.COMPLETED
        case Failed():
            return Ending.FAILED
        case Postponed():
            return Ending.POSTPONED
        case Waiting():
            return Ending.WAITING
        case Stopped():
            return Ending.CANCELLED
        case Returned():
            return Ending.RETURNED
        case Lost():
            return Ending.LOST
        case _:
            assert_never(outcome)
