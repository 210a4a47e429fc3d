"""Counting, in SQL, by the indexes that the engine keeps anyway.

Unfinished jobs are found by the partial indexes that the engine works with, jobs made lately by their ids, which begin
with the time, and ended attempts by when they ended.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Float, Integer, Subquery, and_, case, cast, extract, func, select, text

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Transaction, table_of
from counterfoil.foundation.ids import first_id
from counterfoil.jobs.domain import Ending, JobId, JobStatus
from counterfoil.jobs.infrastructure.tables import (
    BLOCKED,
    DEAD,
    READY,
    TO_RELEASE,
    UNDER_WAY,
    WAITING,
    JobAttemptRow,
    JobRow,
)
from counterfoil.jobs.overview.domain import Ended, FailedAttempt, OfType, Spread

JOBS = table_of(JobRow)
ATTEMPTS = table_of(JobAttemptRow)
MOST_TYPES = 50
MADE_WITHIN = timedelta(days=1)
_FAILED = frozenset({Ending.FAILED, Ending.LOST})
_PARTS = (
    (READY,),
    (TO_RELEASE, "batch_id IS NULL"),
    (TO_RELEASE, "batch_id IS NOT NULL"),
    (UNDER_WAY,),
    (WAITING,),
    (BLOCKED,),
    (DEAD,),
)


class SqlOverviewStore:
    """Counts in SQL."""

    def standing(self, tx: Transaction, workspace: WorkspaceId) -> Mapping[tuple[str, JobStatus], int]:
        """Return how many jobs are not completed or cancelled, by queue and status."""
        total: Counter[tuple[str, JobStatus]] = Counter()
        for part in _PARTS:
            query = select(JOBS.c.queue, JOBS.c.status, func.count().label("number"))
            query = query.where(_of_workspace(workspace, part), *map(text, part))
            for row in tx.execute(query.group_by(JOBS.c.queue, JOBS.c.status)):
                total[row.queue, JobStatus(row.status)] += row.number
        return total

    def ended(self, tx: Transaction, workspace: WorkspaceId, since: datetime) -> Ended:
        numbers = select(
            _number(ATTEMPTS.c.ending == Ending.COMPLETED).label("completed"),
            _number(ATTEMPTS.c.ending.in_(_FAILED)).label("failed"),
        ).where(*_lately(workspace, since))
        row = tx.execute(numbers).one()
        return Ended(
            completed=row.completed,
            failed=row.failed,
            duration=_spread(tx, _durations(tx, workspace, since)),
            start_latency=_spread(tx, _latencies(tx, workspace, since)),
        )

    def failures(self, tx: Transaction, workspace: WorkspaceId, since: datetime, limit: int) -> Sequence[FailedAttempt]:
        """Return the attempts that failed last."""
        columns = (ATTEMPTS.c.job_id, ATTEMPTS.c.error_code, ATTEMPTS.c.error_message, ATTEMPTS.c.ended_at)
        query = (
            select(*columns, JOBS.c.type, JOBS.c.description)
            .join(JOBS, JOBS.c.id == ATTEMPTS.c.job_id)
            .where(*_lately(workspace, since), ATTEMPTS.c.ending == Ending.FAILED)
            .order_by(ATTEMPTS.c.ended_at.desc(), ATTEMPTS.c.job_id)
            .limit(limit)
        )
        return [
            FailedAttempt(
                job=JobId(row.job_id),
                type=row.type,
                description=row.description,
                code=row.error_code or "",
                message=row.error_message or "",
                at=row.ended_at,
            )
            for row in tx.execute(query)
        ]

    def types(self, tx: Transaction, workspace: WorkspaceId, since: datetime) -> Sequence[OfType]:
        """Return how many jobs of each type were made, and how many of them are over, the most frequent first."""
        number = func.count().label("number")
        completed = _number(JOBS.c.status == JobStatus.COMPLETED).label("completed")
        dead = _number(JOBS.c.status == JobStatus.DEAD_LETTER).label("dead")
        query = select(JOBS.c.type, number, completed, dead).where(*_made(workspace, since)).group_by(JOBS.c.type)
        rows = tx.execute(query.order_by(number.desc(), JOBS.c.type).limit(MOST_TYPES))
        return [OfType(type=row.type, number=row.number, completed=row.completed, dead=row.dead) for row in rows]

    def made_by_minute(
        self, tx: Transaction, workspace: WorkspaceId, since: datetime, now: datetime
    ) -> Mapping[int, int]:
        ago = _minutes_ago(tx, JOBS.c.created_at, now)
        query = select(ago.label("ago"), func.count().label("number")).where(*_made(workspace, since)).group_by("ago")
        return {row.ago: row.number for row in tx.execute(query)}

    def ended_by_minute(
        self, tx: Transaction, workspace: WorkspaceId, since: datetime, now: datetime
    ) -> Mapping[int, tuple[int, int]]:
        ago = _minutes_ago(tx, ATTEMPTS.c.ended_at, now)
        completed = _number(ATTEMPTS.c.ending == Ending.COMPLETED).label("completed")
        failed = _number(ATTEMPTS.c.ending.in_(_FAILED)).label("failed")
        query = select(ago.label("ago"), completed, failed).where(*_lately(workspace, since)).group_by("ago")
        return {row.ago: (row.completed, row.failed) for row in tx.execute(query)}


def _of_workspace(workspace: WorkspaceId, part: Sequence[str]) -> ColumnElement[bool]:
    """Match a workspace's jobs among those that a partial index finds.

    A plain condition would have SQLite read all jobs that the workspace ever had, by the index of those.
    """
    column = JOBS.c.workspace_id
    return (column if DEAD in part else func.coalesce(column, column)) == workspace


def _lately(workspace: WorkspaceId, since: datetime) -> tuple[ColumnElement[bool], ...]:
    return ATTEMPTS.c.workspace_id == workspace, ATTEMPTS.c.ended_at >= since


def _made(workspace: WorkspaceId, since: datetime) -> tuple[ColumnElement[bool], ...]:
    return JOBS.c.workspace_id == workspace, JOBS.c.id >= first_id(since)


def _durations(tx: Transaction, workspace: WorkspaceId, since: datetime) -> Subquery:
    took = _milliseconds(tx, ATTEMPTS.c.ended_at, ATTEMPTS.c.started_at)
    return _ranked(took, [*_lately(workspace, since), ATTEMPTS.c.ending == Ending.COMPLETED])


def _latencies(tx: Transaction, workspace: WorkspaceId, since: datetime) -> Subquery:
    """Rank how long completed jobs had been due when they were started; others have been given a new due time since.

    Jobs that were made long before are left out, so that the older ones need not be read.
    """
    waited = _milliseconds(tx, JOBS.c.started_at, JOBS.c.due_at)
    latest = and_(JOBS.c.id == ATTEMPTS.c.job_id, JOBS.c.started_at == ATTEMPTS.c.started_at)
    lately = [*_lately(workspace, since), ATTEMPTS.c.ending == Ending.COMPLETED, latest]
    recent = _made(workspace, since - MADE_WITHIN)
    return _ranked(waited, [*lately, *recent, JOBS.c.due_at <= JOBS.c.started_at])


def _ranked(value: ColumnElement[float], which: Sequence[ColumnElement[bool]]) -> Subquery:
    place = func.row_number().over(order_by=value)
    return (
        select(value.label("value"), place.label("place"), func.count().over().label("number")).where(*which).subquery()
    )


def _spread(tx: Transaction, ranked: Subquery) -> Spread:
    """Return the mean, and of every percentile the value that stands at its place."""
    value, place, number = ranked.c.value, ranked.c.place, ranked.c.number

    def at(percent: int) -> ColumnElement[Any]:
        return func.min(case((place * 100 >= number * percent, value)))

    row = tx.execute(select(func.avg(value), at(50), at(95), at(99))).one()
    mean, p50, p95, p99 = (None if one is None else round(float(one), 1) for one in row)
    return Spread(mean=mean, p50=p50, p95=p95, p99=p99)


def _number(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _milliseconds(tx: Transaction, later: ColumnElement[Any], earlier: ColumnElement[Any]) -> ColumnElement[float]:
    if tx.dialect == "sqlite":
        return (func.julianday(later) - func.julianday(earlier)) * 86_400_000.0
    return cast(extract("epoch", later - earlier), Float) * 1_000.0


def _minutes_ago(tx: Transaction, at: ColumnElement[Any], now: datetime) -> ColumnElement[int]:
    """Count whole minutes back from now; what seems to lie ahead happened just now."""
    if tx.dialect == "sqlite":
        # Whole seconds, as a text has them; and cut off rather than rounded, as SQLite divides.
        seconds = int(now.timestamp()) - cast(func.strftime("%s", at), Integer)
        return func.max(seconds, 0) // 60
    return cast(func.floor(func.greatest(now.timestamp() - extract("epoch", at), 0) / 60), Integer)
