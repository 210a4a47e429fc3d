"""Argon2id for passwords, and zxcvbn's knowledge of how they are guessed."""

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from zxcvbn_rs_py import zxcvbn

from counterfoil.access.people.errors import PasswordsBusy

AT_ONCE = 2
WAITING = 8
"""How many may wait for their turn; more would keep threads from requests that need no password."""


class Argon2Hasher:
    """Hashes with at least what OWASP asks for, no more than two at once: each takes 46 MiB."""

    def __init__(self, *, memory_kib: int = 47_104, rounds: int = 2) -> None:
        self._argon2 = PasswordHasher(time_cost=rounds, memory_cost=memory_kib, parallelism=1)
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._line = threading.BoundedSemaphore(AT_ONCE + WAITING)

    def hash(self, password: str) -> str:
        with self._turn():
            return self._argon2.hash(password)

    def verify(self, kept: str | None, password: str) -> bool:
        if kept is None:
            self.hash(password)  # the same work, so that the time tells nobody who is a user
            return False
        with self._turn():
            try:
                return self._argon2.verify(kept, password)
            except VerifyMismatchError:
                return False

    def is_outdated(self, kept: str) -> bool:
        return self._argon2.check_needs_rehash(kept)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._line.acquire(blocking=False):
            raise PasswordsBusy
        try:
            with self._turns:
                yield
        finally:
            self._line.release()


class Zxcvbn:
    """Counts guesses by dictionaries, names, dates, keyboards and patterns; of a long password it reads the beginning.

    That makes the count of those too small rather than too large.
    """

    def magnitude(self, password: str, about: Collection[str]) -> float:
        return zxcvbn(password, list(about)).guesses_log10
