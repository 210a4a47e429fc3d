"""Routes about how the engine stands, and what is decided about queues."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from counterfoil.access.api import may
from counterfoil.access.domain import Permission, WorkspaceId
from counterfoil.foundation.problems import problems
from counterfoil.foundation.routing import provided
from counterfoil.jobs.overview.domain import QueueStanding
from counterfoil.jobs.overview.schemas import DashboardRead, QueuePatch, QueueRead, QueuesRead, StatisticsRead
from counterfoil.jobs.overview.service import Overview
from counterfoil.jobs.queues import QueueService

router = APIRouter()

ToRead = Annotated[WorkspaceId, may(Permission.JOBS_READ)]
ToManage = Annotated[WorkspaceId, may(Permission.QUEUES_MANAGE)]
Standing = Annotated[Overview, Depends(provided(Overview))]
Queues = Annotated[QueueService, Depends(provided(QueueService))]
Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.:-]{1,50}$", description="The queue's name.", examples=["default"])]


@router.get("/jobs/stats", tags=["jobs"])
def get_statistics(overview: Standing, workspace: ToRead) -> StatisticsRead:
    """Say what there is to do now, and how the last hour went."""
    return StatisticsRead.of(overview.statistics(workspace))


@router.get("/jobs/dashboard", tags=["jobs"])
def get_dashboard(overview: Standing, workspace: ToRead) -> DashboardRead:
    """Say all that a dashboard shows: queues, failures, figures, types, and the last hour by minutes."""
    return DashboardRead.of(overview.dashboard(workspace))


@router.get("/queues", tags=["queues"])
def list_queues(overview: Standing, workspace: ToRead) -> QueuesRead:
    """List the queues that there are jobs in or something was decided about."""
    return QueuesRead(items=[QueueRead.of(queue) for queue in overview.queues(workspace)])


@router.patch("/queues/{name}", tags=["queues"], responses=problems(404, 422))
def change_queue(queues: Queues, overview: Standing, workspace: ToManage, name: Name, body: QueuePatch) -> QueueRead:
    """Limit how many jobs of a queue run at once, pause it or let it go on; for the whole installation."""
    if "at_most" in body.model_fields_set:
        queues.limit(name, body.at_most)
    if body.paused is not None:
        (queues.pause if body.paused else queues.resume)(name)
    found = {queue.name: queue for queue in overview.queues(workspace)}
    return QueueRead.of(found.get(name, QueueStanding(name=name)))
