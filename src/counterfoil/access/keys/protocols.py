"""What API keys need from outside: a store."""

from datetime import datetime
from typing import Protocol

from counterfoil.access.domain import WorkspaceId
from counterfoil.access.keys.domain import ApiKey, ApiKeyId
from counterfoil.foundation.database import Transaction
from counterfoil.foundation.paging import Page, Paging


class ApiKeyStore(Protocol):
    """Keeps API keys, and of their secrets the SHA-256 alone."""

    def add(self, tx: Transaction, key: ApiKey, sha256: str) -> None:
        """Keep a new key and what its secret is known by.

        Raises:
            WorkspaceNotFound: there is no such workspace.
        """
        ...

    def find(self, tx: Transaction, sha256: str) -> ApiKey | None:
        """Return the key of this secret, whichever workspace it is of."""
        ...

    def get(self, tx: Transaction, workspace: WorkspaceId, key: ApiKeyId) -> ApiKey | None:
        """Return a key of this workspace."""
        ...

    def page(self, tx: Transaction, workspace: WorkspaceId, paging: Paging) -> Page[ApiKey]:
        """Return keys of this workspace, newest first, those included that let nobody in any more."""
        ...

    def revoke(self, tx: Transaction, workspace: WorkspaceId, key: ApiKeyId, now: datetime) -> bool:
        """Revoke a key, unless it was revoked before; return False if there is none."""
        ...

    def note_use(self, tx: Transaction, workspace: WorkspaceId, key: ApiKeyId, now: datetime) -> None:
        """Keep that a key was used, unless somebody else has kept it less than a minute ago."""
        ...
