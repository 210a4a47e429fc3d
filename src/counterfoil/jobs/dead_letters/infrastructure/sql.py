"""Counting dead letters, in SQL."""

from collections.abc import Sequence

from sqlalchemy import func, select

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Transaction
from counterfoil.jobs.dead_letters.domain import Group
from counterfoil.jobs.infrastructure.sql import JOBS, matching
from counterfoil.jobs.protocols import JobFilter

MOST_GROUPS = 200


class SqlDeadLetterStore:
    """Counts dead letters in SQL."""

    def groups(self, tx: Transaction, workspace: WorkspaceId, wanted: JobFilter) -> Sequence[Group]:
        """Return them by type and error, the largest group first."""
        number = func.count().label("number")
        ended = JOBS.c.ended_at
        span = (func.min(ended).label("oldest"), func.max(ended).label("newest"))
        query = matching(select(JOBS.c.type, JOBS.c.error_code, number, *span), workspace, wanted)
        query = query.group_by(JOBS.c.type, JOBS.c.error_code)
        ordered = query.order_by(number.desc(), JOBS.c.type, JOBS.c.error_code).limit(MOST_GROUPS)
        return [
            Group(type=row.type, error_code=row.error_code, number=row.number, oldest=row.oldest, newest=row.newest)
            for row in tx.execute(ordered)
        ]
