"""What goes wrong on the way to the stand-in, as tests want it to, and how much it takes in a second."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import httpx2
import pytest
from notion_client import APIResponseError, Client
from notion_client.errors import HTTPResponseError, RequestTimeoutError

from tests.support.notion.faults import (
    CUT_AFTER,
    CUT_BEFORE,
    CUT_WITHIN,
    GARBAGE,
    HTML,
    Fault,
    Request,
    late,
    slow,
    status,
)
from tests.support.notion.limits import Average, Window, densest
from tests.support.notion.process import running
from tests.support.notion.server import Notion
from tests.support.notion.tables import Table
from tests.support.waiting import wait_until


def make(client: Client, table: Table) -> Any:
    return client.pages.create(parent={"data_source_id": table.source_id}, properties={"Total": {"number": 1}})


@pytest.mark.parametrize(("fault", "rows"), [(CUT_BEFORE, 0), (CUT_AFTER, 1), (CUT_WITHIN, 1)])
def test_a_connection_ends_before_the_work_after_it_or_within_the_answer(
    newest: Client, notion: Notion, expenses: Table, fault: Fault, rows: int
) -> None:
    notion.faults.plan(fault, method="POST", path="/pages$")

    with pytest.raises(httpx.RemoteProtocolError):
        make(newest, expenses)

    assert len(expenses.rows()) == rows
    assert make(newest, expenses)["object"] == "page"


def test_work_is_done_after_the_client_was_cut_off(newest: Client, notion: Notion, expenses: Table) -> None:
    gate = threading.Event()
    notion.faults.plan(late(gate))

    with pytest.raises(httpx.RemoteProtocolError):
        make(newest, expenses)

    assert expenses.rows() == []
    gate.set()
    wait_until(lambda: len(expenses.rows()) == 1)


def test_work_is_done_after_the_client_gave_up(notion: Notion, expenses: Table) -> None:
    gate = threading.Event()
    notion.faults.plan(slow(gate))
    options: Any = {"timeout_ms": 50, "notion_version": "2026-03-11", "retry": False}
    with Client(auth=notion.token, base_url=notion.url, **options) as impatient, pytest.raises(RequestTimeoutError):
        make(impatient, expenses)

    assert expenses.rows() == []
    gate.set()
    wait_until(lambda: len(expenses.rows()) == 1)


@pytest.mark.parametrize("number", [409, 429, 500, 502, 503, 504, 529])
def test_an_error_is_answered_and_the_work_is_done_only_when_that_is_said(
    newest: Client, notion: Notion, expenses: Table, number: int
) -> None:
    notion.faults.plan(status(number), status(number).done())

    for rows in (0, 1):
        with pytest.raises(HTTPResponseError) as failed:
            make(newest, expenses)
        assert failed.value.status == number
        assert len(expenses.rows()) == rows


def test_answers_may_be_no_json(newest: Client, notion: Notion, expenses: Table) -> None:
    notion.faults.plan(GARBAGE, HTML)

    with pytest.raises(ValueError, match="Expecting"):
        make(newest, expenses)
    with pytest.raises(HTTPResponseError) as page:
        make(newest, expenses)

    assert "<html>" in page.value.body
    assert len(expenses.rows()) == 1


def test_chance_brings_the_same_faults_for_the_same_seed(notion: Notion, expenses: Table) -> None:
    def statuses() -> Iterator[int]:
        notion.faults.clear()
        notion.faults.chance(0.5, status(500), status(503), seed=7, method="GET")
        headers = {"Authorization": f"Bearer {notion.token}", "Notion-Version": "2022-06-28"}
        with httpx2.Client(headers=headers, verify=False) as http:
            for _ in range(20):
                yield http.get(f"{notion.url}/v1/databases/{expenses.database_id}").status_code

    first = list(statuses())

    assert set(first) == {200, 500, 503}
    assert list(statuses()) == first


def test_a_function_may_choose_what_befalls_a_request(newest: Client, notion: Notion, expenses: Table) -> None:
    def choose(request: Request) -> Fault | None:
        return status(500) if request.method == "POST" and len(notion.asked("POST", "/pages")) == 2 else None

    notion.faults.choose = choose
    make(newest, expenses)

    with pytest.raises(APIResponseError):
        make(newest, expenses)
    assert [one.status for one in notion.asked("POST", "/pages")] == [200, 500]
    assert notion.asked("POST", "/pages")[0].body["properties"] == {"Total": {"number": 1}}


def test_requests_above_the_average_are_told_when_to_come_again() -> None:
    with Notion(limit=lambda: Average(per_second=0.1, burst=3)).serving() as notion:
        other = notion.connect("Other")
        answers = [_ask(notion, notion.token) for _ in range(4)]
        unhindered = _ask(notion, other.token)

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].json()["code"] == "rate_limited"
    again = answers[3].headers["Retry-After"]
    assert 1 <= int(again) <= 10
    assert answers[3].json()["additional_data"] == {"rate_limit_reason": "integration_rate_limit", "retry_after": again}
    assert unhindered.status_code == 200
    assert len(notion.arrivals()) == 4


def test_it_can_be_said_how_many_requests_came_within_a_second() -> None:
    assert densest([0, 0.5, 0.9, 1.2, 5, 5.5], 1) == 3
    assert densest([], 1) == 0


def test_an_average_lets_as_many_pass_as_it_says() -> None:
    limit = Average(per_second=3, burst=5)

    passed = [at for at in range(0, 10_000, 50) if limit.wait(at / 1000) == 0]

    assert 5 + 3 * 10 - 1 <= len(passed) <= 5 + 3 * 10
    assert densest([at / 1000 for at in passed if at > 5000], 1) <= 4


def test_a_window_may_be_spent_at_once_and_the_workspace_has_one_for_all() -> None:
    with Notion(workspace_limit=Window(requests=2, seconds=60)).serving() as notion:
        other = notion.connect("Other")
        answers = [_ask(notion, token) for token in (notion.token, other.token, notion.token)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["additional_data"]["rate_limit_reason"] == "workspace_rate_limit"
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 60


def test_many_may_write_at_once(notion: Notion, expenses: Table) -> None:
    def write(number: int) -> int:
        headers = {"Authorization": f"Bearer {notion.token}", "Notion-Version": "2026-03-11"}
        properties = {"Tags": {"multi_select": [{"name": f"tag {number % 3}"}]}}
        body = {"parent": {"data_source_id": expenses.source_id}, "properties": properties}
        with httpx2.Client(base_url=notion.url, headers=headers, verify=False) as http:
            return sum(http.post("/v1/pages", json=body).status_code for _ in range(5))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(write, range(8))) == [1000] * 8

    assert [row["Number"] for row in expenses.rows()] == list(range(1, 41))
    assert sorted(expenses.options("Tags")) == ["tag 0", "tag 1", "tag 2", "work"]


def test_it_runs_in_a_process_of_its_own() -> None:
    with running("--latency", "0.001") as standin:
        with Client(auth=standin.token, base_url=standin.url, notion_version="2026-03-11") as client:
            properties = {"Name": {"title": [{"text": {"content": "Billa"}}]}, "Total": {"number": 3}}
            client.pages.create(parent={"data_source_id": standin.source_id}, properties=properties)

        [row] = standin.rows()
        [request] = standin.requests()

    assert (row["Name"], row["Total"]) == ("Billa", 3)
    assert (request["method"], request["path"], request["status"]) == ("POST", "/v1/pages", 200)


def _ask(notion: Notion, token: str) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {token}", "Notion-Version": "2026-03-11"}
    return httpx2.get(f"{notion.url}/v1/users/me", headers=headers, verify=False)
