"""What the rest of the house may ask of the engine: have work done, and look at it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.ids import IdSource
from counterfoil.foundation.paging import Page, Paging
from counterfoil.jobs.domain import Attempt, Job, JobDetail, JobId, JobStatus, Json, LogLine, Order
from counterfoil.jobs.errors import JobNotFound, KeyUsedOtherwise, ParentNotFound
from counterfoil.jobs.following import call_of
from counterfoil.jobs.moves import ParentsDone, move
from counterfoil.jobs.places import Places
from counterfoil.jobs.plain import plain_json, plain_payload, plain_text
from counterfoil.jobs.protocols import ALL_LINES, Bell, Dispatcher, JobFilter, JobStore, LineFilter, UpkeepStore
from counterfoil.jobs.types import JobType, JobTypes

MAX_KEY = 256


_AS_THE_TYPE_HAS_IT = Order()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobService:
    """The front door of the engine."""

    database: Database
    store: JobStore
    upkeep_store: UpkeepStore
    types: JobTypes
    dispatcher: Dispatcher
    places: Places
    upkeep: Bell
    new_id: IdSource
    keys_last: timedelta = timedelta(hours=24)
    """How long a repeated request is recognised by its idempotency key."""

    def enqueue(
        self,
        tx: Transaction,
        workspace: WorkspaceId,
        job_type: JobType[Any],
        payload: BaseModel,
        order: Order = _AS_THE_TYPE_HAS_IT,
    ) -> JobId:
        """Make a job in the caller's transaction: it is there if and only if that commits. Workers are rung afterwards.

        With an idempotency key, a repetition returns the job that is there already.

        Raises:
            KeyUsedOtherwise: the idempotency key belongs to another request.
            ParentNotFound: a job to wait for is not there.
        """
        job = self._job(workspace, job_type, payload, order, tx.now())
        key = job.idempotency_key
        if key is not None:
            job = job.changed(request_hash=_fingerprint(job, order))
        if order.after:
            # A parent may have been removed since the same was asked for first.
            if key is not None and (found := self._made_before(tx, job, key)):
                return found
            job = self._behind(tx, job, order)
        if key is None:
            self.store.add(tx, [job])
        elif found := self._add_once(tx, job, key):
            return found
        if order.after:
            self.store.link(tx, workspace, job.id, set(order.after))
        self._ring(tx, [job])
        return job.id

    def enqueue_many(
        self,
        tx: Transaction,
        workspace: WorkspaceId,
        job_type: JobType[Any],
        payloads: Sequence[BaseModel],
        order: Order = _AS_THE_TYPE_HAS_IT,
    ) -> Sequence[JobId]:
        """Make a job for each payload, all alike, much faster than one after the other.

        They wait for no others, and share no idempotency key.
        """
        assert not order.after  # noqa: S101 - each would need edges of its own
        assert order.idempotency_key is None  # noqa: S101 - a key is one job's
        if not payloads:
            return []
        alike = self._job(workspace, job_type, payloads[0], order, tx.now())
        jobs = [alike.changed(id=JobId(self.new_id()), payload=plain_payload(payload)) for payload in payloads]
        self.store.add(tx, jobs)
        self._ring(tx, jobs)
        return [job.id for job in jobs]

    def enqueue_named(
        self, tx: Transaction, workspace: WorkspaceId, name: str, payload: Json, order: Order = _AS_THE_TYPE_HAS_IT
    ) -> JobId:
        """Make a job of the type of this name.

        Raises:
            UnknownJobType: nobody has registered it.
            InvalidPayload: the payload is not what the type takes.
        """
        job_type = self.types.get(name)
        return self.enqueue(tx, workspace, job_type, job_type.checked(plain_json(payload)), order)

    def check(self, name: str, payload: Json) -> None:
        """Return if a job of this type could be made of this payload; the errors are those of `enqueue_named`."""
        self.types.get(name).checked(plain_json(payload))

    def create(self, workspace: WorkspaceId, name: str, payload: Json, order: Order) -> Job:
        """Make a job, and return it as it stands. The errors are those of `enqueue_named`."""
        with self.database.transaction(workspace) as tx:
            made = self.enqueue_named(tx, workspace, name, payload, order)
            return self._found(tx, workspace, made)

    def get(self, workspace: WorkspaceId, job: JobId) -> Job:
        """Return a job.

        Raises:
            JobNotFound: this workspace has no such job.
        """
        with self.database.reading(workspace) as tx:
            return self._found(tx, workspace, job)

    def page(self, workspace: WorkspaceId, paging: Paging, wanted: JobFilter = JobFilter()) -> Page[Job]:  # noqa: B008 - frozen
        """Return jobs, newest first."""
        with self.database.reading(workspace) as tx:
            return self.store.page(tx, workspace, paging, wanted)

    def attempts(self, workspace: WorkspaceId, job: JobId) -> Sequence[Attempt]:
        """Return a job's ended attempts, first to last."""
        with self.database.reading(workspace) as tx:
            self._found(tx, workspace, job)
            return self.store.attempts(tx, workspace, job)

    def detail(self, workspace: WorkspaceId, job: JobId) -> JobDetail:
        """Return a job with all that is known about it.

        Raises:
            JobNotFound: this workspace has no such job.
        """
        with self.database.reading(workspace) as tx:
            return JobDetail(
                job=self._found(tx, workspace, job),
                attempts=self.store.attempts(tx, workspace, job),
                neighbours=self.store.neighbours(tx, workspace, job),
                heartbeat_at=self.store.heartbeat(tx, workspace, job),
            )

    def logs(self, workspace: WorkspaceId, job: JobId, paging: Paging, wanted: LineFilter = ALL_LINES) -> Page[LogLine]:
        """Return a job's log."""
        with self.database.reading(workspace) as tx:
            self._found(tx, workspace, job)
            return self.store.logs(tx, workspace, job, paging, wanted)

    def has_work(self) -> bool:
        """Tell whether workers have, or could have, something to do just now, in any workspace."""
        with self.database.reading() as tx:
            return self.upkeep_store.has_work(tx) or self.upkeep_store.due(tx, tx.now())

    def counts(self) -> Mapping[tuple[str, JobStatus], int]:
        """Return how many unfinished jobs and dead letters there are, by queue and status, over all workspaces."""
        with self.database.reading() as tx:
            return self.upkeep_store.counts(tx)

    def _job(
        self, workspace: WorkspaceId, job_type: JobType[Any], payload: BaseModel, order: Order, now: datetime
    ) -> Job:
        return Job(
            id=JobId(self.new_id()),
            workspace=workspace,
            type=job_type.name,
            queue=order.queue or job_type.queue,
            payload=plain_payload(payload),
            status=JobStatus.BLOCKED if order.after else JobStatus.PENDING,
            priority=job_type.priority if order.priority is None else order.priority,
            created_at=now,
            due_at=order.scheduled_for or now,
            max_attempts=job_type.max_attempts,
            backoff=job_type.backoff,
            timeout_seconds=job_type.timeout_seconds,
            memory_mb=job_type.memory_mb,
            # A job with nothing to wait for can be claimed at once; the others are released by upkeep.
            ready=not (order.scheduled_for or order.concurrency_key or order.batch or order.after),
            scheduled_for=order.scheduled_for,
            deadline=order.deadline,
            concurrency_key=_short(order.concurrency_key),
            batch_id=order.batch,
            despite_parents=order.despite_parents,
            idempotency_key=_short(order.idempotency_key),
            description=plain_text(order.description),
            metadata=plain_json(order.metadata) if order.metadata else {},
            created_by=order.created_by,
        )

    def _behind(self, tx: Transaction, job: Job, order: Order) -> Job:
        """Return the job as it stands behind its parents, which end while we look, or hear of us."""
        parents = self.store.parents(tx, job.workspace, order.after)
        missing = [parent for parent in order.after if parent not in parents]
        if missing:
            raise ParentNotFound(missing)
        if not all(status.final for status in parents.values()):
            return job
        well = all(status is JobStatus.COMPLETED for status in parents.values())
        return move(job, ParentsDone(well=well), job.created_at)

    def _add_once(self, tx: Transaction, job: Job, key: str) -> JobId | None:
        """Add the job, or return the one that the same request made before."""
        while not self.store.add_once(tx, job):
            if found := self._made_before(tx, job, key):
                return found
        return None

    def _made_before(self, tx: Transaction, job: Job, key: str) -> JobId | None:
        """Return the job that the same request made not too long ago; else the key is free."""
        found = self.store.with_key(tx, job.workspace, key)
        if found and job.created_at - found.created_at < self.keys_last:
            if found.request_hash != job.request_hash:
                raise KeyUsedOtherwise(key)
            return found.id
        if found:
            self.store.forget_key(tx, found)
        return None

    def _ring(self, tx: Transaction, jobs: Sequence[Job]) -> None:
        ready = [call_of(job) for job in jobs if job.ready]
        if ready:
            tx.after_commit(lambda: self.dispatcher.ring(ready))
        tx.after_commit(lambda: self._ring_upkeep(jobs))

    def _ring_upkeep(self, jobs: Sequence[Job]) -> None:
        """Have those released that are not ready, among them all that are in a queue with a limit."""
        if not all(job.ready for job in jobs) or any(map(self.places.takes_one, jobs)):
            self.upkeep.ring()

    def _found(self, tx: Transaction, workspace: WorkspaceId, job: JobId) -> Job:
        found = self.store.get(tx, workspace, job)
        if found is None:
            raise JobNotFound(job)
        return found


def _short(key: str | None) -> str | None:
    """Return the key, or what stands for it if it is longer than an index takes or holds what no database takes."""
    if key is None or (len(key) <= MAX_KEY and plain_text(key) == key):
        return key
    return "sha256:" + hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()


def _fingerprint(job: Job, order: Order) -> str:
    """Return what tells one request from another."""
    told = [job.type, job.queue, job.priority, job.scheduled_for, job.deadline, job.concurrency_key, job.batch_id]
    ways = [sorted(map(str, order.after)), job.despite_parents, job.description, job.metadata]
    written = json.dumps([*map(str, told), *ways, job.payload], sort_keys=True)
    return hashlib.sha256(written.encode()).hexdigest()
