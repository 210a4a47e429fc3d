"""Retention: finished jobs, and dead letters that are too old or too many, are removed with their history."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import structlog

from counterfoil.foundation.database import Database, Transaction
from counterfoil.jobs.protocols import UpkeepStore

AT_ONCE = 1_000

log = structlog.get_logger()


class CleanUpObserver(Protocol):
    """Is told about clean-ups of dead letters, for metrics."""

    def cleaned_up(self, removed: int, seconds: float) -> None: ...

    def clean_up_failed(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Removes what is over, in batches small enough to hold nobody up."""

    database: Database
    store: UpkeepStore
    observer: CleanUpObserver
    keep_finished: timedelta
    keep_dead: timedelta
    most_dead: int

    def finished(self) -> int:
        """Remove completed and cancelled jobs that ended long enough ago; return how many."""
        return self._removed(lambda tx: self.store.remove_finished(tx, tx.now() - self.keep_finished, AT_ONCE))

    def dead(self) -> int:
        """Remove dead letters that are too old, or too many in their workspace; return how many."""
        began = time.monotonic()
        try:
            removed = self._removed(lambda tx: self.store.remove_dead(tx, tx.now() - self.keep_dead, AT_ONCE))
            removed += self._removed(lambda tx: self.store.remove_surplus(tx, self.most_dead, AT_ONCE))
        except Exception:
            self.observer.clean_up_failed()
            raise
        self.observer.cleaned_up(removed, time.monotonic() - began)
        return removed

    def _removed(self, remove: Callable[[Transaction], int]) -> int:
        with self.database.transaction() as tx:
            removed = remove(tx)
        if removed:
            log.info("jobs_removed", number=removed)
        return removed
