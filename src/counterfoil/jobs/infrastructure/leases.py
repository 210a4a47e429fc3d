"""What workers do with jobs, in SQL: claim them, tell how they go, settle them.

What keeps two workers from one job: a claim skips rows that another claim has locked (SQLite lets only one
writer in at all), and every later write of the attempt names its lease and does nothing once that has changed.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Update,
    and_,
    bindparam,
    exists,
    insert,
    select,
    text,
    tuple_,
    union_all,
    update,
)

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Transaction, table_of
from counterfoil.jobs.domain import (
    Job,
    JobId,
    JobStatus,
    Json,
    Lease,
    LogLine,
    Progress,
    WorkerId,
)
from counterfoil.jobs.infrastructure.bulk import MOST_STATEMENTS, Columns, documents, insert_rows, recordset
from counterfoil.jobs.infrastructure.rows import (
    CLAIMED,
    attempt_row,
    changes_of,
    claimed_of,
    job_of,
    line_row,
    progress_row,
)
from counterfoil.jobs.infrastructure.tables import (
    CANCEL_WANTED,
    DEADLY,
    READY,
    UNDER_WAY,
    JobAttemptRow,
    JobCallbackRow,
    JobEdgeRow,
    JobLogRow,
    JobRow,
    JobStepRow,
    QueueRow,
)
from counterfoil.jobs.moves import Answered
from counterfoil.jobs.protocols import Settlement, settlement_of

JOBS = table_of(JobRow)
ATTEMPTS = table_of(JobAttemptRow)
EDGES = table_of(JobEdgeRow)
LOGS = table_of(JobLogRow)
_PARENTS = Columns(own=("parent_id",))


class SqlLeaseStore:
    """Gives jobs to workers under leases, and takes from them only what their leases allow."""

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
        """Take up to `limit` ready jobs, the first to be served first."""
        return _taken(tx, _claim(tuple(queues), alone=alone), worker, lease, limit=limit)

    def claim_one(self, tx: Transaction, worker: WorkerId, lease: Lease, job: JobId) -> Job | None:
        """Take this job if it is ready and its queue is not paused."""
        taken = _taken(tx, _claim_one(), worker, lease, job=job)
        return taken[0] if taken else None

    def alone_waits(self, tx: Transaction, queues: Collection[str]) -> bool:
        """Tell whether a job is ready that has to be run alone."""
        deadly = select(JOBS.c.id).where(text(READY), text(DEADLY), JOBS.c.queue.in_(queues)).limit(1)
        return tx.execute(deadly).first() is not None

    def settle(self, tx: Transaction, settlements: Sequence[Settlement]) -> Sequence[Settlement]:
        """Save how attempts left their jobs, and what they logged; return those whose lease held."""
        ordered = sorted(settlements, key=lambda one: one.after.id)
        kept = _update_held(tx, ordered)
        cancelled = self._saved_as_cancelled(tx, [one for one in ordered if one.after.id not in kept])
        saved = [one for one in ordered if one.after.id in kept] + cancelled
        insert_rows(tx, ATTEMPTS, [attempt_row(one.attempt, one.after.workspace) for one in saved])
        lines = [line_row(line, one.after.workspace) for one in saved for line in one.lines]
        insert_rows(tx, LOGS, lines, unless_there=True)
        now_saved = {one.after.id for one in saved}
        return saved + self._saved_before(tx, [one for one in ordered if one.after.id not in now_saved])

    def _saved_as_cancelled(self, tx: Transaction, missed: Sequence[Settlement]) -> list[Settlement]:
        """Save those whose jobs were to be cancelled since they were claimed, as that leaves them."""
        if not missed:
            return []
        leases = {one.after.id: one.attempt.lease for one in missed}
        query = select(*JOBS.c).where(JOBS.c.id.in_(leases), JOBS.c.status == JobStatus.PROCESSING)
        now = {row.id: job_of(row) for row in tx.execute(query.order_by(JOBS.c.id).with_for_update())}
        again = [
            settlement_of(now[one.after.id], one.outcome, one.attempt.ended_at, one.lines)
            for one in missed
            if one.after.id in now and now[one.after.id].lease == one.attempt.lease
        ]
        kept = _update_held(tx, again)
        return [one for one in again if one.after.id in kept]

    def _saved_before(self, tx: Transaction, missed: Sequence[Settlement]) -> list[Settlement]:
        """Return those whose attempt is there already: they were saved, but the answer to the commit was lost."""
        if not missed:
            return []
        pairs = [(one.attempt.job, one.attempt.lease, one.attempt.ending) for one in missed]
        there = tuple_(ATTEMPTS.c.job_id, ATTEMPTS.c.lease, ATTEMPTS.c.ending).in_(pairs)
        jobs = set(tx.execute(select(ATTEMPTS.c.job_id).where(there)).scalars())
        return [one for one in missed if one.after.id in jobs]

    def children_of(self, tx: Transaction, parents: Collection[JobId]) -> Sequence[JobId]:
        """Return the jobs that wait for one of these."""
        rows = [{"parent_id": parent} for parent in parents]
        children = tx.execute(_children(tx.dialect), documents(tx.dialect, rows, _PARENTS)).scalars()
        return [JobId(child) for child in children]

    def answers(self, tx: Transaction, attempts: Sequence[tuple[JobId, Lease]]) -> Mapping[JobId, Answered]:
        """Return what outside systems have said already about these attempts."""
        these = tuple_(JobCallbackRow.job_id, JobCallbackRow.lease).in_(attempts)
        query = select(*JobCallbackRow.__table__.c).where(these, JobCallbackRow.answered_at.is_not(None))
        return {JobId(row.job_id): Answered(answer=row.answer, final=row.final) for row in tx.execute(query)}

    def holds(self, tx: Transaction, job: JobId, lease: Lease) -> bool:
        """Tell whether the lease is current; the row stays locked, so it stays current until the end.

        Rows that point to the job, such as its steps, can still be added by others.
        """
        query = select(JOBS.c.id).where(_held(job, lease)).with_for_update(key_share=True)
        return tx.execute(query).one_or_none() is not None

    def set_progress(self, tx: Transaction, job: JobId, lease: Lease, progress: Progress) -> bool:
        changed = update(JOBS).where(_held(job, lease)).values(progress=progress_row(progress))
        return tx.execute(changed).rowcount == 1

    def add_logs(self, tx: Transaction, workspace: WorkspaceId, lines: Sequence[LogLine]) -> None:
        insert_rows(tx, LOGS, [line_row(line, workspace) for line in lines], unless_there=True)

    def step(self, tx: Transaction, workspace: WorkspaceId, job: JobId, name: str, version: int) -> Json | None:
        query = select(JobStepRow.result).where(
            JobStepRow.job_id == job,
            JobStepRow.name == name,
            JobStepRow.version == version,
            JobStepRow.workspace_id == workspace,
        )
        return tx.execute(query).scalar_one_or_none()

    def add_step(
        self, tx: Transaction, workspace: WorkspaceId, job: JobId, name: str, version: int, result: Json, now: datetime
    ) -> None:
        tx.execute(
            insert(JobStepRow),
            {
                "job_id": job,
                "name": name,
                "version": version,
                "workspace_id": workspace,
                "result": dict(result),
                "created_at": now,
            },
        )

    def expect_answer(
        self, tx: Transaction, workspace: WorkspaceId, job: JobId, lease: Lease, *, token_hash: str, final: bool
    ) -> None:
        mine = and_(JobCallbackRow.job_id == job, JobCallbackRow.lease == lease)
        said = {"token_hash": token_hash, "final": final}
        if not tx.execute(update(JobCallbackRow).where(mine, JobCallbackRow.workspace_id == workspace), said).rowcount:
            tx.execute(insert(JobCallbackRow), {"job_id": job, "lease": lease, "workspace_id": workspace, **said})

    def answer(self, tx: Transaction, workspace: WorkspaceId, job: JobId) -> Json | None:
        query = (
            select(JobCallbackRow.answer)
            .where(JobCallbackRow.job_id == job, JobCallbackRow.workspace_id == workspace)
            .order_by(JobCallbackRow.lease.desc())  # which are given out in order
            .limit(1)
        )
        found: Json | None = tx.execute(query).scalar_one_or_none()
        return found

    def cancel_wanted(self, tx: Transaction, workspace: WorkspaceId, job: JobId) -> bool:
        query = select(JOBS.c.id).where(
            JOBS.c.id == job, JOBS.c.workspace_id == workspace, JOBS.c.cancel_requested_at.is_not(None)
        )
        return tx.execute(query).one_or_none() is not None

    def to_stop(self, tx: Transaction, worker: WorkerId) -> Sequence[JobId]:
        query = select(JOBS.c.id).where(text(CANCEL_WANTED), JOBS.c.worker_id == worker)
        return [JobId(job) for job in tx.execute(query).scalars()]

    def claimed_by(self, tx: Transaction, worker: WorkerId) -> Sequence[Job]:
        query = select(*JOBS.c).where(text(UNDER_WAY), JOBS.c.worker_id == worker)
        return [job_of(row) for row in tx.execute(query)]


@cache
def _claim(queues: tuple[str, ...], *, alone: bool) -> Update:
    """Take the first of all queues' first ready jobs.

    The pick is fenced off in a materialised CTE, or PostgreSQL might run it again and take more than the limit.
    """
    heads = union_all(*(select(_head(queue, alone=alone).subquery()) for queue in queues)).subquery()
    return _take(select(heads.c.id).order_by(heads.c.claim_key).limit(bindparam("limit", type_=Integer)))


@cache
def _claim_one() -> Update:
    wanted = JOBS.c.id == bindparam("job", type_=JOBS.c.id.type)
    return _take(select(JOBS.c.id).where(wanted, text(READY), ~_paused(JOBS.c.queue)).with_for_update(skip_locked=True))


def _take(pick: Select[Any]) -> Update:
    fenced = pick.cte("pick").prefix_with("MATERIALIZED", dialect="postgresql")
    return (
        update(JOBS)
        .where(JOBS.c.id.in_(select(fenced.c.id)))
        .values(
            status=JobStatus.PROCESSING,
            ready=False,
            attempts=JOBS.c.attempts + 1,
            worker_id=bindparam("worker", type_=JOBS.c.worker_id.type),
            lease=bindparam("its_lease", type_=JOBS.c.lease.type),
            started_at=bindparam("now", type_=JOBS.c.started_at.type),
            progress=None,
        )
        .returning(*(JOBS.c[name] for name in CLAIMED))
    )


def _taken(tx: Transaction, take: Update, worker: WorkerId, lease: Lease, **wanted: object) -> Sequence[Job]:
    rows = tx.execute(take, {"worker": worker, "its_lease": lease, "now": tx.now(), **wanted}).all()
    return [claimed_of(row, worker, lease) for row in sorted(rows, key=lambda row: row.claim_key or 0)]


def _head(queue: str, *, alone: bool) -> Select[Any]:
    """Select the first ready jobs of a queue that is not paused.

    Each queue is read by itself, from the index's front, or a crowd in one would have to be passed to see another.
    """
    return (
        select(JOBS.c.id, JOBS.c.claim_key)
        .where(text(READY), text(DEADLY if alone else f"NOT {DEADLY}"), JOBS.c.queue == queue, ~_paused(queue))
        .order_by(JOBS.c.claim_key)
        .limit(bindparam("limit", type_=Integer))
        .with_for_update(skip_locked=True)
    )


@cache
def _children(dialect: str) -> Select[Any]:
    ended = recordset(dialect, EDGES, _PARENTS)
    return select(EDGES.c.child_id).where(EDGES.c.parent_id == ended.c.parent_id).distinct()


def _paused(queue: str | ColumnElement[str]) -> ColumnElement[bool]:
    return exists().where(QueueRow.name == queue, QueueRow.paused_at.is_not(None))


def _update_held(tx: Transaction, settlements: Sequence[Settlement]) -> Collection[JobId]:
    """Write what has changed over those jobs that stand as they were claimed; return which."""
    by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for one in settlements:
        changes = changes_of(one.job, one.after)
        where = {"id": one.after.id, "held": one.attempt.lease, "cancel_seen": one.job.cancel_requested_at}
        by_columns.setdefault(tuple(changes), []).append(changes | where)
    updated: set[JobId] = set()
    for names, rows in by_columns.items():
        columns = Columns.of(rows)
        overwrite = _overwrite(tx.dialect, columns, names)
        updated.update(tx.execute(overwrite, documents(tx.dialect, rows, columns)).scalars())
    return updated


@lru_cache(MOST_STATEMENTS)
def _overwrite(dialect: str, columns: Columns, names: tuple[str, ...]) -> Update:
    given = recordset(dialect, JOBS, columns, held="lease", cancel_seen="cancel_requested_at")
    unchanged = JOBS.c.cancel_requested_at.is_not_distinct_from(given.c.cancel_seen)
    return (
        update(JOBS)
        .where(JOBS.c.id == given.c.id, JOBS.c.lease == given.c.held, JOBS.c.status == JobStatus.PROCESSING, unchanged)
        .values({name: given.c[name] for name in names})
        .returning(JOBS.c.id)
    )


def _held(job: JobId, lease: Lease) -> ColumnElement[bool]:
    """Match the job while it is being processed under this lease."""
    return and_(JOBS.c.id == job, JOBS.c.lease == lease, JOBS.c.status == JobStatus.PROCESSING)
