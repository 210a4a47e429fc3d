"""Commands for records on their way to targets: see where they stand, try again those that failed."""

from typing import Annotated
from uuid import UUID

import typer
from rich.markup import escape

from counterfoil.access.domain import DEFAULT_WORKSPACE
from counterfoil.cli.console import AsJson, Limit, house, out, print_json, print_table, table
from counterfoil.foundation.paging import Paging
from counterfoil.records.domain import RecordId
from counterfoil.targets.domain import Delivery, DeliveryId, DeliveryStatus, TargetId
from counterfoil.targets.protocols import DeliveryFilter
from counterfoil.targets.schemas import DeliveryRead

SIGNS = {
    DeliveryStatus.DELIVERED: "[green]✓[/]",
    DeliveryStatus.FAILED: "[red]✕[/]",
    DeliveryStatus.WAITING: "[yellow]⏸[/]",
    DeliveryStatus.WRITING: "[blue]●[/]",
    DeliveryStatus.PENDING: "[dim]○[/]",
}

commands = typer.Typer(no_args_is_help=True, help="See where records went, and try again what failed.")


@commands.command(name="list")
def list_deliveries(
    limit: Limit = 20,
    status: Annotated[DeliveryStatus | None, typer.Option(help="Only those that stand there.")] = None,
    target: Annotated[UUID | None, typer.Option(help="Only those to this target.", metavar="ID")] = None,
    record: Annotated[UUID | None, typer.Option(help="Only this record's.", metavar="ID")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the deliveries, newest first: the row's link, or why there is none."""
    wanted = DeliveryFilter(
        record_id=RecordId(record) if record else None, target_id=TargetId(target) if target else None, status=status
    )
    page = house().deliveries.page(DEFAULT_WORKSPACE, Paging(limit=limit), wanted)
    if as_json:
        print_json([DeliveryRead.of(one).model_dump(mode="json") for one in page.items])
        return
    rows = table("status", "record", "row")
    for one in page.items:
        rows.add_row(str(one.id), f"{SIGNS[one.status]} {one.status}", str(one.record_id), escape(_said(one)))
    print_table(rows, "No deliveries yet, or none such.")


@commands.command()
def retry(
    delivery_id: Annotated[UUID, typer.Argument(help="The delivery's id.", metavar="ID")],
    make_anew: Annotated[bool, typer.Option("--make-anew", help="Make a new row for one that was deleted.")] = False,
) -> None:
    """Try a delivery again that failed or waits; a worker does it."""
    again = house().deliveries.retry(DEFAULT_WORKSPACE, DeliveryId(delivery_id), make_anew=make_anew)
    there = again.status is DeliveryStatus.DELIVERED
    out.print(f"It is there already: {_said(again)}" if there else "It is tried again.", markup=False, soft_wrap=True)


def _said(delivery: Delivery) -> str:
    """Say where the row is, what did not fit into it, and what is wrong."""
    said = (delivery.error, delivery.url or delivery.external_id, *delivery.problems)
    return "\n".join(one for one in said if one) or "-"
