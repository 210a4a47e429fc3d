"""The engine's own duties, done by every worker at each tick: rescue what dead workers left, release what is due."""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from counterfoil.foundation.database import Database, Transaction
from counterfoil.jobs.domain import Attempt, Job, Lost, WorkerId, attempt_of, move
from counterfoil.jobs.protocols import JobStore, Observer, WorkerStore

RELEASE_AT_ONCE = 500
RESCUE_AT_ONCE = 500

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """Duties, not jobs: they cannot get stuck in the queue they keep moving."""

    database: Database
    jobs: JobStore
    workers: WorkerStore
    observer: Observer
    lapse: timedelta

    def tick(self) -> None:
        """Rescue and release. While there is nothing to do, this only reads, and so hinders nobody."""
        self.rescue()
        self.release()

    def release(self) -> int:
        """Make due jobs ready; return how many."""
        with self.database.reading() as tx:
            if not self.jobs.due(tx, tx.now()):
                return 0
        with self.database.transaction() as tx:
            return self.jobs.release(tx, tx.now(), RELEASE_AT_ONCE)

    def rescue(self) -> int:
        """Put back the jobs of dead workers; return how many. Whatever those still write is refused from then on."""
        with self.database.reading() as tx:
            if not self.workers.dead(tx, tx.now(), self.lapse) and not self.jobs.orphans(tx, RESCUE_AT_ONCE):
                return 0
        with self.database.transaction() as tx:
            for worker in self.workers.dead(tx, tx.now(), self.lapse):
                self._bury(tx, worker)
            orphans = self.jobs.orphans(tx, RESCUE_AT_ONCE)
            for job in orphans:
                self._rescue(tx, job)
        return len(orphans)

    def _bury(self, tx: Transaction, worker: WorkerId) -> None:
        self.workers.bury(tx, worker, tx.now())
        tx.after_commit(lambda: log.warning("worker_given_up", worker_id=str(worker)))

    def _rescue(self, tx: Transaction, job: Job) -> None:
        assert job.lease  # noqa: S101 - true of every job that is being processed
        now = tx.now()
        outcome = Lost()
        after = move(job, outcome, now)
        attempt = attempt_of(job, outcome, now)
        if self.jobs.settle(tx, job.lease, after, attempt):
            tx.after_commit(lambda: self._tell(after, attempt))

    def _tell(self, after: Job, attempt: Attempt) -> None:
        log.warning("job_rescued", job_id=str(after.id), job_type=after.type, status=after.status, deaths=after.deaths)
        self.observer.attempt_ended(after, attempt)
