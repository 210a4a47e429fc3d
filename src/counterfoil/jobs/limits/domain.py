"""How often an outside service may be called, and the breaker that leaves one alone while it fails.

A rate limit gives out tokens as the generic cell rate algorithm does: all it keeps is the time at which it will be full
again, its theoretical arrival time, which every token moves on. In any stretch of time no more calls are begun than the
rate allows for it, and one burst.

A breaker stands between us and one connection to a service:

               so many failures in a row
       closed ───────────────────────────→ open ←─────┐ the probe failed (a longer pause),
         ↑                       the pause  │         │ or nobody learnt how it went
         │                          is over ↓         │
         └──── the probe was ──────────── half_open ──┘
               answered                     ↺ the probe's lease ran out: the next one asks

While it is half-open, one call at a time is let through, the probe, whichever worker asks first. Everything here is
pure: `move` takes a breaker and an event and returns the breaker as it stands afterwards.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NewType, TypeAlias, assert_never
from uuid import UUID

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.errors import (
    InvalidInput,
    NetworkError,
    Postponed,
    RateLimitExceeded,
    ServiceUnavailable,
)

RateLimitId = NewType("RateLimitId", UUID)
Probe = NewType("Probe", UUID)
"""The token of the one call that is let through a half-open breaker."""

PATIENCE: Final = timedelta(seconds=2)
"""How long a call waits for its turn rather than be put off."""
LONGEST_PATIENCE: Final = timedelta(minutes=1)
"""How long the most patient caller of a service that others call as well may wait for a turn."""
LONGEST_CLOSING: Final = timedelta(days=1)
"""Quotas of services start afresh daily at the latest; a service that names a later time is asked again sooner."""
MOST_AT_ONCE: Final = 1_000_000


class Period(StrEnum):
    """The time that a rate counts calls for."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"

    @property
    def length(self) -> timedelta:
        return {Period.MINUTE: timedelta(minutes=1), Period.HOUR: timedelta(hours=1), Period.DAY: timedelta(days=1)}[
            self
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """So many calls in each period, evenly spread, but `burst` of them at once after a quiet time.

    Without a burst a tenth of the calls may come at once, so that no stretch of time sees many more than the rate says.
    """

    count: int
    period: Period
    burst: int | None = None

    def __post_init__(self) -> None:
        if not (1 <= self.count <= MOST_AT_ONCE and 1 <= self.at_once <= MOST_AT_ONCE):
            raise InvalidRate(self)

    @property
    def at_once(self) -> int:
        """How many calls may be made at once after a quiet time."""
        return max(1, self.count // 10) if self.burst is None else self.burst

    @property
    def interval(self) -> timedelta:
        """The time between two calls; rounded up, so that the rate is never exceeded."""
        microseconds = self.period.length // timedelta(microseconds=1)
        return timedelta(microseconds=-(-microseconds // self.count))

    def __str__(self) -> str:
        return f"{self.count} per {self.period}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """For whom a service is called: a workspace, or one user of it where the service counts by user."""

    workspace: WorkspaceId
    service: str
    user: str | None = None

    @property
    def key(self) -> str:
        """The name of the rate limit that the calls fall under."""
        parts = (self.service, str(self.workspace), self.user)
        return ":".join(part for part in parts if part is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What asking for tokens gave: a time, ours to call at when `granted`, else when asking again is worth it."""

    granted: bool
    at: datetime
    wait: timedelta
    """From when it was asked until then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """How much of a rate is used, as it stood at `seen_at`."""

    id: RateLimitId
    workspace: WorkspaceId
    key: str
    service: str
    rate: Rate
    arrival: datetime
    closed_until: datetime | None
    requests: int
    window_start: datetime
    last_request_at: datetime
    seen_at: datetime

    @property
    def used(self) -> int:
        """How many calls there were in the current period, which began with its first call."""
        return self.requests if self.seen_at < self.window_start + self.rate.period.length else 0

    @property
    def remaining(self) -> int:
        """How many calls could be made at once."""
        if self.closed_until and self.closed_until > self.seen_at:
            return 0
        ahead = max(self.arrival - self.seen_at, timedelta(0))
        return max(0, (self.rate.interval * self.rate.at_once - ahead) // self.rate.interval)

    @property
    def resets_at(self) -> datetime:
        """When a whole burst could be made again."""
        return max(self.arrival, self.closed_until or self.seen_at, self.seen_at)


class BreakerState(StrEnum):
    """Whether calls are let through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerRules:
    """When a breaker opens, and for how long."""

    failures: int = 5
    window: timedelta = timedelta(minutes=2)
    """A failure that comes later than this after the one before is the first of a new row."""
    pause: timedelta = timedelta(seconds=30)
    longest_pause: timedelta = timedelta(minutes=5)
    lease: timedelta = timedelta(minutes=2)
    """How long a probe may take until its caller is taken for dead; longer than any call's own time limit."""

    def pause_after(self, openings: int) -> timedelta:
        """Return how long to leave the service alone when it has failed for the so-manieth time since it worked."""
        doublings = min(openings - 1, 64)  # beyond that every pause has long reached the longest
        # In floats: no timedelta is long enough for every pause doubled so often.
        seconds = min(self.pause.total_seconds() * 2.0**doublings, self.longest_pause.total_seconds())
        return timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """What stands between us and one connection to a service."""

    workspace: WorkspaceId
    service: str
    connection: str
    state: BreakerState = BreakerState.CLOSED
    failures: int = 0
    """In a row."""
    last_failed_at: datetime | None = None
    opened_at: datetime | None = None
    openings: int = 0
    """In a row: each that was not followed by an answer makes the next pause longer."""
    probe: Probe | None = None
    probe_at: datetime | None = None
    """From when on a call may probe: when the pause is over, or when the lease of the probe under way runs out."""


class Verdict(StrEnum):
    """What a call told of the service."""

    ANSWERED = "answered"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Somebody wants to call; if that makes a probe, it is known by this token."""

    probe: Probe


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A call has ended; `probe` is its token, if it was one."""

    verdict: Verdict
    probe: Probe | None


Event: TypeAlias = Asked | Ended


def move(breaker: Breaker, event: Event, now: datetime, rules: BreakerRules) -> Breaker:
    """Return the breaker as it stands after the event.

    Raises:
        BreakerOpen: the call that asks is not let through.
    """
    match event:
        case Asked():
            return _let_through(breaker, event.probe, now, rules)
        case Ended() if breaker.state is BreakerState.OPEN or event.probe != breaker.probe:
            return breaker  # the call began before the breaker last moved, and tells nothing new
        case Ended(verdict=Verdict.ANSWERED):
            return Breaker(workspace=breaker.workspace, service=breaker.service, connection=breaker.connection)
        case Ended(verdict=Verdict.FAILED):
            return _fail(breaker, now, rules)
        case Ended():
            return _give_probe_back(breaker, now)
        case _:
            assert_never(event)


def _let_through(breaker: Breaker, probe: Probe, now: datetime, rules: BreakerRules) -> Breaker:
    if breaker.state is BreakerState.CLOSED:
        return breaker
    assert breaker.probe_at  # noqa: S101 - true of every breaker that is not closed
    if now >= breaker.probe_at:
        return replace(breaker, state=BreakerState.HALF_OPEN, probe=probe, probe_at=now + rules.lease)
    if breaker.state is BreakerState.OPEN:
        raise BreakerOpen(breaker, breaker.probe_at)
    # The probe will be back long before its lease runs out, unless its caller dies.
    raise BreakerOpen(breaker, min(breaker.probe_at, now + rules.pause))


def _fail(breaker: Breaker, now: datetime, rules: BreakerRules) -> Breaker:
    in_a_row = breaker.last_failed_at is not None and now - breaker.last_failed_at <= rules.window
    half_open = breaker.state is BreakerState.HALF_OPEN
    failed = replace(breaker, failures=breaker.failures + 1 if in_a_row or half_open else 1, last_failed_at=now)
    if not half_open and failed.failures < rules.failures:
        return failed
    openings = breaker.openings + 1
    return replace(
        failed,
        state=BreakerState.OPEN,
        opened_at=breaker.opened_at or now,
        openings=openings,
        probe=None,
        probe_at=now + rules.pause_after(openings),
    )


def _give_probe_back(breaker: Breaker, now: datetime) -> Breaker:
    if breaker.state is BreakerState.CLOSED:
        return breaker
    return replace(breaker, state=BreakerState.OPEN, probe=None, probe_at=now)


def verdict_of(error: BaseException) -> Verdict:
    """Return what an error tells of the service: only one that says that it did not answer is its failure.

    Any other may be a word of the service or a slip of our own, raised before it was even called.
    """
    match error:
        case ServiceUnavailable() | NetworkError() | ConnectionError() | TimeoutError():
            return Verdict.FAILED
        case _:
            return Verdict.UNKNOWN


class InvalidRate(InvalidInput):
    """A rate that no service has."""

    code = "invalid_rate"

    def __init__(self, rate: Rate) -> None:
        super().__init__(f"Neither {rate} nor {rate.at_once} at once may be below 1 or above {MOST_AT_ONCE}.")


class MoreThanBurst(InvalidInput):
    """More tokens than the rate limit ever has at once."""

    code = "more_than_burst"
    advice = "Ask for fewer tokens at once, or allow a larger burst."

    def __init__(self, tokens: int, rate: Rate) -> None:
        super().__init__(f"{tokens} tokens cannot be had at once where {rate.at_once} is the most.")


class RateLimited(RateLimitExceeded):
    """The calls that a service allows are used up for now."""

    code = "service_limit_reached"

    def __init__(self, service: str, retry_at: datetime) -> None:
        super().__init__(f"{service} may be called again at {retry_at:%Y-%m-%d %H:%M:%S} UTC.", retry_at)


class BreakerOpen(Postponed):
    """A service has failed several times in a row, and is left alone for a while."""

    code = "breaker_open"

    def __init__(self, breaker: Breaker, retry_at: datetime) -> None:
        times = f"{breaker.failures} times in a row"
        when = f"{retry_at:%Y-%m-%d %H:%M:%S} UTC"
        super().__init__(f"{breaker.service} has failed {times}; it is asked again at {when}.", retry_at)
