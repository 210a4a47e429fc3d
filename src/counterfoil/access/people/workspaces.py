"""Workspaces as people make and name them."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from counterfoil.access.domain import Principal, Role, WorkspaceId
from counterfoil.access.people.domain import Belonging, Membership, MembershipId, TicketKind, User, name_of
from counterfoil.access.people.protocols import MemberStore, TicketStore, WorkspaceStore
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.ids import IdSource

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspaces:
    """Makes and renames workspaces; `furnish` puts into a new one what every workspace has."""

    database: Database
    store: WorkspaceStore
    members: MemberStore
    tickets: TicketStore
    furnish: Callable[[Transaction, WorkspaceId], object]
    new_id: IdSource

    def make(self, user: User, name: str) -> Belonging:
        """Make a workspace, and its maker its owner.

        Raises:
            InvalidName: nobody could read it.
        """
        made = Belonging(workspace=WorkspaceId(self.new_id()), name=name_of(name), role=Role.OWNER)
        with self.database.transaction() as tx:
            self.store.add(tx, made.workspace, made.name)
            now = tx.now()
            owner = Membership(
                id=MembershipId(self.new_id()),
                user=user.id,
                workspace=made.workspace,
                role=made.role,
                created_at=now,
                accepted_at=now,
            )
            self.members.add(tx, owner)
            # One that was made by somebody who is nobody in the new workspace would open it to them.
            self.tickets.withdraw(tx, user.id, TicketKind.PASSWORD_RESET)
            self.furnish(tx, made.workspace)
        log.info("workspace_made", workspace_id=str(made.workspace), user_id=str(user.id))
        return made

    def rename(self, principal: Principal, name: str) -> str:
        """Give the workspace of who asks another name, and return it.

        Raises:
            InvalidName: nobody could read it.
        """
        name = name_of(name)
        with self.database.transaction(principal.workspace) as tx:
            self.store.rename(tx, principal.workspace, name)
        log.info("workspace_renamed", workspace_id=str(principal.workspace), actor=principal.actor)
        return name
