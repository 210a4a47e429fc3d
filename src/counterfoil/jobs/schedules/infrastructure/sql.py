"""Schedules in SQL, on SQLite and PostgreSQL with the same statements."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, insert, select, update
from sqlalchemy.engine import Row as ResultRow
from sqlalchemy.exc import IntegrityError

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Transaction
from counterfoil.foundation.paging import Page, Paging
from counterfoil.jobs.domain import Failure
from counterfoil.jobs.schedules.domain import MissedRuns, Schedule, ScheduleId, ScheduleNameTaken, Terms
from counterfoil.jobs.schedules.infrastructure.tables import ScheduleRow
from counterfoil.jobs.schedules.protocols import Due

_NAMED_ONCE = ("schedules_name", "schedules.name")
"""What PostgreSQL and SQLite call the index that a second schedule of the same name runs into."""


class SqlScheduleStore:
    """Keeps schedules in SQL."""

    def add(self, tx: Transaction, schedule: Schedule) -> None:
        with _named_once(schedule):
            tx.execute(insert(ScheduleRow), _row_of(schedule))

    def get(
        self, tx: Transaction, workspace: WorkspaceId, schedule: ScheduleId, *, lock: bool = False
    ) -> Schedule | None:
        query = _of(workspace).where(ScheduleRow.id == schedule)
        row = tx.execute(query.with_for_update() if lock else query).one_or_none()
        return _schedule_of(row) if row else None

    def page(self, tx: Transaction, workspace: WorkspaceId, paging: Paging) -> Page[Schedule]:
        query = _of(workspace)
        if paging.after:
            query = query.where(ScheduleRow.id < paging.after)
        rows = tx.execute(query.order_by(ScheduleRow.id.desc()).limit(paging.limit + 1)).all()
        return Page.of([_schedule_of(row) for row in rows], paging, lambda schedule: schedule.id)

    def save(self, tx: Transaction, schedule: Schedule) -> None:
        chosen = (ScheduleRow.id == schedule.id, ScheduleRow.workspace_id == schedule.workspace)
        with _named_once(schedule):
            tx.execute(update(ScheduleRow).where(*chosen).values(_row_of(schedule)))

    def remove(self, tx: Transaction, workspace: WorkspaceId, schedule: ScheduleId) -> bool:
        chosen = (ScheduleRow.id == schedule, ScheduleRow.workspace_id == workspace)
        return tx.execute(delete(ScheduleRow).where(*chosen)).rowcount == 1

    def due(self, tx: Transaction, now: datetime, limit: int) -> Sequence[Due]:
        query = (
            select(ScheduleRow.workspace_id, ScheduleRow.id)
            .where(ScheduleRow.next_run_at <= now)
            .order_by(ScheduleRow.next_run_at)
            .limit(limit)
        )
        return [Due(workspace=row.workspace_id, schedule=row.id) for row in tx.execute(query)]

    def take(self, tx: Transaction, due: Due, now: datetime) -> Schedule | None:
        query = _of(due.workspace).where(ScheduleRow.id == due.schedule, ScheduleRow.next_run_at <= now)
        row = tx.execute(query.with_for_update(skip_locked=True)).one_or_none()
        return _schedule_of(row) if row else None


@contextmanager
def _named_once(schedule: Schedule) -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        if any(name in str(error.orig) for name in _NAMED_ONCE):
            raise ScheduleNameTaken(schedule.terms.name) from error
        raise


def _of(workspace: WorkspaceId) -> Select[Any]:
    return select(*ScheduleRow.__table__.columns).where(ScheduleRow.workspace_id == workspace)


def _row_of(schedule: Schedule) -> dict[str, Any]:
    terms, failure = schedule.terms, schedule.failure
    return {
        "id": schedule.id,
        "workspace_id": schedule.workspace,
        "name": terms.name,
        "cron": terms.cron,
        "time_zone": terms.time_zone,
        "job_type": terms.job_type,
        "payload": dict(terms.payload),
        "queue": terms.queue,
        "priority": terms.priority,
        "missed_runs": terms.missed_runs.value,
        "next_run_at": schedule.next_run_at,
        "last_run_at": schedule.last_run_at,
        "last_job_id": schedule.last_job,
        "left_out": schedule.left_out,
        "error_code": failure.code if failure else None,
        "error_message": failure.message if failure else None,
        "created_at": schedule.created_at,
        "created_by": schedule.created_by,
    }


def _schedule_of(row: ResultRow[Any]) -> Schedule:
    return Schedule(
        id=row.id,
        workspace=row.workspace_id,
        terms=Terms(
            name=row.name,
            cron=row.cron,
            time_zone=row.time_zone,
            job_type=row.job_type,
            payload=row.payload,
            queue=row.queue,
            priority=row.priority,
            missed_runs=MissedRuns(row.missed_runs),
        ),
        next_run_at=row.next_run_at,
        last_run_at=row.last_run_at,
        last_job=row.last_job_id,
        left_out=row.left_out,
        failure=Failure(code=row.error_code, message=row.error_message) if row.error_code else None,
        created_at=row.created_at,
        created_by=row.created_by,
    )
