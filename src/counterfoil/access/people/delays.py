"""Delays after failed log-ins: per account and per address, and apart from both for a browser that was here before.

An attempt counts as failed from before the password is looked at until it turns out right, so that of many that come at
once no more get through than one after the other would.
"""

import hashlib
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from counterfoil.access.people.errors import TooManyLogins
from counterfoil.foundation.database import Database, Transaction

FREE: Final = 4
"""So many failures cost nothing but their own time: people mistype."""
FIRST_DELAY: Final = timedelta(seconds=5)
LONGEST_DELAY: Final = timedelta(minutes=15)
FORGOTTEN_AFTER: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """How often log-ins have failed in a row, and until when none is looked at."""

    count: int
    last_at: datetime
    closed_until: datetime | None = None

    def and_one(self, now: datetime) -> "Failures":
        """Return how it stands after one more."""
        count = 1 if now >= self.last_at + FORGOTTEN_AFTER else self.count + 1
        if count <= FREE:
            return Failures(count=count, last_at=now)
        delay = min(FIRST_DELAY * 2 ** min(count - FREE - 1, 30), LONGEST_DELAY)
        return Failures(count=count, last_at=now, closed_until=now + delay)

    def none(self) -> "Failures":
        """Return how it stands once it is known that nobody was guessing."""
        return replace(self, count=0, closed_until=None)

    def but_one(self) -> "Failures":
        """Return how it stands if the last one was none."""
        return replace(self, count=max(0, self.count - 1), closed_until=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What a log-in is counted under: whose it is, and where it comes from if that is shared with others."""

    own: str
    shared: str | None = None

    @property
    def keys(self) -> Sequence[str]:
        return sorted(filter(None, (self.own, self.shared)))


class FailureStore(Protocol):
    """Keeps failures by what they are counted under."""

    def hold(self, tx: Transaction, keys: Sequence[str]) -> Mapping[str, Failures]:
        """Return the failures under each key, locked until this transaction ends; those that are none, too."""
        ...

    def save(self, tx: Transaction, key: str, failures: Failures) -> None: ...

    def forget(self, tx: Transaction, before: datetime) -> None:
        """Remove what has not failed since then, as far as nobody else is at it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """Lets attempts through, and counts them, for all processes together."""

    database: Database
    store: FailureStore

    def admit(self, attempt: Attempt) -> None:
        """Let one attempt through, as one that has failed until it is said to be right.

        Raises:
            TooManyLogins: too many have failed; the error says when the next one may come.
        """
        with self.database.transaction() as tx:
            now = tx.now()
            self.store.forget(tx, now - FORGOTTEN_AFTER)
            held = self.store.hold(tx, attempt.keys)
            closed = [one.closed_until for one in held.values() if one.closed_until and one.closed_until > now]
            if closed:
                raise TooManyLogins(max(closed))
            for key, failures in held.items():
                self.store.save(tx, key, failures.and_one(now))

    def take_back(self, attempt: Attempt) -> None:
        """Count an attempt no more, since nobody has looked at it."""
        with self.database.transaction() as tx:
            for key, failures in self.store.hold(tx, attempt.keys).items():
                self.store.save(tx, key, failures.but_one())

    def forgive(self, attempt: Attempt) -> None:
        """Note that an attempt was right: its own failures are over, those of its address are not its own to end."""
        with self.database.transaction() as tx:
            for key, failures in self.store.hold(tx, attempt.keys).items():
                self.store.save(tx, key, failures.none() if key == attempt.own else failures.but_one())


def by_account(email: str, address: str) -> Attempt:
    """Return the attempt of a browser that was not here before. An account that is not there is counted like others."""
    return Attempt(own=f"account:{hashlib.sha256(email.encode()).hexdigest()}", shared=f"address:{_network(address)}")


def by_device(digest: str) -> Attempt:
    """Return the attempt of a browser that its user has logged in with before."""
    return Attempt(own=f"device:{digest}")


def by_session(session: object) -> Attempt:
    """Return the attempt of somebody who is in, and has to show the password once more."""
    return Attempt(own=f"session:{session}")


def _network(address: str) -> str:
    """Return what one client has of addresses: with IPv6, at least the last half."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:100]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
