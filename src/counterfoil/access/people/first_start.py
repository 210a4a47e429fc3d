"""The first start: whoever has the link that the server printed becomes the owner."""

from dataclasses import dataclass

import structlog

from counterfoil.access.domain import DEFAULT_WORKSPACE, Role
from counterfoil.access.people.domain import (
    Browser,
    Membership,
    MembershipId,
    Opened,
    TicketKind,
    User,
    UserId,
    email_of,
    name_of,
)
from counterfoil.access.people.errors import AlreadySetUp
from counterfoil.access.people.passwords import Passwords
from counterfoil.access.people.protocols import MemberStore, UserStore
from counterfoil.access.people.sessions import Sessions
from counterfoil.access.people.tickets import Tickets
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import IdSource

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstStart:
    """Makes the first user, once."""

    database: Database
    users: UserStore
    members: MemberStore
    tickets: Tickets
    sessions: Sessions
    passwords: Passwords
    new_id: IdSource

    def is_over(self) -> bool:
        """Tell whether there is a user."""
        with self.database.reading() as tx:
            return self.users.any(tx)

    def invitation(self) -> str | None:
        """Return the line that tells whoever starts the server how to begin; None if there is a user."""
        with self.database.transaction() as tx:
            if self.users.any(tx):
                return None
            link = self.tickets.make(tx, TicketKind.FIRST_START)
        return f"There is no account yet. Make yours, within 24 hours and once, at {link.url}"

    def begin(self, proof: str, *, email: str, name: str, password: str, browser: Browser) -> Opened:
        """Make the first user, who owns the default workspace, and let them in.

        Raises:
            TicketRefused: the link is not the newest that was printed, or was used.
            AlreadySetUp: there is a user.
            InvalidInput: the email, the name or the password cannot be taken.
        """
        email, name = email_of(email), name_of(name)
        with self.database.reading() as tx:
            self.tickets.look_at(tx, TicketKind.FIRST_START, proof)
        self.passwords.check(password, [email, name])
        kept = self.passwords.hash(password)
        with self.database.transaction() as tx:
            self.tickets.use(tx, TicketKind.FIRST_START, proof)
            if self.users.any(tx):
                raise AlreadySetUp
            user = self.users.add(tx, User(id=UserId(self.new_id()), email=email, name=name, created_at=tx.now()))
            self.users.set_password(tx, user.id, kept, tx.now())
            self.members.add(tx, self._owner(user))
            opened = self.sessions.open(tx, user.id, browser)
        log.info("first_user_made", user_id=str(user.id))
        return opened

    def _owner(self, user: User) -> Membership:
        return Membership(
            id=MembershipId(self.new_id()),
            user=user.id,
            workspace=DEFAULT_WORKSPACE,
            role=Role.OWNER,
            created_at=user.created_at,
            accepted_at=user.created_at,
        )
