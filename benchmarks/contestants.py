"""What is measured, behind one protocol: Counterfoil, the yardstick and its peers."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from benchmarks.work import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a contestant keeps its jobs, and the folder for what else it needs and for the marks."""

    url: str
    folder: Path


class Contestant(Protocol):
    """Something that keeps jobs and works on them; made with a `Place`, in the measuring process and in its workers."""

    name: ClassVar[str]
    settings: ClassVar[str]
    """What was set otherwise than by default, for the reader of the table."""
    workers_a_process: ClassVar[int]
    """How many workers the process that runs `work` stands for."""

    def prepare(self) -> None:
        """Make tables and whatever else has to be there first."""
        ...

    def enqueue(self, work: Work) -> None:
        """Return when the job is safely kept."""
        ...

    def enqueue_many(self, works: Sequence[Work]) -> None:
        """Return when all are kept, in the quickest way that is offered."""
        ...

    def work(self) -> None:
        """Be a worker process until SIGTERM comes."""
        ...


class Benched(Contestant, Protocol):
    """A contestant whose rows can be looked into: Counterfoil and the yardstick."""

    def settled(self) -> int:
        """Return how many jobs are done and known to be."""
        ...

    def missing(self, jobs: int) -> Sequence[str]:
        """Say which rows should be there after so many jobs with a log line each, and are not."""
        ...

    def fill(self, *, finished: int, waiting: int) -> None:
        """Put rows of finished and of waiting jobs into the empty database, quickly."""
        ...

    def claim(self, limit: int) -> int:
        """Claim so many jobs, as a worker would, and commit; return how many there were."""
        ...

    def remove(self, limit: int) -> int:
        """Remove so many finished jobs, as retention would, and commit; return how many there were."""
        ...


def path_of(contestant: type[Contestant]) -> str:
    """Return the words by which another process finds this contestant."""
    return f"{contestant.__module__}:{contestant.__name__}"


def contestant_at(path: str, place: Place) -> Contestant:
    """Make the contestant of this path."""
    module, name = path.split(":")
    made: Contestant = getattr(importlib.import_module(module), name)(place)
    return made
