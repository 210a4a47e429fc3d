"""Commands for API keys: make one for a program, look at them, revoke one."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

import typer
from rich.markup import escape

from counterfoil.access.domain import DEFAULT_WORKSPACE, Principal, Role, WorkspaceId
from counterfoil.access.keys.domain import ApiKey, ApiKeyId
from counterfoil.access.keys.schemas import ApiKeyMade, ApiKeyRead
from counterfoil.cli.console import AsJson, Limit, err, house, out, print_json, print_table, table
from counterfoil.foundation.paging import Paging

commands = typer.Typer(no_args_is_help=True, help="Let programs in: make API keys, look at them, revoke them.")

ACTOR = "command-line"
_HOW_TO_USE = "A program sends it with each request: Authorization: Bearer {hint}. It is not shown again."

InWorkspace = Annotated[
    UUID, typer.Option("--workspace", help="The id of the workspace.", metavar="ID", show_default="the first one")
]


@commands.command()
def add(
    name: Annotated[str, typer.Argument(help="What you call it, such as the program that will have it.")],
    may: Annotated[
        list[str] | None, typer.Option(help="What it may do, such as documents:write.", metavar="PERMISSION")
    ] = None,
    role: Annotated[
        Role | None, typer.Option(help="Let it do what this role may; operator if nothing is said.")
    ] = None,
    expires_in: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="After how many days it ends.", metavar="DAYS")
    ] = None,
    workspace: InWorkspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
) -> None:
    """Make a key, and show its secret, this once."""
    maker = Principal(workspace=WorkspaceId(workspace), permissions=Role.OWNER.permissions, actor=ACTOR)
    role = role or (None if may else Role.OPERATOR)
    permissions = {*(may or ()), *(role.permissions if role else ())}
    expires_at = datetime.now(UTC) + timedelta(days=expires_in) if expires_in else None
    key, secret = house().admission.keys.make(maker, name, permissions, expires_at)
    if as_json:
        print_json(ApiKeyMade.with_secret(key, secret).model_dump(mode="json"))
        return
    out.print(secret.text, highlight=False, soft_wrap=True)
    err.print(_HOW_TO_USE.format(hint=f"{secret.text[:4]}…{key.hint}"), highlight=False)


@commands.command(name="list")
def list_keys(limit: Limit = 20, workspace: InWorkspace = DEFAULT_WORKSPACE, as_json: AsJson = False) -> None:
    """Show the keys, newest first; of their secrets, the last signs."""
    page = house().admission.keys.page(WorkspaceId(workspace), Paging(limit=limit))
    if as_json:
        print_json([ApiKeyRead.of(key).model_dump(mode="json") for key in page.items])
        return
    rows, now = table("name", "ends in", "status", "last used", "may"), datetime.now(UTC)
    for key in page.items:
        used = f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "-"
        rows.add_row(
            str(key.id), escape(key.name), key.hint, _status(key, now), used, ", ".join(sorted(key.permissions))
        )
    print_table(rows, "No API keys yet: counterfoil keys add NAME")


@commands.command()
def revoke(
    key_id: Annotated[UUID, typer.Argument(help="The key's id.", metavar="ID")],
    workspace: InWorkspace = DEFAULT_WORKSPACE,
) -> None:
    """Revoke a key: from now on it lets nobody in."""
    house().admission.keys.revoke(WorkspaceId(workspace), ApiKeyId(key_id))
    out.print(f"[green]✓[/] Revoked: {key_id}", highlight=False)


def _status(key: ApiKey, now: datetime) -> str:
    if flaw := key.flaw(now):
        return f"[red]{flaw}[/]"
    return f"until {key.expires_at:%Y-%m-%d}" if key.expires_at else "[green]active[/]"
