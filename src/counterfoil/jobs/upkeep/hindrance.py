"""Hindrance: while a transaction stays open, nothing that ended since is tidied away; whoever runs it is told."""

from dataclasses import dataclass
from datetime import timedelta

import structlog

from counterfoil.foundation.database import Database

LONG = timedelta(minutes=1)
"""Our own transactions are ended by the server long before."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hindrance:
    """Warns of transactions that somebody left open: they make every claim dearer, the longer the more."""

    database: Database

    def __call__(self) -> int:
        """Return 0: there is nothing here that could be done again at once."""
        oldest = self.database.oldest_transaction()
        if oldest and oldest.age > LONG:
            log.warning(
                "transaction_open_for_long",
                seconds=round(oldest.age.total_seconds()),
                process=oldest.process,
                application=oldest.application,
                advice="Find out who left it open; pg_terminate_backend(process) ends it.",
            )
        return 0
