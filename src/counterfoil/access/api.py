"""How a route says what it takes to call it, and learns in whose workspace it works.

    Workspace = Annotated[WorkspaceId, may(Permission.RECORDS_READ)]
    Maker = Annotated[Principal, who_may(Permission.KEYS_MANAGE)]

Each route has a parameter of such a type, or is declared `unguarded`; there is no third kind.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Annotated, Any, Final

from fastapi import Depends, Request, Security
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security import SecurityScopes

from counterfoil.access.domain import Permission, Principal, WorkspaceId
from counterfoil.access.origin import refuse_other_sites
from counterfoil.access.service import AccessService, Act
from counterfoil.foundation.routing import provided

_LOOKING: Final = {"GET", "HEAD"}
_PRIVATE: Final = {Permission.DOCUMENTS_READ, Permission.RECORDS_READ, Permission.REVIEWS_READ}

Access = Annotated[AccessService, Depends(provided(AccessService))]


def known(needed: SecurityScopes, request: Request, access: Access) -> Principal:
    """Return who makes this request, if they may do in their workspace what the route takes."""
    principal = access.principal(request.headers)
    if principal.by_cookie:
        refuse_other_sites(request.method, request.headers, proof_needed=True)
    permissions = [Permission(one) for one in needed.scopes]
    access.admit(principal, permissions, _act(request, permissions))
    return principal


def entered(needed: SecurityScopes, request: Request, access: Access) -> WorkspaceId:
    """Return the workspace of this request, if whoever makes it may do there what the route takes."""
    return known(needed, request, access).workspace


def _act(request: Request, permissions: Collection[Permission]) -> Act | None:
    """Return what a request does that is worth writing down: it changes something, or shows what somebody handed in."""
    shows = bool(request.path_params) and not _PRIVATE.isdisjoint(permissions)
    if request.method in _LOOKING and not (shows or Permission.AUDIT_READ in permissions):
        return None
    subject = ", ".join(f"{name}={value!s:.200}" for name, value in request.path_params.items())
    address = request.client.host if request.client else None
    # PostgreSQL keeps no NUL, and what stands in the path has not been looked at yet.
    return Act(name=request.scope["route"].name, subject=subject.replace("\0", "") or None, address=address)


def may(permission: Permission) -> Any:
    """Return the dependency of a route that takes this permission; its value is the workspace."""
    return Security(entered, scopes=[permission])


def who_may(permission: Permission) -> Any:
    """Return the dependency of a route that takes this permission; its value is who has it."""
    return Security(known, scopes=[permission])


def unguarded() -> None:
    """Say as a route's dependency that anybody may call it, or that it knows by itself who does."""


class Undeclared(TypeError):
    """A route does not say what it takes to call it."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} says neither which permission it takes nor that it takes none.")


def permissions_of(route: APIRoute) -> Sequence[Permission]:
    """Return what it takes to call a route; nothing if it is unguarded.

    Raises:
        Undeclared: it does not say.
    """
    below = list(_below(route.dependant))
    doors = [one for one in below if one.call in {entered, known}]
    taken = [Permission(scope) for one in doors for scope in one.own_oauth_scopes or ()]
    if not taken and not any(one.call is unguarded for one in below):
        raise Undeclared(route.path)
    return taken


def _below(dependant: Dependant) -> Iterator[Dependant]:
    for one in dependant.dependencies:
        yield one
        yield from _below(one)
