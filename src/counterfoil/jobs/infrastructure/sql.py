"""Jobs in SQL, on SQLite and PostgreSQL with the same statements.

What keeps two workers from one job: a claim skips rows that another claim has locked (SQLite lets only one
writer in at all), and every later write of the attempt names its lease and does nothing once that has changed.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    String,
    TextClause,
    and_,
    cast,
    exists,
    func,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.orm import aliased

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Transaction
from counterfoil.foundation.paging import Page, Paging
from counterfoil.jobs.domain import (
    AGEING,
    Attempt,
    Job,
    JobId,
    JobStatus,
    Json,
    Lease,
    LogLine,
    Progress,
    WorkerId,
    claim_key,
)
from counterfoil.jobs.infrastructure.rows import (
    attempt_of,
    failure_row,
    identity_of,
    job_of,
    line_of,
    progress_row,
    row_of,
)
from counterfoil.jobs.infrastructure.tables import (
    READY,
    TO_RELEASE,
    UNDER_WAY,
    UNFINISHED,
    JobAttemptRow,
    JobLogRow,
    JobRow,
    JobStepRow,
    WorkerRow,
    taking_a_slot,
)

_RELEASE_LOCK = 0x0C0F_0001  # any constant that nothing else in the database locks


class SqlJobStore:
    """Keeps jobs in SQL."""

    def add(self, tx: Transaction, job: Job) -> None:
        """Keep a new job. One that is ready is claimed by the next worker that asks."""
        tx.execute(insert(JobRow), row_of(job) | identity_of(job))

    def get(self, tx: Transaction, workspace: WorkspaceId, job: JobId) -> Job | None:
        row = tx.execute(_jobs().where(JobRow.id == job, JobRow.workspace_id == workspace)).one_or_none()
        return job_of(row) if row else None

    def page(
        self, tx: Transaction, workspace: WorkspaceId, paging: Paging, *, status: JobStatus | None, type_: str | None
    ) -> Page[Job]:
        query = _jobs().where(JobRow.workspace_id == workspace)
        if status:
            query = query.where(JobRow.status == status)
        if type_:
            query = query.where(JobRow.type == type_)
        if paging.after:
            query = query.where(JobRow.id < paging.after)
        rows = tx.execute(query.order_by(JobRow.id.desc()).limit(paging.limit + 1)).all()
        return Page.of([job_of(row) for row in rows], paging, lambda job: job.id)

    def attempts(self, tx: Transaction, workspace: WorkspaceId, job: JobId) -> Sequence[Attempt]:
        query = (
            select(*JobAttemptRow.__table__.columns)
            .where(JobAttemptRow.job_id == job, JobAttemptRow.workspace_id == workspace)
            .order_by(JobAttemptRow.ended_at, JobAttemptRow.lease)
        )
        return [attempt_of(row) for row in tx.execute(query)]

    def logs(self, tx: Transaction, workspace: WorkspaceId, job: JobId, paging: Paging) -> Page[LogLine]:
        query = select(*JobLogRow.__table__.columns).where(JobLogRow.job_id == job, JobLogRow.workspace_id == workspace)
        if paging.after:
            query = query.where(JobLogRow.id < paging.after)
        rows = tx.execute(query.order_by(JobLogRow.id.desc()).limit(paging.limit + 1)).all()
        return Page.of([line_of(row) for row in rows], paging, lambda line: line.id)

    def retry(self, tx: Transaction, before: Job, after: Job) -> bool:
        """Save `after` if the job still has the status that it has in `before`."""
        same = and_(JobRow.id == before.id, JobRow.workspace_id == before.workspace, JobRow.status == before.status)
        return tx.execute(update(JobRow).where(same).values(row_of(after))).rowcount == 1

    def due(self, tx: Transaction, now: datetime) -> bool:
        return tx.execute(select(JobRow.id).where(*_releasable(now)).limit(1)).first() is not None

    def release(self, tx: Transaction, now: datetime, limit: int) -> int:
        """Make due jobs ready, of each concurrency key at most one and only while none is under way."""
        if (
            tx.dialect == "postgresql"
            and not tx.execute(select(func.pg_try_advisory_xact_lock(_RELEASE_LOCK))).scalar()
        ):
            return 0
        place = func.row_number().over(
            partition_by=(JobRow.workspace_id, func.coalesce(JobRow.concurrency_key, cast(JobRow.id, String))),
            order_by=(JobRow.due_at, JobRow.id),
        )
        due = (
            select(JobRow.id, place.label("place"))
            .where(*_releasable(now))
            .order_by(JobRow.due_at)
            .limit(limit)
            .subquery()
        )
        first = select(due.c.id).where(due.c.place == 1)
        key = literal(claim_key(0, now), BigInteger) - JobRow.priority * int(AGEING.total_seconds() * 1_000_000)
        released = update(JobRow).where(JobRow.id.in_(first), text(TO_RELEASE))
        return tx.execute(
            released.values(ready=True, status=JobStatus.PENDING, claim_key=key, next_retry_at=None)
        ).rowcount

    def claim(
        self, tx: Transaction, worker: WorkerId, lease: Lease, queues: Collection[str], now: datetime, limit: int
    ) -> Sequence[Job]:
        """Take up to `limit` ready jobs.

        The pick is fenced off in a materialised CTE, or PostgreSQL might run it again and take more than the limit.
        """
        pick = (
            select(JobRow.id)
            .where(text(READY), JobRow.queue.in_(queues))
            .order_by(JobRow.claim_key)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("pick")
            .prefix_with("MATERIALIZED", dialect="postgresql")
        )
        taken = (
            update(JobRow)
            .where(JobRow.id.in_(select(pick.c.id)))
            .values(
                status=JobStatus.PROCESSING,
                ready=False,
                attempts=JobRow.attempts + 1,
                worker_id=worker,
                lease=lease,
                started_at=now,
                progress=None,
            )
            .returning(*JobRow.__table__.columns)
        )
        jobs = [(row.claim_key, job_of(row)) for row in tx.execute(taken)]
        return [job for _, job in sorted(jobs, key=lambda pair: pair[0])]

    def settle(self, tx: Transaction, lease: Lease, after: Job, attempt: Attempt) -> bool:
        """Save the job and its attempt, or neither."""
        if tx.execute(update(JobRow).where(_held(after.id, lease)).values(row_of(after))).rowcount != 1:
            return False
        tx.execute(
            insert(JobAttemptRow),
            {
                "job_id": attempt.job,
                "lease": attempt.lease,
                "workspace_id": after.workspace,
                "number": attempt.number,
                "worker_id": attempt.worker,
                "started_at": attempt.started_at,
                "ended_at": attempt.ended_at,
                "ending": attempt.ending,
                **failure_row(attempt.failure),
            },
        )
        return True

    def holds(self, tx: Transaction, job: JobId, lease: Lease) -> bool:
        """Tell whether the lease is current; the row stays locked, so it stays current until the end.

        Rows that point to the job, such as its log lines, can still be added by others.
        """
        query = select(JobRow.id).where(_held(job, lease)).with_for_update(key_share=True)
        return tx.execute(query).one_or_none() is not None

    def set_progress(self, tx: Transaction, job: JobId, lease: Lease, progress: Progress) -> bool:
        changed = update(JobRow).where(_held(job, lease)).values(progress=progress_row(progress))
        return tx.execute(changed).rowcount == 1

    def add_log(self, tx: Transaction, workspace: WorkspaceId, line: LogLine) -> None:
        tx.execute(
            insert(JobLogRow),
            {
                "id": line.id,
                "job_id": line.job,
                "workspace_id": workspace,
                "level": line.level,
                "message": line.message,
                "metadata": dict(line.metadata),
                "created_at": line.created_at,
            },
        )

    def step(self, tx: Transaction, workspace: WorkspaceId, job: JobId, name: str) -> Json | None:
        query = select(JobStepRow.result).where(
            JobStepRow.job_id == job, JobStepRow.name == name, JobStepRow.workspace_id == workspace
        )
        return tx.execute(query).scalar_one_or_none()

    def add_step(
        self, tx: Transaction, workspace: WorkspaceId, job: JobId, name: str, result: Json, now: datetime
    ) -> None:
        row = {"job_id": job, "name": name, "workspace_id": workspace, "result": dict(result), "created_at": now}
        tx.execute(insert(JobStepRow), row)

    def claimed_by(self, tx: Transaction, worker: WorkerId) -> Sequence[Job]:
        query = _jobs().where(JobRow.worker_id == worker, text(UNDER_WAY))
        return [job_of(row) for row in tx.execute(query)]

    def orphans(self, tx: Transaction, limit: int) -> Sequence[Job]:
        """Return jobs of workers that have ended, also if they were claimed after that.

        One that an attempt has locked just now, in a transaction of its own, is left for later: it may be completing.
        """
        living = exists().where(WorkerRow.id == JobRow.worker_id, WorkerRow.ended_at.is_(None))
        query = _jobs().where(text(UNDER_WAY), ~living).limit(limit)
        return [job_of(row) for row in tx.execute(query.with_for_update(skip_locked=True))]

    def busy(self, tx: Transaction) -> bool:
        startable = select(JobRow.id).where(text(READY))
        under_way = select(JobRow.id).where(JobRow.status == JobStatus.PROCESSING, text(UNFINISHED))
        return any(tx.execute(query.limit(1)).first() for query in (startable, under_way))

    def counts(self, tx: Transaction) -> Mapping[tuple[str, JobStatus], int]:
        query = (
            select(JobRow.queue, JobRow.status, func.count().label("number"))
            .where(text(UNFINISHED))
            .group_by(JobRow.queue, JobRow.status)
        )
        return {(row.queue, JobStatus(row.status)): row.number for row in tx.execute(query)}


def _jobs() -> Select[Any]:
    return select(*JobRow.__table__.columns)


def _releasable(now: datetime) -> tuple[ColumnElement[bool] | TextClause, ...]:
    """Match due jobs whose concurrency key nobody has."""
    busy = aliased(JobRow, name="busy")
    taken = exists().where(
        busy.workspace_id == JobRow.workspace_id,
        busy.concurrency_key == JobRow.concurrency_key,
        text(taking_a_slot("busy.")),
    )
    return text(TO_RELEASE), JobRow.due_at <= now, ~taken


def _held(job: JobId, lease: Lease) -> ColumnElement[bool]:
    """Match the job while it is being processed under this lease."""
    return and_(JobRow.id == job, JobRow.lease == lease, JobRow.status == JobStatus.PROCESSING)
