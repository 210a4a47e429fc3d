"""Noticing changes, in SQL: a few statements for all who watch, by the indexes that the engine keeps anyway."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, func, or_, select, text

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Transaction, table_of
from counterfoil.foundation.ids import first_id
from counterfoil.jobs.domain import Failure, JobId, JobStatus, LogLine, Progress
from counterfoil.jobs.events.domain import Glance
from counterfoil.jobs.infrastructure.rows import line_of
from counterfoil.jobs.infrastructure.tables import UNDER_WAY, JobAttemptRow, JobLogRow, JobRow

JOBS = table_of(JobRow)
LOGS = table_of(JobLogRow)
ATTEMPTS = table_of(JobAttemptRow)
AT_ONCE = 1_000
_GLANCE = (
    JOBS.c.id,
    JOBS.c.workspace_id,
    JOBS.c.type,
    JOBS.c.queue,
    JOBS.c.description,
    JOBS.c.status,
    JOBS.c.attempts,
    JOBS.c.max_attempts,
    JOBS.c.progress,
    JOBS.c.error_code,
    JOBS.c.error_message,
    JOBS.c.cancel_requested_at,
)


class SqlEventStore:
    """Notices changes in SQL."""

    def glances(self, tx: Transaction, jobs: Collection[JobId]) -> Sequence[Glance]:
        """Return these jobs as they stand."""
        return [_glance(row) for row in tx.execute(select(*_GLANCE).where(JOBS.c.id.in_(jobs)))]

    def lines(self, tx: Transaction, after: Mapping[JobId, UUID]) -> Sequence[tuple[WorkspaceId, LogLine]]:
        if not after:
            return []
        newer = (and_(LOGS.c.job_id == job, LOGS.c.id > line) for job, line in after.items())
        query = select(*LOGS.c).where(or_(*newer)).order_by(LOGS.c.id).limit(AT_ONCE)
        return [(WorkspaceId(row.workspace_id), line_of(row)) for row in tx.execute(query)]

    def stirring(self, tx: Transaction, workspaces: Collection[WorkspaceId], since: datetime) -> Sequence[JobId]:
        theirs = JOBS.c.workspace_id.in_(workspaces)
        queries = (
            select(JOBS.c.id).where(theirs, JOBS.c.id >= first_id(since)).order_by(JOBS.c.id.desc()),
            # Not by the index of the workspace's jobs, as SQLite would, but by that of those under way.
            select(JOBS.c.id).where(
                func.coalesce(JOBS.c.workspace_id, JOBS.c.workspace_id).in_(workspaces), text(UNDER_WAY)
            ),
            select(ATTEMPTS.c.job_id).where(ATTEMPTS.c.workspace_id.in_(workspaces), ATTEMPTS.c.ended_at >= since),
        )
        found = [one for query in queries for one in tx.execute(query.limit(AT_ONCE)).scalars()] if workspaces else []
        return [JobId(one) for one in dict.fromkeys(found)]


def _glance(row: Row[Any]) -> Glance:
    failed = row.error_code is not None
    return Glance(
        job=JobId(row.id),
        workspace=WorkspaceId(row.workspace_id),
        type=row.type,
        queue=row.queue,
        description=row.description,
        status=JobStatus(row.status),
        attempts=row.attempts,
        max_attempts=row.max_attempts,
        progress=Progress(**row.progress) if row.progress else None,
        failure=Failure(code=row.error_code, message=row.error_message) if failed else None,
        cancel_requested_at=row.cancel_requested_at,
    )
