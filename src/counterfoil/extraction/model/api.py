"""Looking at what a model was asked, and what that cost."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from counterfoil.access.api import may
from counterfoil.access.domain import Permission, WorkspaceId
from counterfoil.extraction.model.schemas import ModelCallRead
from counterfoil.extraction.model.service import ModelCalls
from counterfoil.foundation.paging import PageRead, PagingParameters, page_read
from counterfoil.foundation.problems import problems
from counterfoil.foundation.routing import provided

router = APIRouter(prefix="/model-calls", tags=["model calls"])

ToRead = Annotated[WorkspaceId, may(Permission.JOBS_READ)]


@router.get("", responses=problems(422))
def list_model_calls(
    request: Request,
    calls: Annotated[ModelCalls, Depends(provided(ModelCalls))],
    workspace: ToRead,
    paging: PagingParameters,
) -> PageRead[ModelCallRead]:
    """List the calls of a model that were made, newest first, and what they cost."""
    return page_read(calls.page(workspace, paging), request, ModelCallRead.of)
