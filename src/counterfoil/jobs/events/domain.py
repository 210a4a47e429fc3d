"""What a watcher is told, and how changes are told from what was known before."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.errors import ServiceUnavailable
from counterfoil.jobs.domain import Failure, JobId, JobStatus, LogLine, Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """As much of a job as changes while it is watched."""

    job: JobId
    workspace: WorkspaceId
    type: str
    queue: str
    description: str
    status: JobStatus
    attempts: int
    max_attempts: int
    progress: Progress | None
    failure: Failure | None
    cancel_requested_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A job stands elsewhere than before."""

    glance: Glance


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed:
    """A job has come further."""

    job: JobId
    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A job's handler wrote a line."""

    line: LogLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A job has been removed."""

    job: JobId


Event: TypeAlias = Moved | Progressed | Said | Gone


def changes(before: Glance | None, after: Glance) -> Iterator[Event]:
    """Yield what has changed since a job was last looked at; all of it, if it never was."""
    if after.progress and (before is None or before.progress != after.progress):
        yield Progressed(job=after.job, progress=after.progress)
    where = (after.status, after.attempts, after.cancel_requested_at)
    if before is None or where != (before.status, before.attempts, before.cancel_requested_at):
        yield Moved(glance=after)


class TooManyStreams(ServiceUnavailable):
    """As many watch as this process can serve."""

    code = "too_many_streams"
    advice = "Close pages that nobody looks at, ask for the job now and then instead, or start another API process."

    def __init__(self, most: int) -> None:
        super().__init__(f"{most} streams are open already.")
