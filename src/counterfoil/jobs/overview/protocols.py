"""What the figures need from outside."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Transaction
from counterfoil.jobs.domain import JobStatus
from counterfoil.jobs.overview.domain import Ended, FailedAttempt, OfType


class OverviewStore(Protocol):
    """Counts what a workspace has in the engine. `since` bounds every look back."""

    def standing(self, tx: Transaction, workspace: WorkspaceId) -> Mapping[tuple[str, JobStatus], int]: ...

    def ended(self, tx: Transaction, workspace: WorkspaceId, since: datetime) -> Ended: ...

    def failures(
        self, tx: Transaction, workspace: WorkspaceId, since: datetime, limit: int
    ) -> Sequence[FailedAttempt]: ...

    def types(self, tx: Transaction, workspace: WorkspaceId, since: datetime) -> Sequence[OfType]: ...

    def made_by_minute(
        self, tx: Transaction, workspace: WorkspaceId, since: datetime, now: datetime
    ) -> Mapping[int, int]:
        """Return how many jobs were made, by how many whole minutes ago."""
        ...

    def ended_by_minute(
        self, tx: Transaction, workspace: WorkspaceId, since: datetime, now: datetime
    ) -> Mapping[int, tuple[int, int]]:
        """Return how many attempts completed and failed, by how many whole minutes ago."""
        ...
