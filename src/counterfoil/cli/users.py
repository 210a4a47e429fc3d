"""Commands for users: add one, see who there is, help with a lost password, keep somebody out."""

from typing import Annotated

import typer
from rich.markup import escape

from counterfoil.access.domain import DEFAULT_WORKSPACE, Role
from counterfoil.access.people.domain import Link, User
from counterfoil.cli.console import AsJson, house, out, print_json, print_table, table

commands = typer.Typer(no_args_is_help=True, help="Say who may log in, and help them to a password.")

Email = Annotated[str, typer.Argument(help="Their email address.", metavar="EMAIL")]


@commands.command()
def add(
    email: Email,
    name: Annotated[str, typer.Option(help="What people call them.")] = "",
    role: Annotated[Role, typer.Option(help="What they are to be.")] = Role.OWNER,
    as_json: AsJson = False,
) -> None:
    """Invite somebody to the default workspace, and show the link by which they set their password."""
    invited = house().admission.registry.add(DEFAULT_WORKSPACE, email, role, name)
    user = invited.member.user
    if as_json:
        print_json({**_json_of(user), "role": role.value, **_link_json(invited.link)})
        return
    _show(f"{user.email} will be {role} once they have set a password", invited.link)


@commands.command(name="list")
def list_users(as_json: AsJson = False) -> None:
    """Show all users, newest first."""
    users = house().admission.registry.all()
    if as_json:
        print_json([_json_of(one) for one in users])
        return
    rows = table("email", "name", "disabled")
    for one in users:
        rows.add_row(str(one.id), escape(one.email), escape(one.name), "yes" if one.disabled_at else "")
    print_table(rows, "No users yet: counterfoil user add EMAIL")


@commands.command()
def reset(email: Email, as_json: AsJson = False) -> None:
    """Show a link by which somebody sets a new password."""
    link = house().admission.registry.reset_link(email)
    if as_json:
        print_json(_link_json(link))
        return
    _show(f"For {email}", link)


@commands.command()
def disable(email: Email, undo: Annotated[bool, typer.Option("--undo", help="Let them in again.")] = False) -> None:
    """Keep somebody from logging in, and end their sessions at once."""
    registry = house().admission.registry
    user = registry.enable(email) if undo else registry.disable(email)
    out.print(f"[green]✓[/] {escape(user.email)} {'may log in again' if undo else 'is out'}.", highlight=False)


def _show(what: str, link: Link) -> None:
    until = f"{link.expires_at:%Y-%m-%d %H:%M} UTC"
    out.print(f"[green]✓[/] {escape(what)}; this link works once, until {until}:", highlight=False, soft_wrap=True)
    out.print(link.url, highlight=False, soft_wrap=True, markup=False)


def _link_json(link: Link) -> dict[str, str]:
    return {"link": link.url, "expires_at": link.expires_at.isoformat()}


def _json_of(user: User) -> dict[str, str | None]:
    return {
        "id": str(user.id),
        "email": user.email,
        "name": user.name,
        "created_at": user.created_at.isoformat(),
        "disabled_at": user.disabled_at.isoformat() if user.disabled_at else None,
    }
