"""Who makes a request. Until there is a log-in, everybody is the owner of the default workspace."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from counterfoil.access.domain import DEFAULT_WORKSPACE, Permission, Principal, Role
from counterfoil.access.errors import LoginNeeded, NotPermitted


class Entrance(Protocol):
    """Knows those who show one kind of proof of who they are."""

    def principal(self, headers: Mapping[str, str]) -> Principal | None:
        """Return who makes a request with these headers; None if they show no proof of this kind.

        Raises:
            Unauthorized: they show one that is not valid.
        """
        ...


class OpenEntrance:
    """Takes everybody for the owner of the default workspace."""

    def principal(self, headers: Mapping[str, str]) -> Principal:  # noqa: ARG002 - the protocol's signature
        return Principal(workspace=DEFAULT_WORKSPACE, permissions=Role.OWNER.permissions, actor="nobody")


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What a request is about to do: the route's name, what to, and from which address."""

    name: str
    subject: str | None
    address: str | None


class Witness(Protocol):
    """Writes down what is done and what was refused."""

    def saw(self, principal: Principal, act: Act, *, refused: bool) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessService:
    """What the rest of the house may ask about who is there. The first entrance that knows somebody decides."""

    entrances: Sequence[Entrance]
    witness: Witness

    def principal(self, headers: Mapping[str, str]) -> Principal:
        """Return who makes a request.

        Raises:
            LoginNeeded: nothing says who they are.
        """
        known = (principal for entrance in self.entrances if (principal := entrance.principal(headers)))
        principal = next(known, None)
        if principal is None:
            raise LoginNeeded
        return principal

    def admit(self, principal: Principal, needed: Collection[Permission], act: Act | None) -> None:
        """Return if they may do what takes these permissions, and have the act, if it is one, written down before.

        Raises:
            NotPermitted: they may not do that.
        """
        lacking = set(needed) - principal.permissions
        if act:
            self.witness.saw(principal, act, refused=bool(lacking))
        if lacking:
            raise NotPermitted(lacking)
