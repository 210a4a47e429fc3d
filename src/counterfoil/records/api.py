"""Looking at records; they are changed by answering their reviews."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request

from counterfoil.access.api import may
from counterfoil.access.domain import Permission, WorkspaceId
from counterfoil.foundation.paging import PageRead, PagingParameters, page_read
from counterfoil.foundation.problems import problems
from counterfoil.foundation.routing import provided
from counterfoil.records.domain import RecordId, RecordStatus
from counterfoil.records.schemas import ChangeRead, RecordRead, RecordSummary
from counterfoil.records.service import RecordService

router = APIRouter(prefix="/records", tags=["records"])

ToRead = Annotated[WorkspaceId, may(Permission.RECORDS_READ)]
Records = Annotated[RecordService, Depends(provided(RecordService))]
RecordPath = Annotated[UUID, Path(description="The record's id.", examples=["01950000-0000-7000-8000-000000000001"])]
StatusFilter = Annotated[RecordStatus | None, Query(description="Only records that stand so.", examples=["accepted"])]


@router.get("", responses=problems(422))
def list_records(
    request: Request,
    workspace: ToRead,
    records: Records,
    paging: PagingParameters,
    status: StatusFilter = None,
) -> PageRead[RecordSummary]:
    """List records, newest first."""
    return page_read(records.page(workspace, paging, status), request, RecordSummary.of)


@router.get("/{record_id}", responses=problems(404, 422))
def get_record(record_id: RecordPath, workspace: ToRead, records: Records) -> RecordRead:
    """Return a record with the source of each value and what makes it doubtful."""
    return RecordRead.of(records.get(workspace, RecordId(record_id)))


@router.get("/{record_id}/changes", responses=problems(404, 422))
def list_changes(
    record_id: RecordPath, request: Request, workspace: ToRead, records: Records, paging: PagingParameters
) -> PageRead[ChangeRead]:
    """List what became of a record's values, newest first."""
    return page_read(records.changes(workspace, RecordId(record_id), paging), request, ChangeRead.of)
