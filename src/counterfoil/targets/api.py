"""Routes to connect tables, to see and change what fills them, and to follow deliveries."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request

from counterfoil.access.api import may
from counterfoil.access.domain import Permission, WorkspaceId
from counterfoil.foundation.paging import PageRead, PagingParameters, page_read
from counterfoil.foundation.problems import problems
from counterfoil.foundation.routing import provided
from counterfoil.records.domain import RecordId
from counterfoil.targets.connections import ConnectionService
from counterfoil.targets.deliveries import DeliveryService
from counterfoil.targets.domain import DeliveryId, DeliveryStatus, RowId, TargetId
from counterfoil.targets.ledger import LedgerService
from counterfoil.targets.planning import Drift
from counterfoil.targets.protocols import DeliveryFilter
from counterfoil.targets.schemas import (
    ColumnsPut,
    DeliveryRead,
    DeliveryRetry,
    FillingRead,
    PlanPut,
    PlanRead,
    PreviewCreate,
    PreviewRead,
    ProposalRead,
    RowRead,
    SchemaRead,
    TargetCreate,
    TargetPatch,
    TargetRead,
)
from counterfoil.targets.service import TargetService

router = APIRouter(tags=["targets"])

ToRead = Annotated[WorkspaceId, may(Permission.TARGETS_READ)]
ToManage = Annotated[WorkspaceId, may(Permission.TARGETS_MANAGE)]
ToRetry = Annotated[WorkspaceId, may(Permission.DELIVERIES_RETRY)]
Targets = Annotated[TargetService, Depends(provided(TargetService))]
Connections = Annotated[ConnectionService, Depends(provided(ConnectionService))]
Ledgers = Annotated[LedgerService, Depends(provided(LedgerService))]
Deliveries = Annotated[DeliveryService, Depends(provided(DeliveryService))]
TargetKey = Annotated[UUID, Path(description="The target's id.", examples=["01950000-0000-7000-8000-000000000001"])]
RowKey = Annotated[UUID, Path(description="The row's id.", examples=["01950000-0000-7000-8000-000000000001"])]
PlanVersion = Annotated[
    int | None, Query(ge=1, lt=2**31, description="An older version of the plan; the newest by default.", examples=[1])
]
DeliveryKey = Annotated[UUID, Path(description="The delivery's id.", examples=["01950000-0000-7000-8000-000000000001"])]


@router.post("/targets", status_code=201, responses=problems(409, 422, 429, 502, 503))
def create_target(connections: Connections, workspace: ToManage, body: TargetCreate) -> TargetRead:
    """Connect a table, or make a ledger; a model that is set is asked what fills its columns."""
    made = connections.create(workspace, body.kind, body.name, body.settings, is_default=body.is_default)
    return TargetRead.of(made)


@router.get("/targets", responses=problems(422))
def list_targets(
    targets: Targets, workspace: ToRead, paging: PagingParameters, request: Request
) -> PageRead[TargetRead]:
    """List the targets, the newest first."""
    return page_read(targets.page(workspace, paging), request, TargetRead.of)


@router.get("/targets/{target_id}", responses=problems(404, 422))
def get_target(targets: Targets, workspace: ToRead, target_id: TargetKey) -> TargetRead:
    """Return one target."""
    return TargetRead.of(targets.get(workspace, TargetId(target_id)))


@router.patch("/targets/{target_id}", responses=problems(404, 422))
def change_target(connections: Connections, workspace: ToManage, target_id: TargetKey, body: TargetPatch) -> TargetRead:
    """Rename a target, or make it the default one, which exactly one is."""
    changed = connections.change(workspace, TargetId(target_id), name=body.name, is_default=bool(body.is_default))
    return TargetRead.of(changed)


@router.delete("/targets/{target_id}", status_code=204, responses=problems(404, 409, 422))
def delete_target(
    connections: Connections,
    workspace: ToManage,
    target_id: TargetKey,
    move: Annotated[
        bool, Query(description="Have the default target get what is not delivered yet.", examples=[True])
    ] = False,
) -> None:
    """Forget a target with its plans and deliveries; rows that are in its table stay there."""
    connections.remove(workspace, TargetId(target_id), move=move)


@router.get("/targets/{target_id}/schema", responses=problems(404, 409, 422, 429, 502, 503))
def get_schema(targets: Targets, workspace: ToRead, target_id: TargetKey) -> SchemaRead:
    """Return the target's columns as they are now."""
    return SchemaRead.of(targets.schema(workspace, TargetId(target_id)))


@router.put("/targets/{target_id}/columns", responses=problems(404, 409, 422))
def put_columns(ledgers: Ledgers, workspace: ToManage, target_id: TargetKey, body: ColumnsPut) -> SchemaRead:
    """Let a ledger have these columns."""
    columns = [column.domain() for column in body.columns]
    return SchemaRead.of(ledgers.put_columns(workspace, TargetId(target_id), columns, body.schema_version))


