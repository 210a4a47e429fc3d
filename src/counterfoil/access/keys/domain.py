"""An API key: what a program may do that shows its secret, and until when.

A secret is `cfk_`, 43 signs drawn by chance, and 6 that follow from them: their CRC-32. By these, one that was mistyped
or cut off is told from others without a look into the database, and programs that search for secrets know it for one.
"""

import hashlib
import re
import secrets
import string
import zlib
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NewType
from unicodedata import category
from uuid import UUID

from counterfoil.access.domain import Permission, WorkspaceId
from counterfoil.foundation.errors import Forbidden, InvalidInput, NotFound, Unauthorized

ApiKeyId = NewType("ApiKeyId", UUID)

PREFIX: Final = "cfk_"
LONGEST_NAME: Final = 100
USE_NOTED_EVERY: Final = timedelta(minutes=1)
_SIGNS: Final = string.digits + string.ascii_letters
_DRAWN: Final = 43  # each one of 62: 256 bits
_SUMMED: Final = 6
_FORM: Final = re.compile(rf"{PREFIX}([0-9A-Za-z]{{{_DRAWN}}})([0-9A-Za-z]{{{_SUMMED}}})")
_LATEST: Final = timedelta(days=36_525)  # at the end of all years, time zones overflow
_CONTROLS: Final = {"Cc", "Cs", "Zl", "Zp"}


@dataclass(frozen=True, slots=True)
class Secret:
    """What a program shows. It is told once, to whoever makes the key; of it, its SHA-256 alone is kept."""

    text: str = field(repr=False)

    @classmethod
    def new(cls) -> "Secret":
        """Draw one."""
        drawn = "".join(secrets.choice(_SIGNS) for _ in range(_DRAWN))
        return cls(PREFIX + drawn + _sum_of(drawn))

    @classmethod
    def read(cls, shown: str) -> "Secret | None":
        """Return what is shown as a secret; None if it was never given out as it is."""
        found = _FORM.fullmatch(shown)
        return cls(shown) if found and _sum_of(found[1]) == found[2] else None

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def hint(self) -> str:
        """Return its last signs, by which people recognise it."""
        return self.text[-4:]


def _sum_of(drawn: str) -> str:
    rest, signs = zlib.crc32(drawn.encode()), ""
    for _ in range(_SUMMED):
        rest, digit = divmod(rest, len(_SIGNS))
        signs = _SIGNS[digit] + signs
    return signs


class Flaw(StrEnum):
    """Why a key lets nobody in. It is logged; whoever shows the key is not told."""

    MALFORMED = "malformed"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """What a program may do in a workspace that shows the secret of the key."""

    id: ApiKeyId
    workspace: WorkspaceId
    name: str
    permissions: frozenset[Permission]
    hint: str
    created_by: str
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def actor(self) -> str:
        """Return how whoever shows the key is named in writing."""
        return f"key:{self.id}"

    def flaw(self, now: datetime) -> Flaw | None:
        """Return why it lets nobody in; None if it does."""
        if self.revoked_at is not None:
            return Flaw.REVOKED
        if self.expires_at is not None and self.expires_at <= now:
            return Flaw.EXPIRED
        return None

    def used_lately(self, now: datetime) -> bool:
        """Tell whether its last use was noted so lately that this one need not be."""
        return self.last_used_at is not None and now - self.last_used_at < USE_NOTED_EVERY


def checked_name(name: str) -> str:
    """Return a name without the blanks around it.

    Raises:
        InvalidKeyName: it is empty, too long, or would break a line.
    """
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME or any(category(sign) in _CONTROLS for sign in name):
        raise InvalidKeyName
    return name


def permissions_named(words: Collection[str]) -> frozenset[Permission]:
    """Return the permissions of these names.

    Raises:
        UnknownPermission: one is the name of none.
    """
    if unknown := set(words) - set(map(str, Permission)):
        raise UnknownPermission(unknown)
    return frozenset(map(Permission, words))


def checked_expiry(expires_at: datetime | None, now: datetime) -> datetime | None:
    """Return in UTC when a key expires.

    Raises:
        InvalidExpiry: it would never have been valid, or for more than a life.
    """
    if expires_at is None:
        return None
    if not now < expires_at <= now + _LATEST:
        raise InvalidExpiry
    return expires_at.astimezone(UTC)


class KeyRefused(Unauthorized):
    """The API key that was shown lets nobody in."""

    code = "key_refused"
    advice = "Check that the whole key is sent; if it is, have a new one made."

    def __init__(self) -> None:
        super().__init__("This API key is not valid.")


class ApiKeyNotFound(NotFound):
    """No such API key in this workspace."""

    code = "api_key_not_found"

    def __init__(self, key: ApiKeyId) -> None:
        super().__init__(f"There is no API key {key}.")


class PermissionsBeyondOwn(Forbidden):
    """Nobody can make an API key that may do more than they may."""

    code = "permissions_beyond_own"
    advice = "Leave out what you may not do yourself, or ask somebody to make the key who may."

    def __init__(self, beyond: Collection[Permission]) -> None:
        super().__init__(f"permissions: you may not give {', '.join(sorted(beyond))}, which you do not have.")


class UnknownPermission(InvalidInput):
    """There is no permission of this name."""

    code = "unknown_permission"
    advice = "Take those that docs/reference/roles.md lists."

    def __init__(self, unknown: Collection[str]) -> None:
        said = ", ".join(repr(word[:50]) for word in sorted(unknown)[:5])
        super().__init__(f"permissions: there is no {said}; there are {', '.join(sorted(Permission))}.")


class InvalidExpiry(InvalidInput):
    """An API key cannot expire at this time."""

    code = "invalid_expiry"
    advice = "Name a time that is to come, or none for a key that does not expire."

    def __init__(self) -> None:
        super().__init__("expires_at: this time has passed, or is more than a hundred years away.")


class InvalidKeyName(InvalidInput):
    """An API key cannot have this name."""

    code = "invalid_key_name"

    def __init__(self) -> None:
        super().__init__(f"name: it has 1 to {LONGEST_NAME} characters, and none that breaks or steers a line.")
