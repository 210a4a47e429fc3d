"""What limits need from outside: stores of rate limits and breakers, and somebody who counts."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Transaction
from counterfoil.foundation.paging import Page, Paging
from counterfoil.jobs.limits.domain import Breaker, Caller, Rate, RateLimit, Turn


class RateLimitStore(Protocol):
    """Keeps how much of each rate is used."""

    def take(self, tx: Transaction, caller: Caller, rate: Rate, tokens: int, patience: timedelta) -> Turn:
        """Take tokens whose turn comes within the patience, or none.

        Who has patience and gets none is told another time than everybody else, so that they do not all come at once.
        """
        ...

    def close(self, tx: Transaction, caller: Caller, until: datetime) -> None:
        """Give out no tokens until then."""
        ...

    def page(self, tx: Transaction, workspace: WorkspaceId, paging: Paging) -> Page[RateLimit]:
        """Return the rate limits of a workspace, newest first."""
        ...

    def forget_idle(self, tx: Transaction, before: datetime) -> int:
        """Remove, over all workspaces, what nobody has asked for since then; return how many."""
        ...


class BreakerStore(Protocol):
    """Keeps breakers. One that has never seen a failure is not kept."""

    def find(self, tx: Transaction, workspace: WorkspaceId, service: str, connection: str) -> Breaker | None:
        """Return the breaker of a connection."""
        ...

    def hold(self, tx: Transaction, workspace: WorkspaceId, service: str, connection: str) -> Breaker:
        """Return the breaker of a connection, a new one if need be; nobody else moves it until the transaction ends."""
        ...

    def save(self, tx: Transaction, breaker: Breaker) -> None:
        """Save a breaker that is held."""
        ...

    def newest(self, tx: Transaction, workspace: WorkspaceId, limit: int) -> Sequence[Breaker]:
        """Return the breakers of a workspace, the one that moved last first."""
        ...

    def forget_idle(self, tx: Transaction, before: datetime) -> int:
        """Remove, over all workspaces, what nothing has happened to since then; return how many."""
        ...


class Observer(Protocol):
    """Is told what limits keep back, for metrics. `service` is one of the few names that our own code has for them."""

    def rate_limit_exceeded(self, service: str) -> None: ...

    def breaker_tripped(self, service: str) -> None: ...
