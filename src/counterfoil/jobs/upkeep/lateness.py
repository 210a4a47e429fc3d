"""Lateness: jobs whose deadline passed are dead letters, and those whose answer is overdue have failed."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from counterfoil.foundation.database import Database
from counterfoil.jobs.domain import Job
from counterfoil.jobs.following import Following
from counterfoil.jobs.moves import Expired, move
from counterfoil.jobs.protocols import JobStore, UpkeepStore

AT_ONCE = 500

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lateness:
    """Ends what nobody waits for any longer."""

    database: Database
    jobs: JobStore
    store: UpkeepStore
    following: Following

    def __call__(self) -> int:
        """Return how many jobs were late."""
        with self.database.reading() as tx:
            if not self.store.expired(tx, tx.now(), 1):
                return 0
        with self.database.transaction() as tx:
            now = tx.now()
            late = [move(job, Expired(), now) for job in self.store.expired(tx, now, AT_ONCE)]
            for job in late:
                self.jobs.save(tx, job)
            tx.after_commit(lambda: self._tell(late))
        return len(late)

    def _tell(self, late: Sequence[Job]) -> None:
        for job in late:
            log.warning("job_late", job_id=str(job.id), job_type=job.type, status=job.status)
        self.following.ended([job for job in late if job.status.final])
