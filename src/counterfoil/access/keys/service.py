"""What the rest of the house may ask about API keys: make, look at, revoke."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from counterfoil.access.domain import Principal, WorkspaceId
from counterfoil.access.keys.domain import (
    ApiKey,
    ApiKeyId,
    ApiKeyNotFound,
    PermissionsBeyondOwn,
    Secret,
    checked_expiry,
    checked_name,
    permissions_named,
)
from counterfoil.access.keys.protocols import ApiKeyStore
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import IdSource
from counterfoil.foundation.paging import Page, Paging


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyService:
    """The front door of API keys."""

    database: Database
    store: ApiKeyStore
    new_id: IdSource

    def make(
        self, maker: Principal, name: str, permissions: Collection[str], expires_at: datetime | None = None
    ) -> tuple[ApiKey, Secret]:
        """Make a key in the maker's workspace, and return it with its secret, which cannot be had again.

        Raises:
            PermissionsBeyondOwn: it would be able to do what its maker may not.
            UnknownPermission, InvalidExpiry, InvalidKeyName: there can be no such key.
            WorkspaceNotFound: the maker's workspace is not there.
        """
        name, granted = checked_name(name), permissions_named(permissions)
        if beyond := granted - maker.permissions:
            raise PermissionsBeyondOwn(beyond)
        secret = Secret.new()
        with self.database.transaction(maker.workspace) as tx:
            now = tx.now()
            key = ApiKey(
                id=ApiKeyId(self.new_id()),
                workspace=maker.workspace,
                name=name,
                permissions=granted,
                hint=secret.hint,
                created_by=maker.actor,
                created_at=now,
                expires_at=checked_expiry(expires_at, now),
            )
            self.store.add(tx, key, secret.sha256)
        return key, secret

    def get(self, workspace: WorkspaceId, key: ApiKeyId) -> ApiKey:
        """Return a key.

        Raises:
            ApiKeyNotFound: this workspace has no such key.
        """
        with self.database.reading(workspace) as tx:
            found = self.store.get(tx, workspace, key)
        if found is None:
            raise ApiKeyNotFound(key)
        return found

    def page(self, workspace: WorkspaceId, paging: Paging) -> Page[ApiKey]:
        """Return keys, newest first, those included that let nobody in any more."""
        with self.database.reading(workspace) as tx:
            return self.store.page(tx, workspace, paging)

    def revoke(self, workspace: WorkspaceId, key: ApiKeyId) -> None:
        """Let nobody in any more who shows this key; one that was revoked before stays so.

        Raises:
            ApiKeyNotFound: this workspace has no such key.
        """
        with self.database.transaction(workspace) as tx:
            if not self.store.revoke(tx, workspace, key, tx.now()):
                raise ApiKeyNotFound(key)
