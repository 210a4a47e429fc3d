"""How a service elsewhere is called: in turn with all other workers, and not while it fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.clock import Clock
from counterfoil.jobs.limits.domain import Rate, RateLimited
from counterfoil.jobs.limits.service import Breakers, Call, RateLimits

DEFAULT_PAUSE: Final = timedelta(seconds=30)
"""How long a service is left alone that has had too many calls and does not say until when."""

GOING_ON: Final = timedelta(seconds=10)
"""How long a call waits for its turn when those before it would have to be made again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """What every call to a service keeps to. A connection is what the service itself counts calls by."""

    service: str
    rate: Rate
    limits: RateLimits
    breakers: Breakers
    clock: Clock

    @contextmanager
    def calling(self, workspace: WorkspaceId, connection: str, *, going_on: bool = False) -> Iterator[Call]:
        """Wait for our turn and let one call through; nothing but the call belongs inside.

        A call that goes on with what others have begun waits longer, since these would have been in vain.

        Raises:
            RateLimited: it is not our turn for longer than patience lasts.
            BreakerOpen: the service is left alone for a while.
        """
        patience = GOING_ON if going_on else None
        with self.breakers.calling(workspace, self.service, connection) as call:  # first: it costs no turn
            self.limits.take(workspace, self.service, self.rate, user=connection, patience=patience)
            yield call

    def too_many(self, workspace: WorkspaceId, connection: str, seconds: float | None) -> RateLimited:
        """Leave the service alone for as long as it wants, whichever worker would call next; return what to raise."""
        pause = DEFAULT_PAUSE if seconds is None else timedelta(seconds=seconds)
        until = self.clock.now() + pause
        self.limits.postpone(workspace, self.service, until, user=connection)
        return RateLimited(self.service, until)
