"""The engine's own duties, in SQL, over all workspaces: what can be released, rescued, ended, removed."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Select,
    TextClause,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.engine import Row
from sqlalchemy.orm import aliased

from counterfoil.foundation.database import Transaction, table_of
from counterfoil.foundation.ids import first_id
from counterfoil.jobs.domain import AGEING, FINAL, Call, Job, JobId, JobStatus, Queue, claim_key
from counterfoil.jobs.infrastructure.rows import job_of, queue_of
from counterfoil.jobs.infrastructure.tables import (
    BLOCKED,
    DEAD,
    READY,
    TO_RELEASE,
    UNDER_WAY,
    WAITING,
    WITH_DEADLINE,
    JobAttemptRow,
    JobBatchRow,
    JobEdgeRow,
    JobLogRow,
    JobRow,
    QueueRow,
    WorkerRow,
    awaited,
    taking_a_key,
    taking_a_slot,
)
from counterfoil.jobs.protocols import Candidate, Room

JOBS = table_of(JobRow)
_RELEASE_LOCK = 0x0C0F_0001  # any constant that nothing else in the database locks


class SqlUpkeepStore:
    """Finds what the engine has to do by itself. What it finds carries its workspace."""

    def due(self, tx: Transaction, now: datetime) -> bool:
        """Tell whether there may be something to release; this only reads."""
        free, batched = _to_release(batched=False), _to_release(batched=True)
        queries = (select(JOBS.c.id).where(*which, JOBS.c.due_at <= now) for which in (free, batched))
        return any(tx.execute(query.limit(1)).first() for query in queries)

    def may_release(self, tx: Transaction) -> bool:
        """Take the right to release until the transaction ends; False if another has it."""
        if tx.dialect != "postgresql":
            return True
        return bool(tx.execute(select(func.pg_try_advisory_xact_lock(_RELEASE_LOCK))).scalar())

    def room(self, tx: Transaction) -> Room:
        """Return how many places limited queues, and batches that have due jobs, have left."""
        limited = select(QueueRow.name, QueueRow.at_most).where(QueueRow.at_most.is_not(None))
        queues = {row.name: row.at_most - self._taken(tx, row.name) for row in tx.execute(limited).all()}
        return Room(queues=queues, batches=self._batch_room(tx))

    def _taken(self, tx: Transaction, queue: str) -> int:
        parts = (text(READY), text(UNDER_WAY), text(WAITING))
        counts = [select(func.count()).select_from(JOBS).where(part, JOBS.c.queue == queue) for part in parts]
        return sum(tx.execute(count).scalar_one() for count in counts)

    def _batch_room(self, tx: Transaction) -> Mapping[UUID, int | None]:
        waits = exists().where(JOBS.c.batch_id == JobBatchRow.id, *_to_release(batched=True))
        taken = (
            select(func.count())
            .where(JOBS.c.batch_id == JobBatchRow.id, text("batch_id IS NOT NULL"), text(taking_a_slot()))
            .scalar_subquery()
        )
        query = select(JobBatchRow.id, JobBatchRow.at_most, taken.label("taken")).where(waits)
        return {row.id: None if row.at_most is None else row.at_most - row.taken for row in tx.execute(query)}

    def candidates(self, tx: Transaction, now: datetime, room: Room, limit: int) -> Sequence[Candidate]:
        """Return due jobs that may have a place, in the order in which they should be ready."""
        full = [name for name, left in room.queues.items() if left <= 0]
        queries = [_candidates(now, full, batched=False).limit(limit)]
        for batch, left in room.batches.items():
            if left is None or left > 0:
                of_batch = _candidates(now, full, batched=True).where(JOBS.c.batch_id == batch)
                queries.append(of_batch.limit(limit if left is None else min(left, limit)))
        found = [row for query in queries for row in tx.execute(query)]
        ordered = sorted(found, key=lambda row: claim_key(row.priority, row.due_at))
        return [
            Candidate(
                call=Call(job=JobId(row.id), queue=row.queue, priority=row.priority),
                batch=row.batch_id,
                key=(row.workspace_id, row.concurrency_key) if row.concurrency_key is not None else None,
            )
            for row in ordered
        ]

    def release(self, tx: Transaction, now: datetime, jobs: Collection[JobId]) -> None:
        """Make these jobs ready."""
        key = literal(claim_key(0, now), BigInteger) - JOBS.c.priority * int(AGEING.total_seconds() * 1_000_000)
        released = update(JOBS).where(JOBS.c.id.in_(jobs), text(TO_RELEASE))
        tx.execute(released.values(ready=True, status=JobStatus.PENDING, claim_key=key, next_retry_at=None))

    def ready(self, tx: Transaction, limit: int) -> Sequence[Call]:
        """Return the first jobs, up to the limit, that can be claimed from each queue that is not paused."""
        paused = exists().where(QueueRow.name == JOBS.c.queue, QueueRow.paused_at.is_not(None))
        names = tx.execute(select(JOBS.c.queue).where(text(READY), ~paused).distinct()).scalars().all()
        columns = (JOBS.c.id, JOBS.c.queue, JOBS.c.priority)
        heads = [
            select(*columns).where(text(READY), JOBS.c.queue == name).order_by(JOBS.c.claim_key).limit(limit)
            for name in names
        ]
        rows = [row for head in heads for row in tx.execute(head)]
        return [Call(job=JobId(row.id), queue=row.queue, priority=row.priority) for row in rows]

    def orphans(self, tx: Transaction, limit: int) -> Sequence[Job]:
        """Return jobs of workers that have ended, also if they were claimed after that.

        One that an attempt has locked just now, in a transaction of its own, is left for later: it may be completing.
        """
        living = exists().where(WorkerRow.id == JOBS.c.worker_id, WorkerRow.ended_at.is_(None))
        query = _jobs().where(text(UNDER_WAY), ~living).limit(limit)
        return [job_of(row) for row in tx.execute(query.with_for_update(skip_locked=True))]

    def expired(self, tx: Transaction, now: datetime, limit: int) -> Sequence[Job]:
        """Return jobs, held, whose deadline passed before they began, or whose outside system is overdue."""
        late = (and_(text(WITH_DEADLINE), JOBS.c.deadline <= now), and_(text(WAITING), JOBS.c.answer_due_at <= now))
        found: list[Row[Any]] = []
        for which in late:
            found += tx.execute(_jobs().where(which).limit(limit).with_for_update(skip_locked=True)).all()
        return [job_of(row) for row in found]

    def unblocked(self, tx: Transaction, limit: int) -> Sequence[Job]:
        """Return blocked jobs that wait for nobody any more: whoever should have moved them on died before it could."""
        parent = aliased(JobRow, name="parent")
        edge = exists().where(
            JobEdgeRow.child_id == JOBS.c.id, JobEdgeRow.parent_id == parent.id, parent.status.not_in(FINAL)
        )
        return [job_of(row) for row in tx.execute(_jobs().where(text(BLOCKED), ~edge).limit(limit))]

    def has_work(self, tx: Transaction) -> bool:
        """Tell whether any job is ready or being processed."""
        return any(tx.execute(select(JOBS.c.id).where(text(which)).limit(1)).first() for which in (READY, UNDER_WAY))

    def counts(self, tx: Transaction) -> Mapping[tuple[str, JobStatus], int]:
        """Return how many jobs are not completed or cancelled, by queue and status, each from an index of its own."""
        total: Counter[tuple[str, JobStatus]] = Counter()
        to_release = (_to_release(batched=batched) for batched in (False, True))
        for which in (*to_release, *((text(one),) for one in (READY, UNDER_WAY, WAITING, BLOCKED, DEAD))):
            query = select(JOBS.c.queue, JOBS.c.status, func.count().label("number")).where(*which)
            for row in tx.execute(query.group_by(JOBS.c.queue, JOBS.c.status)):
                total[row.queue, JobStatus(row.status)] += row.number
        return total

    def queues(self, tx: Transaction) -> Sequence[Queue]:
        """Return what has been decided about queues."""
        query = select(*QueueRow.__table__.columns).order_by(QueueRow.name)
        return [queue_of(row) for row in tx.execute(query)]

    def decide(self, tx: Transaction, queue: Queue) -> None:
        """Keep what a person decided about a queue. Ready jobs go back behind a limit that is new."""
        values = {"at_most": queue.at_most, "paused_at": queue.paused_at}
        if not tx.execute(update(QueueRow).where(QueueRow.name == queue.name).values(values)).rowcount:
            tx.execute(insert(QueueRow), {"name": queue.name} | values)
        if queue.at_most is not None:
            waiting = update(JOBS).where(text(READY), JOBS.c.queue == queue.name)
            tx.execute(waiting.values(ready=False))

    def remove_finished(self, tx: Transaction, before: datetime, limit: int) -> int:
        """Remove completed and cancelled jobs that ended before; those that others wait for stay."""
        over = JOBS.c.status.in_({JobStatus.COMPLETED, JobStatus.CANCELLED}) & (JOBS.c.ended_at < before)
        # Ids sort by when jobs were made, which was before they ended: those made since need not be looked at.
        old = JOBS.c.id < first_id(before)
        return self._remove(tx, select(JOBS.c.id).where(old, over, ~awaited()).order_by(JOBS.c.id).limit(limit))

    def remove_dead(self, tx: Transaction, before: datetime, limit: int) -> int:
        """Remove dead letters that died before; those that others wait for stay, or it would seem they ended well."""
        old = select(JOBS.c.id).where(text(DEAD), JOBS.c.ended_at < before, ~awaited())
        return self._remove(tx, old.limit(limit))

    def remove_surplus(self, tx: Transaction, at_most: int, limit: int) -> int:
        """Remove the oldest of a workspace's dead letters beyond so many, but for those that others wait for."""
        place = func.row_number().over(partition_by=JOBS.c.workspace_id, order_by=JOBS.c.ended_at.desc())
        ranked = select(JOBS.c.id, place.label("place")).where(text(DEAD)).subquery()
        surplus = select(JOBS.c.id).join(ranked, ranked.c.id == JOBS.c.id).where(ranked.c.place > at_most, ~awaited())
        return self._remove(tx, surplus.limit(limit))

    def _remove(self, tx: Transaction, which: Select[Any]) -> int:
        gone = (
            tx.execute(delete(JOBS).where(JOBS.c.id.in_(which.scalar_subquery())).returning(JOBS.c.id)).scalars().all()
        )
        for table in (JobAttemptRow, JobLogRow):
            tx.execute(delete(table).where(table.job_id.in_(gone)))
        return len(gone)


def _jobs() -> Select[Any]:
    return select(*JOBS.c)


def _to_release(*, batched: bool) -> tuple[TextClause, ...]:
    return text(TO_RELEASE), text("batch_id IS NOT NULL" if batched else "batch_id IS NULL")


def _candidates(now: datetime, full: Collection[str], *, batched: bool) -> Select[Any]:
    """Select due jobs whose concurrency key nobody has and whose queue is not full."""
    busy = aliased(JobRow, name="busy")
    taken = exists().where(
        busy.workspace_id == JOBS.c.workspace_id,
        busy.concurrency_key == JOBS.c.concurrency_key,
        text(taking_a_key("busy.")),
    )
    columns = (
        JOBS.c.id,
        JOBS.c.workspace_id,
        JOBS.c.queue,
        JOBS.c.priority,
        JOBS.c.due_at,
        JOBS.c.batch_id,
        JOBS.c.concurrency_key,
    )
    query = select(*columns).where(*_to_release(batched=batched), JOBS.c.due_at <= now, ~taken)
    if full:
        query = query.where(JOBS.c.queue.not_in(full))
    return query.order_by(JOBS.c.due_at)
