"""Routes to see who did what."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from counterfoil.access.api import may
from counterfoil.access.audit.schemas import AuditEntryRead
from counterfoil.access.audit.service import AuditLog
from counterfoil.access.domain import Permission, WorkspaceId
from counterfoil.foundation.paging import PageRead, PagingParameters, page_read
from counterfoil.foundation.problems import problems
from counterfoil.foundation.routing import provided

router = APIRouter(prefix="/audit", tags=["audit"])

ToRead = Annotated[WorkspaceId, may(Permission.AUDIT_READ)]
Log = Annotated[AuditLog, Depends(provided(AuditLog))]


@router.get("", responses=problems(422))
def list_audit_entries(
    audit: Log, workspace: ToRead, paging: PagingParameters, request: Request
) -> PageRead[AuditEntryRead]:
    """List who did what, the newest first; an act is listed within a moment."""
    return page_read(audit.page(workspace, paging), request, AuditEntryRead.of)
