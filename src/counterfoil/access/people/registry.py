"""What whoever runs the installation does about users, in all workspaces; nobody reaches it over HTTP."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from counterfoil.access.domain import Principal, Role, WorkspaceId
from counterfoil.access.people.domain import Link, TicketKind, User, email_of
from counterfoil.access.people.errors import UserNotFound
from counterfoil.access.people.members import Invited, Members
from counterfoil.access.people.protocols import SessionStore, UserStore
from counterfoil.access.people.tickets import Tickets
from counterfoil.foundation.database import Database, Transaction

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Adds, lists, disables and helps users."""

    database: Database
    users: UserStore
    sessions: SessionStore
    tickets: Tickets
    members: Members

    def add(self, workspace: WorkspaceId, email: str, role: Role, name: str) -> Invited:
        """Invite somebody to a workspace with any role; their link sets their password.

        Raises:
            AlreadyMember: they are in this workspace.
            InvalidEmail, InvalidName: this is none.
        """
        operator = Principal(workspace=workspace, permissions=Role.OWNER.permissions, actor="command line")
        return self.members.invite(operator, email, role, name)

    def all(self) -> Sequence[User]:
        """Return all users, newest first."""
        with self.database.reading() as tx:
            return self.users.all(tx)

    def reset_link(self, email: str) -> Link:
        """Make a link by which a user sets a new password.

        Raises:
            UserNotFound: there is none of this email.
        """
        with self.database.transaction() as tx:
            user = self._found(tx, email)
            link = self.tickets.make(tx, TicketKind.PASSWORD_RESET, user.id)
        log.info("reset_link_made", user_id=str(user.id), actor="command line")
        return link

    def disable(self, email: str) -> User:
        """Keep a user out: their sessions and links end at once.

        Raises:
            UserNotFound: there is none of this email.
        """
        with self.database.transaction() as tx:
            user = self._found(tx, email)
            self.users.disable(tx, user.id, tx.now())
            self.sessions.end_all(tx, user.id)
            self.tickets.store.withdraw(tx, user.id, TicketKind.PASSWORD_RESET)
        log.info("user_disabled", user_id=str(user.id))
        return user

    def enable(self, email: str) -> User:
        """Let a disabled user in again, by the password that they had.

        Raises:
            UserNotFound: there is none of this email.
        """
        with self.database.transaction() as tx:
            user = self._found(tx, email)
            self.users.disable(tx, user.id, None)
        log.info("user_enabled", user_id=str(user.id))
        return user

    def _found(self, tx: Transaction, email: str) -> User:
        user = self.users.by_email(tx, email_of(email))
        if user is None:
            raise UserNotFound(email)
        return user
