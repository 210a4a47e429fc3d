"""Making jobs over HTTP: what is taken, what is refused and by which name, once for each idempotency key."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from pydantic import BaseModel

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.api import router
from counterfoil.jobs.context import JobContext
from counterfoil.jobs.domain import JobId, Json
from counterfoil.jobs.limits.domain import Period, Rate
from counterfoil.jobs.types import Handled, JobType
from tests.support.desk import STRANGER, desk
from tests.support.engine import Engine, NoGuard

WANTED: Mapping[str, Any] = {"type": "light_greet", "payload": {"text": "Ada"}}


class Anything(BaseModel):
    """A payload that takes every JSON."""

    any: Any = None
    number: float = 0


def take(_: JobContext, payload: Anything) -> Json:
    return payload.model_dump()


ANYTHING = JobType(name="take", payload=Anything, light=True)


@pytest.fixture
def engine(database: Database, tmp_path: Path) -> Engine:
    return Engine(database=database, folder=tmp_path, guard=NoGuard(), more=[Handled(type=ANYTHING, handler=take)])


@pytest.fixture
def client(engine: Engine) -> TestClient:
    return TestClient(desk(engine, router))


def made(client: TestClient, key: str | None = None, **changes: Any) -> dict[str, Any]:
    headers = {"Idempotency-Key": key} if key else {}
    answer = client.post("/jobs", json={**WANTED, **changes}, headers=headers)
    assert answer.status_code == 201, answer.text
    job: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/jobs/{job['id']}"
    return job


def test_a_job_is_made_as_it_was_ordered(engine: Engine, client: TestClient) -> None:
    parent = made(client)["id"]
    job = made(
        client,
        queue="low_priority",
        priority="critical",
        scheduled_for="2030-01-01T08:00:00+02:00",
        deadline="2030-01-02T00:00:00Z",
        concurrency_key="account:7",
        after=[parent],
        despite_parents=True,
        description="Greet Ada",
        metadata={"source": "shop"},
    )
    assert (job["status"], job["queue"], job["priority"]) == ("blocked", "low_priority", 9)
    assert job["payload"] == {"text": "Ada", "number": 0}
    assert (job["scheduled_for"], job["description"]) == ("2030-01-01T06:00:00Z", "Greet Ada")
    shown = client.get(f"/jobs/{job['id']}").json()
    assert (shown["deadline"], shown["concurrency_key"]) == ("2030-01-02T00:00:00Z", "account:7")
    assert (shown["parents"], shown["children"], shown["metadata"]) == ([parent], [], {"source": "shop"})
    assert client.get(f"/jobs/{parent}").json()["children"] == [job["id"]]


def test_a_job_that_was_made_over_http_is_done(engine: Engine, client: TestClient, workspace: WorkspaceId) -> None:
    job = made(client)
    with engine.working():
        engine.await_status(workspace, JobId(UUID(job["id"])))
    shown = client.get(f"/jobs/{job['id']}").json()
    assert shown["result"]["greeting"] == "Hello Ada"
    assert [moment["what"] for moment in shown["timeline"]] == ["created", "started", "completed"]


@pytest.mark.parametrize(
    ("changes", "code", "named"),
    [
        ({"type": "gone"}, "unknown_job_type", "gone"),
        ({"type": ""}, "validation_error", "body.type"),
        ({"type": "x" * 101}, "validation_error", "body.type"),
        ({"type": "__import__"}, "unknown_job_type", "__import__"),
        ({"type": "../../etc/passwd"}, "unknown_job_type", "passwd"),
        ({"type": "a b"}, "validation_error", "body.type"),
        ({"payload": {"text": 7}}, "validation_error", "text"),
        ({"payload": [1]}, "validation_error", "body.payload"),
        ({"priority": 11}, "validation_error", "body.priority"),
        ({"priority": -1}, "validation_error", "body.priority"),
        ({"priority": "urgent"}, "validation_error", "body.priority"),
        ({"priority": True}, "validation_error", "body.priority"),
        ({"scheduled_for": "2030-01-01T08:00:00"}, "validation_error", "body.scheduled_for"),
        ({"scheduled_for": "0001-01-01T00:00:00+14:00"}, "validation_error", "body.scheduled_for"),
        ({"deadline": "9999-12-31T23:59:59-12:00"}, "validation_error", "body.deadline"),
        ({"queue": "a/b"}, "validation_error", "body.queue"),
        ({"description": "x" * 501}, "validation_error", "body.description"),
        ({"description": "a\u0000b"}, "validation_error", "body.description"),
        ({"after": ["nobody"]}, "validation_error", "body.after"),
        ({"after": [str(new_id())]}, "parent_not_found", "to wait for"),
        ({"jobType": "x"}, "validation_error", "body.jobType"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(
    client: TestClient, changes: dict[str, Any], code: str, named: str
) -> None:
    answer = client.post("/jobs", json={**WANTED, **changes})
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert named in answer.json()["detail"]
    assert client.get("/jobs").json()["items"] == []


def test_parents_and_batches_of_another_workspace_are_not_there(
    engine: Engine, client: TestClient, other_workspace: WorkspaceId
) -> None:
    theirs = client.post("/jobs", json=WANTED, headers=STRANGER).json()["id"]
    with engine.database.transaction() as tx:
        batch = engine.batches.start(tx, other_workspace)
    assert client.post("/jobs", json={**WANTED, "after": [theirs]}).json()["code"] == "parent_not_found"
    answer = client.post("/jobs", json={**WANTED, "batch_id": str(batch)})
    assert (answer.status_code, answer.json()["code"]) == (404, "job_batch_not_found")
    assert client.get("/jobs").json()["items"] == []


def test_the_same_request_makes_one_job_and_another_under_its_key_is_refused(client: TestClient) -> None:
    first = made(client, "order-1", metadata={"a": 1, "b": 2})
    assert made(client, "order-1", metadata={"b": 2, "a": 1})["id"] == first["id"]
    for other in ({"payload": {"text": "Bob"}}, {"description": "Other"}, {"metadata": {"a": 2}}, {"priority": 0}):
        answer = client.post("/jobs", json={**WANTED, **other}, headers={"Idempotency-Key": "order-1"})
        assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")
    assert len(client.get("/jobs").json()["items"]) == 1
    theirs = client.post("/jobs", json=WANTED, headers={"Idempotency-Key": "order-1", **STRANGER})
    assert theirs.status_code == 201
    assert theirs.json()["id"] != first["id"]


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\u00e9".encode("latin-1"), b"a\tb"])
def test_a_key_that_is_empty_too_long_or_not_printable_is_refused(client: TestClient, key: str | bytes) -> None:
    answer = client.post(
        "/jobs", json=WANTED, headers={b"Idempotency-Key": key if isinstance(key, bytes) else key.encode()}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_error")
    assert made(client, "x" * 255)


def test_a_workspace_makes_so_many_jobs_an_hour_and_is_told_when_to_come_back(
    engine: Engine, client: TestClient
) -> None:
    limited = TestClient(desk(engine, router, rate=Rate(count=2, period=Period.HOUR, burst=2)))
    for _ in range(2):
        assert limited.post("/jobs", json=WANTED).status_code == 201
    refused = limited.post("/jobs", json=WANTED)
    assert (refused.status_code, refused.json()["code"]) == (429, "job_limit_reached")
    assert 1 <= int(refused.headers["retry-after"]) <= 3600
    assert limited.post("/jobs", json=WANTED, headers=STRANGER).status_code == 201


def post(client: TestClient, body: str | bytes) -> Any:
    return client.post("/jobs", content=body, headers={"content-type": "application/json"})


def taking(payload: str) -> str:
    return f'{{"type": "take", "payload": {payload}}}'


@pytest.mark.parametrize(
    "payload",
    [
        '{"any": ' + "[" * 10_000 + "]" * 10_000 + "}",
        '{"any": ' + "[" * 200 + "]" * 200 + "}",
        '{"any": ' + '{"a":' * 200 + "1" + "}" * 200 + "}",
        '{"any": NaN}',
        '{"number": NaN}',
        '{"any": [-Infinity]}',
        '{"number": 1e400}',
        '{"any": 1' + "0" * 5000 + "}",
        "{",
        "",
    ],
)
def test_json_that_nobody_can_keep_is_refused(client: TestClient, payload: str) -> None:
    answer = post(client, taking(payload))
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"
    metadata = post(client, f'{{"type": "take", "metadata": {payload}}}')
    assert metadata.status_code in {400, 422}
    assert client.get("/jobs").json()["items"] == []


@pytest.mark.parametrize(
    ("payload", "kept"),
    [
        ('{"any": 9223372036854775808}', {"any": 2**63, "number": 0}),
        ('{"any": 1e22}', {"any": 1e22, "number": 0}),
        ('{"any": "a\\u0000b\\ud800c"}', {"any": "ab?c", "number": 0}),
        ('{"any": {"\\udfff": 1}}', {"any": {"?": 1}, "number": 0}),
        ('{"any": 1, "any": 2}', {"any": 2, "number": 0}),
        ('{"any": ' + "[" * 90 + "]" * 90 + "}", {"any": json.loads("[" * 90 + "]" * 90), "number": 0}),
    ],
)
def test_odd_json_is_kept_as_it_will_be_read(client: TestClient, payload: str, kept: dict[str, Any]) -> None:
    answer = post(client, taking(payload))
    assert answer.status_code == 201, answer.text
    assert client.get(f"/jobs/{answer.json()['id']}").json()["payload"] == kept


def test_a_body_over_the_limit_is_refused_and_one_below_it_answered(client: TestClient) -> None:
    keys = ", ".join(f'"{number}": 0' for number in range(1_000_000))
    assert post(client, taking(f'{{"any": {{{keys}}}}}')).status_code == 413
    fewer = ", ".join(f'"{number}": 0' for number in range(70_000))
    assert post(client, taking(f'{{"any": {{{fewer}}}}}')).status_code == 201
    assert post(client, taking(json.dumps({"any": "x" * 1_000_001}))).json()["code"] == "payload_too_large"


def test_times_in_filters_are_bounded_and_exact(client: TestClient) -> None:
    created = made(client)["created_at"]
    assert datetime.fromisoformat(created).tzinfo
    assert len(client.get("/jobs", params={"created_after": created}).json()["items"]) == 1
    assert client.get("/jobs", params={"created_before": created}).json()["items"] == []
    for wrong in ("0001-01-01T00:00:00+14:00", "yesterday", "2026-01-01", "2026-01-01T00:00:00"):
        assert client.get("/jobs", params={"created_after": wrong}).status_code == 422
