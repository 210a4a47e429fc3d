"""Jobs over HTTP: their shape, their lists, and the wall between workspaces."""

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from counterfoil.access.domain import WorkspaceId
from counterfoil.access.service import AccessService
from counterfoil.foundation import problems
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.api import router
from counterfoil.jobs.changes import JobChanges
from counterfoil.jobs.domain import DeadReason, Failure, Job, JobStatus, Lease, Progress, WorkerId
from counterfoil.jobs.service import JobService
from tests.conftest import ACME
from tests.support import handlers
from tests.support.access import WORKSPACE, access_to
from tests.support.engine import Engine, NoGuard
from tests.support.handlers import light
from tests.support.jobs import make_job


@pytest.fixture
def engine(database: Database, tmp_path: Path) -> Engine:
    return Engine(database=database, folder=tmp_path, guard=NoGuard())


@pytest.fixture
def client(engine: Engine) -> TestClient:
    app = FastAPI()
    app.include_router(router)
    problems.install(app)
    entrance = access_to(ACME)
    app.state.services = {JobService: engine.jobs, JobChanges: engine.changes, AccessService: entrance}
    return TestClient(app)


def add(engine: Engine, *jobs: Job) -> None:
    with engine.database.transaction() as tx:
        engine.store.add(tx, jobs)


def test_a_job_shows_where_it_stands_and_what_went_wrong_but_no_stack(
    engine: Engine, client: TestClient, workspace: WorkspaceId
) -> None:
    failure = Failure(code="task_timeout", message="The job took longer than 900 s.", stack="secret")
    job = make_job(
        workspace,
        status=JobStatus.DEAD_LETTER,
        ready=False,
        attempts=5,
        failure=failure,
        dead_reason=DeadReason.ATTEMPTS_USED_UP,
    )
    add(engine, job)
    answer = client.get(f"/jobs/{job.id}")
    assert answer.status_code == 200
    assert "secret" not in answer.text
    shown = answer.json()
    assert shown == {
        "id": str(job.id),
        "type": "note",
        "queue": "default",
        "status": "dead_letter",
        "description": "",
        "payload": {},
        "priority": 3,
        "attempts": 5,
        "max_attempts": 5,
        "progress": None,
        "result": None,
        "error": {"code": "task_timeout", "message": "The job took longer than 900 s."},
        "dead_reason": "attempts_used_up",
        "created_at": "2026-03-01T12:00:00Z",
        "scheduled_for": None,
        "started_at": None,
        "completed_at": None,
        "failed_at": None,
        "next_retry_at": None,
        "deadline": None,
        "ended_at": None,
        "cancel_requested_at": None,
        "retries": 0,
        "concurrency_key": None,
        "batch_id": None,
        "metadata": {},
        "parents": [],
        "children": [],
        "worker_id": None,
        "worker_heartbeat_at": None,
        "attempt_history": [],
        "timeline": [{"at": "2026-03-01T12:00:00Z", "what": "created", "attempt": None}],
    }


def test_a_job_that_ran_shows_its_progress_result_attempts_and_log(
    engine: Engine, client: TestClient, workspace: WorkspaceId
) -> None:
    job = engine.enqueue(workspace, light(handlers.ask_back), number=7)
    with engine.working():
        engine.await_status(workspace, job)
    shown = client.get(f"/jobs/{job}").json()
    assert shown["status"] == "completed"
    assert shown["progress"] == {
        "total": 1,
        "processed": 1,
        "failed": 0,
        "percentage": 100.0,
        "message": "One of one",
    }
    (attempt,) = shown["attempt_history"]
    assert (attempt["number"], attempt["ending"], attempt["error"]) == (1, "completed", None)
    (line,) = client.get(f"/jobs/{job}/logs").json()["items"]
    assert (line["level"], line["message"], line["metadata"]) == ("info", "Began", {"number": 7})


def test_the_list_is_filtered_and_followed_by_its_links(
    engine: Engine, client: TestClient, workspace: WorkspaceId
) -> None:
    reads = [make_job(workspace, type="read_document") for _ in range(3)]
    add(engine, *reads, make_job(workspace, status=JobStatus.COMPLETED, ready=False))
    seen: list[str] = []
    link = "/jobs?status=pending&type=read_document&limit=2"
    while link:
        page = client.get(link).json()
        seen.extend(job["id"] for job in page["items"])
        link = page["next"]
    assert seen == [str(job.id) for job in reversed(reads)]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1000000000", "status=done", "cursor=forged", "type=" + "x" * 101, "type=a%00b"]
)
def test_parameters_that_make_no_sense_are_refused(client: TestClient, query: str) -> None:
    answer = client.get(f"/jobs?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("hostile", ["' OR 1=1 --", "%", "_", "note'; DROP TABLE jobs"])
def test_a_filter_is_data_and_nothing_else(
    engine: Engine, client: TestClient, workspace: WorkspaceId, hostile: str
) -> None:
    add(engine, make_job(workspace))
    assert client.get("/jobs", params={"type": hostile}).json()["items"] == []
    assert len(client.get("/jobs").json()["items"]) == 1


def test_another_workspace_sees_and_changes_nothing(
    engine: Engine, client: TestClient, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    job = make_job(workspace, status=JobStatus.DEAD_LETTER, ready=False)
    add(engine, job)
    stranger = {WORKSPACE: str(other_workspace)}
    assert client.get("/jobs", headers=stranger).json() == {"items": [], "next": None}
    for path in (f"/jobs/{job.id}", f"/jobs/{job.id}/logs"):
        answer = client.get(path, headers=stranger)
        assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
    assert client.post(f"/jobs/{job.id}/retry", headers=stranger).status_code == 404
    assert engine.jobs.get(workspace, job.id) == job


def test_a_dead_letter_is_retried_once(engine: Engine, client: TestClient, workspace: WorkspaceId) -> None:
    job = make_job(workspace, status=JobStatus.DEAD_LETTER, ready=False, attempts=5)
    add(engine, job)
    first, second = (client.post(f"/jobs/{job.id}/retry") for _ in range(2))
    assert (first.status_code, first.json()["status"], first.json()["attempts"]) == (200, "pending", 0)
    assert (second.status_code, second.json()["code"]) == (409, "illegal_move")


def test_a_job_that_is_not_there_is_not_found(client: TestClient) -> None:
    assert client.get(f"/jobs/{new_id()}").status_code == 404
    assert client.get("/jobs/not-an-id").status_code == 422


def test_progress_without_a_total_has_no_percentage(engine: Engine, client: TestClient, workspace: WorkspaceId) -> None:
    job = make_job(workspace)
    add(engine, job)
    with engine.database.transaction() as tx:
        (claimed,) = engine.leases.claim(tx, WorkerId(new_id()), Lease(new_id()), ["default"], 1)
        assert claimed.lease
        engine.leases.set_progress(tx, job.id, claimed.lease, Progress(processed=3))
    assert client.get(f"/jobs/{job.id}").json()["progress"]["percentage"] is None
