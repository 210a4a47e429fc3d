"""Who belongs to a workspace, what they may do there, and what nobody learns of another workspace."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select, update

from counterfoil.access.domain import DEFAULT_WORKSPACE, Role
from counterfoil.access.infrastructure.people_tables import MembershipRow, UserRow
from tests.support.people import OTHER_PASSWORD, PASSWORD, Browser, Premises, proof_in

HERE = {"X-Workspace": str(DEFAULT_WORKSPACE)}


def members(browser: Browser, **headers: str) -> dict[str, dict[str, Any]]:
    answer = browser.get("/users", **headers)
    assert answer.status_code == 200, answer.text
    return {one["email"]: one for one in answer.json()["items"]}


def invitation(browser: Browser, email: str, role: Role = Role.VIEWER, **headers: str) -> str:
    answer = browser.post("/users", {"email": email, "role": role}, **headers)
    assert answer.status_code == 201, answer.text
    return proof_in(answer.json()["link"])


def workspace(browser: Browser, name: str) -> dict[str, str]:
    """Return the header that names a workspace which this person has made."""
    answer = browser.post("/workspaces", {"name": name})
    assert answer.status_code == 201, answer.text
    return {"X-Workspace": answer.json()["id"]}


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_who_is_invited_sets_a_password_and_is_what_they_were_invited_to_be(premises: Premises) -> None:
    olga = premises.owner()
    anna = premises.member(olga, "Anna@example.com", Role.REVIEWER)
    (belonging,) = anna.get("/auth/state").json()["workspaces"]
    assert (belonging["id"], belonging["role"]) == (str(DEFAULT_WORKSPACE), "reviewer")
    assert set(belonging["permissions"]) == Role.REVIEWER.permissions
    assert anna.get("/documents").status_code == 200
    assert code(anna.post("/targets")) == (403, "not_permitted")
    assert premises.browser().log_in("anna@example.com").status_code == 200
    shown = members(olga)["anna@example.com"]
    assert (shown["name"], shown["role"], shown["disabled"]) == ("Anna", "reviewer", False)
    assert shown["user_id"] == anna.get("/auth/state").json()["user"]["id"]


def test_an_invitation_works_once_for_a_week_and_only_the_newest(premises: Premises) -> None:
    olga, stranger = premises.owner(), premises.browser()
    first, second = invitation(olga, "anna@example.com"), invitation(olga, "anna@example.com", Role.OPERATOR)
    assert len(members(olga)) == 2
    wanted = {"name": "Anna", "password": PASSWORD}
    assert code(stranger.post("/auth/invitation", {"ticket": first, **wanted})) == (403, "ticket_refused")
    premises.accepted(second, "Anna")
    assert members(olga)["anna@example.com"]["role"] == "operator"
    assert code(stranger.post("/auth/invitation", {"ticket": second, **wanted})) == (403, "ticket_refused")
    assert code(olga.post("/users", {"email": "anna@example.com", "role": "viewer"})) == (409, "already_member")
    late = invitation(olga, "late@example.com")
    premises.clock.pass_by(timedelta(days=7))
    assert code(stranger.post("/auth/invitation", {"ticket": late, **wanted})) == (403, "ticket_refused")


def test_an_invitation_that_was_taken_back_lets_nobody_in(premises: Premises) -> None:
    olga = premises.owner()
    proof = invitation(olga, "anna@example.com")
    pending = members(olga)["anna@example.com"]
    assert (pending["accepted_at"], pending["user_id"], pending["name"]) == (None, None, "")
    assert olga.delete(f"/users/{pending['id']}").status_code == 204
    answer = premises.browser().post("/auth/invitation", {"ticket": proof, "name": "Anna", "password": PASSWORD})
    assert code(answer) == (403, "ticket_refused")


def test_who_manages_nobody_sees_and_changes_nobody(premises: Premises) -> None:
    olga = premises.owner()
    for role in (Role.OPERATOR, Role.REVIEWER, Role.VIEWER):
        browser = premises.member(olga, f"{role}@example.com", role)
        key = members(olga)["olga@example.com"]["id"]
        answers = [
            browser.get("/users"),
            browser.post("/users", {"email": "eve@example.com", "role": "viewer"}),
            browser.patch(f"/users/{key}", {"role": "viewer"}),
            browser.delete(f"/users/{key}"),
            browser.post(f"/users/{key}/reset"),
            browser.patch(f"/workspaces/{DEFAULT_WORKSPACE}", {"name": "Mine"}),
        ]
        assert {code(answer) for answer in answers} == {(403, "not_permitted")}


def test_an_administrator_makes_and_unmakes_no_owner(premises: Premises) -> None:
    olga = premises.owner()
    premises.member(olga, "oscar@example.com", Role.OWNER)
    adam = premises.member(olga, "adam@example.com", Role.ADMIN)
    invitation(olga, "pending@example.com", Role.OWNER)
    there = members(adam)
    oscar, pending, me = (f"/users/{there[f'{one}@example.com']['id']}" for one in ("oscar", "pending", "adam"))
    answers = [
        adam.post("/users", {"email": "eve@example.com", "role": "owner"}),
        adam.post("/users", {"email": "pending@example.com", "role": "viewer"}),
        adam.patch(me, {"role": "owner"}),
        adam.patch(oscar, {"role": "viewer"}),
        adam.delete(oscar),
        adam.delete(pending),
        adam.post(f"{oscar}/reset"),
    ]
    assert [code(answer) for answer in answers] == [(403, "role_too_high")] * len(answers)
    assert code(adam.patch(f"/workspaces/{DEFAULT_WORKSPACE}", {"name": "Mine"})) == (403, "not_permitted")
    assert members(olga) == there
    assert adam.post("/users", {"email": "ada@example.com", "role": "admin"}).status_code == 201


def test_a_new_role_counts_from_the_next_request_on(premises: Premises) -> None:
    olga = premises.owner()
    anna = premises.member(olga, "anna@example.com", Role.VIEWER)
    key = members(olga)["anna@example.com"]["id"]
    assert code(anna.post("/targets")) == (403, "not_permitted")
    assert olga.patch(f"/users/{key}", {"role": "admin"}).json()["role"] == "admin"
    assert anna.post("/targets").status_code == 200
    assert olga.delete(f"/users/{key}").status_code == 204
    assert code(anna.get("/documents")) == (404, "workspace_not_found")
    assert anna.get("/auth/state").json()["workspaces"] == []
    assert code(olga.delete(f"/users/{key}")) == (404, "member_not_found")


def test_the_last_owner_can_neither_go_nor_be_made_less(premises: Premises) -> None:
    olga = premises.owner()
    me = f"/users/{members(olga)['olga@example.com']['id']}"
    invitation(olga, "pending@example.com", Role.OWNER)
    assert code(olga.patch(me, {"role": "admin"})) == (409, "last_owner")
    assert code(olga.delete(me)) == (409, "last_owner")
    assert olga.patch(me, {"role": "owner"}).status_code == 200
    oscar = premises.member(olga, "oscar@example.com", Role.OWNER)
    assert olga.patch(me, {"role": "viewer"}).status_code == 200
    his = f"/users/{members(oscar)['oscar@example.com']['id']}"
    assert code(oscar.delete(his)) == (409, "last_owner")


def test_an_owner_who_is_disabled_is_none_who_could_stay_behind(premises: Premises) -> None:
    olga = premises.owner()
    premises.member(olga, "oscar@example.com", Role.OWNER)
    with premises.database.transaction() as tx:
        disabled = update(UserRow).where(UserRow.email == "oscar@example.com")
        tx.execute(disabled.values(disabled_at=premises.clock.now()))
    there = members(olga)
    assert there["oscar@example.com"]["disabled"]
    assert code(olga.delete(f"/users/{there['olga@example.com']['id']}")) == (409, "last_owner")
    assert olga.delete(f"/users/{there['oscar@example.com']['id']}").status_code == 204


def test_two_owners_who_remove_each_other_at_once_leave_one(premises: Premises) -> None:
    olga = premises.owner()
    oscar = premises.member(olga, "oscar@example.com", Role.OWNER)
    there, meet = members(olga), threading.Barrier(2, timeout=60)

    def remove(browser: Browser, email: str) -> int:
        meet.wait()
        return browser.delete(f"/users/{there[email]['id']}").status_code

    with ThreadPoolExecutor(2) as threads:
        statuses = sorted(threads.map(remove, [olga, oscar], ["oscar@example.com", "olga@example.com"]))
    assert statuses[0] == 204
    assert statuses[1] in {404, 409}  # who is no member any more when they ask finds no workspace
    with premises.database.reading() as tx:
        owners = select(func.count()).where(MembershipRow.role == "owner")
        assert tx.execute(owners).scalar_one() == 1


def test_a_reset_link_is_made_for_whom_one_may_manage_everywhere(premises: Premises) -> None:
    olga = premises.owner()
    adam = premises.member(olga, "adam@example.com", Role.ADMIN)
    anna = premises.member(olga, "anna@example.com", Role.OPERATOR)
    key = members(olga)["anna@example.com"]["id"]
    link = adam.post(f"/users/{key}/reset").json()["link"]
    assert "/reset#" in link
    assert anna.post("/auth/reset", {"ticket": proof_in(link), "password": OTHER_PASSWORD}).status_code == 204
    assert anna.log_in("anna@example.com", OTHER_PASSWORD).status_code == 200

    made_before = proof_in(adam.post(f"/users/{key}/reset").json()["link"])
    theirs = workspace(anna, "Anna's own")
    for manager in (adam, olga):
        assert code(manager.post(f"/users/{key}/reset")) == (403, "reset_not_yours")
    used = anna.post("/auth/reset", {"ticket": made_before, "password": PASSWORD})
    assert code(used) == (403, "ticket_refused")
    accepted = invitation(anna, "olga@example.com", Role.OWNER, **theirs)
    answer = olga.post("/auth/invitation", {"ticket": accepted, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    assert olga.post(f"/users/{key}/reset", **HERE).status_code == 201


def test_a_reset_link_does_not_open_a_role_that_came_later(premises: Premises) -> None:
    olga = premises.owner()
    adam = premises.member(olga, "adam@example.com", Role.ADMIN)
    premises.member(olga, "anna@example.com", Role.OPERATOR)
    key = members(olga)["anna@example.com"]["id"]
    proof = proof_in(adam.post(f"/users/{key}/reset").json()["link"])
    assert olga.patch(f"/users/{key}", {"role": "owner"}).status_code == 200
    answer = adam.post("/auth/reset", {"ticket": proof, "password": OTHER_PASSWORD})
    assert code(answer) == (403, "ticket_refused")


def test_nobody_makes_a_reset_link_for_who_has_not_come_yet(premises: Premises) -> None:
    olga = premises.owner()
    invitation(olga, "anna@example.com")
    key = members(olga)["anna@example.com"]["id"]
    assert code(olga.post(f"/users/{key}/reset")) == (404, "member_not_found")


def test_an_invitation_never_replaces_the_password_of_somebody_who_has_one(premises: Premises) -> None:
    """Whoever invites has seen the link, and may be a stranger to the one whom they invite."""
    olga = premises.owner()
    eve = premises.member(olga, "eve@example.com", Role.VIEWER)
    eves = workspace(eve, "Eve's")
    proof = invitation(eve, "olga@example.com", Role.OWNER, **eves)
    taken = {"ticket": proof, "name": "Eve was here", "password": OTHER_PASSWORD}
    assert code(eve.post("/auth/invitation", taken)) == (401, "login_refused")
    assert premises.browser().log_in("olga@example.com", PASSWORD).status_code == 200
    premises.accepted(proof, "Another name")
    state = premises.browser().log_in("olga@example.com").json()
    assert state["user"]["name"] == "Olga Owner"
    assert [one["name"] for one in state["workspaces"]] == ["default", "Eve's"]


def test_an_invitation_tells_nothing_about_who_is_a_user_elsewhere(premises: Premises) -> None:
    olga = premises.owner()
    eve = premises.member(olga, "eve@example.com", Role.VIEWER)
    eves = workspace(eve, "Eve's")
    known = eve.post("/users", {"email": "olga@example.com", "role": "viewer"}, **eves).json()
    unknown = eve.post("/users", {"email": "zoe@example.com", "role": "viewer"}, **eves).json()
    for answer in (known, unknown):
        for word in ("id", "email"):
            assert answer["member"].pop(word)
        assert answer.pop("link").startswith("http://counterfoil.test/invitation#")
    assert known == unknown
    assert members(eve, **eves)["olga@example.com"]["name"] == ""


def test_an_invitation_to_one_workspace_leaves_that_to_another_as_it_is(premises: Premises) -> None:
    olga = premises.owner()
    other = workspace(olga, "Other")
    first = invitation(olga, "anna@example.com", Role.VIEWER, **HERE)
    second = invitation(olga, "anna@example.com", Role.ADMIN, **other)
    premises.accepted(second, "Anna")
    anna = premises.accepted(first, "Anna")
    assert [one["role"] for one in anna.get("/auth/state").json()["workspaces"]] == ["viewer", "admin"]


def test_a_person_works_in_their_first_workspace_or_in_the_one_that_they_name(premises: Premises) -> None:
    olga = premises.owner()
    other = workspace(olga, "  Other   books ")
    assert premises.furnished == [one for one in premises.furnished if str(one) == other["X-Workspace"]] != []
    assert olga.get("/documents").json() == str(DEFAULT_WORKSPACE)
    assert olga.get("/documents", **other).json() == other["X-Workspace"]
    assert olga.get("/auth/state", **other).json()["workspace"] == other["X-Workspace"]
    shown = olga.get("/workspaces").json()["items"]
    assert [(one["name"], one["role"]) for one in shown] == [("default", "owner"), ("Other books", "owner")]
    for name in (str(uuid4()), "default", "", "x" * 5000):
        assert code(olga.get("/documents", **{"X-Workspace": name})) == (404, "workspace_not_found")


def test_another_workspace_and_its_members_are_not_there(premises: Premises) -> None:
    olga = premises.owner()
    eve = premises.member(olga, "eve@example.com", Role.VIEWER)
    eves = workspace(eve, "Eve's")
    olgas = members(olga)["olga@example.com"]["id"]
    answers = [
        olga.get("/users", **eves),
        olga.patch(f"/workspaces/{eves['X-Workspace']}", {"name": "Mine"}, **eves),
        olga.patch(f"/workspaces/{eves['X-Workspace']}", {"name": "Mine"}),
    ]
    assert {code(answer) for answer in answers} == {(404, "workspace_not_found")}
    strangers = [
        eve.patch(f"/users/{olgas}", {"role": "viewer"}, **eves),
        eve.delete(f"/users/{olgas}", **eves),
        eve.post(f"/users/{olgas}/reset", **eves),
    ]
    assert {code(answer) for answer in strangers} == {(404, "member_not_found")}
    assert [one["email"] for one in members(eve, **eves).values()] == ["eve@example.com"]


def test_an_owner_renames_the_workspace(premises: Premises) -> None:
    olga = premises.owner()
    assert olga.patch(f"/workspaces/{DEFAULT_WORKSPACE}", {"name": "Acme"}).json()["name"] == "Acme"
    assert [one["name"] for one in olga.get("/workspaces").json()["items"]] == ["Acme"]
    assert code(olga.patch(f"/workspaces/{DEFAULT_WORKSPACE}", {"name": "\n"})) == (422, "invalid_name")


def test_members_come_in_pages(premises: Premises) -> None:
    olga = premises.owner()
    for number in range(3):
        invitation(olga, f"{number}@example.com")
    page, found = olga.get("/users?limit=2").json(), []
    while True:
        found += [one["email"] for one in page["items"]]
        if not page["next"]:
            break
        page = olga.get(page["next"]).json()
    assert found == ["2@example.com", "1@example.com", "0@example.com", "olga@example.com"]


@pytest.mark.parametrize(
    ("path", "body"), [("/users", {"email": "eve@example.com", "role": "owner"}), ("/workspaces", {"name": "Eve's"})]
)
def test_another_site_can_neither_invite_nor_make_workspaces(
    premises: Premises, path: str, body: dict[str, str]
) -> None:
    olga = premises.owner()
    assert code(olga.http.post(path, json=body, headers={"Origin": "http://evil.test"})) == (403, "cross_site")
    assert code(olga.http.post(path, json=body)) == (403, "cross_site")
    assert code(premises.browser().post(path, body)) == (401, "login_needed")
    assert olga.post(path, body).status_code == 201
