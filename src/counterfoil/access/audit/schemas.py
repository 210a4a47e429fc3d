"""Shapes of the audit log over HTTP."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, Field

from counterfoil.access.audit.domain import Link


class AuditEntryRead(BaseModel):
    """One act, at its place in the chain."""

    id: UUID = Field(description="The entry's id.", examples=["01950000-0000-7000-8000-000000000001"])
    position: int = Field(description="Its place in the workspace's chain, from 1.", examples=[1])
    hash: str = Field(description="SHA-256 over the entry and the hash before it.", examples=["9f86d081…"])
    at: datetime = Field(description="When.", examples=["2026-03-01T12:00:00Z"])
    actor: str = Field(description="Who.", examples=["user:01950000-0000-7000-8000-000000000002"])
    action: str = Field(description="What they did, or asked for.", examples=["approve_review"])
    subject: str | None = Field(description="To what.", examples=["review_id=01950000-0000-7000-8000-000000000003"])
    address: str | None = Field(description="From which address.", examples=["127.0.0.1"])
    details: dict[str, Any] = Field(description="What else is to be said of it.", examples=[{}])

    @classmethod
    def of(cls, link: Link) -> Self:
        entry = link.entry
        return cls(
            id=entry.id,
            position=link.position,
            hash=link.hash,
            at=entry.at,
            actor=entry.actor,
            action=entry.action,
            subject=entry.subject,
            address=entry.address,
            details=dict(entry.details),
        )
