"""What people and other rooms do with jobs, in SQL; every statement names the workspace."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    TextClause,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import aliased

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Transaction, table_of
from counterfoil.foundation.paging import Page, Paging
from counterfoil.jobs.domain import (
    FINAL,
    Attempt,
    Batch,
    BatchId,
    Callback,
    Job,
    JobId,
    JobStatus,
    Json,
    Lease,
    LogLevel,
    LogLine,
    Neighbours,
)
from counterfoil.jobs.infrastructure.bulk import (
    INSERT,
    MOST_STATEMENTS,
    NOT_A_JOIN,
    Columns,
    documents,
    insert_rows,
    recordset,
)
from counterfoil.jobs.infrastructure.rows import attempt_of, batch_of, identity_of, job_of, line_of, row_of
from counterfoil.jobs.infrastructure.tables import (
    DEAD,
    JobAttemptRow,
    JobBatchRow,
    JobCallbackRow,
    JobEdgeRow,
    JobLogRow,
    JobRow,
    QueueRow,
    WorkerRow,
    awaited,
)
from counterfoil.jobs.protocols import ALL_LINES, JobFilter, LineFilter, Standing

JOBS = table_of(JobRow)
CALLBACKS = table_of(JobCallbackRow)
MOST_NEIGHBOURS = 1_000
_LEVELS = tuple(LogLevel)  # the least important first


class SqlJobStore:
    """Keeps jobs in SQL."""

    def add(self, tx: Transaction, jobs: Sequence[Job]) -> None:
        """Keep new jobs. Those that are ready are claimed by the next worker that asks."""
        if jobs:
            rows = [row_of(job) | identity_of(job) for job in jobs]
            columns = Columns.of(rows)
            tx.execute(_insert(tx.dialect, columns), documents(tx.dialect, rows, columns))

    def add_once(self, tx: Transaction, job: Job) -> bool:
        """Keep a new job with an idempotency key, unless the workspace has one with that key."""
        rows = [row_of(job) | identity_of(job)]
        columns = Columns.of(rows)
        added = _insert(tx.dialect, columns).on_conflict_do_nothing().returning(JOBS.c.id)
        return tx.execute(added, documents(tx.dialect, rows, columns)).one_or_none() is not None

    def with_key(self, tx: Transaction, workspace: WorkspaceId, key: str) -> Job | None:
        """Return the job with this idempotency key."""
        row = tx.execute(_jobs().where(JOBS.c.workspace_id == workspace, JOBS.c.idempotency_key == key)).one_or_none()
        return job_of(row) if row else None

    def forget_key(self, tx: Transaction, job: Job) -> None:
        """Let the job's idempotency key be used anew."""
        had = and_(JOBS.c.id == job.id, JOBS.c.workspace_id == job.workspace)
        tx.execute(update(JOBS).where(had).values(idempotency_key=None))

    def link(self, tx: Transaction, workspace: WorkspaceId, child: JobId, parents: Collection[JobId]) -> None:
        """Note whom a job waits for."""
        insert_rows(
            tx,
            table_of(JobEdgeRow),
            [{"parent_id": parent, "child_id": child, "workspace_id": workspace} for parent in parents],
        )

    def parents(self, tx: Transaction, workspace: WorkspaceId, jobs: Collection[JobId]) -> Mapping[JobId, JobStatus]:
        """Return where these jobs stand, and keep them there until the transaction ends."""
        query = (
            select(JOBS.c.id, JOBS.c.status)
            .where(JOBS.c.workspace_id == workspace, JOBS.c.id.in_(jobs))
            .order_by(JOBS.c.id)
            .with_for_update(read=True)
        )
        return {JobId(row.id): JobStatus(row.status) for row in tx.execute(query)}

    def held_back(self, tx: Transaction, workspace: WorkspaceId, jobs: Collection[JobId]) -> Collection[JobId]:
        """Return which of these jobs have unfinished parents; those stay so until the transaction ends."""
        query = (
            select(JobEdgeRow.child_id)
            .join(JobRow, JobRow.id == JobEdgeRow.parent_id)
            .where(JobEdgeRow.child_id.in_(jobs), JobEdgeRow.workspace_id == workspace, JobRow.status.not_in(FINAL))
            .order_by(JobRow.id)
            .with_for_update(read=True, of=JobRow)
        )
        return {JobId(child) for child in tx.execute(query).scalars()}

    def get(self, tx: Transaction, workspace: WorkspaceId, job: JobId, *, hold: bool = False) -> Job | None:
        """Return a job of this workspace; with `hold` it stays as it is until the transaction ends."""
        query = _jobs().where(JOBS.c.id == job, JOBS.c.workspace_id == workspace)
        row = tx.execute(query.with_for_update() if hold else query).one_or_none()
        return job_of(row) if row else None

    def page(self, tx: Transaction, workspace: WorkspaceId, paging: Paging, wanted: JobFilter) -> Page[Job]:
        query = matching(_jobs(), workspace, wanted)
        if paging.after:
            query = query.where(JOBS.c.id < paging.after)
        rows = tx.execute(query.order_by(JOBS.c.id.desc()).limit(paging.limit + 1)).all()
        return Page.of([job_of(row) for row in rows], paging, lambda job: job.id)

    def held(self, tx: Transaction, workspace: WorkspaceId, wanted: JobFilter, limit: int) -> Sequence[Job]:
        """Return jobs that match, oldest first, which stay as they are until the transaction ends."""
        query = matching(_jobs(), workspace, wanted).order_by(JOBS.c.id).limit(limit)
        return [job_of(row) for row in tx.execute(query.with_for_update(skip_locked=True))]

    def save(self, tx: Transaction, job: Job) -> None:
        """Write a job that the caller holds; also its payload, which a person may have corrected."""
        mine = and_(JOBS.c.id == job.id, JOBS.c.workspace_id == job.workspace)
        tx.execute(update(JOBS).where(mine).values(row_of(job) | {"payload": dict(job.payload)}))

    def remove(self, tx: Transaction, workspace: WorkspaceId, jobs: Collection[JobId]) -> int:
        """Remove final jobs that nobody waits for, with their history; return how many."""
        mine = and_(JOBS.c.workspace_id == workspace, JOBS.c.id.in_(jobs), JOBS.c.status.in_(FINAL), ~awaited())
        gone = tx.execute(delete(JOBS).where(mine).returning(JOBS.c.id)).scalars().all()
        for table in (JobAttemptRow, JobLogRow):
            tx.execute(delete(table).where(table.job_id.in_(gone)))
        return len(gone)

    def attempts(self, tx: Transaction, workspace: WorkspaceId, job: JobId) -> Sequence[Attempt]:
        query = (
            select(*JobAttemptRow.__table__.columns)
            .where(JobAttemptRow.job_id == job, JobAttemptRow.workspace_id == workspace)
            .order_by(JobAttemptRow.ended_at, JobAttemptRow.lease)
        )
        return [attempt_of(row) for row in tx.execute(query)]

    def neighbours(self, tx: Transaction, workspace: WorkspaceId, job: JobId) -> Neighbours:
        """Return whom a job waits or waited for, and who waits or waited for it."""
        mine = JobEdgeRow.workspace_id == workspace
        parents = select(JobEdgeRow.parent_id).where(JobEdgeRow.child_id == job, mine).order_by(JobEdgeRow.parent_id)
        children = select(JobEdgeRow.child_id).where(JobEdgeRow.parent_id == job, mine).order_by(JobEdgeRow.child_id)
        found = [tx.execute(query.limit(MOST_NEIGHBOURS)).scalars().all() for query in (parents, children)]
        return Neighbours(parents=[JobId(one) for one in found[0]], children=[JobId(one) for one in found[1]])

    def heartbeat(self, tx: Transaction, workspace: WorkspaceId, job: JobId) -> datetime | None:
        """Return when the worker that has the job last said that it lives."""
        query = select(WorkerRow.beat_at).join(JOBS, JOBS.c.worker_id == WorkerRow.id)
        beat: datetime | None = tx.execute(
            query.where(JOBS.c.id == job, JOBS.c.workspace_id == workspace)
        ).scalar_one_or_none()
        return beat

    def logs(
        self, tx: Transaction, workspace: WorkspaceId, job: JobId, paging: Paging, wanted: LineFilter = ALL_LINES
    ) -> Page[LogLine]:
        query = select(*JobLogRow.__table__.columns).where(JobLogRow.job_id == job, JobLogRow.workspace_id == workspace)
        if wanted.at_least is not LogLevel.DEBUG:
            query = query.where(JobLogRow.level.in_(_LEVELS[_LEVELS.index(wanted.at_least) :]))
        if paging.after:
            beyond = JobLogRow.id > paging.after if wanted.oldest_first else JobLogRow.id < paging.after
            query = query.where(beyond)
        order = JobLogRow.id.asc() if wanted.oldest_first else JobLogRow.id.desc()
        rows = tx.execute(query.order_by(order).limit(paging.limit + 1)).all()
        return Page.of([line_of(row) for row in rows], paging, lambda line: line.id)

    def add_batch(self, tx: Transaction, batch: Batch) -> None:
        tx.execute(
            insert(JobBatchRow),
            {
                "id": batch.id,
                "workspace_id": batch.workspace,
                "description": batch.description,
                "at_most": batch.at_most,
                "created_at": batch.created_at,
            },
        )

    def batch(self, tx: Transaction, workspace: WorkspaceId, batch: BatchId) -> Batch | None:
        """Return a batch with how many of its jobs stand where."""
        found = select(*JobBatchRow.__table__.columns).where(
            JobBatchRow.id == batch, JobBatchRow.workspace_id == workspace
        )
        row = tx.execute(found).one_or_none()
        if row is None:
            return None
        counted = (
            select(JOBS.c.status, func.count().label("number"))
            .where(JOBS.c.batch_id == batch, JOBS.c.workspace_id == workspace)
            .group_by(JOBS.c.status)
        )
        return batch_of(row, {JobStatus(one.status): one.number for one in tx.execute(counted)})

    def of_batch(self, tx: Transaction, workspace: WorkspaceId, batch: BatchId) -> Sequence[Job]:
        query = _jobs().where(JOBS.c.batch_id == batch, JOBS.c.workspace_id == workspace).order_by(JOBS.c.id)
        return [job_of(row) for row in tx.execute(query)]

    def cancel_batch(self, tx: Transaction, workspace: WorkspaceId, batch: BatchId, now: datetime) -> None:
        """Note that nobody wants the batch any more."""
        mine = and_(JobBatchRow.id == batch, JobBatchRow.workspace_id == workspace, JobBatchRow.cancelled_at.is_(None))
        tx.execute(update(JobBatchRow).where(mine).values(cancelled_at=now))

    def standing(self, tx: Transaction, workspace: WorkspaceId, jobs: Collection[JobId]) -> Sequence[Standing]:
        """Return blocked jobs, held, with what has become of those they wait for. A removed parent ended well."""
        parent = aliased(JobRow, name="parent")
        edge = and_(JobEdgeRow.child_id == JOBS.c.id, JobEdgeRow.parent_id == parent.id)
        open_ = exists().where(edge, parent.status.not_in(FINAL))
        bad = exists().where(edge, parent.status.in_({JobStatus.CANCELLED, JobStatus.DEAD_LETTER}))
        mine = and_(JOBS.c.id.in_(jobs), JOBS.c.workspace_id == workspace, JOBS.c.status == JobStatus.BLOCKED)
        held = tx.execute(_jobs().where(mine).order_by(JOBS.c.id).with_for_update()).all()
        told = select(JOBS.c.id, open_.label("open"), bad.label("bad")).where(JOBS.c.id.in_([row.id for row in held]))
        facts = {row.id: row for row in tx.execute(told)}
        return [Standing(job=job_of(row), done=not facts[row.id].open, well=not facts[row.id].bad) for row in held]

    def callback(self, tx: Transaction, token_hash: str) -> tuple[WorkspaceId, Callback] | None:
        """Return who waits for the callback with this token, held; the token is the only key that its bearer has."""
        return _callback(tx, select(*CALLBACKS.columns).where(JobCallbackRow.token_hash == token_hash))

    def newest_callback(self, tx: Transaction, job: JobId) -> tuple[WorkspaceId, Callback] | None:
        """Return what the newest attempt at a job that asked for a callback waits for, held."""
        asked = select(*CALLBACKS.columns).where(JobCallbackRow.job_id == job)
        return _callback(tx, asked.order_by(JobCallbackRow.lease.desc()).limit(1))

    def keep_answer(
        self, tx: Transaction, workspace: WorkspaceId, callback: Callback, answer: Json, now: datetime
    ) -> None:
        """Keep what the outside system said."""
        this = and_(JobCallbackRow.token_hash == callback.token_hash, JobCallbackRow.workspace_id == workspace)
        tx.execute(update(JobCallbackRow).where(this).values(answer=dict(answer), answered_at=now))


