"""What may be asked about how the engine stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database, Transaction
from counterfoil.jobs.domain import JobStatus, Queue
from counterfoil.jobs.overview.domain import (
    UNFINISHED,
    WINDOW,
    Dashboard,
    QueueStanding,
    Statistics,
    minutes_of,
)
from counterfoil.jobs.overview.protocols import OverviewStore
from counterfoil.jobs.queues import QueueService

MOST_FAILURES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Tells how the engine stands for a workspace."""

    database: Database
    store: OverviewStore
    queue_service: QueueService

    def statistics(self, workspace: WorkspaceId) -> Statistics:
        """Return what is there now, and what ended within the last hour."""
        with self.database.reading(workspace) as tx:
            return self._statistics(tx, workspace)

    def queues(self, workspace: WorkspaceId) -> Sequence[QueueStanding]:
        """Return the queues that the workspace has jobs in, and those that something was decided about."""
        with self.database.reading(workspace) as tx:
            standing = self.store.standing(tx, workspace)
        return _queues(standing, self.queue_service.all())

    def dashboard(self, workspace: WorkspaceId) -> Dashboard:
        """Return all that a dashboard shows."""
        decided = self.queue_service.all()
        with self.database.reading(workspace) as tx:
            now = tx.now()
            since = now - WINDOW
            statistics = self._statistics(tx, workspace)
            ended = self.store.ended_by_minute(tx, workspace, since, now)
            return Dashboard(
                statistics=statistics,
                queues=_queues(statistics.standing, decided),
                failures=self.store.failures(tx, workspace, since, MOST_FAILURES),
                types=self.store.types(tx, workspace, since),
                minutes=minutes_of(
                    now,
                    sum(statistics.number(status) for status in UNFINISHED),
                    self.store.made_by_minute(tx, workspace, since, now),
                    {ago: completed for ago, (completed, _) in ended.items()},
                    {ago: failed for ago, (_, failed) in ended.items()},
                ),
            )

    def _statistics(self, tx: Transaction, workspace: WorkspaceId) -> Statistics:
        since = tx.now() - WINDOW
        return Statistics(standing=self.store.standing(tx, workspace), ended=self.store.ended(tx, workspace, since))


def _queues(standing: Mapping[tuple[str, JobStatus], int], decided: Sequence[Queue]) -> Sequence[QueueStanding]:
    found = {
        queue.name: QueueStanding(name=queue.name, at_most=queue.at_most, paused_at=queue.paused_at)
        for queue in decided
    }
    for (name, status), number in standing.items():
        queue = found.get(name, QueueStanding(name=name))
        if status is JobStatus.PROCESSING:
            queue = replace(queue, processing=queue.processing + number)
        elif status in UNFINISHED:
            queue = replace(queue, depth=queue.depth + number)
        found[name] = queue
    return sorted(found.values(), key=lambda queue: queue.name)
