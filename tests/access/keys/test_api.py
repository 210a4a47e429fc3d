"""API keys over HTTP: their shape, their errors, and the wall between workspaces."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response

from counterfoil.access.api import may
from counterfoil.access.domain import Permission, Role, WorkspaceId
from counterfoil.access.keys.api import router
from counterfoil.access.keys.domain import Secret
from counterfoil.access.keys.service import ApiKeyService
from counterfoil.access.service import AccessService
from counterfoil.foundation import problems
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from tests.conftest import ACME, BIRCH
from tests.support.access import ROLE, WORKSPACE, NamedEntrance, Nobody
from tests.support.keys import Keys, showing

WANTED: Mapping[str, Any] = {"name": "n8n", "permissions": ["documents:write", "jobs:read"]}


@pytest.fixture
def client(database: Database) -> Iterator[TestClient]:
    keys = Keys(database)
    app = FastAPI()
    app.include_router(router)
    problems.install(app)

    @app.get("/jobs")
    def jobs(workspace: Annotated[WorkspaceId, may(Permission.JOBS_READ)]) -> str:
        return str(workspace)

    access = AccessService(entrances=[keys.entrance, NamedEntrance(ACME)], witness=Nobody())
    app.state.services = {ApiKeyService: keys.service, AccessService: access}
    with TestClient(app) as client:
        yield client


def made(client: TestClient, headers: Mapping[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    answer = client.post("/api-keys", json={**WANTED, **changes}, headers=headers)
    assert answer.status_code == 201, answer.text
    key: dict[str, Any] = answer.json()
    return key


def problem(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_key_is_made_and_its_secret_shown_once(client: TestClient, database: Database) -> None:
    answer = client.post("/api-keys", json={**WANTED, "expires_at": "2099-03-01T13:00:00+01:00"})
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    key = answer.json()
    secret = Secret.read(key.pop("secret"))
    assert secret
    shown = client.get(f"/api-keys/{key['id']}")
    listed = client.get("/api-keys")
    assert shown.json() == key
    assert listed.json() == {"items": [key], "next": None}
    for later in (shown.text, listed.text, answer.text.replace(secret.text, "")):
        assert secret.text not in later
        assert secret.sha256 not in later
    assert str(UUID(key.pop("id"))) in shown.text
    assert datetime.fromisoformat(key.pop("created_at")).utcoffset() == timedelta(0)
    assert key == {
        **WANTED,
        "hint": secret.hint,
        "created_by": "tester",
        "expires_at": "2099-03-01T12:00:00Z",
        "last_used_at": None,
        "revoked_at": None,
    }


def test_a_program_that_shows_a_key_may_do_what_the_key_may(client: TestClient) -> None:
    key = made(client, {WORKSPACE: str(BIRCH)}, permissions=["jobs:read"])
    shown = showing(key["secret"])
    assert client.get("/jobs", headers=shown).json() == str(BIRCH)
    assert problem(client.get("/api-keys", headers=shown)) == (403, "not_permitted")
    seen = client.get(f"/api-keys/{key['id']}", headers={WORKSPACE: str(BIRCH)}).json()
    assert seen["last_used_at"] > key["created_at"]


def test_a_key_is_of_its_workspace_whatever_else_the_request_names(client: TestClient) -> None:
    shown = showing(made(client)["secret"])
    assert client.get("/jobs", headers={**shown, WORKSPACE: str(BIRCH), ROLE: Role.OWNER}).json() == str(ACME)


def test_a_revoked_key_lets_nobody_in_and_stays_in_the_list(client: TestClient) -> None:
    key = made(client, name="leaked")
    for _ in range(2):
        assert client.delete(f"/api-keys/{key['id']}").status_code == 204
    assert problem(client.get("/jobs", headers=showing(key["secret"]))) == (401, "key_refused")
    (listed,) = client.get("/api-keys").json()["items"]
    assert (listed["name"], listed["revoked_at"] is not None) == ("leaked", True)


def test_all_refusals_are_the_same_answer_and_no_other_entrance_is_asked(client: TestClient) -> None:
    revoked = made(client)
    client.delete(f"/api-keys/{revoked['id']}")
    whole = revoked["secret"]
    wrong = [whole, Secret.new().text, whole[:-1], whole[:-2] + whole[:-3:-1] + "!", "cfk_", "cfk_" + "a" * 2**20]
    answers = [client.get("/jobs", headers={**showing(secret), ROLE: Role.OWNER}) for secret in wrong]
    answers.append(client.get("/jobs", headers=[(b"authorization", "Bearer cfk_é€".encode())]))
    assert {answer.text for answer in answers} == {answers[0].text}
    assert {problem(answer) for answer in answers} == {(401, "key_refused")}
    assert {answer.headers["www-authenticate"] for answer in answers} == {"Bearer"}
    assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"permissions": ["jobs:own"]}, "unknown_permission"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "invalid_expiry"),
        ({"expires_at": "9999-12-31T23:59:59-14:00"}, "invalid_expiry"),
        ({"expires_at": "0001-01-01T00:00:00+14:00"}, "invalid_expiry"),
        ({"expires_at": "2099-01-01T00:00:00"}, "validation_error"),
        ({"name": "a\nb"}, "invalid_key_name"),
        ({"name": "\u0000"}, "invalid_key_name"),
        ({"name": " "}, "validation_error"),
        ({"name": "x" * 101}, "validation_error"),
        ({"permissions": []}, "validation_error"),
        ({"permissions": ["jobs:read"] * 101}, "validation_error"),
        ({"workspace": str(BIRCH)}, "validation_error"),
        ({"created_by": "user:1"}, "validation_error"),
    ],
)
def test_what_there_can_be_no_key_of_is_refused(client: TestClient, changes: Mapping[str, Any], code: str) -> None:
    assert problem(client.post("/api-keys", json={**WANTED, **changes})) == (422, code)
    assert client.get("/api-keys").json()["items"] == []


def test_nobody_makes_a_key_that_may_do_more_than_they_may(client: TestClient) -> None:
    keeper = showing(made(client, permissions=["keys:manage"])["secret"])
    refused = client.post("/api-keys", json=WANTED, headers=keeper)
    assert problem(refused) == (403, "permissions_beyond_own")
    assert "documents:write, jobs:read" in refused.json()["detail"]
    child = made(client, keeper, permissions=["keys:manage"])
    assert child["created_by"].startswith("key:")


@pytest.mark.parametrize("role", Role)
def test_owners_and_admins_alone_have_to_do_with_keys(client: TestClient, role: Role) -> None:
    key = made(client)
    as_role = {ROLE: role}
    answers = [
        client.get("/api-keys", headers=as_role),
        client.get(f"/api-keys/{key['id']}", headers=as_role),
        client.post("/api-keys", json={**WANTED, "permissions": ["jobs:read"]}, headers=as_role),
        client.delete(f"/api-keys/{key['id']}", headers=as_role),
    ]
    allowed = role in {Role.OWNER, Role.ADMIN}
    assert [answer.status_code for answer in answers] == ([200, 200, 201, 204] if allowed else [403] * 4)


def test_keys_of_another_workspace_are_not_there(client: TestClient) -> None:
    key = made(client)
    as_neighbour = {WORKSPACE: str(BIRCH)}
    for missing in (key["id"], str(new_id())):
        for call in (client.get, client.delete):
            answer = call(f"/api-keys/{missing}", headers=as_neighbour)
            assert problem(answer) == (404, "api_key_not_found")
    assert client.get("/api-keys", headers=as_neighbour).json()["items"] == []
    assert client.get("/jobs", headers=showing(key["secret"])).status_code == 200


def test_keys_are_listed_page_by_page(client: TestClient) -> None:
    names = [made(client, name=f"key {number}")["name"] for number in range(5)]
    found, link = [], "/api-keys?limit=2"
    while link:
        page = client.get(link).json()
        found += [one["name"] for one in page["items"]]
        link = page["next"]
    assert found == names[::-1]