@router.get("/targets/{target_id}/plan", responses=problems(404, 409, 422, 429, 502, 503))
def get_plan(targets: Targets, workspace: ToRead, target_id: TargetKey, version: PlanVersion = None) -> PlanRead:
    """Return what fills the target's columns; the rules decide it on first use, with a model's help if one is set."""
    view = targets.plan(workspace, TargetId(target_id), version)
    return PlanRead.of(view.plan, view.drift, view.doubts)


@router.put("/targets/{target_id}/plan", responses=problems(404, 409, 422, 429, 502, 503))
def put_plan(targets: Targets, workspace: ToManage, target_id: TargetKey, body: PlanPut) -> PlanRead:
    """Decide what fills the target's columns, as they are now; a paused target resumes."""
    plan = targets.put_plan(workspace, TargetId(target_id), body.domain(), body.version)
    return PlanRead.of(plan, Drift())


@router.post("/targets/{target_id}/plan/propose", responses=problems(404, 409, 422, 429, 502, 503))
def propose_plan(targets: Targets, workspace: ToManage, target_id: TargetKey) -> ProposalRead:
    """Propose what might fill the columns that nothing surely fills; nothing is kept until it is put as the plan.

    A model is asked where one is set, and may take its time; what stands in for its answer otherwise is the rules'.
    """
    return ProposalRead.of(targets.propose(workspace, TargetId(target_id)))


@router.post("/targets/{target_id}/preview", responses=problems(404, 409, 422, 429, 502, 503))
def preview(targets: Targets, workspace: ToRead, target_id: TargetKey, body: PreviewCreate) -> PreviewRead:
    """Show what would be written, column by column, and why; nothing is written."""
    fillings = targets.preview(workspace, TargetId(target_id), body.domain())
    return PreviewRead(properties=[FillingRead.of(one) for one in fillings])


@router.post("/targets/{target_id}/check", responses=problems(404, 422, 429, 502, 503))
def check_target(targets: Targets, workspace: ToManage, target_id: TargetKey) -> TargetRead:
    """Look at the table anew: the target is paused if nothing can be delivered there, and resumes if all can."""
    return TargetRead.of(targets.check(workspace, TargetId(target_id)))


@router.post("/targets/{target_id}/key-property", status_code=201, responses=problems(404, 409, 422, 429, 502, 503))
def add_key_property(targets: Targets, workspace: ToManage, target_id: TargetKey) -> PlanRead:
    """Give the table a text column in which deliveries leave their keys, so that none is ever written twice."""
    plan = targets.add_key_property(workspace, TargetId(target_id))
    return PlanRead.of(plan, Drift())


@router.get("/targets/{target_id}/rows", responses=problems(404, 409, 422))
def list_rows(
    ledgers: Ledgers, workspace: ToRead, target_id: TargetKey, paging: PagingParameters, request: Request
) -> PageRead[RowRead]:
    """List a ledger's rows, the newest first."""
    schema, page = ledgers.rows(workspace, TargetId(target_id), paging)
    return page_read(page, request, lambda row: RowRead.of(row, schema))


@router.get("/targets/{target_id}/rows/{row_id}", responses=problems(404, 409, 422))
def get_row(ledgers: Ledgers, workspace: ToRead, target_id: TargetKey, row_id: RowKey) -> RowRead:
    """Return one row of a ledger."""
    schema, row = ledgers.row(workspace, TargetId(target_id), RowId(row_id))
    return RowRead.of(row, schema)


@router.get("/deliveries", responses=problems(422))
def list_deliveries(
    deliveries: Deliveries,
    workspace: ToRead,
    paging: PagingParameters,
    request: Request,
    record_id: Annotated[
        UUID | None,
        Query(description="Only this record's deliveries.", examples=["01950000-0000-7000-8000-000000000001"]),
    ] = None,
    target_id: Annotated[
        UUID | None,
        Query(description="Only those to this target.", examples=["01950000-0000-7000-8000-000000000001"]),
    ] = None,
    status: Annotated[
        DeliveryStatus | None, Query(description="Only those that stand there.", examples=["failed"])
    ] = None,
) -> PageRead[DeliveryRead]:
    """List the deliveries, the newest first."""
    wanted = DeliveryFilter(
        record_id=RecordId(record_id) if record_id else None,
        target_id=TargetId(target_id) if target_id else None,
        status=status,
    )
    return page_read(deliveries.page(workspace, paging, wanted), request, DeliveryRead.of)


@router.post("/deliveries/{delivery_id}/retry", status_code=202, responses=problems(404, 409, 422))
def retry_delivery(
    deliveries: Deliveries, workspace: ToRetry, delivery_id: DeliveryKey, body: DeliveryRetry | None = None
) -> DeliveryRead:
    """Try a delivery again that failed; one whose row is gone can have a new row made."""
    make_anew = body is not None and body.make_anew
    return DeliveryRead.of(deliveries.retry(workspace, DeliveryId(delivery_id), make_anew=make_anew))


@router.get("/deliveries/{delivery_id}", responses=problems(404, 422))
def get_delivery(deliveries: Deliveries, workspace: ToRead, delivery_id: DeliveryKey) -> DeliveryRead:
    """Return one delivery."""
    return DeliveryRead.of(deliveries.get(workspace, DeliveryId(delivery_id)))
