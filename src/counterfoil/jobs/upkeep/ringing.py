"""Ringing: jobs that are ready, but of whose bell a broker knows nothing any more, are rung again."""

from dataclasses import dataclass

import structlog

from counterfoil.foundation.database import Database
from counterfoil.jobs.errors import RedisUnavailable
from counterfoil.jobs.protocols import Broker, UpkeepStore

AT_ONCE = 1_000

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ringing:
    """Compares what can be claimed first with the bells that hang at the broker.

    A bell is lost when the broker was emptied or away, or when a worker took it and died before it claimed the job. One
    that a worker has just taken looks lost as well; to ring it twice does no harm.
    """

    database: Database
    store: UpkeepStore
    broker: Broker

    def __call__(self) -> int:
        """Return 0: what was rung now hangs there the next time."""
        with self.database.reading() as tx:
            calls = self.store.ready(tx, AT_ONCE)
        if not calls:
            return 0
        try:
            lost = self.broker.lost(calls)
        except RedisUnavailable as error:
            log.warning("redis_unavailable", waiting=len(calls), error=repr(error.__cause__))
            return 0
        if lost:
            log.info("bells_rung_again", jobs=len(lost))
            self.broker.ring(lost)
        return 0