def _callback(tx: Transaction, query: Select[Any]) -> tuple[WorkspaceId, Callback] | None:
    row = tx.execute(query.with_for_update()).one_or_none()
    if row is None:
        return None
    return row.workspace_id, Callback(
        job=row.job_id,
        lease=Lease(row.lease),
        token_hash=row.token_hash,
        final=row.final,
        answer=row.answer,
        answered_at=row.answered_at,
    )


@lru_cache(MOST_STATEMENTS)
def _insert(dialect: str, columns: Columns) -> Any:
    """Insert what the documents hold. In a queue with a limit nothing is ready before upkeep has found it a place."""
    given = recordset(dialect, JOBS, columns)
    limited = exists().where(QueueRow.name == given.c.queue, QueueRow.at_most.is_not(None))
    cells = [and_(given.c.ready, ~limited) if name == "ready" else given.c[name] for name in columns]
    return INSERT[dialect](JOBS).from_select([*columns], select(*cells).where(NOT_A_JOIN))


def _jobs() -> Select[Any]:
    return select(*JOBS.c)


def matching(query: Select[Any], workspace: WorkspaceId, wanted: JobFilter) -> Select[Any]:
    """Have the query find only the jobs that are meant."""
    return query.where(JOBS.c.workspace_id == workspace, *_conditions(wanted))


