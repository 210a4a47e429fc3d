"""Stragglers: jobs that wait for nobody any more, because whoever should have moved them on died before it could."""

from collections import defaultdict
from dataclasses import dataclass

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.jobs.domain import JobId
from counterfoil.jobs.following import Following
from counterfoil.jobs.protocols import UpkeepStore

AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Stragglers:
    """Moves on children that were left behind."""

    database: Database
    store: UpkeepStore
    following: Following

    def __call__(self) -> int:
        """Return how many were found."""
        with self.database.reading() as tx:
            left = self.store.unblocked(tx, AT_ONCE)
        by_workspace = defaultdict[WorkspaceId, list[JobId]](list)
        for job in left:
            by_workspace[job.workspace].append(job.id)
        for workspace, children in by_workspace.items():
            self.following.unblock(workspace, children)
        return len(left)
