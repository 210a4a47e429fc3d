"""The tables of people, their passwords, sessions and tickets."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, Uuid
from sqlalchemy.orm import Mapped, MappedColumn, mapped_column

from counterfoil.foundation.database import Row


def _of_a_user(*, key: bool = False) -> MappedColumn[Any]:
    return mapped_column(Uuid(), ForeignKey("users.id", ondelete="CASCADE"), primary_key=key)


class UserRow(Row):
    """A person."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("email", name="users_email"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str]
    name: Mapped[str]
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class PasswordRow(Row):
    """The hash of a user's password, apart from the user, so that no list of users holds it."""

    __tablename__ = "passwords"

    user_id: Mapped[UUID] = _of_a_user(key=True)
    kept: Mapped[str]
    changed_at: Mapped[datetime]


class MembershipRow(Row):
    """What a user is in a workspace, or is invited to be."""

    __tablename__ = "memberships"
    __table_args__ = (
        UniqueConstraint("workspace_id", "user_id", name="memberships_once"),
        Index("memberships_of_workspace", "workspace_id", "id"),
        Index("memberships_of_user", "user_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("workspaces.id", ondelete="CASCADE"))
    user_id: Mapped[UUID] = _of_a_user()
    role: Mapped[str]
    created_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]


class SessionRow(Row):
    """A session, found by the SHA-256 of its proof."""

    __tablename__ = "sessions"
    __table_args__ = (
        UniqueConstraint("digest", name="sessions_digest"),
        Index("sessions_of_user", "user_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = _of_a_user()
    digest: Mapped[str]
    device: Mapped[str]
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]


class TicketRow(Row):
    """A one-time link, found by the SHA-256 of its proof."""

    __tablename__ = "tickets"
    __table_args__ = (
        UniqueConstraint("digest", name="tickets_digest"),
        Index("tickets_of_user", "user_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    user_id: Mapped[UUID | None] = _of_a_user()
    invites_to: Mapped[UUID | None] = mapped_column(Uuid(), ForeignKey("workspaces.id", ondelete="CASCADE"))
    digest: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