def _conditions(wanted: JobFilter) -> Iterator[ColumnElement[bool] | TextClause]:
    same = {
        "type": wanted.type,
        "queue": wanted.queue,
        "batch_id": wanted.batch,
        "error_code": wanted.error_code,
        "dead_reason": wanted.dead_reason,
    }
    yield from (JOBS.c[name] == value for name, value in same.items() if value is not None)
    below = {"retries": wanted.retries_below, "ended_at": wanted.ended_before, "created_at": wanted.created_before}
    yield from (JOBS.c[name] < bound for name, bound in below.items() if bound is not None)
    if wanted.status is JobStatus.DEAD_LETTER:
        yield text(DEAD)  # in the very words of the partial index
    elif wanted.status:
        yield JOBS.c.status == wanted.status
    marks = {
        JOBS.c.status.not_in(FINAL): wanted.unfinished,
        JOBS.c.cancel_requested_at.is_(None): wanted.not_to_be_cancelled,
        ~awaited(): wanted.not_awaited,
    }
    yield from (condition for condition, meant in marks.items() if meant)
    if wanted.ids is not None:
        yield JOBS.c.id.in_(wanted.ids)
    if wanted.created_after:
        yield JOBS.c.created_at >= wanted.created_after
    if wanted.containing:
        words = f"%{_literal(wanted.containing)}%"
        yield or_(*(column.ilike(words, escape="\\") for column in (JOBS.c.description, JOBS.c.error_message)))


def _literal(words: str) -> str:
    """Take the special meaning from what a LIKE pattern reads as wildcards."""
    return words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
