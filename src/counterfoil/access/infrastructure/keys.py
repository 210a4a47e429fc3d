"""API keys in SQL, on SQLite and PostgreSQL with the same statements."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Select, Uuid, func, insert, or_, select, update
from sqlalchemy.engine import Row as ResultRow
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from counterfoil.access.domain import Permission, WorkspaceId
from counterfoil.access.errors import WorkspaceNotFound
from counterfoil.access.keys.domain import USE_NOTED_EVERY, ApiKey, ApiKeyId
from counterfoil.foundation.database import Row, Transaction
from counterfoil.foundation.paging import Page, Paging

_NO_WORKSPACE = ("api_keys_workspace_id_fkey", "FOREIGN KEY")
"""What PostgreSQL and SQLite say when a key's workspace is not there."""


class ApiKeyRow(Row):
    """An API key, with what its secret is known by."""

    __tablename__ = "api_keys"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid(), ForeignKey("workspaces.id", ondelete="CASCADE"))
    name: Mapped[str]
    permissions: Mapped[list[Any]]
    sha256: Mapped[str]
    hint: Mapped[str]
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    __table_args__ = (
        Index("api_keys_sha256", "sha256", unique=True),
        Index("api_keys_of_workspace", "workspace_id", "id"),
    )


class SqlApiKeyStore:
    """Keeps API keys in SQL."""

    def add(self, tx: Transaction, key: ApiKey, sha256: str) -> None:
        try:
            tx.execute(insert(ApiKeyRow), _row_of(key) | {"sha256": sha256})
        except IntegrityError as error:
            if any(words in str(error.orig) for words in _NO_WORKSPACE):
                raise WorkspaceNotFound(key.workspace) from error
            raise

    def find(self, tx: Transaction, sha256: str) -> ApiKey | None:
        row = tx.execute(_KEYS.where(ApiKeyRow.sha256 == sha256)).one_or_none()
        return _key_of(row) if row else None

    def get(self, tx: Transaction, workspace: WorkspaceId, key: ApiKeyId) -> ApiKey | None:
        row = tx.execute(_of(workspace).where(ApiKeyRow.id == key)).one_or_none()
        return _key_of(row) if row else None

    def page(self, tx: Transaction, workspace: WorkspaceId, paging: Paging) -> Page[ApiKey]:
        query = _of(workspace)
        if paging.after:
            query = query.where(ApiKeyRow.id < paging.after)
        rows = tx.execute(query.order_by(ApiKeyRow.id.desc()).limit(paging.limit + 1)).all()
        return Page.of([_key_of(row) for row in rows], paging, lambda key: key.id)

    def revoke(self, tx: Transaction, workspace: WorkspaceId, key: ApiKeyId, now: datetime) -> bool:
        statement = update(ApiKeyRow).where(ApiKeyRow.id == key, ApiKeyRow.workspace_id == workspace)
        return tx.execute(statement.values(revoked_at=func.coalesce(ApiKeyRow.revoked_at, now))).rowcount == 1

    def note_use(self, tx: Transaction, workspace: WorkspaceId, key: ApiKeyId, now: datetime) -> None:
        long_ago = or_(ApiKeyRow.last_used_at.is_(None), ApiKeyRow.last_used_at <= now - USE_NOTED_EVERY)
        statement = update(ApiKeyRow).where(ApiKeyRow.id == key, ApiKeyRow.workspace_id == workspace, long_ago)
        tx.execute(statement.values(last_used_at=now))


_KEYS = select(*(column for column in ApiKeyRow.__table__.columns if column.name != "sha256"))


def _of(workspace: WorkspaceId) -> Select[Any]:
    return _KEYS.where(ApiKeyRow.workspace_id == workspace)


def _row_of(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "workspace_id": key.workspace,
        "name": key.name,
        "permissions": sorted(key.permissions),
        "hint": key.hint,
        "created_by": key.created_by,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
    }


def _key_of(row: ResultRow[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        workspace=row.workspace_id,
        name=row.name,
        # A newer version, at work beside this one, may know permissions that this one does not: nobody asks for them.
        permissions=frozenset(one for one in Permission if one in row.permissions),
        hint=row.hint,
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )
