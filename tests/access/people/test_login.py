"""The first start, log-in, sessions and passwords over HTTP."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from counterfoil.access.domain import DEFAULT_WORKSPACE, Permission
from counterfoil.access.infrastructure.people_tables import PasswordRow, SessionRow, TicketRow, UserRow
from counterfoil.access.people.domain import Browser, TicketKind
from counterfoil.access.people.first_start import FirstStart
from counterfoil.foundation.database import Database, Row
from tests.support.people import HERE, OTHER_PASSWORD, PASSWORD, Premises, proof_in


def count(premises: Premises, table: type[Row]) -> int:
    with premises.database.reading() as tx:
        return int(tx.execute(select(func.count()).select_from(table)).scalar_one())


def first_user(premises: Premises, ticket: str, **changes: str) -> dict[str, Any]:
    return {"ticket": ticket, "email": "olga@example.com", "name": "Olga", "password": PASSWORD, **changes}


def reset_proof(premises: Premises, email: str = "olga@example.com") -> str:
    with premises.database.transaction() as tx:
        user = premises.login.users.by_email(tx, email)
        assert user
        return proof_in(premises.login.tickets.make(tx, TicketKind.PASSWORD_RESET, user.id).url)


def test_whoever_has_the_printed_link_becomes_the_owner_of_the_default_workspace(premises: Premises) -> None:
    browser = premises.browser()
    assert browser.get("/auth/state").json() == {"set_up": False, "user": None, "workspace": None, "workspaces": []}
    line = premises.first_start.invitation()
    assert line
    assert f"{HERE}/start#" in line
    answer = browser.post("/auth/first-start", first_user(premises, proof_in(line), email="Olga@Example.COM"))
    assert answer.status_code == 201
    state = browser.get("/auth/state").json()
    assert state == answer.json()
    assert (state["set_up"], state["user"]["email"]) == (True, "olga@example.com")
    assert state["workspace"] == str(DEFAULT_WORKSPACE)
    (workspace,) = state["workspaces"]
    assert (workspace["role"], set(workspace["permissions"])) == ("owner", set(Permission))
    assert browser.get("/documents").json() == str(DEFAULT_WORKSPACE)
    assert premises.first_start.invitation() is None


def test_the_first_link_works_once_and_only_the_newest(premises: Premises) -> None:
    old, new = premises.first_proof(), premises.first_proof()
    browser = premises.browser()
    assert browser.post("/auth/first-start", first_user(premises, old)).json()["code"] == "ticket_refused"
    assert browser.post("/auth/first-start", first_user(premises, new)).status_code == 201
    again = premises.browser().post("/auth/first-start", first_user(premises, new, email="eve@example.com"))
    assert (again.status_code, again.json()["code"]) == (403, "ticket_refused")
    assert count(premises, UserRow) == 1


def test_a_first_link_expires_after_a_day(premises: Premises) -> None:
    proof = premises.first_proof()
    premises.clock.pass_by(timedelta(hours=24))
    answer = premises.browser().post("/auth/first-start", first_user(premises, proof))
    assert answer.json()["code"] == "ticket_refused"


def test_of_two_who_come_at_once_with_one_link_one_becomes_the_owner(premises: Premises) -> None:
    """Both have looked at the ticket and found it good before either of them uses it."""
    proof, meet = premises.first_proof(), threading.Barrier(2, timeout=60)
    hash_alone = premises.hasher.hash

    def hash_together(password: str) -> str:
        meet.wait()
        return hash_alone(password)

    premises.hasher.hash = hash_together  # type: ignore[method-assign]

    def come(name: str) -> int:
        wanted = first_user(premises, proof, email=f"{name}@example.com")
        return premises.browser().post("/auth/first-start", wanted).status_code

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(come, ["olga", "eve"])) == [201, 403]
    assert count(premises, UserRow) == 1


def test_a_link_of_the_first_start_is_of_no_use_once_somebody_was_made_on_the_command_line(premises: Premises) -> None:
    premises.owner()
    with premises.database.transaction() as tx:
        proof = proof_in(premises.login.tickets.make(tx, TicketKind.FIRST_START).url)
    answer = premises.browser().post("/auth/first-start", first_user(premises, proof, email="eve@example.com"))
    assert (answer.status_code, answer.json()["code"]) == (409, "already_set_up")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"email": "nobody"}, "invalid_email"),
        ({"email": "Olga <olga@example.com>"}, "invalid_email"),
        ({"email": "a@b,c@d"}, "invalid_email"),
        ({"email": "olga@exa\u0000mple.com"}, "invalid_email"),
        ({"email": "o" * 65 + "@example.com"}, "invalid_email"),
        ({"email": "olga@" + "e" * 250}, "invalid_email"),
        ({"name": " "}, "invalid_name"),
        ({"name": "Olga\u202e"}, "invalid_name"),
        ({"name": "o" * 201}, "invalid_name"),
        ({"password": "short phrase"}, "password_too_short"),
        ({"password": "e\u0301" * 14}, "password_too_short"),
        ({"password": "long phrase " * 30}, "password_too_long"),
        ({"password": "passwordpassword"}, "password_too_common"),
        ({"password": "x" * 2000}, "validation_error"),
    ],
)
def test_what_cannot_be_taken_is_refused_and_leaves_the_link_as_it_is(
    premises: Premises, changes: dict[str, str], code: str
) -> None:
    proof = premises.first_proof()
    answer = premises.browser().post("/auth/first-start", first_user(premises, proof, **changes))
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert premises.browser().post("/auth/first-start", first_user(premises, proof)).status_code == 201


def test_a_password_with_half_a_sign_is_refused_rather_than_an_error(premises: Premises) -> None:
    body = b'{"email": "olga@example.com", "password": "\\ud800 and some more words"}'
    answer = premises.browser().http.post("/auth/login", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")


def test_log_in_knows_an_email_in_any_case_and_width_and_a_password_in_any_composition(premises: Premises) -> None:
    password = "cafe\u0301 au lait avec \U0001f382"
    wanted = first_user(premises, premises.first_proof(), password=password)
    assert premises.browser().post("/auth/first-start", wanted).status_code == 201
    for email in ("OLGA@example.com", " olga@example.com", "\uff4flga@example.com"):
        assert premises.browser().log_in(email, "caf\u00e9 au lait avec \U0001f382").status_code == 200
    assert premises.browser().log_in("olga@example.com", password.upper()).status_code == 401


def test_nobody_learns_whether_the_email_or_the_password_was_wrong(premises: Premises) -> None:
    premises.owner()
    before = premises.hasher.work
    answers = []
    for email in ("olga@example.com", "eve@example.com"):
        answers.append(premises.browser().log_in(email, "not the right password"))
        assert premises.hasher.work == (before := before + 1)
    known, unknown = answers
    assert (known.status_code, known.json()["code"]) == (401, "login_refused")
    assert known.json() == unknown.json()
    assert "set-cookie" not in known.headers


def test_a_log_in_begins_a_session_of_its_own_and_ends_the_one_that_was_shown(premises: Premises) -> None:
    browser = premises.owner()
    before = browser.session
    assert browser.log_in("olga@example.com").status_code == 200
    assert browser.session != before
    assert count(premises, SessionRow) == 1
    other = premises.browser()
    other.http.cookies.set("counterfoil_session", str(before))
    assert other.get("/documents").json()["code"] == "session_over"


def test_a_session_that_an_attacker_has_planted_does_not_become_the_victims(premises: Premises) -> None:
    premises.owner()
    victim = premises.browser()
    victim.http.cookies.set("counterfoil_session", "planted")
    assert "counterfoil_session=planted" not in victim.log_in("olga@example.com").headers["set-cookie"]
    attacker = premises.browser()
    attacker.http.cookies.set("counterfoil_session", "planted")
    assert attacker.get("/documents").status_code == 401


@pytest.mark.parametrize(
    ("public_url", "name", "secure"),
    [
        ("http://counterfoil.test", "counterfoil_session", False),
        ("https://counterfoil.test", "__Host-counterfoil_session", True),
    ],
)
def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(
    database: Database, public_url: str, name: str, secure: bool
) -> None:
    premises = Premises.at(database.url, public_url)
    answer = premises.owner().log_in("olga@example.com")
    session, device = answer.headers.get_list("set-cookie")
    for said, called, days in ((session, name, 30), (device, name.replace("session", "device"), 365)):
        cookie, *attributes = said.split("; ")
        assert cookie.partition("=")[0] == called
        assert len(cookie.partition("=")[2]) >= 43
        expected = {"HttpOnly", "Path=/", "SameSite=lax", f"Max-Age={days * 86_400}"} | (
            {"Secure"} if secure else set()
        )
        assert set(attributes) == expected
    assert answer.headers["cache-control"] == "no-store"
    premises.database.close()


def test_a_session_ends_after_half_a_day_without_use_and_after_a_month_of_it(premises: Premises) -> None:
    browser = premises.owner()
    premises.clock.pass_by(timedelta(hours=11, minutes=59))
    assert browser.get("/documents").status_code == 200
    premises.clock.pass_by(timedelta(hours=12))
    assert browser.get("/documents").json()["code"] == "session_over"
    assert browser.log_in("olga@example.com").status_code == 200
    for _ in range(60):
        premises.clock.pass_by(timedelta(hours=12) - timedelta(seconds=1))
        assert browser.get("/documents").status_code == 200
    premises.clock.pass_by(timedelta(minutes=2))
    assert browser.get("/documents").json()["code"] == "session_over"
    assert browser.get("/auth/state").json()["user"] is None


def test_the_last_use_of_a_session_is_noted_once_a_minute(premises: Premises) -> None:
    browser = premises.owner()
    begun = premises.clock.now()

    def seen() -> timedelta:
        with premises.database.reading() as tx:
            moment = tx.execute(select(SessionRow.last_seen_at)).scalar_one()
        return moment - begun  # type: ignore[no-any-return]

    for wait, noted in ((59, 0), (1, 60), (59, 60), (1, 120)):
        premises.clock.pass_by(timedelta(seconds=wait))
        assert browser.get("/documents").status_code == 200
        assert seen() == timedelta(seconds=noted)


def test_one_sees_ones_sessions_and_ends_them(premises: Premises) -> None:
    browser, other = premises.owner(), premises.browser()
    wanted = {"email": "olga@example.com", "password": PASSWORD}
    assert other.post("/auth/login", wanted, **{"User-Agent": "Phone\x7f"}).status_code == 200
    shown = browser.get("/auth/sessions").json()["items"]
    assert [(one["device"], one["current"]) for one in shown] == [("Phone", False), ("testclient", True)]
    assert browser.delete(f"/auth/sessions/{shown[0]['id']}").status_code == 204
    assert other.get("/documents").status_code == 401
    assert browser.get("/documents").status_code == 200
    assert browser.delete(f"/auth/sessions/{shown[0]['id']}").json()["code"] == "session_not_found"


def test_log_out_ends_the_session_and_forgets_the_cookie(premises: Premises) -> None:
    browser = premises.owner()
    kept = browser.session
    assert browser.post("/auth/logout").status_code == 204
    assert browser.session is None
    assert browser.post("/auth/logout").status_code == 204
    browser.http.cookies.set("counterfoil_session", str(kept))
    assert browser.get("/documents").status_code == 401
    assert browser.post("/auth/logout").status_code == 204


def test_a_new_password_ends_all_sessions_and_begins_another(premises: Premises) -> None:
    browser, other = premises.owner(), premises.browser()
    other.log_in("olga@example.com")
    before = browser.session
    wrong = browser.post("/auth/password", {"old": "something else here", "new": OTHER_PASSWORD})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "old_password_wrong")
    weak = browser.post("/auth/password", {"old": PASSWORD, "new": "passwordpassword"})
    assert weak.json()["code"] == "password_too_common"
    assert other.get("/documents").status_code == 200
    assert browser.post("/auth/password", {"old": PASSWORD, "new": OTHER_PASSWORD}).status_code == 200
    assert browser.session != before
    assert browser.get("/documents").status_code == 200
    assert other.get("/documents").status_code == 401
    assert premises.browser().log_in("olga@example.com").status_code == 401
    assert premises.browser().log_in("olga@example.com", OTHER_PASSWORD).status_code == 200


def test_a_reset_link_sets_a_password_once_and_ends_all_sessions(premises: Premises) -> None:
    browser = premises.owner()
    old, new = reset_proof(premises), reset_proof(premises)
    stranger = premises.browser()
    for proof, status in ((old, 403), (new, 204), (new, 403)):
        assert stranger.post("/auth/reset", {"ticket": proof, "password": OTHER_PASSWORD}).status_code == status
    assert browser.get("/documents").status_code == 401
    assert stranger.session is None
    assert stranger.log_in("olga@example.com", OTHER_PASSWORD).status_code == 200


def test_a_reset_link_expires_after_an_hour_and_ends_with_a_changed_password(premises: Premises) -> None:
    browser = premises.owner()
    late = reset_proof(premises)
    premises.clock.pass_by(timedelta(hours=1))
    assert browser.post("/auth/reset", {"ticket": late, "password": OTHER_PASSWORD}).json()["code"] == "ticket_refused"
    voided = reset_proof(premises)
    assert browser.post("/auth/password", {"old": PASSWORD, "new": OTHER_PASSWORD}).status_code == 200
    answer = browser.post("/auth/reset", {"ticket": voided, "password": PASSWORD})
    assert answer.json()["code"] == "ticket_refused"


def test_a_ticket_of_one_kind_is_none_of_another(premises: Premises) -> None:
    browser = premises.owner()
    proof = reset_proof(premises)
    wanted = {"ticket": proof, "password": OTHER_PASSWORD, "name": "Olga"}
    assert browser.post("/auth/invitation", wanted).json()["code"] == "ticket_refused"
    assert browser.post("/auth/first-start", {**wanted, "email": "a@b"}).json()["code"] == "ticket_refused"


def test_who_has_no_ticket_gets_no_work_done(premises: Premises) -> None:
    premises.owner()
    before = premises.hasher.work
    for path in ("reset", "invitation"):
        answer = premises.browser().post(f"/auth/{path}", {"ticket": "made up", "password": PASSWORD})
        assert answer.json()["code"] == "ticket_refused"
    assert premises.hasher.work == before


def test_a_password_that_was_changed_while_it_was_looked_at_lets_nobody_in(premises: Premises) -> None:
    premises.owner()
    verify = premises.hasher.verify

    def verify_slowly(kept: str | None, password: str) -> bool:
        right = verify(kept, password)
        with premises.database.transaction() as tx:
            tx.execute(update(PasswordRow).values(kept="1:other"))
        return right

    premises.hasher.verify = verify_slowly  # type: ignore[method-assign]
    assert premises.browser().log_in("olga@example.com").json()["code"] == "login_refused"


def test_a_password_is_hashed_anew_when_the_parameters_have_risen(premises: Premises) -> None:
    premises.owner()
    premises.hasher.version = "2"

    def kept() -> str:
        with premises.database.reading() as tx:
            return str(tx.execute(select(PasswordRow.kept)).scalar_one())

    premises.browser().log_in("olga@example.com", "the wrong password")
    assert kept().startswith("1:")
    assert premises.browser().log_in("olga@example.com").status_code == 200
    assert kept().startswith("2:")
    assert premises.browser().log_in("olga@example.com").status_code == 200


def test_a_disabled_user_is_out_at_once_and_cannot_log_in(premises: Premises) -> None:
    browser = premises.owner()
    proof = reset_proof(premises)
    with premises.database.transaction() as tx:
        tx.execute(update(UserRow).values(disabled_at=premises.clock.now()))
    assert browser.get("/documents").json()["code"] == "session_over"
    assert browser.log_in("olga@example.com").json()["code"] == "login_refused"
    assert browser.post("/auth/reset", {"ticket": proof, "password": PASSWORD}).json()["code"] == "ticket_refused"


OTHERS: list[dict[str, str]] = [
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://evil.test"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://evil.counterfoil.test"},
    {"Sec-Fetch-Site": "cross-site", "Origin": HERE},
    {"Origin": "http://evil.test"},
    {"Origin": "http://counterfoil.test:8000"},
    {"Origin": "http://counterfoil.test.evil.test"},
    {"Origin": "null"},
    {"Origin": "http://["},
]


@pytest.mark.parametrize("headers", OTHERS)
def test_another_site_can_neither_change_anything_nor_log_anybody_in_or_out(
    premises: Premises, headers: dict[str, str]
) -> None:
    browser = premises.owner()
    wanted: list[tuple[str, object]] = [
        ("/targets", None),
        ("/auth/password", {"old": PASSWORD, "new": OTHER_PASSWORD}),
        ("/auth/login", {"email": "olga@example.com", "password": PASSWORD}),
        ("/auth/logout", None),
    ]
    for path, body in wanted:
        answer = browser.http.post(path, json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "cross_site"), path
    assert browser.http.get("/documents", headers=headers).status_code == 200  # a link from elsewhere


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": "http://Counterfoil.test"}, 200),
        ({}, 403),
    ],
)
def test_a_change_by_cookie_takes_a_sign_that_it_comes_from_a_page_of_ours(
    premises: Premises, headers: dict[str, str], status: int
) -> None:
    assert premises.owner().http.post("/targets", headers=headers).status_code == status


def test_a_program_may_log_in_without_saying_where_it_comes_from(premises: Premises) -> None:
    premises.owner()
    answer = premises.browser().http.post("/auth/login", json={"email": "olga@example.com", "password": PASSWORD})
    assert answer.status_code == 200


def test_who_shows_nothing_has_to_log_in(premises: Premises) -> None:
    browser = premises.browser()
    for path in ("/documents", "/auth/sessions"):
        assert browser.get(path).json()["code"] == "login_needed"
    browser.http.cookies.set("counterfoil_session", "")
    assert browser.get("/documents").json()["code"] == "login_needed"


def test_no_secret_is_in_a_log_a_repr_an_error_or_the_database(
    premises: Premises, capsys: pytest.CaptureFixture[str]
) -> None:
    browser = premises.owner()
    proof = reset_proof(premises)
    answers = [
        browser.log_in("olga@example.com", "a wrong password of mine"),
        browser.post("/auth/reset", {"ticket": "made up", "password": PASSWORD}),
        browser.post("/auth/reset", {"ticket": proof, "password": ["x", PASSWORD]}),
        browser.post("/auth/login", {"email": "olga@example.com", "password": PASSWORD, "more": 1}),
    ]
    opened = premises.login.log_in(
        email="olga@example.com", password=PASSWORD, browser=Browser(name="", address=""), before=None
    )
    with premises.database.reading() as tx:
        link = str(premises.login.tickets.look_at(tx, TicketKind.PASSWORD_RESET, proof))
        rows = [
            repr(tx.execute(select(*table.__table__.columns)).all())
            for table in (UserRow, PasswordRow, SessionRow, TicketRow)
        ]
    said = capsys.readouterr()
    secrets = [PASSWORD, proof, str(browser.session), opened.proof, "a wrong password of mine"]
    places = [said.out, said.err, repr(opened), link, *rows, *(answer.text for answer in answers)]
    assert "logged_in" in said.out + said.err
    assert [secret for secret in secrets for place in places if secret in place] == []


def test_a_server_that_starts_says_how_to_begin_until_somebody_has(premises: Premises) -> None:
    assert isinstance(premises.first_start, FirstStart)
    line = premises.first_start.invitation()
    assert line is not None
    assert "\n" not in line
    premises.owner()
    assert premises.first_start.invitation() is None
