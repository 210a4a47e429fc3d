"""The figures that tell how the engine does, for one workspace.

They look back over a window that is bounded, so that they cost the same after a million jobs as after ten.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from counterfoil.jobs.domain import JobId, JobStatus

WINDOW: Final = timedelta(hours=1)
MINUTES: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How long something takes, in milliseconds: the median, and what 95 and 99 of 100 stay within."""

    mean: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The attempts that ended within the window."""

    completed: int = 0
    failed: int = 0
    duration: Spread = field(default_factory=Spread)
    start_latency: Spread = field(default_factory=Spread)
    """From when a job could be started to when it was."""

    @property
    def throughput_per_minute(self) -> float:
        return round(self.completed / MINUTES, 2)

    @property
    def success_rate(self) -> float | None:
        """Return 0 to 100, or None while nothing has ended."""
        over = self.completed + self.failed
        return round(100 * self.completed / over, 2) if over else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What is there now, by queue and status, and what ended within the window."""

    standing: Mapping[tuple[str, JobStatus], int]
    ended: Ended

    def number(self, status: JobStatus) -> int:
        """Return how many jobs stand there, in all queues."""
        return sum(number for (_, one), number in self.standing.items() if one is status)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStanding:
    """A queue as a workspace sees it; limit and pause are the whole installation's."""

    name: str
    depth: int = 0
    processing: int = 0
    at_most: int | None = None
    paused_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedAttempt:
    """An attempt that failed lately."""

    job: JobId
    type: str
    description: str
    code: str
    message: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OfType:
    """The jobs of one type that were made within the window."""

    type: str
    number: int
    completed: int
    dead: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """What happened in a minute, and how many jobs were unfinished at its end."""

    at: datetime
    made: int
    completed: int
    failed: int
    depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """All that a dashboard shows."""

    statistics: Statistics
    queues: Sequence[QueueStanding]
    failures: Sequence[FailedAttempt]
    types: Sequence[OfType]
    minutes: Sequence[Minute]


def minutes_of(
    now: datetime,
    unfinished: int,
    made: Mapping[int, int],
    completed: Mapping[int, int],
    failed: Mapping[int, int],
) -> Sequence[Minute]:
    """Return the minutes of the window, first to last, from counts by how many whole minutes ago things happened.

    The depth is reckoned back from now; jobs that were cancelled or died count as if they had never been unfinished.
    """
    found: list[Minute] = []
    depth = unfinished
    for ago in range(MINUTES):
        counts = {"made": made.get(ago, 0), "completed": completed.get(ago, 0), "failed": failed.get(ago, 0)}
        found.append(Minute(at=now - timedelta(minutes=ago), depth=max(0, depth), **counts))
        depth += counts["completed"] - counts["made"]
    return found[::-1]


UNFINISHED: Final = frozenset(
    {JobStatus.BLOCKED, JobStatus.PENDING, JobStatus.PROCESSING, JobStatus.WAITING, JobStatus.FAILED}
)
