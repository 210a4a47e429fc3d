"""What follows the end of a job: the jobs that waited for it go on, or are cancelled with it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import structlog

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database, Transaction
from counterfoil.jobs.domain import Call, Job, JobId
from counterfoil.jobs.moves import ParentsDone, move
from counterfoil.jobs.places import Places
from counterfoil.jobs.protocols import Bell, JobStore, LeaseStore

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """Moves children on. Who dies before it could do so is followed by upkeep, which looks for children left behind."""

    database: Database
    jobs: JobStore
    leases: LeaseStore
    places: Places
    upkeep: Bell

    def ended(self, jobs: Sequence[Job]) -> None:
        """Move on whoever waited for the end of these jobs."""
        for workspace in {job.workspace for job in jobs}:
            of_workspace = [job.id for job in jobs if job.workspace == workspace]
            with self.database.reading() as tx:
                children = self.leases.children_of(tx, of_workspace)
            self.unblock(workspace, children)
        self.left(jobs)

    def left(self, jobs: Sequence[Job]) -> None:
        """Have the places given to others that these jobs may have left."""
        if any(map(self.places.takes_one, jobs)):
            self.upkeep.ring()

    def unblock(self, workspace: WorkspaceId, children: Collection[JobId]) -> None:
        """Move these jobs on if all that they waited for is over, and then those that waited for them."""
        while children:
            with self.database.transaction() as tx:
                cancelled = self._move_on(tx, workspace, children)
                children = self.leases.children_of(tx, [job.id for job in cancelled]) if cancelled else []

    def _move_on(self, tx: Transaction, workspace: WorkspaceId, children: Collection[JobId]) -> Sequence[Job]:
        now = tx.now()
        standings = self.jobs.standing(tx, workspace, children)
        moved = [move(one.job, ParentsDone(well=one.well), now) for one in standings if one.done]
        for job in moved:
            self.jobs.save(tx, job)
        if moved:
            tx.after_commit(self.upkeep.ring)
        return [job for job in moved if job.status.final]


def call_of(job: Job) -> Call:
    """Return what a dispatcher has to know about a job."""
    return Call(job=job.id, queue=job.queue, priority=job.priority)
