"""Routes to make API keys, look at them and revoke them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response

from counterfoil.access.api import may, who_may
from counterfoil.access.domain import Permission, Principal, WorkspaceId
from counterfoil.access.keys.domain import ApiKeyId
from counterfoil.access.keys.schemas import ApiKeyCreate, ApiKeyMade, ApiKeyRead
from counterfoil.access.keys.service import ApiKeyService
from counterfoil.foundation.paging import PageRead, PagingParameters, page_read
from counterfoil.foundation.problems import problems
from counterfoil.foundation.routing import provided

router = APIRouter(prefix="/api-keys", tags=["API keys"])

Workspace = Annotated[WorkspaceId, may(Permission.KEYS_MANAGE)]
Maker = Annotated[Principal, who_may(Permission.KEYS_MANAGE)]
Keys = Annotated[ApiKeyService, Depends(provided(ApiKeyService))]
KeyId = Annotated[UUID, Path(description="The key's id.", examples=["01950000-0000-7000-8000-000000000001"])]


@router.post("", status_code=201, responses=problems(422))
def make_api_key(keys: Keys, maker: Maker, body: ApiKeyCreate, response: Response) -> ApiKeyMade:
    """Make a key that may do at most what you may; this answer alone has its secret."""
    key, secret = keys.make(maker, body.name, body.permissions, body.expires_at)
    response.headers["Cache-Control"] = "no-store"
    return ApiKeyMade.with_secret(key, secret)


@router.get("", responses=problems(422))
def list_api_keys(keys: Keys, workspace: Workspace, paging: PagingParameters, request: Request) -> PageRead[ApiKeyRead]:
    """List the keys, newest first, those included that let nobody in any more."""
    return page_read(keys.page(workspace, paging), request, ApiKeyRead.of)


@router.get("/{key_id}", responses=problems(404, 422))
def get_api_key(keys: Keys, workspace: Workspace, key_id: KeyId) -> ApiKeyRead:
    """Show a key."""
    return ApiKeyRead.of(keys.get(workspace, ApiKeyId(key_id)))


@router.delete("/{key_id}", status_code=204, responses=problems(404, 422))
def revoke_api_key(keys: Keys, workspace: Workspace, key_id: KeyId) -> None:
    """Revoke a key: from now on it lets nobody in. It stays in the list."""
    keys.revoke(workspace, ApiKeyId(key_id))
