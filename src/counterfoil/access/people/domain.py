"""Users, what they are in which workspace, their sessions, and the tickets that let them set a password.

invited (membership without accepted_at) ── invitation accepted ──→ member ── removed ──→ (no membership)
      └─────────────────────────── removed ───────────────────────────────────────────────┘
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NewType
from uuid import UUID

from counterfoil.access.domain import Role, WorkspaceId
from counterfoil.foundation.errors import InvalidInput

UserId = NewType("UserId", UUID)
SessionId = NewType("SessionId", UUID)
MembershipId = NewType("MembershipId", UUID)

UNUSED_AT_MOST: Final = timedelta(hours=12)
"""A session that nobody uses for so long is over."""
SESSION_AT_MOST: Final = timedelta(days=30)
SEEN_EVERY: Final = timedelta(minutes=1)
"""How exactly a session's last use is known; to note each would be a write for every request."""
DEVICE_KNOWN_FOR: Final = timedelta(days=365)
"""How long a browser counts as one that a user has logged in with, after it did so last."""
LONGEST_NAME: Final = 200
LONGEST_EMAIL: Final = 254
_EMAIL: Final = re.compile(r"""[^\s@<>()\[\]\\,;:"]{1,64}@[^\s@<>()\[\]\\,;:"]{1,253}""")


class InvalidEmail(InvalidInput):
    """What was given is no email address."""

    code = "invalid_email"
    advice = "Give the address alone, such as name@example.com, without a name or brackets around it."

    def __init__(self) -> None:
        super().__init__("This is no email address.")


class InvalidName(InvalidInput):
    """A name is empty, too long, or has signs that cannot be seen."""

    code = "invalid_name"
    advice = f"Give a name of 1 to {LONGEST_NAME} visible signs."

    def __init__(self) -> None:
        super().__init__("This is no name.")


def email_of(text: str) -> str:
    """Return an email address in the one form in which it is kept and compared.

    Raises:
        InvalidEmail: it is none, or more than one.
    """
    email = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).strip()
    if len(email) > LONGEST_EMAIL or not email.isprintable() or not _EMAIL.fullmatch(email):
        raise InvalidEmail
    return email


def name_of(text: str) -> str:
    """Return a name of a person or a workspace as it is kept.

    Raises:
        InvalidName: nobody could read it.
    """
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise InvalidName
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person. Their password is kept apart, so that nothing shows it by mistake; `name` may be empty at first."""

    id: UserId
    email: str
    name: str
    created_at: datetime
    disabled_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """What a user is in a workspace; without `accepted_at`, what they are invited to be."""

    id: MembershipId
    user: UserId
    workspace: WorkspaceId
    role: Role
    created_at: datetime
    accepted_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A user as a member of a workspace, or as one who is invited."""

    user: User
    membership: Membership


@dataclass(frozen=True, slots=True, kw_only=True)
class Belonging:
    """A workspace that a user is a member of, and what they are there."""

    workspace: WorkspaceId
    name: str
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A log-in that lasts. `device` is how the browser calls itself."""

    id: SessionId
    user: UserId
    device: str
    created_at: datetime
    last_seen_at: datetime

    def is_over(self, now: datetime) -> bool:
        """Tell whether it has lasted as long as it may, or was not used for too long."""
        return now >= min(self.created_at + SESSION_AT_MOST, self.last_seen_at + UNUSED_AT_MOST)

    def is_stale(self, now: datetime) -> bool:
        """Tell whether it is time to note that it is used."""
        return now >= self.last_seen_at + SEEN_EVERY


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Who is there by a session, and where they belong, the oldest membership first."""

    session: Session
    user: User
    belongings: Sequence[Belonging]


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """What somebody comes with: how it calls itself, its address, and what shows that it was here before."""

    name: str
    address: str
    device_proof: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A session that has just begun, with the proofs of it and of the device, which are told once."""

    visit: Visit
    proof: str = field(repr=False)
    device_proof: str = field(repr=False)


class TicketKind(StrEnum):
    """What a one-time link is for."""

    FIRST_START = "first_start"
    INVITATION = "invitation"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - a word, no password

    @property
    def lifetime(self) -> timedelta:
        return _LIFETIMES[self]


_LIFETIMES: Final = {
    TicketKind.FIRST_START: timedelta(hours=24),
    TicketKind.INVITATION: timedelta(days=7),
    TicketKind.PASSWORD_RESET: timedelta(hours=1),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What makes a link work, once. The one of the first start is for nobody yet; an invitation names a workspace."""

    id: UUID
    kind: TicketKind
    user: UserId | None
    invites_to: WorkspaceId | None
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A ticket as an address to open; its proof stands behind a `#`, which no browser sends and no server logs."""

    url: str = field(repr=False)
    expires_at: datetime
