"""Failed log-ins in SQL, and the browsers that were here before."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Uuid, delete, exists, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from counterfoil.access.people.delays import Failures
from counterfoil.access.people.domain import DEVICE_KNOWN_FOR, UserId
from counterfoil.foundation.database import Row, Transaction

_AT_ONCE = 1_000
"""Rows that are forgotten at once: more than one log-in adds."""


class LoginFailureRow(Row):
    """How often log-ins have failed under a key."""

    __tablename__ = "login_failures"
    __table_args__ = (Index("login_failures_by_time", "last_at"),)

    key: Mapped[str] = mapped_column(primary_key=True)
    failed: Mapped[int]
    last_at: Mapped[datetime]
    closed_until: Mapped[datetime | None]


class KnownDeviceRow(Row):
    """A browser that a user has logged in with, by the SHA-256 of what it shows."""

    __tablename__ = "known_devices"

    user_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    digest: Mapped[str] = mapped_column(primary_key=True)
    last_login_at: Mapped[datetime]


class SqlFailureStore:
    """Keeps failures in SQL."""

    def hold(self, tx: Transaction, keys: Sequence[str]) -> Mapping[str, Failures]:
        dialect: Any = sqlite if tx.dialect == "sqlite" else postgresql
        made = [{"key": key, "failed": 0, "last_at": tx.now()} for key in keys]
        tx.execute(dialect.insert(LoginFailureRow).values(made).on_conflict_do_nothing())
        query = select(*LoginFailureRow.__table__.columns).where(LoginFailureRow.key.in_(keys))
        rows = tx.execute(query.order_by(LoginFailureRow.key).with_for_update())
        return {row.key: Failures(count=row.failed, last_at=row.last_at, closed_until=row.closed_until) for row in rows}

    def save(self, tx: Transaction, key: str, failures: Failures) -> None:
        values = {"failed": failures.count, "last_at": failures.last_at, "closed_until": failures.closed_until}
        tx.execute(update(LoginFailureRow).where(LoginFailureRow.key == key).values(values))

    def forget(self, tx: Transaction, before: datetime) -> None:
        old = select(LoginFailureRow.key).where(LoginFailureRow.last_at < before)
        free = old.limit(_AT_ONCE).with_for_update(skip_locked=True)
        tx.execute(delete(LoginFailureRow).where(LoginFailureRow.key.in_(free)))


class SqlDeviceStore:
    """Keeps known devices in SQL."""

    def knows(self, tx: Transaction, user: UserId, digest: str) -> bool:
        known = exists().where(KnownDeviceRow.user_id == user, KnownDeviceRow.digest == digest)
        return bool(tx.execute(select(known)).scalar())

    def note(self, tx: Transaction, user: UserId, digest: str, now: datetime) -> None:
        old = (KnownDeviceRow.user_id == user, KnownDeviceRow.last_login_at <= now - DEVICE_KNOWN_FOR)
        tx.execute(delete(KnownDeviceRow).where(*old))
        dialect: Any = sqlite if tx.dialect == "sqlite" else postgresql
        made = dialect.insert(KnownDeviceRow).values(user_id=user, digest=digest, last_login_at=now)
        keys = ["user_id", "digest"]
        tx.execute(made.on_conflict_do_update(index_elements=keys, set_={"last_login_at": now}))
