"""Which workspace a request belongs to. Until there is a log-in, it is always the default one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from counterfoil.access.domain import DEFAULT_WORKSPACE, WorkspaceId


class Entrance(Protocol):
    """Decides from a request's headers which workspace it may enter."""

    def workspace(self, headers: Mapping[str, str]) -> WorkspaceId: ...


class OpenEntrance:
    """Lets everybody into the default workspace."""

    def workspace(self, headers: Mapping[str, str]) -> WorkspaceId:  # noqa: ARG002 - the protocol's signature
        return DEFAULT_WORKSPACE


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessService:
    """What the rest of the house may ask about who is there."""

    entrance: Entrance

    def workspace(self, headers: Mapping[str, str]) -> WorkspaceId:
        """Return the workspace that this request may work in."""
        return self.entrance.workspace(headers)
