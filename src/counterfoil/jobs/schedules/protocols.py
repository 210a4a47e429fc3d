"""What schedules need from outside: a store, and the engine that makes jobs of their slots."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Transaction
from counterfoil.foundation.paging import Page, Paging
from counterfoil.jobs.domain import JobId, Json, Order
from counterfoil.jobs.schedules.domain import Schedule, ScheduleId


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A schedule that was seen to be due."""

    workspace: WorkspaceId
    schedule: ScheduleId


class ScheduleStore(Protocol):
    """Keeps schedules."""

    def add(self, tx: Transaction, schedule: Schedule) -> None:
        """Keep a new schedule.

        Raises:
            ScheduleNameTaken: another one of the workspace has its name.
        """
        ...

    def get(
        self, tx: Transaction, workspace: WorkspaceId, schedule: ScheduleId, *, lock: bool = False
    ) -> Schedule | None:
        """Return a schedule of this workspace; a locked one changes only by this transaction until that ends."""
        ...

    def page(self, tx: Transaction, workspace: WorkspaceId, paging: Paging) -> Page[Schedule]:
        """Return schedules of this workspace, newest first."""
        ...

    def save(self, tx: Transaction, schedule: Schedule) -> None:
        """Keep how a schedule stands now.

        Raises:
            ScheduleNameTaken: another one of the workspace has its name.
        """
        ...

    def remove(self, tx: Transaction, workspace: WorkspaceId, schedule: ScheduleId) -> bool:
        """Forget a schedule; return False if there was none."""
        ...

    def due(self, tx: Transaction, now: datetime, limit: int) -> Sequence[Due]:
        """Return what is due, over all workspaces, the longest due first; this only reads."""
        ...

    def take(self, tx: Transaction, due: Due, now: datetime) -> Schedule | None:
        """Return the schedule locked, unless it is no longer due or somebody else has it just now."""
        ...


class Enqueue(Protocol):
    """Makes a job in the caller's transaction, by the name of its type."""

    def __call__(self, tx: Transaction, workspace: WorkspaceId, name: str, payload: Json, order: Order) -> JobId:
        """Return the new job, or the one that the workspace has under the order's idempotency key already.

        Raises:
            CounterfoilError: there can be no such job; if it is worth trying again, there may be one later.
        """
        ...


class Check(Protocol):
    """Tells whether a job of this type could be made of this payload."""

    def __call__(self, name: str, payload: Json) -> None:
        """Return if it could.

        Raises:
            CounterfoilError: nobody has registered the type, or the payload is none of its.
        """
        ...
