"""Which columns tables were last seen to have, so that not every delivery reads them anew."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from counterfoil.targets.domain import TargetId


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenSchemas:
    """Remembers, in one process, when a target was last seen with which schema version."""

    monotonic: Callable[[], float] = time.monotonic
    seen: dict[TargetId, tuple[str, float]] = field(default_factory=dict)

    def note(self, target: TargetId, version: str) -> None:
        self.seen[target] = (version, self.monotonic())

    def renew(self, target: TargetId) -> None:
        """Let what was seen of a target be relied on for another while, if anything was."""
        if target in self.seen:
            self.note(target, self.seen[target][0])

    def forget(self, target: TargetId) -> None:
        self.seen.pop(target, None)

    def had(self, target: TargetId, version: str, within: timedelta) -> bool:
        """Tell whether the target had this version so short a time ago that it may be relied on."""
        known, when = self.seen.get(target, ("", 0.0))
        return known == version and self.monotonic() - when < within.total_seconds()
