"""What the engine needs from outside: stores for people, workers and upkeep, proofs of life, and bells."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Transaction
from counterfoil.foundation.paging import Page, Paging
from counterfoil.jobs.domain import (
    Attempt,
    Batch,
    BatchId,
    Call,
    Callback,
    DeadReason,
    Job,
    JobId,
    JobStatus,
    Json,
    Lease,
    LogLevel,
    LogLine,
    Neighbours,
    Progress,
    Queue,
    WorkerId,
)
from counterfoil.jobs.moves import Answered, Outcome, attempt_of, move


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs of a workspace are meant; what is not said matters not."""

    status: JobStatus | None = None
    unfinished: bool = False
    type: str | None = None
    queue: str | None = None
    batch: BatchId | None = None
    error_code: str | None = None
    containing: str | None = None
    """Words in the description or the error."""
    created_after: datetime | None = None
    created_before: datetime | None = None
    dead_reason: DeadReason | None = None
    ended_before: datetime | None = None
    retries_below: int | None = None
    ids: Collection[JobId] | None = None
    not_to_be_cancelled: bool = False
    not_awaited: bool = False
    """No blocked job waits for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFilter:
    """Which lines of a job's log are meant, and from which end."""

    at_least: LogLevel = LogLevel.DEBUG
    oldest_first: bool = False


