"""An entrance that believes what a request says of itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from counterfoil.access.domain import Principal, Role, WorkspaceId
from counterfoil.access.service import AccessService, Act

WORKSPACE = "x-workspace"
ROLE = "x-role"


@dataclass(frozen=True, slots=True)
class NamedEntrance:
    """Lets a request into the workspace that a header names, with the role that another names, or as its owner."""

    default: WorkspaceId

    def principal(self, headers: Mapping[str, str]) -> Principal:
        workspace = WorkspaceId(UUID(headers.get(WORKSPACE, str(self.default))))
        role = Role(headers.get(ROLE, Role.OWNER))
        return Principal(workspace=workspace, permissions=role.permissions, actor="tester")


class Nobody:
    """Sees nothing."""

    def saw(self, principal: Principal, act: Act, *, refused: bool) -> None: ...


def access_to(default: WorkspaceId) -> AccessService:
    """Return access to the workspaces that requests name, or to this one."""
    return AccessService(entrances=[NamedEntrance(default)], witness=Nobody())
