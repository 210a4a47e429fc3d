"""What people need from outside: stores, a slow hash for passwords, and one who knows how passwords are guessed."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from counterfoil.access.domain import Role, WorkspaceId
from counterfoil.access.people.domain import (
    Belonging,
    Member,
    Membership,
    MembershipId,
    Session,
    SessionId,
    Ticket,
    TicketKind,
    User,
    UserId,
    Visit,
)
from counterfoil.foundation.database import Transaction
from counterfoil.foundation.paging import Page, Paging


class PasswordHasher(Protocol):
    """Hashes passwords so slowly that a stolen hash is of little use."""

    def hash(self, password: str) -> str:
        """Return a hash with its salt and its parameters.

        Raises:
            PasswordsBusy: too many are waiting already.
        """
        ...

    def verify(self, kept: str | None, password: str) -> bool:
        """Tell whether a hash is of this password. Without a hash it is not, which takes as long to say.

        Raises:
            PasswordsBusy: too many are waiting already.
        """
        ...

    def is_outdated(self, kept: str) -> bool:
        """Tell whether it was made with other parameters than are used now."""
        ...


class Guesser(Protocol):
    """Knows how somebody would go about guessing a password."""

    def magnitude(self, password: str, about: Collection[str]) -> float:
        """Return how many guesses it takes, as a power of ten; words about its owner are tried first."""
        ...


class UserStore(Protocol):
    """Keeps users and the hashes of their passwords, over all workspaces."""

    def any(self, tx: Transaction) -> bool:
        """Tell whether there is a user."""
        ...

    def add(self, tx: Transaction, user: User) -> User:
        """Keep a new user; return the one who has this email, who may have been there before."""
        ...

    def get(self, tx: Transaction, user: UserId) -> User | None: ...

    def by_email(self, tx: Transaction, email: str) -> User | None: ...

    def all(self, tx: Transaction) -> Sequence[User]:
        """Return everybody, newest first."""
        ...

    def rename(self, tx: Transaction, user: UserId, name: str) -> None: ...

    def disable(self, tx: Transaction, user: UserId, at: datetime | None) -> None:
        """Note since when a user may not enter; None lets them in again."""
        ...

    def password(self, tx: Transaction, user: UserId) -> str | None:
        """Return the hash of a user's password; None if they have none yet."""
        ...

    def set_password(self, tx: Transaction, user: UserId, kept: str, now: datetime) -> None: ...


class MemberStore(Protocol):
    """Keeps who is what in which workspace."""

    def add(self, tx: Transaction, membership: Membership) -> Membership:
        """Keep a new membership; return the one that this user has there, which may have been there before."""
        ...

    def get(self, tx: Transaction, workspace: WorkspaceId, member: MembershipId) -> Member | None: ...

    def page(self, tx: Transaction, workspace: WorkspaceId, paging: Paging) -> Page[Member]:
        """Return members and those who are invited, newest first."""
        ...

    def accept(self, tx: Transaction, workspace: WorkspaceId, user: UserId, now: datetime) -> bool:
        """Make a member of somebody who is invited; return False if they are not."""
        ...

    def set_role(self, tx: Transaction, workspace: WorkspaceId, member: MembershipId, role: Role) -> None: ...

    def remove(self, tx: Transaction, workspace: WorkspaceId, member: MembershipId) -> None: ...

    def owners(self, tx: Transaction, workspace: WorkspaceId) -> Collection[UserId]:
        """Return the owners who can enter, locked: until this transaction ends, no other makes them fewer."""
        ...

    def of(self, tx: Transaction, user: UserId) -> Sequence[Belonging]:
        """Return where a user is a member, the oldest membership first."""
        ...


class WorkspaceStore(Protocol):
    """Keeps workspaces."""

    def add(self, tx: Transaction, workspace: WorkspaceId, name: str) -> None: ...

    def rename(self, tx: Transaction, workspace: WorkspaceId, name: str) -> None: ...


class SessionStore(Protocol):
    """Keeps sessions by the digests of their proofs."""

    def add(self, tx: Transaction, session: Session, digest: str) -> None: ...

    def visit(self, tx: Transaction, digest: str) -> Visit | None:
        """Return who is there by a session, unless they are disabled; whether it is over is for the caller to say."""
        ...

    def seen(self, tx: Transaction, session: Session, now: datetime) -> None:
        """Note that it is used."""
        ...

    def of(self, tx: Transaction, user: UserId) -> Sequence[Session]:
        """Return a user's sessions, newest first."""
        ...

    def end(self, tx: Transaction, user: UserId, session: SessionId) -> bool: ...

    def end_by(self, tx: Transaction, digest: str) -> None: ...

    def end_all(self, tx: Transaction, user: UserId) -> None: ...

    def end_over(self, tx: Transaction, user: UserId, now: datetime) -> None:
        """Forget those of a user's sessions that are over."""
        ...


class TicketStore(Protocol):
    """Keeps tickets by the digests of their proofs."""

    def add(self, tx: Transaction, ticket: Ticket, digest: str) -> None:
        """Keep a ticket in place of those of its kind, for the same user and workspace, that were not used."""
        ...

    def find(self, tx: Transaction, kind: TicketKind, digest: str, now: datetime) -> Ticket | None:
        """Return a ticket that could be used."""
        ...

    def use(self, tx: Transaction, kind: TicketKind, digest: str, now: datetime) -> Ticket | None:
        """Use a ticket; of several who come at once with the same, one gets it and the others None."""
        ...

    def withdraw(self, tx: Transaction, user: UserId, kind: TicketKind, invites_to: WorkspaceId | None = None) -> None:
        """Forget a user's tickets of a kind that were not used; of invitations, those to this workspace."""
        ...


class DeviceStore(Protocol):
    """Keeps which browsers a user has logged in with, by the digests of what they show."""

    def knows(self, tx: Transaction, user: UserId, digest: str) -> bool: ...

    def note(self, tx: Transaction, user: UserId, digest: str, now: datetime) -> None:
        """Note that a user has logged in with it, and forget those that have not been used for too long."""
        ...
