"""How rate limits and breakers look over HTTP."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from counterfoil.foundation.paging import PageRead
from counterfoil.jobs.limits.domain import Breaker, BreakerState, Period, RateLimit


class RateLimitRead(BaseModel):
    """How often a service may be called, and how much of that is used."""

    id: UUID = Field(description="The rate limit's id.", examples=["019c1d5e-0000-7000-8000-000000000000"])
    key: str = Field(
        description="The service and the workspace, and the user where the service counts by user.",
        examples=["notion:00000000-0000-7000-8000-000000000001"],
    )
    service: str = Field(description="Which service is called.", examples=["notion"])
    limit: int = Field(description="How many calls there may be in each period.", examples=[180])
    period: Period = Field(description="The period that calls are counted for.", examples=["minute"])
    burst: int = Field(description="How many calls may be made at once after a quiet time.", examples=[18])
    used: int = Field(
        description="How many calls there were in the current period, which began with its first call.", examples=[42]
    )
    remaining: int = Field(description="How many calls could be made at once just now.", examples=[7])
    resets_at: datetime = Field(
        description="When a whole burst can be made again, if nobody calls until then.",
        examples=["2026-03-01T12:00:04Z"],
    )
    closed_until: datetime | None = Field(
        description="The service has asked not to be called before; null if it has not.", examples=[None]
    )
    last_request_at: datetime = Field(description="When it was called last.", examples=["2026-03-01T12:00:00Z"])

    @classmethod
    def of(cls, limit: RateLimit) -> "RateLimitRead":
        return cls(
            id=limit.id,
            key=limit.key,
            service=limit.service,
            limit=limit.rate.count,
            period=limit.rate.period,
            burst=limit.rate.at_once,
            used=limit.used,
            remaining=limit.remaining,
            resets_at=limit.resets_at,
            closed_until=limit.closed_until,
            last_request_at=limit.last_request_at,
        )


class BreakerRead(BaseModel):
    """Whether calls are let through on one connection to a service."""

    service: str = Field(description="Which service is called.", examples=["notion"])
    connection: str = Field(description="On which connection.", examples=["01920000-0000-7000-8000-000000000001"])
    state: BreakerState = Field(
        description="Closed lets calls through, open none, half-open one at a time.", examples=["open"]
    )
    failures: int = Field(description="How many calls have failed in a row.", examples=[5])
    opened_at: datetime | None = Field(
        description="When it opened; null while it is closed.", examples=["2026-03-01T12:00:00Z"]
    )
    next_probe_at: datetime | None = Field(
        description="When a call is let through to see whether the service is back; null while it is closed.",
        examples=["2026-03-01T12:00:30Z"],
    )

    @classmethod
    def of(cls, breaker: Breaker) -> "BreakerRead":
        return cls(
            service=breaker.service,
            connection=breaker.connection,
            state=breaker.state,
            failures=breaker.failures,
            opened_at=breaker.opened_at,
            next_probe_at=breaker.probe_at,
        )


class LimitsRead(PageRead[RateLimitRead]):
    """One page of a workspace's rate limits, and its breakers."""

    breakers: list[BreakerRead] = Field(
        description="The breakers that have seen failures, the one that moved last first; at most 200."
    )
