"""Idleness: rate limits and breakers that nobody has had to do with for long are forgotten."""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from counterfoil.foundation.database import Database
from counterfoil.jobs.limits.service import Breakers, RateLimits

IDLE_AFTER = timedelta(days=7)
"""Far longer than any rate's period and any breaker's pause, so that people still find what they look for."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Idleness:
    """Forgets what was kept for callers and connections that are used no more."""

    database: Database
    rate_limits: RateLimits
    breakers: Breakers

    def __call__(self) -> int:
        """Return how many were forgotten."""
        with self.database.transaction() as tx:
            before = tx.now() - IDLE_AFTER
            forgotten = self.rate_limits.forget_idle(tx, before) + self.breakers.forget_idle(tx, before)
        if forgotten:
            log.info("idle_limits_forgotten", number=forgotten)
        return forgotten
