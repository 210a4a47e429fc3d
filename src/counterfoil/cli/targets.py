"""Commands for the tables that records go to: connect them, see what fills their columns, look whether all is well."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Table

from counterfoil.access.domain import DEFAULT_WORKSPACE
from counterfoil.cli.console import AsJson, Limit, err, house, out, print_json, print_table, table
from counterfoil.foundation.paging import Paging
from counterfoil.records.domain import RecordId
from counterfoil.targets.domain import LEDGER, Target, TargetId, TargetStatus
from counterfoil.targets.expressions import as_text
from counterfoil.targets.filling import UNPLANNED, Filling
from counterfoil.targets.notation import column_named, parsed, said
from counterfoil.targets.planning import DECIDED, key_property
from counterfoil.targets.schemas import FillingRead, PlanRead, TargetRead

commands = typer.Typer(no_args_is_help=True, help="Connect the tables that records go to, and see what goes where.")

TargetKey = Annotated[UUID, typer.Argument(help="The target's id.", metavar="ID")]


@commands.command(name="list")
def list_targets(limit: Limit = 20, as_json: AsJson = False) -> None:
    """Show the targets, newest first."""
    page = house().targets.page(DEFAULT_WORKSPACE, Paging(limit=limit))
    if as_json:
        print_json([TargetRead.of(one).model_dump(mode="json") for one in page.items])
        return
    rows = table("kind", "name", "default", "status")
    for one in page.items:
        rows.add_row(str(one.id), one.kind, escape(one.name), "✓" if one.is_default else "", _status(one))
    print_table(rows, "No targets yet: counterfoil targets connect notion LINK")


@commands.command()
def connect(
    kind: Annotated[str, typer.Argument(help="What sort of table it is: notion, airtable, sql or ledger.")],
    where: Annotated[str, typer.Argument(help="Its link or its name.", metavar="[TABLE]")] = "",
    name: Annotated[str, typer.Option(help="What you call it; else it is called as it is there.")] = "",
    given: Annotated[
        list[str] | None, typer.Option("--set", help="A setting more, such as data_source_id=….", metavar="NAME=VALUE")
    ] = None,
    default: Annotated[bool, typer.Option(help="Have documents go there that name no target.")] = True,
    as_json: AsJson = False,
) -> None:
    """Connect a table, and show what would fill its columns."""
    settings = dict(_pair(one) for one in given or ())
    if where:
        settings["table"] = where
    built = house()
    target = built.connections.create(DEFAULT_WORKSPACE, kind, name.strip() or None, settings, is_default=default)
    if as_json:
        print_json(TargetRead.of(target).model_dump(mode="json"))
        return
    out.print(f"[green]✓[/] Connected: {target.id}", highlight=False)
    if default:
        out.print("It is the default target now: documents go there that name no other.")
    else:
        out.print(f"Documents go there that name it: counterfoil add --target {target.id}", highlight=False)
    plan(target.id)


@commands.command()
def default(target_id: TargetKey) -> None:
    """Have documents go to a target that name no other; it takes the place of the one that was the default."""
    target = house().connections.change(DEFAULT_WORKSPACE, TargetId(target_id), is_default=True)
    out.print(f"[green]✓[/] Documents that name no target go to “{escape(target.name)}”.", highlight=False)


@commands.command()
def rename(target_id: TargetKey, name: Annotated[str, typer.Argument(help="What you call it.")]) -> None:
    """Give a target another name."""
    if not name.strip():
        raise typer.BadParameter("A name has at least one letter.")
    target = house().connections.change(DEFAULT_WORKSPACE, TargetId(target_id), name=name.strip())
    out.print(f"[green]✓[/] It is called “{escape(target.name)}”.", highlight=False)


@commands.command()
def remove(
    target_id: TargetKey,
    move: Annotated[
        bool, typer.Option("--move", help="Have the default target get what is not delivered yet.")
    ] = False,
) -> None:
    """Forget a target with its plans and deliveries; rows that are in its table stay there."""
    house().connections.remove(DEFAULT_WORKSPACE, TargetId(target_id), move=move)
    out.print(
        "[green]✓[/] Removed. What is in its table stays there; documents that named it go to the default target."
    )


@commands.command()
def plan(
    target_id: TargetKey,
    version: Annotated[int | None, typer.Option(min=1, help="An older version of the plan.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what fills each column of a target, and why."""
    targets = house().targets
    target = targets.get(DEFAULT_WORKSPACE, TargetId(target_id))
    view = targets.plan(DEFAULT_WORKSPACE, target.id, version)
    shown = PlanRead.of(view.plan, view.drift, view.doubts)
    if as_json:
        print_json(shown.model_dump(mode="json"))
        return
    rows = _three_columns("column", "gets", "why")
    for one in view.plan.schema.properties:
        entry = view.plan.entries.get(one.id)
        if entry:
            rows.add_row(escape(one.name), escape(said(entry.expression)), f"[dim]{escape(entry.reason)}[/]")
    out.print(rows)
    _say_more([*shown.drift, *shown.doubts])
    if key_property(view.entries) is None and target.kind != LEDGER:
        needed = targets.adapter(target.kind).needs_key_property
        until = "Until a column holds keys, nothing is delivered" if needed else "No column holds keys yet"
        err.print(f"{until}; have one made: counterfoil targets key {target_id}", highlight=False, soft_wrap=True)


