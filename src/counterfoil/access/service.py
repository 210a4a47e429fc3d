"""Who makes a request. Until there is a log-in, everybody is the owner of the default workspace."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from counterfoil.access.domain import DEFAULT_WORKSPACE, Permission, Principal, Role
from counterfoil.access.errors import NotPermitted


class Entrance(Protocol):
    """Tells from a request's headers who makes it."""

    def principal(self, headers: Mapping[str, str]) -> Principal: ...


class OpenEntrance:
    """Takes everybody for the owner of the default workspace."""

    def principal(self, headers: Mapping[str, str]) -> Principal:  # noqa: ARG002 - the protocol's signature
        return Principal(workspace=DEFAULT_WORKSPACE, permissions=Role.OWNER.permissions)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessService:
    """What the rest of the house may ask about who is there."""

    entrance: Entrance

    def enter(self, headers: Mapping[str, str], needed: Collection[Permission]) -> Principal:
        """Return who makes a request that takes these permissions.

        Raises:
            NotPermitted: they may not do that.
        """
        principal = self.entrance.principal(headers)
        if lacking := set(needed) - principal.permissions:
            raise NotPermitted(lacking)
        return principal
