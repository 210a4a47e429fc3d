"""The engine's own duties, done by every worker at each tick: rescue what dead workers left, release what is due."""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from counterfoil.foundation.database import Database, Transaction
from counterfoil.jobs.domain import Job, JobStatus, Lost, WorkerId, attempt_of, move
from counterfoil.jobs.protocols import JobStore, Observer, WorkerStore

RELEASE_AT_ONCE = 500

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
        """Rescue and release."""
        self.rescue()
        self.release()

    def release(self) -> int:
        """Make due jobs ready; return how many."""
        with self.database.transaction() as tx:
            return self.jobs.release(tx, tx.now(), RELEASE_AT_ONCE)

    def rescue(self) -> int:
        """Put back the jobs of dead workers; return how many. Whatever those still write is refused from then on."""
        rescued = 0
        with self.database.transaction() as tx:
            for worker in self.workers.dead(tx, tx.now(), self.lapse):
                rescued += self._bury(tx, worker)
        return rescued

    def _bury(self, tx: Transaction, worker: WorkerId) -> int:
        orphans = self.jobs.orphans(tx, worker)
        for job in orphans:
            self._rescue(tx, job)
        self.workers.bury(tx, worker, tx.now())
        log.warning("worker_given_up", worker_id=str(worker), jobs=len(orphans))
        return len(orphans)

    def _rescue(self, tx: Transaction, job: Job) -> None:
        assert job.lease  # noqa: S101 - true of every job that is being processed
        now = tx.now()
        outcome = Lost()
        after = move(job, outcome, now)
        attempt = attempt_of(job, outcome, now)
        if self.jobs.settle(tx, job.lease, after, attempt):
            tx.after_commit(lambda: self.observer.attempt_ended(after, attempt))
            if after.status is JobStatus.DEAD_LETTER:
                log.error("job_poisoned", job_id=str(job.id), job_type=job.type)
