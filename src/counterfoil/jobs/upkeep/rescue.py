"""Rescue: the jobs of dead workers go back to their queues, and whatever those workers still write is refused."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.failpoints import failpoint
from counterfoil.jobs.domain import Attempt, Job, WorkerId
from counterfoil.jobs.following import Following
from counterfoil.jobs.moves import Lost
from counterfoil.jobs.protocols import Bell, LeaseStore, Observer, Presence, Settlement, UpkeepStore, settlement_of

AT_ONCE = 500

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescue:
    """Buries dead workers, and frees what they held."""

    database: Database
    leases: LeaseStore
    store: UpkeepStore
    presence: Presence
    observer: Observer
    following: Following
    upkeep: Bell

    def __call__(self) -> int:
        """Return how many jobs were put back. While there is nothing to do, this only reads, and hinders nobody."""
        with self.database.reading() as tx:
            if not self.presence.doubts(tx) and not self.store.orphans(tx, 1):
                return 0
        with self.database.transaction() as tx:
            for worker in self.presence.dead(tx):
                self._bury(tx, worker)
            return self._free(tx, self.store.orphans(tx, AT_ONCE))

    def _bury(self, tx: Transaction, worker: WorkerId) -> None:
        self.presence.bury(tx, worker)
        failpoint("rescue.burying")
        tx.after_commit(lambda: log.warning("worker_given_up", worker_id=str(worker)))

    def _free(self, tx: Transaction, orphans: Sequence[Job]) -> int:
        if not orphans:
            return 0
        now, lost = tx.now(), Lost()
        saved = self.leases.settle(tx, [settlement_of(job, lost, now) for job in orphans])
        tx.after_commit(lambda: self._tell(saved))
        return len(saved)

    def _tell(self, rescued: Sequence[Settlement]) -> None:
        for one in rescued:
            self._tell_one(one.after, one.attempt)
        self.following.ended([one.after for one in rescued if one.after.status.final])
        self.upkeep.ring()

    def _tell_one(self, after: Job, attempt: Attempt) -> None:
        log.warning("job_rescued", job_id=str(after.id), job_type=after.type, status=after.status, deaths=after.deaths)
        self.observer.attempt_ended(after, attempt)
