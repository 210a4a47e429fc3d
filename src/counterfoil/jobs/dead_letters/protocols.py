"""What looking through dead letters needs from outside."""

from collections.abc import Sequence
from typing import Protocol

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Transaction
from counterfoil.jobs.dead_letters.domain import Group
from counterfoil.jobs.protocols import JobFilter


class DeadLetterStore(Protocol):
    """Counts dead letters."""

    def groups(self, tx: Transaction, workspace: WorkspaceId, wanted: JobFilter) -> Sequence[Group]: ...
