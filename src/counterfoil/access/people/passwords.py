"""Which passwords are taken, and how they are kept; the rules follow NIST SP 800-63B-4."""

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from counterfoil.access.people.errors import PasswordTooCommon, PasswordTooLong, PasswordTooShort
from counterfoil.access.people.protocols import Guesser, PasswordHasher

LEAST: Final = 15
"""What a password has that is the only proof; one beside a second proof could do with 8."""
MOST: Final = 256
HARD_TO_GUESS: Final = 10
"""A password takes at least this power of ten of guesses."""
_HERE: Final = "counterfoil"
_A_WORD: Final = 4
"""Shorter ones are parts of many words that have nothing to do with anybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passwords:
    """Takes, hashes and verifies passwords: any text, in one Unicode form, compared in full."""

    hasher: PasswordHasher
    guesser: Guesser

    def check(self, password: str, about: Collection[str]) -> None:
        """Return if a password may be taken by the one whom these words are about.

        Raises:
            PasswordTooShort, PasswordTooLong, PasswordTooCommon: it may not.
        """
        password = _plain(password)
        if len(password) < LEAST:
            raise PasswordTooShort(LEAST)
        if len(password) > MOST:
            raise PasswordTooLong(MOST)
        words = sorted(set(_words(about)), key=len, reverse=True)
        if self.guesser.magnitude(_without(words, password), words) < HARD_TO_GUESS:
            raise PasswordTooCommon

    def hash(self, password: str) -> str:
        """Return what is kept of a password.

        Raises:
            PasswordsBusy: too many are waiting already.
        """
        return self.hasher.hash(_plain(password))

    def verify(self, kept: str | None, password: str) -> bool:
        """Tell whether this is the password; without any kept, say no after the same work.

        Raises:
            PasswordsBusy: too many are waiting already.
        """
        return self.hasher.verify(kept, _plain(password))

    def renewed(self, kept: str, password: str) -> str:
        """Return what is to be kept from now on of a password that was right."""
        return self.hash(password) if self.hasher.is_outdated(kept) else kept


def _plain(password: str) -> str:
    return unicodedata.normalize("NFC", password)


def _without(words: Collection[str], password: str) -> str:
    """Return what makes a password hard to guess for somebody who knows these words, the longest of them first."""
    known = "|".join(re.escape(word) for word in words if len(word) >= _A_WORD)
    return re.sub(known, " ", password, flags=re.IGNORECASE)


def _words(about: Collection[str]) -> Iterator[str]:
    """Yield what somebody would try first: the words about a person, and their parts."""
    yield _HERE
    for one in about:
        yield one
        yield from (part for part in "".join(sign if sign.isalnum() else " " for sign in one).split() if len(part) > 1)
