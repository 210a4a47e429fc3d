"""Queues: how many of their jobs may run at once, and whether any may."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from counterfoil.foundation.database import Database
from counterfoil.jobs.domain import Queue
from counterfoil.jobs.protocols import Bell, UpkeepStore


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueService:
    """Keeps what is decided about queues, for all workspaces alike."""

    database: Database
    store: UpkeepStore
    upkeep: Bell

    def all(self) -> Sequence[Queue]:
        """Return the queues that something was decided about."""
        with self.database.reading() as tx:
            return self.store.queues(tx)

    def limit(self, name: str, at_most: int | None) -> Queue:
        """Let at most so many jobs of the queue run at once, over all workers; None lifts the limit."""
        return self._decide(replace(self._now(name), at_most=at_most))

    def pause(self, name: str) -> Queue:
        """Let no job of the queue begin; those that run go on."""
        with self.database.reading() as tx:
            now = tx.now()
        return self._decide(replace(self._now(name), paused_at=now))

    def resume(self, name: str) -> Queue:
        """Let jobs of the queue begin again."""
        return self._decide(replace(self._now(name), paused_at=None))

    def _now(self, name: str) -> Queue:
        return next((queue for queue in self.all() if queue.name == name), Queue(name=name))

    def _decide(self, queue: Queue) -> Queue:
        with self.database.transaction() as tx:
            self.store.decide(tx, queue)
            tx.after_commit(self.upkeep.ring)
        return queue
