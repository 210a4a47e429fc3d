"""Routes to see one's workspaces, to make one, and to rename one."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path

from counterfoil.access.api import who_may
from counterfoil.access.domain import Permission, Principal
from counterfoil.access.errors import WorkspaceNotFound
from counterfoil.access.people.api import Doors, Visiting, keep_nowhere
from counterfoil.access.people.schemas import WorkspaceCreate, WorkspaceNamed, WorkspaceRead, WorkspacesRead
from counterfoil.access.people.workspaces import Workspaces
from counterfoil.foundation.problems import problems
from counterfoil.foundation.routing import provided

router = APIRouter(prefix="/workspaces", tags=["people"])

Manager = Annotated[Principal, who_may(Permission.WORKSPACE_MANAGE)]
TheWorkspaces = Annotated[Workspaces, Depends(provided(Workspaces))]
WorkspaceKey = Annotated[
    UUID, Path(description="The workspace's id.", examples=["00000000-0000-7000-8000-000000000001"])
]


@router.get("", dependencies=Doors)
def list_workspaces(visit: Visiting) -> WorkspacesRead:
    """List the workspaces that one is a member of, the first one joined first."""
    return WorkspacesRead(items=[WorkspaceRead.of(one) for one in visit.belongings])


@router.post("", status_code=201, dependencies=Doors, responses=problems(422))
def make_workspace(workspaces: TheWorkspaces, visit: Visiting, body: WorkspaceCreate) -> WorkspaceRead:
    """Make a workspace, and own it."""
    return WorkspaceRead.of(workspaces.make(visit.user, body.name))


@router.patch("/{workspace_id}", dependencies=[Depends(keep_nowhere)], responses=problems(404, 422))
def rename_workspace(
    workspaces: TheWorkspaces, manager: Manager, workspace_id: WorkspaceKey, body: WorkspaceCreate
) -> WorkspaceNamed:
    """Rename the workspace that the request works in; X-Workspace says which, if one is a member of several."""
    if workspace_id != manager.workspace:
        raise WorkspaceNotFound
    return WorkspaceNamed(id=workspace_id, name=workspaces.rename(manager, body.name))
