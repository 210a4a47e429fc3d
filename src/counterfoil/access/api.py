"""How a route learns in whose workspace it works."""

from typing import Annotated

from fastapi import Depends, Request

from counterfoil.access.domain import WorkspaceId
from counterfoil.access.service import AccessService
from counterfoil.foundation.routing import provided


def current_workspace(
    request: Request, access: Annotated[AccessService, Depends(provided(AccessService))]
) -> WorkspaceId:
    """Return the workspace of this request."""
    return access.workspace(request.headers)


CurrentWorkspace = Annotated[WorkspaceId, Depends(current_workspace)]
