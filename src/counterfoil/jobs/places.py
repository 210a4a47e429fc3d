"""Places: of a limited queue, a batch or a concurrency key no more jobs are under way than there are places."""

import math
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from counterfoil.foundation.database import Database, DatabaseUnavailable
from counterfoil.jobs.domain import Job
from counterfoil.jobs.protocols import UpkeepStore

LOOK_EVERY_SECONDS = 5.0


@dataclass(slots=True, kw_only=True)
class Places:
    """Tells for whose end others may wait because of a limit. A new limit is known some seconds later.

    Until then upkeep frees its places too, in its next round.
    """

    database: Database
    store: UpkeepStore
    monotonic: Callable[[], float] = time.monotonic
    _limited: Collection[str] = field(default=frozenset(), init=False)
    _next_look: float = field(default=-math.inf, init=False)

    def takes_one(self, job: Job) -> bool:
        """Tell whether the job has, or waits for, a place that others may want."""
        return job.concurrency_key is not None or job.batch_id is not None or job.queue in self._limited_queues()

    def _limited_queues(self) -> Collection[str]:
        now = self.monotonic()
        if now >= self._next_look:
            self._next_look = now + LOOK_EVERY_SECONDS
            self._look()
        return self._limited

    def _look(self) -> None:
        try:
            with self.database.reading() as tx:
                decided = self.store.queues(tx)
        except DatabaseUnavailable:  # whoever asks has something else to do; what was known last will do
            return
        self._limited = frozenset(queue.name for queue in decided if queue.at_most is not None)
