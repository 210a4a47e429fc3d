"""Routes to make schedules, look at them, change them, and try out when they would fire."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request

from counterfoil.access.api import may
from counterfoil.access.domain import Permission, WorkspaceId
from counterfoil.foundation.paging import PageRead, PagingParameters, page_read
from counterfoil.foundation.problems import problems
from counterfoil.foundation.routing import provided
from counterfoil.jobs.schedules.domain import ScheduleId
from counterfoil.jobs.schedules.schemas import (
    ScheduleCreate,
    SchedulePatch,
    SchedulePreviewCreate,
    SchedulePreviewRead,
    ScheduleRead,
    ScheduleRunRead,
)
from counterfoil.jobs.schedules.service import ScheduleService

router = APIRouter(prefix="/schedules", tags=["schedules"])

ToRead = Annotated[WorkspaceId, may(Permission.JOBS_READ)]
ToManage = Annotated[WorkspaceId, may(Permission.SCHEDULES_MANAGE)]
Schedules = Annotated[ScheduleService, Depends(provided(ScheduleService))]
ScheduleKey = Annotated[UUID, Path(description="The schedule's id.", examples=["01950000-0000-7000-8000-000000000001"])]


@router.post("", status_code=201, responses=problems(409, 422))
def create_schedule(schedules: Schedules, workspace: ToManage, body: ScheduleCreate) -> ScheduleRead:
    """Make a schedule; it fires from its next slot on."""
    return ScheduleRead.of(schedules.create(workspace, body.domain(), enabled=body.enabled))


@router.get("", responses=problems(422))
def list_schedules(
    schedules: Schedules, workspace: ToRead, paging: PagingParameters, request: Request
) -> PageRead[ScheduleRead]:
    """List the schedules, newest first."""
    return page_read(schedules.page(workspace, paging), request, ScheduleRead.of)


@router.post("/preview", responses=problems(422))
def preview_schedule(
    schedules: Schedules,
    workspace: ToRead,  # noqa: ARG001 - nobody outside a workspace may ask
    body: SchedulePreviewCreate,
) -> SchedulePreviewRead:
    """Say what an expression means, and when it would fire next; nothing is kept."""
    preview = schedules.preview(body.cron, body.time_zone, body.count)
    return SchedulePreviewRead.of(preview.description, body.time_zone, preview.next_runs)


@router.get("/{schedule_id}", responses=problems(404, 422))
def get_schedule(schedules: Schedules, workspace: ToRead, schedule_id: ScheduleKey) -> ScheduleRead:
    """Show a schedule."""
    return ScheduleRead.of(schedules.get(workspace, ScheduleId(schedule_id)))


@router.patch("/{schedule_id}", responses=problems(404, 409, 422))
def change_schedule(
    schedules: Schedules, workspace: ToManage, schedule_id: ScheduleKey, body: SchedulePatch
) -> ScheduleRead:
    """Change a schedule, pause it, or let it go on; slots that came while it was paused are not made up for."""
    changed = schedules.change(workspace, ScheduleId(schedule_id), body.apply_to, enabled=body.enabled)
    return ScheduleRead.of(changed)


@router.delete("/{schedule_id}", status_code=204, responses=problems(404, 422))
def delete_schedule(schedules: Schedules, workspace: ToManage, schedule_id: ScheduleKey) -> None:
    """Forget a schedule; the jobs that it made stay."""
    schedules.remove(workspace, ScheduleId(schedule_id))


@router.post("/{schedule_id}/run", status_code=202, responses=problems(404, 422))
def run_schedule(schedules: Schedules, workspace: ToManage, schedule_id: ScheduleKey) -> ScheduleRunRead:
    """Make its job now, apart from its slots; this works for a paused one, too."""
    return ScheduleRunRead.of(schedules.run(workspace, ScheduleId(schedule_id)))
