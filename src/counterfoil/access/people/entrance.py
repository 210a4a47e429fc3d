"""Lets people in by the session that their browser shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from counterfoil.access.domain import Principal
from counterfoil.access.errors import WorkspaceNotFound
from counterfoil.access.people.cookies import Cookies
from counterfoil.access.people.domain import Belonging, Visit
from counterfoil.access.people.sessions import Sessions

WORKSPACE = "x-workspace"
"""The header by which a person says in which of their workspaces they work; their first one, if they do not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEntrance:
    """Knows people by their sessions."""

    sessions: Sessions
    cookies: Cookies

    def principal(self, headers: Mapping[str, str]) -> Principal | None:
        """Return who shows a session; None if the request shows none.

        Raises:
            SessionOver: it has ended.
            WorkspaceNotFound: they are no member of the workspace that they name, or of any.
        """
        proof = self.cookies.session(headers)
        if proof is None:
            return None
        visit = self.sessions.visit(proof)
        chosen = chosen_of(visit, headers)
        return Principal(
            workspace=chosen.workspace,
            permissions=chosen.role.permissions,
            actor=f"user:{visit.user.id}",
            by_cookie=True,
        )


def chosen_of(visit: Visit, headers: Mapping[str, str]) -> Belonging:
    """Return the workspace that a request of this person is about.

    Raises:
        WorkspaceNotFound: they are no member of the one that it names, or of any.
    """
    named = headers.get(WORKSPACE)
    for one in visit.belongings:
        if named is None or one.workspace == _id_of(named):
            return one
    raise WorkspaceNotFound


def _id_of(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
