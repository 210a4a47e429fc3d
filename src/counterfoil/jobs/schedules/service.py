"""What the rest of the house may ask about schedules: make, look at, change, run now."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.ids import IdSource
from counterfoil.foundation.paging import Page, Paging
from counterfoil.jobs.domain import JobId, Order
from counterfoil.jobs.plain import plain_json
from counterfoil.jobs.schedules.cron import check_cron, check_zone, describe, next_runs
from counterfoil.jobs.schedules.domain import Schedule, ScheduleId, ScheduleNotFound, Terms
from counterfoil.jobs.schedules.protocols import Check, Enqueue, ScheduleStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What an expression means: in words, and by its next slots."""

    description: str
    next_runs: Sequence[datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleService:
    """The front door of schedules."""

    database: Database
    store: ScheduleStore
    enqueue: Enqueue
    check: Check
    new_id: IdSource

    def create(
        self, workspace: WorkspaceId, terms: Terms, *, enabled: bool = True, created_by: str | None = None
    ) -> Schedule:
        """Make a schedule, at once enabled or paused.

        Raises:
            InvalidCron, UnknownTimeZone: nobody can tell when its slots come.
            ScheduleNameTaken: another one has its name.
        """
        terms = self._checked(terms)
        with self.database.transaction(workspace) as tx:
            now = tx.now()
            schedule = Schedule(
                id=ScheduleId(self.new_id()),
                workspace=workspace,
                terms=terms,
                next_run_at=terms.next_run(now) if enabled else None,
                created_at=now,
                created_by=created_by,
            )
            self.store.add(tx, schedule)
        return schedule

    def get(self, workspace: WorkspaceId, schedule: ScheduleId) -> Schedule:
        """Return a schedule.

        Raises:
            ScheduleNotFound: this workspace has no such schedule.
        """
        with self.database.reading(workspace) as tx:
            return self._found(tx, workspace, schedule)

    def page(self, workspace: WorkspaceId, paging: Paging) -> Page[Schedule]:
        """Return schedules, newest first."""
        with self.database.reading(workspace) as tx:
            return self.store.page(tx, workspace, paging)

    def change(
        self,
        workspace: WorkspaceId,
        schedule: ScheduleId,
        revise: Callable[[Terms], Terms],
        *,
        enabled: bool | None = None,
    ) -> Schedule:
        """Change what was decided about a schedule, pause it, or let it go on from now.

        Raises:
            InvalidCron, UnknownTimeZone: nobody can tell when its slots come.
            ScheduleNameTaken: another one has its new name.
        """
        with self.database.transaction(workspace) as tx:
            before = self._found(tx, workspace, schedule, lock=True)
            after = replace(before, terms=self._checked(revise(before.terms), before.terms))
            timing = (after.terms.cron, after.terms.time_zone) != (before.terms.cron, before.terms.time_zone)
            if enabled is False:
                after = after.paused(after.failure)
            elif (enabled and not before.enabled) or (timing and before.enabled):
                self.check(after.terms.job_type, after.terms.payload)
                after = after.resumed(tx.now())
            self.store.save(tx, after)
        return after

    def remove(self, workspace: WorkspaceId, schedule: ScheduleId) -> None:
        """Forget a schedule; the jobs that it made stay.

        Raises:
            ScheduleNotFound: this workspace has no such schedule.
        """
        with self.database.transaction(workspace) as tx:
            if not self.store.remove(tx, workspace, schedule):
                raise ScheduleNotFound(schedule)

    def run(self, workspace: WorkspaceId, schedule: ScheduleId) -> JobId:
        """Make its job now, apart from its slots; a paused one, too.

        Raises:
            ScheduleNotFound: this workspace has no such schedule.
        """
        with self.database.transaction(workspace) as tx:
            found = self._found(tx, workspace, schedule, lock=True)
            terms = found.terms
            order = Order(
                queue=terms.queue,
                priority=terms.priority,
                idempotency_key=f"schedule:{schedule}:{self.new_id()}",
                description=terms.name,
            )
            job = self.enqueue(tx, workspace, terms.job_type, terms.payload, order)
            self.store.save(tx, found.ran(job, tx.now()))
        return job

    def preview(self, cron: str, time_zone: str, number: int) -> Preview:
        """Return what an expression means from now on.

        Raises:
            InvalidCron, UnknownTimeZone: nobody can tell when its slots come.
        """
        check_cron(cron)
        with self.database.reading() as tx:
            now = tx.now()
        runs = next_runs(cron, time_zone, now, number)
        return Preview(description=describe(cron), next_runs=runs)

    def _checked(self, terms: Terms, before: Terms | None = None) -> Terms:
        """Return terms that can be kept; what they have in common with those before is not judged anew."""
        check_cron(terms.cron)
        check_zone(terms.time_zone)
        terms = replace(terms, payload=plain_json(terms.payload))
        if before is None or (terms.job_type, terms.payload) != (before.job_type, before.payload):
            self.check(terms.job_type, terms.payload)
        return terms

    def _found(self, tx: Transaction, workspace: WorkspaceId, schedule: ScheduleId, *, lock: bool = False) -> Schedule:
        found = self.store.get(tx, workspace, schedule, lock=lock)
        if found is None:
            raise ScheduleNotFound(schedule)
        return found
