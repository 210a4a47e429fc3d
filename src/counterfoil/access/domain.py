"""Workspaces, each the wall around one client's or team's data, and who may do what inside of one."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NewType
from uuid import UUID

WorkspaceId = NewType("WorkspaceId", UUID)

DEFAULT_WORKSPACE = WorkspaceId(UUID("00000000-0000-7000-8000-000000000001"))


class Permission(StrEnum):
    """What a route can ask of whoever calls it."""

    DOCUMENTS_READ = "documents:read"
    DOCUMENTS_WRITE = "documents:write"
    RECORDS_READ = "records:read"
    REVIEWS_READ = "reviews:read"
    REVIEWS_DECIDE = "reviews:decide"
    TARGETS_READ = "targets:read"
    TARGETS_MANAGE = "targets:manage"
    DELIVERIES_RETRY = "deliveries:retry"
    JOBS_READ = "jobs:read"
    JOBS_MANAGE = "jobs:manage"
    QUEUES_MANAGE = "queues:manage"
    SCHEDULES_MANAGE = "schedules:manage"
    AUDIT_READ = "audit:read"
    KEYS_MANAGE = "keys:manage"
    USERS_MANAGE = "users:manage"
    WORKSPACE_MANAGE = "workspace:manage"

    @property
    def meaning(self) -> str:
        """Say in half a sentence what it allows."""
        return _MEANINGS[self]


_MEANINGS: Final[Mapping[Permission, str]] = {
    Permission.DOCUMENTS_READ: "see documents, their pages, what was read from them, and batches",
    Permission.DOCUMENTS_WRITE: "hand in documents and batches, join documents, have them read again",
    Permission.RECORDS_READ: "see records and how they changed",
    Permission.REVIEWS_READ: "see reviews",
    Permission.REVIEWS_DECIDE: "approve, correct and reject reviews",
    Permission.TARGETS_READ: "see targets, plans, previews, ledger rows and deliveries",
    Permission.TARGETS_MANAGE: "connect, rename, choose, remove and check targets, change ledger columns and plans",
    Permission.DELIVERIES_RETRY: "retry deliveries",
    Permission.JOBS_READ: "see jobs, dead letters, queues, schedules, limits and calls to models, and follow events",
    Permission.JOBS_MANAGE: "make, cancel, retry and remove jobs and dead letters",
    Permission.QUEUES_MANAGE: "pause queues and limit them",
    Permission.SCHEDULES_MANAGE: "make, change, remove and run schedules",
    Permission.AUDIT_READ: "see and export who did what",
    Permission.KEYS_MANAGE: "make, see and revoke API keys",
    Permission.USERS_MANAGE: "see, invite and remove people, change their roles, make links to set a password",
    Permission.WORKSPACE_MANAGE: "rename the workspace, make owners of people",
}


class Role(StrEnum):
    """What a person is in a workspace, from the most to the least trusted."""

    OWNER = "owner"
    ADMIN = "admin"
    OPERATOR = "operator"
    REVIEWER = "reviewer"
    VIEWER = "viewer"

    @property
    def permissions(self) -> frozenset[Permission]:
        """Return all that the role may do."""
        return _GRANTS[self]


_VIEWER: Final = frozenset(
    {
        Permission.DOCUMENTS_READ,
        Permission.RECORDS_READ,
        Permission.REVIEWS_READ,
        Permission.TARGETS_READ,
        Permission.JOBS_READ,
    }
)
_REVIEWER: Final = _VIEWER | {Permission.DOCUMENTS_WRITE, Permission.REVIEWS_DECIDE}
_OPERATOR: Final = _REVIEWER | {
    Permission.DELIVERIES_RETRY,
    Permission.JOBS_MANAGE,
    Permission.QUEUES_MANAGE,
    Permission.SCHEDULES_MANAGE,
}
_ADMIN: Final = _OPERATOR | {
    Permission.TARGETS_MANAGE,
    Permission.USERS_MANAGE,
    Permission.KEYS_MANAGE,
    Permission.AUDIT_READ,
}
_OWNER: Final = _ADMIN | {Permission.WORKSPACE_MANAGE}
_GRANTS: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.OWNER: _OWNER,
    Role.ADMIN: _ADMIN,
    Role.OPERATOR: _OPERATOR,
    Role.REVIEWER: _REVIEWER,
    Role.VIEWER: _VIEWER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who makes a request, in which workspace, and what they may do there. `actor` names them in writing.

    A proof `by_cookie` is sent by a browser whoever makes it send the request, so that more has to be asked.
    """

    workspace: WorkspaceId
    permissions: frozenset[Permission]
    actor: str
    by_cookie: bool = False
