"""What watching needs from outside."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Transaction
from counterfoil.jobs.domain import JobId, LogLine
from counterfoil.jobs.events.domain import Glance


class EventStore(Protocol):
    """Looks at the jobs of all who watch at once; what it finds carries its workspace."""

    def glances(self, tx: Transaction, jobs: Collection[JobId]) -> Sequence[Glance]: ...

    def lines(self, tx: Transaction, after: Mapping[JobId, UUID]) -> Sequence[tuple[WorkspaceId, LogLine]]:
        """Return the lines of these jobs with greater ids, oldest first; of very many, the first."""
        ...

    def stirring(self, tx: Transaction, workspaces: Collection[WorkspaceId], since: datetime) -> Sequence[JobId]:
        """Return the jobs that were made or ended an attempt since then, or are being processed."""
        ...
