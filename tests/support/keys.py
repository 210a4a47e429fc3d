"""API keys for tests: the service and the entrance on one database, with a clock that the test sets."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from counterfoil.access.domain import Permission, Principal, Role, WorkspaceId
from counterfoil.access.infrastructure.keys import SqlApiKeyStore
from counterfoil.access.keys.domain import ApiKey, ApiKeyId, Secret
from counterfoil.access.keys.entrance import KeyEntrance
from counterfoil.access.keys.service import ApiKeyService
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.metrics import Metrics

READ_JOBS = frozenset({Permission.JOBS_READ})


def owner_of(workspace: WorkspaceId, role: Role = Role.OWNER) -> Principal:
    return Principal(workspace=workspace, permissions=role.permissions, actor="tester")


def make_key(workspace: WorkspaceId, **facts: Any) -> ApiKey:
    plain: dict[str, Any] = {
        "id": ApiKeyId(new_id()),
        "workspace": workspace,
        "name": "n8n",
        "permissions": READ_JOBS,
        "hint": "3xQa",
        "created_by": "tester",
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return ApiKey(**(plain | facts))


def showing(secret: str) -> dict[str, str]:
    """Return the headers of a request that shows a secret."""
    return {"authorization": f"Bearer {secret}"}


@dataclass(frozen=True, slots=True)
class Keys:
    """What makes keys, and the entrance at which they are shown."""

    database: Database
    metrics: Metrics = field(default_factory=Metrics)

    @property
    def service(self) -> ApiKeyService:
        return ApiKeyService(database=self.database, store=SqlApiKeyStore(), new_id=new_id)

    @property
    def entrance(self) -> KeyEntrance:
        return KeyEntrance(database=self.database, store=SqlApiKeyStore(), metrics=self.metrics)

    def made(
        self,
        workspace: WorkspaceId,
        name: str = "n8n",
        permissions: Collection[str] = READ_JOBS,
        expires_at: datetime | None = None,
    ) -> tuple[ApiKey, Secret]:
        return self.service.make(owner_of(workspace), name, permissions, expires_at)

    def enter(self, secret: Secret) -> Principal | None:
        return self.entrance.principal(showing(secret.text))

    @property
    def failures(self) -> float:
        """How many were refused."""
        counted = self.metrics.registry.get_sample_value("counterfoil_auth_failures_total", {"method": "key"})
        return counted or 0.0