ALL_LINES = LineFilter()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A blocked job, and what has become of the jobs that it waits for."""

    job: Job
    done: bool
    """All of them are final."""
    well: bool
    """None of them died or was cancelled."""


class JobStore(Protocol):
    """Keeps jobs for the people and rooms of a workspace."""

    def add(self, tx: Transaction, jobs: Sequence[Job]) -> None: ...

    def add_once(self, tx: Transaction, job: Job) -> bool: ...

    def with_key(self, tx: Transaction, workspace: WorkspaceId, key: str) -> Job | None: ...

    def forget_key(self, tx: Transaction, job: Job) -> None: ...

    def link(self, tx: Transaction, workspace: WorkspaceId, child: JobId, parents: Collection[JobId]) -> None: ...

    def parents(
        self, tx: Transaction, workspace: WorkspaceId, jobs: Collection[JobId]
    ) -> Mapping[JobId, JobStatus]: ...

    def held_back(self, tx: Transaction, workspace: WorkspaceId, jobs: Collection[JobId]) -> Collection[JobId]: ...

    def get(self, tx: Transaction, workspace: WorkspaceId, job: JobId, *, hold: bool = False) -> Job | None: ...

    def page(self, tx: Transaction, workspace: WorkspaceId, paging: Paging, wanted: JobFilter) -> Page[Job]: ...

    def held(self, tx: Transaction, workspace: WorkspaceId, wanted: JobFilter, limit: int) -> Sequence[Job]: ...

    def save(self, tx: Transaction, job: Job) -> None: ...

    def remove(self, tx: Transaction, workspace: WorkspaceId, jobs: Collection[JobId]) -> int: ...

    def attempts(self, tx: Transaction, workspace: WorkspaceId, job: JobId) -> Sequence[Attempt]: ...

    def neighbours(self, tx: Transaction, workspace: WorkspaceId, job: JobId) -> Neighbours: ...

    def heartbeat(self, tx: Transaction, workspace: WorkspaceId, job: JobId) -> datetime | None: ...

    def logs(
        self, tx: Transaction, workspace: WorkspaceId, job: JobId, paging: Paging, wanted: LineFilter = ALL_LINES
    ) -> Page[LogLine]: ...

    def add_batch(self, tx: Transaction, batch: Batch) -> None: ...

    def batch(self, tx: Transaction, workspace: WorkspaceId, batch: BatchId) -> Batch | None: ...

    def of_batch(self, tx: Transaction, workspace: WorkspaceId, batch: BatchId) -> Sequence[Job]: ...

    def cancel_batch(self, tx: Transaction, workspace: WorkspaceId, batch: BatchId, now: datetime) -> None: ...

    def standing(self, tx: Transaction, workspace: WorkspaceId, jobs: Collection[JobId]) -> Sequence[Standing]: ...

    def callback(self, tx: Transaction, token_hash: str) -> tuple[WorkspaceId, Callback] | None: ...

    def newest_callback(self, tx: Transaction, job: JobId) -> tuple[WorkspaceId, Callback] | None: ...

    def keep_answer(
        self, tx: Transaction, workspace: WorkspaceId, callback: Callback, answer: Json, now: datetime
    ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """How an attempt at a job ended, how that leaves the job, and what its handler said that is not kept yet."""

    job: Job
    """As it was claimed."""
    outcome: Outcome
    after: Job
    attempt: Attempt
    lines: Sequence[LogLine] = ()


def settlement_of(job: Job, outcome: Outcome, now: datetime, lines: Sequence[LogLine] = ()) -> Settlement:
    """Return how an attempt that ends now with this outcome leaves its job."""
    return Settlement(
        job=job, outcome=outcome, after=move(job, outcome, now), attempt=attempt_of(job, outcome, now), lines=lines
    )


class LeaseStore(Protocol):
    """Gives jobs to workers. What a worker writes names its lease, and is refused once another attempt has the job."""

    def claim(
        self,
        tx: Transaction,
        worker: WorkerId,
        lease: Lease,
        queues: Collection[str],
        limit: int,
        *,
        alone: bool = False,
    ) -> Sequence[Job]:
        """Take ready jobs in the order of their claim keys; with `alone` those that killed workers, else the others."""
        ...

    def claim_one(self, tx: Transaction, worker: WorkerId, lease: Lease, job: JobId) -> Job | None: ...

    def alone_waits(self, tx: Transaction, queues: Collection[str]) -> bool: ...

    def settle(self, tx: Transaction, settlements: Sequence[Settlement]) -> Sequence[Settlement]:
        """Save how attempts left their jobs, and return those whose lease held, as they were saved.

        A cancellation that came meanwhile counts, and one that was saved before, although its commit seemed to fail,
        is recognised.
        """
        ...

    def children_of(self, tx: Transaction, parents: Collection[JobId]) -> Sequence[JobId]: ...

    def answers(self, tx: Transaction, attempts: Sequence[tuple[JobId, Lease]]) -> Mapping[JobId, Answered]: ...

    def holds(self, tx: Transaction, job: JobId, lease: Lease) -> bool:
        """Tell whether this lease is still the job's, and keep it so until the transaction ends."""
        ...

    def set_progress(self, tx: Transaction, job: JobId, lease: Lease, progress: Progress) -> bool: ...

    def add_logs(self, tx: Transaction, workspace: WorkspaceId, lines: Sequence[LogLine]) -> None: ...

    def step(self, tx: Transaction, workspace: WorkspaceId, job: JobId, name: str, version: int) -> Json | None: ...

    def add_step(
        self, tx: Transaction, workspace: WorkspaceId, job: JobId, name: str, version: int, result: Json, now: datetime
    ) -> None:
        """Keep what a step gave. The caller holds the lease."""
        ...

    def expect_answer(
        self, tx: Transaction, workspace: WorkspaceId, job: JobId, lease: Lease, *, token_hash: str, final: bool
    ) -> None:
        """Keep by what token this attempt is answered, which it may say again. The caller holds the lease."""
        ...

    def answer(self, tx: Transaction, workspace: WorkspaceId, job: JobId) -> Json | None:
        """Return what was said to the newest attempt that asked, if that was answered."""
        ...

    def cancel_wanted(self, tx: Transaction, workspace: WorkspaceId, job: JobId) -> bool: ...

    def to_stop(self, tx: Transaction, worker: WorkerId) -> Sequence[JobId]: ...

    def claimed_by(self, tx: Transaction, worker: WorkerId) -> Sequence[Job]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How many places are left in limited queues, and in batches that have due jobs; None where there is no limit."""

    queues: Mapping[str, int]
    batches: Mapping[UUID, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A due job, and the limits that it is under."""

    call: Call
    batch: UUID | None
    key: tuple[WorkspaceId, str] | None


