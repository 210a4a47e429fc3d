"""Schedules for tests, and an engine that only notes what jobs are asked of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, Integer, MetaData, String, Table, Uuid, insert, select

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.errors import InvalidInput
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.domain import JobId, Json, Order
from counterfoil.jobs.errors import UnknownJobType
from counterfoil.jobs.schedules.domain import MissedRuns, Schedule, ScheduleId, Terms
from counterfoil.jobs.schedules.firing import Scheduler
from counterfoil.jobs.schedules.infrastructure.sql import SqlScheduleStore
from counterfoil.jobs.schedules.service import ScheduleService

asked = Table(
    "asked",
    MetaData(),
    Column("number", Integer, primary_key=True, autoincrement=True),  # a key may come twice: that is for tests to see
    Column("job_id", Uuid(), nullable=False),
    Column("workspace_id", Uuid(), nullable=False),
    Column("type", String, nullable=False),
    Column("text", String),
    Column("queue", String),
    Column("priority", Integer),
    Column("key", String, nullable=False),
    Column("description", String, nullable=False),
)


def make_terms(**changes: Any) -> Terms:
    facts: dict[str, Any] = {
        "name": "Nightly export",
        "cron": "0 2 * * *",
        "time_zone": "UTC",
        "job_type": "note",
        "payload": {"text": "hello"},
    }
    return Terms(**(facts | changes))


def make_schedule(
    workspace: WorkspaceId,
    *,
    next_run_at: datetime | None,
    missed_runs: MissedRuns = MissedRuns.ALL,
    last_run_at: datetime | None = None,
    **terms: Any,
) -> Schedule:
    schedule = ScheduleId(new_id())
    return Schedule(
        id=schedule,
        workspace=workspace,
        terms=make_terms(**({"name": str(schedule), "missed_runs": missed_runs} | terms)),
        next_run_at=next_run_at,
        last_run_at=last_run_at,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def check(name: str, payload: Json) -> None:
    """Know one type, which wants a text."""
    if name != "note":
        raise UnknownJobType(name)
    if not isinstance(payload.get("text"), str):
        raise InvalidInput("text: this is no text.")


def no_hindrance(_: str) -> None:
    """Let every job be made."""


@dataclass(slots=True)
class Slots:
    """Schedules on a real database, with a scheduler and a service that make no jobs, but a note of each."""

    database: Database
    before_enqueue: Callable[[str], None] = no_hindrance
    """Is told the key of a job before it is made, within the transaction."""
    store: SqlScheduleStore = field(default_factory=SqlScheduleStore)

    def __post_init__(self) -> None:
        asked.create(self.database.engine, checkfirst=True)

    @property
    def scheduler(self) -> Scheduler:
        return Scheduler(database=self.database, store=self.store, enqueue=self.enqueue, check=check)

    @property
    def service(self) -> ScheduleService:
        return ScheduleService(
            database=self.database, store=self.store, enqueue=self.enqueue, check=check, new_id=new_id
        )

    def enqueue(
        self,
        tx: Transaction,
        workspace: WorkspaceId,
        name: str,
        payload: Json,
        order: Order,
    ) -> JobId:
        assert order.idempotency_key
        check(name, payload)
        self.before_enqueue(order.idempotency_key)
        job = JobId(new_id())
        row = {
            "job_id": job,
            "workspace_id": workspace,
            "type": name,
            "text": payload["text"],
            "queue": order.queue,
            "priority": order.priority,
            "key": order.idempotency_key,
            "description": order.description,
        }
        tx.execute(insert(asked), row)
        return job

    def add(self, *schedules: Schedule) -> None:
        with self.database.transaction() as tx:
            for schedule in schedules:
                self.store.add(tx, schedule)

    def asked(self) -> Sequence[Any]:
        """Return what was asked for, first to last."""
        with self.database.reading() as tx:
            return tx.execute(select(asked).order_by(asked.c.number)).all()

    def keys(self) -> list[str]:
        return [row.key for row in self.asked()]

    def now(self) -> datetime:
        """Return the database's time, which alone decides."""
        with self.database.reading() as tx:
            return tx.now()
