"""How many requests a connection may send: an average with a burst, or a budget for each window of time.

Notion's page on request limits gave the former until 2026 and gives the latter since; which one holds is a workspace's.
"""

import math
import threading
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tests.support.notion.errors import NotionError


class Limit(Protocol):
    """Says how long a request has to wait."""

    def wait(self, now: float) -> float:
        """Return zero for a request that may pass now, and the seconds to wait for one that may not."""
        ...


class Average:
    """So many requests a second on average, and a burst of them at once."""

    def __init__(self, *, per_second: float = 3, burst: int = 100) -> None:
        self._rate = per_second
        self._burst = burst
        self._tokens = float(burst)
        self._at: float | None = None

    def wait(self, now: float) -> float:
        passed = now - (self._at if self._at is not None else now)
        self._tokens = min(self._burst, self._tokens + passed * self._rate)
        self._at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0
        return (1 - self._tokens) / self._rate


class Window:
    """So many requests in each window, spent at any pace."""

    def __init__(self, *, requests: int = 180, seconds: float = 60) -> None:
        self._requests = requests
        self._seconds = seconds
        self._from: float | None = None
        self._spent = 0

    def wait(self, now: float) -> float:
        if self._from is None or now >= self._from + self._seconds:
            self._from, self._spent = now, 0
        self._spent += 1
        return 0 if self._spent <= self._requests else self._from + self._seconds - now


@dataclass(slots=True, kw_only=True)
class _Kept:
    limit: Limit
    reason: str


class Limits:
    """The limit of every connection, made when it is first needed, and one of the workspace over all of them."""

    def __init__(self, of_connection: Callable[[], Limit] | None, of_workspace: Limit | None) -> None:
        self.of_connection = of_connection
        self.of_workspace = of_workspace
        self._lock = threading.Lock()
        self._limits: dict[str, Limit] = {}

    def check(self, token: str, now: float) -> None:
        """Let a request pass.

        Raises:
            NotionError: rate_limited, with the whole seconds to wait.
        """
        with self._lock:
            for kept in self._of(token):
                if wait := kept.limit.wait(now):
                    raise rate_limited(math.ceil(wait), kept.reason)

    def _of(self, token: str) -> list[_Kept]:
        found = []
        if self.of_connection is not None:
            if token not in self._limits:
                self._limits[token] = self.of_connection()
            found.append(_Kept(limit=self._limits[token], reason="integration_rate_limit"))
        if self.of_workspace is not None:
            found.append(_Kept(limit=self.of_workspace, reason="workspace_rate_limit"))
        return found


def densest(arrivals: Sequence[float], seconds: float) -> int:
    """Return the most requests that came within any stretch of so many seconds."""
    times = sorted(arrivals)
    return max((bisect_right(times, start + seconds) - at for at, start in enumerate(times)), default=0)


def rate_limited(seconds: int, reason: str = "integration_rate_limit") -> NotionError:
    """Return what a request above the limit is told."""
    return NotionError(
        429,
        "rate_limited",
        "You have been rate limited. Please try again in a few minutes.",
        additional_data={"rate_limit_reason": reason, "retry_after": str(seconds)},
        headers={"Retry-After": str(seconds)},
    )