class UpkeepStore(Protocol):
    """Finds what the engine has to do by itself, over all workspaces."""

    def due(self, tx: Transaction, now: datetime) -> bool: ...

    def may_release(self, tx: Transaction) -> bool: ...

    def room(self, tx: Transaction) -> Room: ...

    def candidates(self, tx: Transaction, now: datetime, room: Room, limit: int) -> Sequence[Candidate]: ...

    def release(self, tx: Transaction, now: datetime, jobs: Collection[JobId]) -> None: ...

    def ready(self, tx: Transaction, limit: int) -> Sequence[Call]:
        """Return the first jobs, up to the limit, that can be claimed from each queue that is not paused."""
        ...

    def orphans(self, tx: Transaction, limit: int) -> Sequence[Job]: ...

    def expired(self, tx: Transaction, now: datetime, limit: int) -> Sequence[Job]: ...

    def unblocked(self, tx: Transaction, limit: int) -> Sequence[Job]: ...

    def has_work(self, tx: Transaction) -> bool: ...

    def counts(self, tx: Transaction) -> Mapping[tuple[str, JobStatus], int]: ...

    def queues(self, tx: Transaction) -> Sequence[Queue]: ...

    def decide(self, tx: Transaction, queue: Queue) -> None: ...

    def remove_finished(self, tx: Transaction, before: datetime, limit: int) -> int: ...

    def remove_dead(self, tx: Transaction, before: datetime, limit: int) -> int: ...

    def remove_surplus(self, tx: Transaction, at_most: int, limit: int) -> int: ...


class Presence(Protocol):
    """Keeps which workers there are; proves that this one lives, and judges the others."""

    def register(self, worker: WorkerId, name: str) -> None:
        """Note a worker that starts, with its proof of life."""
        ...

    def beat(self, worker: WorkerId) -> bool:
        """Prove that a worker lives, about once a second; return False once somebody has taken it for dead."""
        ...

    def leave(self, worker: WorkerId) -> None:
        """Note that this worker ends, and give its proof of life up."""
        ...

    def doubts(self, tx: Transaction) -> bool:
        """Tell whether any worker may be dead; this only reads."""
        ...

    def dead(self, tx: Transaction) -> Sequence[WorkerId]:
        """Return the workers that are dead for certain, or have been silent too long, and are not yet buried."""
        ...

    def bury(self, tx: Transaction, worker: WorkerId) -> None:
        """Note that a worker has died."""
        ...


class Dispatcher(Protocol):
    """Tells workers that there are jobs to claim. The message may be lost or heard twice: the row is the truth."""

    def ring(self, calls: Sequence[Call]) -> None: ...


class Broker(Dispatcher, Protocol):
    """A dispatcher whose bells hang in a place of their own until a worker takes them, and may be lost there."""

    def lost(self, calls: Sequence[Call]) -> Sequence[Call]:
        """Return those of these calls whose bell does not hang there; none where workers have enough to do.

        Raises:
            RedisUnavailable: it cannot be told.
        """
        ...

    def ping(self) -> None:
        """Return if the place answers, or raise RedisUnavailable."""
        ...


class Bell(Protocol):
    """What a worker sleeps beside."""

    def ring(self) -> None: ...

    def wait(self, seconds: float) -> bool:
        """Return when the bell rings, or after so many seconds; tell whether it rang."""
        ...


class Turns(Protocol):
    """Decides which of all processes does a round of upkeep."""

    def mine(self, name: str, every: timedelta) -> bool: ...


class Observer(Protocol):
    """Is told how attempts end, for metrics."""

    def attempt_ended(self, after: Job, attempt: Attempt) -> None: ...
