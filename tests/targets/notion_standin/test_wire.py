"""What the stand-in says to requests that are wrong as requests: tokens, versions, addresses, bodies, rights."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.support.notion.server import Notion
from tests.support.notion.tables import Table


@pytest.fixture
def http(notion: Notion) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=f"{notion.url}/v1/", headers=headers(notion.token), verify=False) as http:
        yield http


def headers(token: str, version: str = "2022-06-28") -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Notion-Version": version}


def refused(answer: httpx2.Response) -> tuple[int, str, str]:
    body = answer.json()
    assert body["object"] == "error"
    assert body["status"] == answer.status_code
    return answer.status_code, body["code"], body["message"]


def test_an_unknown_token_is_unauthorized(http: httpx2.Client) -> None:
    answer = http.get("users/me", headers={"Authorization": "Bearer ntn_other"})

    assert refused(answer) == (401, "unauthorized", "API token is invalid.")


def test_the_version_has_to_be_named_once_and_be_known(http: httpx2.Client, notion: Notion) -> None:
    twice = [*headers(notion.token).items(), ("Notion-Version", "2022-02-22")]
    with httpx2.Client(verify=False) as bare:
        missing = bare.get(f"{notion.url}/v1/users/me", headers={"Authorization": f"Bearer {notion.token}"})
        doubled = bare.get(f"{notion.url}/v1/users/me", headers=twice)

    assert refused(missing)[:2] == (400, "missing_version")
    assert refused(doubled)[:2] == (400, "validation_error")
    assert '"2022-06-28, 2022-02-22"' in refused(doubled)[2]
    assert refused(http.get("users/me", headers={"Notion-Version": "2024-01-01"}))[:2] == (400, "validation_error")
    assert [one.header("notion-version") for one in notion.requests][1] == ["2022-06-28", "2022-02-22"]


def test_a_server_may_offer_the_oldest_version_alone() -> None:
    with Notion(versions=["2022-06-28"]).serving() as notion, httpx2.Client(verify=False) as http:
        old = http.get(f"{notion.url}/v1/users/me", headers=headers(notion.token))
        new = http.get(f"{notion.url}/v1/users/me", headers=headers(notion.token, "2026-03-11"))

    assert old.status_code == 200
    assert refused(new)[:2] == (400, "validation_error")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "data_sources/{id}"), ("GET", "nothing"), ("PUT", "pages/{id}"), ("POST", "data_sources/{id}/query")],
)
def test_an_address_that_the_version_does_not_have_is_refused(http: httpx2.Client, method: str, path: str) -> None:
    answer = http.request(method, path.format(id="00000000-0000-4000-8000-000000000000"))

    assert refused(answer) == (400, "invalid_request_url", "Invalid request URL.")


def test_what_notion_has_and_the_stand_in_has_not_is_said_to_be_missing(http: httpx2.Client, expenses: Table) -> None:
    template = {"parent": {"database_id": expenses.database_id}, "markdown": "# Receipt"}

    assert http.post("comments", json={}).status_code == 501
    assert http.get(f"pages/{expenses.database_id}/properties/title").status_code == 501
    assert http.post("pages", json=template).status_code == 501


def test_an_id_in_a_path_has_to_be_one(http: httpx2.Client) -> None:
    assert refused(http.get("pages/mine")) == (
        400,
        "validation_error",
        'path failed validation: path.page_id should be a valid uuid, instead was `"mine"`.',
    )


def test_a_body_has_to_be_json_and_no_larger_than_half_a_megabyte(http: httpx2.Client) -> None:
    sent = {"content-type": "application/json"}

    assert refused(http.post("pages", content=b"{", headers=sent)) == (400, "invalid_json", "Error parsing JSON body.")
    assert refused(http.post("pages", json={"x": "y" * 500_000}))[1] == "validation_error"


def test_what_is_not_shared_is_not_there(http: httpx2.Client, notion: Notion, expenses: Table) -> None:
    other = notion.connect("Other")
    path = f"databases/{expenses.database_id}"

    status, code, message = refused(http.get(path, headers=headers(other.token)))
    notion.share(expenses.database_id, other)
    shared = http.get(path, headers=headers(other.token))
    notion.unshare(expenses.database_id)

    assert (status, code) == (404, "object_not_found")
    assert f"Could not find database with ID: {expenses.database_id}." in message
    assert '"Other"' in message
    assert shared.status_code == 200
    assert http.get(path).status_code == 404
    assert notion.requests[0].token == other.token


@pytest.mark.parametrize(
    ("lacking", "method", "path", "body"),
    [
        ("read_content", "GET", "databases/{id}", None),
        ("insert_content", "POST", "pages", {"parent": {"database_id": "{id}"}}),
        ("update_content", "PATCH", "databases/{id}", {}),
        ("read_users", "GET", "users", None),
        ("insert_content", "POST", "file_uploads", {}),
    ],
)
def test_a_connection_without_the_right_may_not(
    http: httpx2.Client, notion: Notion, expenses: Table, lacking: str, method: str, path: str, body: Any
) -> None:
    less = notion.connect("Less", without=lacking)
    notion.share(expenses.database_id, less)

    answer = http.request(method, path.format(id=expenses.database_id), headers=headers(less.token), json=body)

    assert refused(answer)[:2] == (403, "restricted_resource")


def test_a_linked_database_has_no_sources(http: httpx2.Client, notion: Notion, expenses: Table) -> None:
    linked = notion.linked(expenses)

    new = http.get(f"databases/{linked}", headers={"Notion-Version": "2025-09-03"})

    assert new.json()["data_sources"] == []
    assert "does not contain any data sources" in refused(http.get(f"databases/{linked}"))[2]


def test_a_page_is_told_from_a_database(http: httpx2.Client, notion: Notion) -> None:
    page = notion.page("Notes")

    assert "is a page, not a database" in refused(http.get(f"databases/{page}"))[2]


def test_a_bot_says_how_large_its_files_may_be(http: httpx2.Client, notion: Notion) -> None:
    notion.store.max_file_bytes = 1000

    me = http.get("users/me").json()

    assert me["type"] == "bot"
    assert me["bot"]["workspace_limits"] == {"max_file_upload_size_in_bytes": 1000}
