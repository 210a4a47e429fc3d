"""A schedule: what comes round when, which of its slots are fired, and how that leaves it.

enabled (next_run_at) ──fire──→ enabled, at a later slot
      ↑   └── pause, or a slot that cannot be fired ──→ paused (no next_run_at)
      └────────────────────── resume ─────────────────────┘
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice, takewhile
from typing import Final, NewType
from uuid import UUID

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.errors import Conflict, NotFound
from counterfoil.jobs.domain import Failure, JobId, Json
from counterfoil.jobs.schedules.cron import InvalidCron, next_runs, slots_until

ScheduleId = NewType("ScheduleId", UUID)

ON_TIME: Final = timedelta(minutes=1)
"""A slot that is fired later than that was missed."""
MOST_CAUGHT_UP: Final = 100
MOST_COUNTED: Final = 1000
"""Slots left out are counted up to here: a schedule of every minute has half a million a year."""


class MissedRuns(StrEnum):
    """What becomes of slots that came while nothing ran that could fire them."""

    SKIP = "skip"
    ONCE = "once"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a person decides about a schedule. Without queue or priority, its jobs have those of their type."""

    name: str
    cron: str
    time_zone: str
    job_type: str
    payload: Json
    queue: str | None = None
    priority: int | None = None
    missed_runs: MissedRuns = MissedRuns.ONCE

    def next_run(self, after: datetime) -> datetime:
        """Return the first slot after a moment.

        Raises:
            InvalidCron: none comes.
            UnknownTimeZone: nobody knows what its clocks show.
        """
        for slot in next_runs(self.cron, self.time_zone, after, 1):
            return slot
        raise InvalidCron(self.cron, "no date in the next fifty years matches it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """The slots that are fired now, the oldest first, and how many that were due are left out."""

    slots: Sequence[datetime]
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Work that comes round. A paused one has no next run."""

    id: ScheduleId
    workspace: WorkspaceId
    terms: Terms
    next_run_at: datetime | None
    created_at: datetime
    created_by: str | None = None
    last_run_at: datetime | None = None
    last_job: JobId | None = None
    left_out: int = 0
    failure: Failure | None = None

    @property
    def enabled(self) -> bool:
        return self.next_run_at is not None

    def resumed(self, now: datetime) -> "Schedule":
        """Return the schedule waiting for its next slot; what came before is not made up for."""
        # After its last run, too: a database whose clock was set back must not come to the same slots again.
        after = max(now, self.last_run_at or now)
        return replace(self, next_run_at=self.terms.next_run(after), failure=None)

    def paused(self, failure: Failure | None = None) -> "Schedule":
        return replace(self, next_run_at=None, failure=failure)

    def ran(self, job: JobId, now: datetime) -> "Schedule":
        return replace(self, last_job=job, last_run_at=now)

    def fired(self, firing: Firing, jobs: Sequence[JobId], now: datetime) -> "Schedule":
        """Return the schedule after a firing that made these jobs."""
        after = self.ran(jobs[-1], now) if jobs else self
        return replace(after, next_run_at=self.terms.next_run(now), left_out=firing.left_out)


def slots_to_fire(schedule: Schedule, now: datetime) -> Firing:
    """Return which of the slots that are due are fired, by the schedule's word on missed runs."""
    first = schedule.next_run_at
    if first is None or first > now:
        return Firing(slots=(), left_out=0)
    terms = schedule.terms
    latest_first = takewhile(lambda slot: slot >= first, slots_until(terms.cron, terms.time_zone, now))
    due = list(islice(latest_first, MOST_COUNTED))
    fired = due[: _most(terms.missed_runs, due, now)]
    return Firing(slots=fired[::-1], left_out=len(due) - len(fired))


def _most(missed_runs: MissedRuns, due: Sequence[datetime], now: datetime) -> int:
    match missed_runs:
        case MissedRuns.ALL:
            return MOST_CAUGHT_UP
        case MissedRuns.ONCE:
            return 1
        case MissedRuns.SKIP:
            return sum(now - slot <= ON_TIME for slot in due[:1])


def slot_key(schedule: ScheduleId, slot: datetime) -> str:
    """Return what the job of a slot is known by, whoever fires it."""
    return f"schedule:{schedule}:{slot:%Y-%m-%dT%H:%MZ}"


class ScheduleNotFound(NotFound):
    """No such schedule in this workspace."""

    code = "schedule_not_found"

    def __init__(self, schedule: ScheduleId) -> None:
        super().__init__(f"There is no schedule {schedule}.")


class ScheduleNameTaken(Conflict):
    """The workspace has a schedule of this name already."""

    code = "schedule_name_taken"
    advice = "Give it another name, or change the schedule that has it."

    def __init__(self, name: str) -> None:
        super().__init__(f"name: there is a schedule {name!r} already.")
