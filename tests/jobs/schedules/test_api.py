"""Schedules over HTTP: their shape, their errors, and the wall between workspaces."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from counterfoil.access.domain import WorkspaceId
from counterfoil.access.service import AccessService
from counterfoil.foundation import problems
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.domain import Failure
from counterfoil.jobs.schedules.api import router
from counterfoil.jobs.schedules.service import ScheduleService
from tests.conftest import ACME
from tests.support.access import WORKSPACE, access_to
from tests.support.schedules import Slots, make_schedule

WANTED: Mapping[str, Any] = {
    "name": "Nightly export",
    "cron": "30 2 * * *",
    "time_zone": "Europe/Berlin",
    "job_type": "note",
    "payload": {"text": "hello"},
}


@pytest.fixture
def slots(database: Database) -> Slots:
    return Slots(database)


@pytest.fixture
def client(slots: Slots) -> TestClient:
    app = FastAPI()
    app.include_router(router)
    problems.install(app)
    app.state.services = {ScheduleService: slots.service, AccessService: access_to(ACME)}
    return TestClient(app)


def made(client: TestClient, **changes: Any) -> dict[str, Any]:
    answer = client.post("/schedules", json={**WANTED, **changes})
    assert answer.status_code == 201, answer.text
    schedule: dict[str, Any] = answer.json()
    return schedule


def test_a_schedule_is_made_and_shown(client: TestClient) -> None:
    schedule = made(client)
    assert client.get(f"/schedules/{schedule['id']}").json() == schedule
    next_run_at = datetime.fromisoformat(schedule.pop("next_run_at"))
    assert next_run_at > datetime.fromisoformat(schedule.pop("created_at"))
    assert str(UUID(schedule["id"])) == schedule.pop("id")
    assert schedule == {
        **WANTED,
        "description": "At 02:30 every day",
        "queue": None,
        "priority": None,
        "missed_runs": "once",
        "enabled": True,
        "last_run_at": None,
        "last_job_id": None,
        "left_out": 0,
        "last_error": None,
        "created_by": None,
    }


@pytest.mark.parametrize(
    ("changes", "code", "named"),
    [
        ({"cron": "0 0 30 2 *"}, "invalid_cron", "cron"),
        ({"cron": "* * * * * *"}, "invalid_cron", "cron"),
        ({"time_zone": "Europe/Bielefeld"}, "unknown_time_zone", "time_zone"),
        ({"job_type": "gone"}, "unknown_job_type", "job type"),
        ({"payload": {"text": 7}}, "invalid_input", "text"),
        ({"cron": "* * * *\u0000*"}, "validation_error", "body.cron"),
        ({"cron": "9" * 201}, "validation_error", "body.cron"),
        ({"name": "  "}, "validation_error", "body.name"),
        ({"name": "a\u0000b"}, "validation_error", "body.name"),
        ({"priority": 11}, "validation_error", "body.priority"),
        ({"missed_runs": "twice"}, "validation_error", "body.missed_runs"),
        ({"cro": "* * * * *"}, "validation_error", "body.cro"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(
    client: TestClient, changes: dict[str, Any], code: str, named: str
) -> None:
    schedule = made(client, name="There already")
    for answer in (
        client.post("/schedules", json={**WANTED, **changes}),
        client.patch(f"/schedules/{schedule['id']}", json=changes),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert named in answer.json()["detail"]
        assert answer.headers["content-type"] == "application/problem+json"
    assert client.get("/schedules").json()["items"] == [schedule]


def test_half_a_character_is_no_name(client: TestClient) -> None:
    body = b'{"name": "a\\ud800", "cron": "@daily", "job_type": "note", "payload": {"text": "x"}}'
    answer = client.post("/schedules", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")


def test_a_name_that_is_taken_is_a_conflict(client: TestClient) -> None:
    made(client)
    other = made(client, name="Other")
    for answer in (
        client.post("/schedules", json=WANTED),
        client.patch(f"/schedules/{other['id']}", json={"name": WANTED["name"]}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "schedule_name_taken")


def test_what_a_patch_leaves_out_stays_and_null_gives_back_to_the_job_type(client: TestClient) -> None:
    schedule = made(client, queue="low", priority=9)
    path = f"/schedules/{schedule['id']}"
    assert client.patch(path, json={"name": "Other"}).json() == {**schedule, "name": "Other"}
    assert client.patch(path, json={"queue": None}).json() == {**schedule, "name": "Other", "queue": None}
    assert client.patch(path, json={"cron": None}).status_code == 422
    moved = client.patch(path, json={"cron": "0 3 * * *", "missed_runs": "all"}).json()
    assert (moved["description"], moved["missed_runs"], moved["priority"]) == ("At 03:00 every day", "all", 9)
    assert moved["next_run_at"] != schedule["next_run_at"]


def test_a_schedule_is_paused_and_goes_on(client: TestClient) -> None:
    path = f"/schedules/{made(client)['id']}"
    paused = client.patch(path, json={"enabled": False}).json()
    assert (paused["enabled"], paused["next_run_at"]) == (False, None)
    assert client.get(path).json() == paused
    going_on = client.patch(path, json={"enabled": True}).json()
    assert going_on["enabled"]
    assert going_on["next_run_at"]
    assert made(client, name="Paused from the start", enabled=False)["next_run_at"] is None


def test_a_schedule_says_why_it_was_paused(slots: Slots, client: TestClient, workspace: WorkspaceId) -> None:
    failure = Failure(code="unknown_job_type", message="There is no job type 'gone'.", stack="secret")
    schedule = make_schedule(workspace, next_run_at=None, job_type="gone").paused(failure)
    slots.add(schedule)
    answer = client.get(f"/schedules/{schedule.id}")
    assert answer.json()["last_error"] == {"code": failure.code, "message": failure.message}
    assert "secret" not in answer.text


def test_an_expression_that_is_none_any_more_spoils_no_list(
    slots: Slots, client: TestClient, workspace: WorkspaceId
) -> None:
    slots.add(make_schedule(workspace, next_run_at=None, cron="every full moon"))
    (shown,) = client.get("/schedules").json()["items"]
    assert shown["description"] == "every full moon"


def test_a_run_now_makes_a_job(slots: Slots, client: TestClient) -> None:
    schedule = made(client, enabled=False)
    answer = client.post(f"/schedules/{schedule['id']}/run")
    assert answer.status_code == 202
    (job,) = slots.asked()
    assert answer.json() == {"job_id": str(job.job_id)}
    assert client.get(f"/schedules/{schedule['id']}").json()["last_job_id"] == str(job.job_id)


def test_a_removed_schedule_is_gone(client: TestClient) -> None:
    path = f"/schedules/{made(client)['id']}"
    assert client.delete(path).status_code == 204
    for answer in (client.get(path), client.delete(path), client.post(f"{path}/run"), client.patch(path, json={})):
        assert (answer.status_code, answer.json()["code"]) == (404, "schedule_not_found")


def test_the_list_is_followed_by_its_links(client: TestClient) -> None:
    names = [made(client, name=str(number))["name"] for number in range(5)]
    seen: list[str] = []
    link = "/schedules?limit=2"
    while link:
        page = client.get(link).json()
        assert len(page["items"]) <= 2
        seen.extend(schedule["name"] for schedule in page["items"])
        link = page["next"]
    assert seen == names[::-1]


def test_another_workspace_sees_and_changes_nothing(
    slots: Slots, client: TestClient, other_workspace: WorkspaceId
) -> None:
    schedule = made(client)
    path = f"/schedules/{schedule['id']}"
    stranger = {WORKSPACE: str(other_workspace)}
    assert client.get("/schedules", headers=stranger).json() == {"items": [], "next": None}
    for answer in (
        client.get(path, headers=stranger),
        client.patch(path, json={"enabled": False}, headers=stranger),
        client.delete(path, headers=stranger),
        client.post(f"{path}/run", headers=stranger),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "schedule_not_found")
    assert client.get(path).json() == schedule
    assert slots.keys() == []
    assert client.post("/schedules", json=WANTED, headers=stranger).status_code == 201


def test_a_preview_says_in_words_and_slots_what_an_expression_means(client: TestClient) -> None:
    body = {"cron": "30 6 * * MON-FRI", "time_zone": "America/New_York", "count": 6}
    answer = client.post("/schedules/preview", json=body)
    assert answer.status_code == 200
    assert answer.json()["description"] == "At 06:30 on Monday through Friday"
    slots = answer.json()["next_runs"]
    assert len(slots) == 6
    for slot in slots:
        local = datetime.fromisoformat(slot["local"])
        assert (local.hour, local.minute) == (6, 30)
        assert local.utcoffset() in {timedelta(hours=-4), timedelta(hours=-5)}
        assert local.isoweekday() <= 5
        assert local == datetime.fromisoformat(slot["at"])
    assert client.get("/schedules").json()["items"] == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"cron": "0 0 31 2 *"}, "invalid_cron"),
        ({"cron": "@daily", "time_zone": "Mars/Olympus"}, "unknown_time_zone"),
        ({"cron": "@daily", "count": 101}, "validation_error"),
        ({}, "validation_error"),
    ],
)
def test_a_preview_of_what_cannot_be_used_says_why(client: TestClient, body: dict[str, Any], code: str) -> None:
    answer = client.post("/schedules/preview", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_a_schedule_that_is_not_there_is_not_found(client: TestClient) -> None:
    assert client.get(f"/schedules/{new_id()}").status_code == 404
    assert client.get("/schedules/not-an-id").status_code == 422
