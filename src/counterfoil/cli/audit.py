"""Commands for the audit log: show that it is whole, keep where it ends, write it to a file."""

import json
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.markup import escape

from counterfoil.access.audit.json_form import SignedHead, link_written
from counterfoil.access.domain import DEFAULT_WORKSPACE, WorkspaceId
from counterfoil.cli.console import err, house, out

commands = typer.Typer(no_args_is_help=True, help="Show that the audit log is whole, and take copies of it.")

InWorkspace = Annotated[UUID, typer.Option("--workspace", help="Whose log.", metavar="ID")]


@commands.command()
def verify(
    head: Annotated[
        Path | None, typer.Option(help="A head that was kept elsewhere.", exists=True, dir_okay=False)
    ] = None,
) -> None:
    """Tell whether every workspace's log is as it was written, and leads through the heads that were kept."""
    audit = house().audit
    signed = SignedHead.read(head.read_bytes()) if head else None
    known = {*audit.workspaces(), *([signed.head.workspace] if signed else [])}
    if not known:
        err.print("Nothing is in the audit log yet.")
    broken = 0
    for workspace in sorted(known):
        found = audit.verify(workspace, signed)
        broken += found is not None
        sign = f"[red]✕ {escape(found.sentence)}[/]" if found else "[green]✓ whole[/]"
        out.print(f"{workspace} {sign}", highlight=False)
    if broken:
        raise typer.Exit(1)


@commands.command()
def head(workspace: InWorkspace = DEFAULT_WORKSPACE) -> None:
    """Print where a workspace's log ends, signed: keep it where nobody of this machine can change it."""
    signed = house().audit.head(WorkspaceId(workspace))
    if signed is None:
        err.print("Nothing is in the audit log yet.")
        raise typer.Exit(1)
    print(signed.model_dump_json())  # noqa: T201 - for a file


@commands.command()
def export(workspace: InWorkspace = DEFAULT_WORKSPACE) -> None:
    """Print a workspace's log from its beginning, an entry a line, as JSON."""
    for link in house().audit.export(WorkspaceId(workspace)):
        print(json.dumps(link_written(link)))  # noqa: T201 - for a file