@commands.command(name="set")
def set_column(
    target_id: TargetKey,
    column: Annotated[str, typer.Argument(help="Its name or its id.", metavar="COLUMN")],
    expression: Annotated[
        str,
        typer.Argument(
            help="A value (total), a text with values in it ('{merchant.name} {number}'), = and a text that is always"
            " the same (=Office), or - for nothing.",
            metavar="EXPRESSION",
        ),
    ],
) -> None:
    """Let a column be filled with something else. All others stay as they are, and a paused target goes on."""
    built = house()
    view = built.targets.plan(DEFAULT_WORKSPACE, TargetId(target_id))
    changed = column_named(view.schema, column)
    before = view.entries.get(changed.id, UNPLANNED)
    entry = replace(before, expression=parsed(expression), reason=DECIDED, score=1.0)
    entries = {**view.entries, changed.id: entry}
    built.targets.put_plan(DEFAULT_WORKSPACE, TargetId(target_id), entries, view.plan.version)
    line = f"{changed.name}: {said(before.expression)} → {said(entry.expression)}"
    out.print(f"[green]✓[/] {escape(line)}", highlight=False, soft_wrap=True)
    _say_more(view.drift.sentences())
    newest = next(iter(built.records.page(DEFAULT_WORKSPACE, Paging(limit=1)).items), None)
    record = newest.id if newest else "RECORD"
    err.print(f"See what it gives: counterfoil targets preview {target_id} {record}", highlight=False, soft_wrap=True)


@commands.command()
def preview(
    target_id: TargetKey,
    record_id: Annotated[UUID, typer.Argument(help="The record's id.", metavar="RECORD")],
    as_json: AsJson = False,
) -> None:
    """Show what would be written of a record, column by column; nothing is written."""
    fillings = house().targets.preview(DEFAULT_WORKSPACE, TargetId(target_id), RecordId(record_id))
    if as_json:
        print_json([FillingRead.of(one).model_dump(mode="json") for one in fillings])
        return
    rows = _three_columns("column", "value", "why")
    for one in fillings:
        value = f"[yellow]{escape(one.problem)}[/]" if one.problem else escape(_shown(one))
        rows.add_row(escape(one.property.name), value, f"[dim]{escape(one.entry.reason)}[/]")
    out.print(rows)


@commands.command()
def check(target_id: TargetKey) -> None:
    """Look at a table anew: pause its target if nothing can be delivered, resume it if all can."""
    target = house().targets.check(DEFAULT_WORKSPACE, TargetId(target_id))
    out.print(_status(target), highlight=False, soft_wrap=True)
    if target.status is TargetStatus.PAUSED:
        raise typer.Exit(1)


@commands.command()
def key(target_id: TargetKey) -> None:
    """Give a table a text column in which each row keeps the key of its delivery."""
    made = house().targets.add_key_property(DEFAULT_WORKSPACE, TargetId(target_id))
    place = key_property(made.entries)
    names = [one.name for one in made.schema.properties if one.id == place]
    out.print(f"[green]✓[/] Keys lie in “{escape(names[0])}”.", highlight=False)


def _pair(given: str) -> tuple[str, str]:
    name, sign, value = given.partition("=")
    if not (name and sign):
        fault = f"{given!r} is no NAME=VALUE."
        raise typer.BadParameter(fault)
    return name, value


def _status(target: Target) -> str:
    if target.paused_because is None:
        return "[green]✓[/] active"
    return f"[yellow]⏸[/] paused: {escape(target.paused_because)}"


def _three_columns(*headings: str) -> Table:
    """Return a table whose last column is the first to become narrow: dates and amounts stand before it."""
    rows = Table(box=None, header_style="bold")
    for heading, least in zip(headings, (12, 20, 20), strict=True):
        rows.add_column(heading, min_width=least, overflow="fold")
    return rows


def _shown(filling: Filling) -> str:
    """Say what a column would get, as a person reads it."""
    value = filling.value
    match value:
        case None | "":
            return "-"
        case bool():
            return "yes" if value else "no"
        case tuple():
            return ", ".join(filling.names or (one if isinstance(one, str) else as_text(one) for one in value))
        case _:
            return as_text(value)


def _say_more(sentences: Sequence[str]) -> None:
    for one in sentences:
        err.print(f"[yellow]{escape(one)}[/]", highlight=False)
