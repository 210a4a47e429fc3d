"""Fires what is due: a duty of upkeep, offered by every process at each tick.

What keeps a slot from being fired twice: it is fired in the transaction that moves its schedule on to the next slot,
under the lock of the schedule's row, and only if that is still due then; and its job has a key that no other can have.
"""

from dataclasses import dataclass

import structlog

from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.errors import CounterfoilError, ServiceUnavailable
from counterfoil.foundation.failpoints import failpoint
from counterfoil.jobs.domain import Failure, Order
from counterfoil.jobs.schedules.domain import Firing, Schedule, slot_key, slots_to_fire
from counterfoil.jobs.schedules.protocols import Check, Due, Enqueue, ScheduleStore

FIRE_AT_ONCE = 100

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduler:
    """Makes jobs of slots by the database's time; each schedule has its own transaction, and none hinders another."""

    database: Database
    store: ScheduleStore
    enqueue: Enqueue
    check: Check

    def __call__(self) -> int:
        """Fire what is due; return how many jobs that made. While nothing is due, this only reads."""
        with self.database.reading() as tx:
            due = self.store.due(tx, tx.now(), FIRE_AT_ONCE)
        return sum(self._fire(one) for one in due)

    def _fire(self, due: Due) -> int:
        try:
            with self.database.transaction() as tx:
                schedule = self.store.take(tx, due, tx.now())
                return self._fire_slots(tx, schedule) if schedule else 0
        except ServiceUnavailable:
            raise
        except CounterfoilError as error:
            self._put_aside(due, error)
        except Exception:
            # It stays due; the others must not wait until somebody has mended what is broken here.
            log.exception("schedule_not_fired", schedule_id=str(due.schedule))
        return 0

    def _fire_slots(self, tx: Transaction, schedule: Schedule) -> int:
        now = tx.now()
        firing = slots_to_fire(schedule, now)
        terms = schedule.terms
        if firing.slots:
            self.check(terms.job_type, terms.payload)
        jobs = [
            self.enqueue(
                tx,
                schedule.workspace,
                terms.job_type,
                terms.payload,
                Order(
                    queue=terms.queue,
                    priority=terms.priority,
                    idempotency_key=slot_key(schedule.id, slot),
                    description=terms.name,
                ),
            )
            for slot in firing.slots
        ]
        self.store.save(tx, schedule.fired(firing, jobs, now))
        failpoint("schedule.firing")
        tx.after_commit(lambda: _tell(schedule, firing))
        return len(jobs)

    def _put_aside(self, due: Due, error: CounterfoilError) -> None:
        """Pause a schedule that cannot be fired, so that somebody sees why, unless it may well be at the next tick."""
        log.warning("schedule_not_fired", schedule_id=str(due.schedule), error_code=error.code, again=error.retry)
        if error.retry:
            return
        with self.database.transaction() as tx:
            schedule = self.store.take(tx, due, tx.now())
            if schedule:
                self.store.save(tx, schedule.paused(Failure(code=error.code, message=str(error))))


def _tell(schedule: Schedule, firing: Firing) -> None:
    log.info("schedule_fired", schedule_id=str(schedule.id), jobs=len(firing.slots), left_out=firing.left_out)
