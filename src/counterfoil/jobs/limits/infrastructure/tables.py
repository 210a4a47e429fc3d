"""The tables of rate limits and breakers."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from counterfoil.foundation.database import Row


class RateLimitRow(Row):
    """How much of a rate is used.

    What a statement calculates with is in microseconds since 1970, for which both databases have the same arithmetic.
    """

    __tablename__ = "rate_limits"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("workspaces.id", ondelete="CASCADE"))
    key: Mapped[str]
    service: Mapped[str]
    max_requests: Mapped[int]
    period: Mapped[str]
    burst: Mapped[int]
    arrival: Mapped[int] = mapped_column(BigInteger)
    closed_until: Mapped[int] = mapped_column(BigInteger)
    appointed: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Until when those who were refused are told to come back, one after the other."""
    requests: Mapped[int] = mapped_column(BigInteger)
    window_start: Mapped[int] = mapped_column(BigInteger)
    last_request_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("workspace_id", "key"),
        Index("rate_limits_of_workspace", "workspace_id", "id"),
    )


class BreakerRow(Row):
    """A breaker that has seen a failure."""

    __tablename__ = "breakers"

    workspace_id: Mapped[UUID] = mapped_column(
        Uuid(), ForeignKey("workspaces.id", ondelete="CASCADE"), primary_key=True
    )
    service: Mapped[str] = mapped_column(primary_key=True)
    connection: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    failures: Mapped[int]
    last_failed_at: Mapped[datetime | None]
    opened_at: Mapped[datetime | None]
    openings: Mapped[int]
    probe: Mapped[UUID | None]
    probe_at: Mapped[datetime | None]
    changed_at: Mapped[datetime]
