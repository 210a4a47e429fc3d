"""Looking at rate limits and breakers."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from counterfoil.access.api import may
from counterfoil.access.domain import Permission, WorkspaceId
from counterfoil.foundation.paging import PagingParameters, page_read
from counterfoil.foundation.problems import problems
from counterfoil.foundation.routing import provided
from counterfoil.jobs.limits.schemas import BreakerRead, LimitsRead, RateLimitRead
from counterfoil.jobs.limits.service import Breakers, RateLimits

router = APIRouter(prefix="/rate-limits", tags=["rate limits"])

ToRead = Annotated[WorkspaceId, may(Permission.JOBS_READ)]
Limits = Annotated[RateLimits, Depends(provided(RateLimits))]
AllBreakers = Annotated[Breakers, Depends(provided(Breakers))]


@router.get("", responses=problems(422))
def list_rate_limits(
    request: Request, limits: Limits, breakers: AllBreakers, workspace: ToRead, paging: PagingParameters
) -> LimitsRead:
    """List how often outside services may be called and have been, newest limit first, and how the breakers stand."""
    page = page_read(limits.page(workspace, paging), request, RateLimitRead.of)
    shown = [BreakerRead.of(breaker) for breaker in breakers.newest(workspace)]
    return LimitsRead(items=page.items, next=page.next, breakers=shown)
