"""Guessing passwords takes longer and longer, and keeps nobody out who was here before."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from counterfoil.access.domain import Role
from counterfoil.access.infrastructure.delays import KnownDeviceRow, LoginFailureRow
from counterfoil.access.people.delays import FORGOTTEN_AFTER, FREE, LONGEST_DELAY, by_account
from counterfoil.access.people.domain import DEVICE_KNOWN_FOR
from counterfoil.access.people.errors import PasswordsBusy, TooManyLogins
from counterfoil.access.people.proofs import digest_of
from tests.support.people import OTHER_PASSWORD, PASSWORD, Browser, Premises, proof_in

OLGA = "olga@example.com"


def guess(premises: Premises, email: str = OLGA, address: str = "192.0.2.1", times: int = 1) -> list[int]:
    """Return how guesses are answered that come from an address with no cookie."""
    return [premises.browser(client=(address, 1)).log_in(email, "not the password").status_code for _ in range(times)]


def wait(premises: Premises, seconds: float) -> None:
    premises.clock.pass_by(timedelta(seconds=seconds))


def test_from_the_fifth_failure_on_each_has_to_wait_twice_as_long_as_the_one_before(premises: Premises) -> None:
    premises.owner()
    assert guess(premises, times=FREE + 1) == [401] * 5
    delays = []
    for delay in (5, 10, 20, 40, 80, 160, 320, 640, 900, 900):
        wait(premises, delay - 1)
        assert guess(premises) == [429], delay
        wait(premises, 1)
        assert guess(premises) == [401], delay
        delays.append(delay)
    assert delays[-1] == LONGEST_DELAY.total_seconds()


def test_who_has_to_wait_is_told_how_long_and_no_password_is_looked_at(premises: Premises) -> None:
    premises.owner()
    guess(premises, times=5)
    before = premises.hasher.work
    answer = premises.browser(client=("198.51.100.7", 1)).log_in(OLGA, PASSWORD)
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_logins")
    assert int(answer.headers["retry-after"]) >= 1
    assert premises.hasher.work == before
    with pytest.raises(TooManyLogins) as caught:
        premises.login.delays.admit(by_account(OLGA, "198.51.100.7"))
    assert caught.value.retry_at == premises.clock.now() + timedelta(seconds=5)


def test_an_account_that_is_not_there_has_the_same_delays(premises: Premises) -> None:
    premises.owner()
    known = guess(premises, OLGA, "192.0.2.1", times=7)
    unknown = guess(premises, "nobody@example.com", "192.0.2.2", times=7)
    assert known == unknown == [401] * 5 + [429] * 2


def test_a_delay_of_an_account_does_not_depend_on_the_address_or_how_its_email_is_written(premises: Premises) -> None:
    premises.owner()
    emails = [OLGA, "OLGA@example.com", " Olga@example.com", "\uff4flga@example.com", OLGA, OLGA]
    statuses = [guess(premises, email, f"192.0.2.{number}")[0] for number, email in enumerate(emails)]
    assert statuses == [401] * 5 + [429]


@pytest.mark.parametrize(
    ("addresses", "other"),
    [
        (["192.0.2.1"] * 5, "192.0.2.2"),
        ([f"2001:db8::{number}" for number in range(1, 6)], "2001:db8:0:1::1"),
        (["::ffff:192.0.2.1", "192.0.2.1"] * 3, "192.0.2.2"),
    ],
)
def test_an_address_that_tries_many_accounts_has_to_wait(premises: Premises, addresses: list[str], other: str) -> None:
    premises.owner()
    for number, address in enumerate(addresses[:5]):
        assert guess(premises, f"{number}@example.com", address) == [401]
    assert guess(premises, "last@example.com", addresses[0]) == [429]
    assert guess(premises, "last@example.com", other) == [401]


def test_a_browser_that_was_here_before_does_not_wait_for_the_failures_of_others(premises: Premises) -> None:
    browser = premises.owner()
    browser.post("/auth/logout")
    assert guess(premises, address="testclient", times=7)[-1] == 429
    assert browser.log_in(OLGA).status_code == 200
    assert guess(premises)[-1] == 429  # and who guesses waits on


def test_a_browser_that_was_here_before_waits_for_its_own_failures(premises: Premises) -> None:
    browser = premises.owner()
    statuses = [browser.log_in(OLGA, "not the password").status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]
    assert guess(premises) == [401]
    wait(premises, 5)
    assert browser.log_in(OLGA).status_code == 200


def test_what_shows_a_known_browser_is_worth_nothing_for_another_user_or_when_it_is_made_up(premises: Premises) -> None:
    olga = premises.owner()
    adam = premises.member(olga, "adam@example.com", Role.ADMIN)
    guess(premises, times=5)
    assert adam.log_in(OLGA).status_code == 429
    made_up = premises.browser()
    made_up.http.cookies.set("counterfoil_device", "planted")
    assert made_up.log_in(OLGA).status_code == 429
    wait(premises, 5)
    answer = made_up.log_in(OLGA)
    assert answer.status_code == 200
    assert "counterfoil_device=planted" not in answer.headers["set-cookie"]
    with premises.database.reading() as tx:
        assert digest_of("planted") not in tx.execute(select(KnownDeviceRow.digest)).scalars().all()


def test_a_browser_stays_known_for_a_year_after_its_last_log_in(premises: Premises) -> None:
    browser = premises.owner()
    shown = browser.http.cookies.get("counterfoil_device")
    wait(premises, DEVICE_KNOWN_FOR.total_seconds() - 1)
    assert browser.log_in(OLGA).status_code == 200
    assert browser.http.cookies.get("counterfoil_device") == shown
    wait(premises, DEVICE_KNOWN_FOR.total_seconds())
    browser.log_in(OLGA)
    premises.browser().log_in(OLGA)
    with premises.database.reading() as tx:
        assert tx.execute(select(func.count()).select_from(KnownDeviceRow)).scalar_one() == 2


def test_success_ends_the_failures_of_the_account_and_only_its_own_of_the_address(premises: Premises) -> None:
    olga = premises.owner()
    premises.member(olga, "eve@example.com", Role.VIEWER)
    for _ in range(4):
        assert guess(premises, OLGA, "192.0.2.9") == [401]
    assert premises.browser(client=("192.0.2.8", 1)).log_in(OLGA).status_code == 200
    assert guess(premises, OLGA, "192.0.2.7", times=4) == [401] * 4
    # Eve logs in as herself between guesses; her address stays where it was.
    assert premises.browser(client=("192.0.2.9", 1)).log_in("eve@example.com").status_code == 200
    assert guess(premises, "adam@example.com", "192.0.2.9") == [401]
    assert guess(premises, "adam@example.com", "192.0.2.9") == [429]


def test_of_many_guesses_at_once_no_more_are_looked_at_than_one_after_the_other(premises: Premises) -> None:
    premises.owner()
    before = premises.hasher.work
    with ThreadPoolExecutor(12) as threads:
        statuses = list(threads.map(lambda number: guess(premises, address=f"192.0.2.{number}")[0], range(12)))
    assert sorted(statuses) == [401] * 5 + [429] * 7
    assert premises.hasher.work == before + 5


def test_failures_are_forgotten_after_a_day_without_any(premises: Premises) -> None:
    premises.owner()
    guess(premises, times=5)
    wait(premises, FORGOTTEN_AFTER.total_seconds())
    assert guess(premises, times=5) == [401] * 5
    wait(premises, FORGOTTEN_AFTER.total_seconds() + 1)
    guess(premises, "other@example.com", "192.0.2.2")
    with premises.database.reading() as tx:
        assert tx.execute(select(func.count()).select_from(LoginFailureRow)).scalar_one() == 2


def test_an_attempt_that_nobody_had_time_for_is_none(premises: Premises) -> None:
    premises.owner()
    verify = premises.hasher.verify

    def busy(kept: str | None, password: str) -> bool:
        raise PasswordsBusy

    premises.hasher.verify = busy  # type: ignore[method-assign]
    assert guess(premises, times=8) == [503] * 8
    premises.hasher.verify = verify  # type: ignore[method-assign]
    assert guess(premises, times=5) == [401] * 5


def test_who_has_taken_over_a_session_cannot_guess_the_password_in_it(premises: Premises) -> None:
    browser = premises.owner()

    def change(old: str) -> int:
        return browser.post("/auth/password", {"old": old, "new": OTHER_PASSWORD}).status_code

    assert [change("not the old password") for _ in range(6)] == [403] * 5 + [429]
    assert change(PASSWORD) == 429
    assert browser.log_in(OLGA).status_code == 200


def test_who_has_an_invitation_cannot_guess_the_password_by_it(premises: Premises) -> None:
    olga = premises.owner()
    eve = premises.member(olga, "eve@example.com", Role.VIEWER)
    theirs = {"X-Workspace": eve.post("/workspaces", {"name": "Eve's"}).json()["id"]}
    link = eve.post("/users", {"email": OLGA, "role": "viewer"}, **theirs).json()["link"]

    def accept(browser: Browser, password: str) -> int:
        return browser.post("/auth/invitation", {"ticket": proof_in(link), "password": password}).status_code

    assert [accept(eve, "not the password") for _ in range(6)] == [401] * 5 + [429]
    assert guess(premises) == [429]
    assert accept(olga, PASSWORD) == 200


def test_nothing_that_is_kept_of_failures_names_anybody(premises: Premises) -> None:
    premises.owner()
    guess(premises)
    with premises.database.reading() as tx:
        kept = " ".join(tx.execute(select(LoginFailureRow.key)).scalars())
    assert "olga" not in kept
    assert "address:192.0.2.1" in kept
