"""Which passwords are taken, and what is kept of them: with the real hash and the real dictionaries."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from argon2 import extract_parameters
from argon2.low_level import Type

from counterfoil.access.infrastructure.passwords import AT_ONCE, WAITING, Argon2Hasher, Zxcvbn
from counterfoil.access.people.errors import PasswordsBusy, PasswordTooCommon, PasswordTooLong, PasswordTooShort
from counterfoil.access.people.passwords import MOST, Passwords
from tests.support.people import EasyGuesser, QuickHasher
from tests.support.waiting import wait_until

ABOUT = ["anna.kowalski@harbour-books.example", "Anna Kowalski"]


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(hasher=Argon2Hasher(memory_kib=64, rounds=1), guesser=Zxcvbn())


def test_a_password_is_kept_as_argon2id_with_no_less_than_owasp_asks_for() -> None:
    parameters = extract_parameters(Argon2Hasher().hash("violet tractors hum"))
    assert parameters.type is Type.ID
    assert parameters.memory_cost >= 47_104
    assert (parameters.time_cost, parameters.parallelism, parameters.salt_len) >= (1, 1, 16)


def test_only_the_whole_password_is_the_password(passwords: Passwords) -> None:
    password = "ä long phrase \x00 with everything \U0001f382" + "x" * 200
    kept = passwords.hash(password)
    assert passwords.verify(kept, password)
    assert passwords.verify(kept, password.replace("ä", "a\u0308"))
    assert not passwords.verify(kept, password[:-1])
    assert not passwords.verify(kept, password.partition("\x00")[0])
    assert not passwords.verify(None, password)
    assert passwords.hash(password) != kept


def test_raised_parameters_make_a_hash_outdated(passwords: Passwords) -> None:
    kept = passwords.hash("violet tractors hum")
    assert passwords.renewed(kept, "violet tractors hum") == kept
    stronger = Passwords(hasher=Argon2Hasher(memory_kib=128, rounds=1), guesser=Zxcvbn())
    assert stronger.renewed(kept, "violet tractors hum") != kept


@pytest.mark.parametrize(
    "password",
    [
        "password1234567",
        "passwordpassword",
        "P@ssw0rd1234567",
        "qwertyuiopasdfgh",
        "123456789012345",
        "aaaaaaaaaaaaaaaaaaaa",
        "abcabcabcabcabcabc",
        "iloveyouiloveyou",
        "thisisapassword",
        "January 12, 1990",
        "counterfoilcounterfoil",
        "Counterfoil2026!",
        "annakowalski2026",
        "AnnaKowalski1990",
        "harbour-books-2026",
        "anna.kowalski@harbour-books.example",
    ],
)
def test_what_programs_try_first_is_refused(passwords: Passwords, password: str) -> None:
    with pytest.raises(PasswordTooCommon):
        passwords.check(password, ABOUT)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "violet tractors hum at dawn",
        "drei blaue Kühe im Nebel",
        "xkqjzvwpfbtmrhg",
        "не спится мне сегодня",
        "紫色的拖拉机在黎明时分嗡嗡作响",
        "x7" * 4 + "kq mz vw pf",
        "long enough to be a whole paragraph, " * 6,
    ],
)
def test_phrases_of_any_language_and_random_letters_are_taken(passwords: Passwords, password: str) -> None:
    passwords.check(password, ABOUT)


def test_length_is_counted_in_characters_as_they_are_kept(passwords: Passwords) -> None:
    with pytest.raises(PasswordTooShort):
        passwords.check("14 characters!", ABOUT)
    with pytest.raises(PasswordTooShort):
        passwords.check("e\u0301" * 14, ABOUT)
    with pytest.raises(PasswordTooLong):
        passwords.check("many words and " * 18, ABOUT)
    assert MOST >= 128


def test_who_guesses_is_told_the_words_about_somebody_and_their_parts() -> None:
    guesser = EasyGuesser()
    Passwords(hasher=QuickHasher(), guesser=guesser).check("violet tractors hum", ABOUT)
    assert set(guesser.about) >= {*ABOUT, "anna", "kowalski", "harbour", "books", "Kowalski", "counterfoil"}


class Slow:
    """Stands in for Argon2id: takes until it is told to end, and counts how many it is given at once."""

    def __init__(self) -> None:
        self.inside = self.most = 0
        self.turn, self.go = threading.Lock(), threading.Event()

    def hash(self, password: str) -> str:
        with self._counted():
            assert self.go.wait(60)
        return password

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self.turn:
            self.inside += 1
            self.most = max(self.most, self.inside)
        yield
        with self.turn:
            self.inside -= 1


def test_two_are_hashed_at_once_a_few_wait_and_more_are_refused_at_once() -> None:
    hasher, slow = Argon2Hasher(), Slow()
    hasher._argon2 = slow  # type: ignore[assignment]
    with ThreadPoolExecutor(AT_ONCE + WAITING) as threads:
        waiting = [threads.submit(hasher.hash, str(number)) for number in range(AT_ONCE + WAITING)]
        wait_until(lambda: slow.inside == AT_ONCE and not hasher._line._value)
        with pytest.raises(PasswordsBusy):
            hasher.verify(None, "one more")
        slow.go.set()
        assert [one.result(60) for one in waiting] == [str(number) for number in range(AT_ONCE + WAITING)]
    assert slow.most == AT_ONCE
    assert hasher.hash("afterwards") == "afterwards"
