"""How the engine stands: exact figures of one workspace, over an hour, on both databases."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.domain import Attempt, Ending, Failure, Job, JobStatus, Lease, WorkerId
from counterfoil.jobs.infrastructure.rows import attempt_row
from counterfoil.jobs.infrastructure.tables import JobAttemptRow
from counterfoil.jobs.overview.api import router
from counterfoil.jobs.overview.domain import minutes_of
from counterfoil.jobs.overview.infrastructure.sql import SqlOverviewStore
from counterfoil.jobs.overview.service import Overview
from tests.support.desk import STRANGER, add, desk
from tests.support.engine import Engine, NoGuard
from tests.support.jobs import fresh_job

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def engine(database: Database, tmp_path: Path) -> Engine:
    return Engine(database=database, folder=tmp_path, guard=NoGuard())


@pytest.fixture
def client(engine: Engine) -> TestClient:
    overview = Overview(database=engine.database, store=SqlOverviewStore(), queue_service=engine.queues)
    return TestClient(desk(engine, router, more={Overview: overview}))


def ended(
    engine: Engine,
    workspace: WorkspaceId,
    *,
    ago: timedelta = timedelta(minutes=10),
    seconds: float = 1,
    waited: float = 0,
    ending: Ending = Ending.COMPLETED,
    **changes: Any,
) -> Job:
    """Keep a job whose attempt ended so long ago, after so many seconds, begun when it had been due for some."""
    end = datetime.now(UTC) - ago
    start = end - timedelta(seconds=seconds)
    failure = None if ending is Ending.COMPLETED else Failure(code="odd", message="No.")
    status = JobStatus.COMPLETED if ending is Ending.COMPLETED else JobStatus.FAILED
    due = start - timedelta(seconds=waited) if ending is Ending.COMPLETED else end + timedelta(hours=1)
    facts = {"status": status, "ready": False, "created_at": due, "due_at": due, "started_at": start, "ended_at": end}
    job = fresh_job(workspace, failure=failure, **(facts | changes))
    add(engine, job)
    attempt = Attempt(
        job=job.id,
        lease=Lease(new_id()),
        number=1,
        worker=WorkerId(new_id()),
        started_at=start,
        ended_at=end,
        ending=ending,
        failure=failure,
    )
    with engine.database.transaction() as tx:
        tx.execute(insert(JobAttemptRow), attempt_row(attempt, workspace))
    return job


def test_with_nothing_there_every_figure_is_nothing(client: TestClient) -> None:
    nothing = {"p50": None, "p95": None, "p99": None}
    assert client.get("/jobs/stats").json() == {
        "queue_depth": 0,
        "processing": 0,
        "waiting": 0,
        "blocked": 0,
        "failed": 0,
        "dead": 0,
        "completed_last_hour": 0,
        "failed_last_hour": 0,
        "success_rate": None,
        "throughput_per_minute": 0.0,
        "average_duration_ms": None,
        "duration_ms": nothing,
        "start_latency_ms": nothing,
    }
    dashboard = client.get("/jobs/dashboard").json()
    assert (dashboard["queues"], dashboard["types"], dashboard["recent_failures"]) == ({}, [], [])
    assert len(dashboard["history"]) == 60


def test_jobs_are_counted_by_where_they_stand(
    engine: Engine, client: TestClient, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    with engine.database.transaction() as tx:
        batch = engine.batches.start(tx, workspace)
    later = datetime.now(UTC) + timedelta(days=1)
    add(
        engine,
        fresh_job(workspace),
        fresh_job(workspace, ready=False, due_at=later),
        fresh_job(workspace, ready=False, due_at=later, batch_id=batch, queue="slow"),
        fresh_job(workspace, status=JobStatus.PROCESSING, ready=False, queue="slow"),
        fresh_job(workspace, status=JobStatus.WAITING, ready=False),
        fresh_job(workspace, status=JobStatus.BLOCKED, ready=False),
        fresh_job(workspace, status=JobStatus.FAILED, ready=False),
        fresh_job(workspace, status=JobStatus.DEAD_LETTER, ready=False),
        fresh_job(workspace, status=JobStatus.COMPLETED, ready=False),
        fresh_job(other_workspace),
        fresh_job(other_workspace, status=JobStatus.PROCESSING, ready=False),
    )
    shown = client.get("/jobs/stats").json()
    names = ("queue_depth", "processing", "waiting", "blocked", "failed", "dead")
    assert [shown[name] for name in names] == [3, 1, 1, 1, 1, 1]
    queues = client.get("/jobs/dashboard").json()["queues"]
    assert {name: (queue["depth"], queue["processing"]) for name, queue in queues.items()} == {
        "default": (5, 0),
        "slow": (1, 1),
    }
    theirs = client.get("/jobs/stats", headers=STRANGER).json()
    assert (theirs["queue_depth"], theirs["processing"], theirs["dead"]) == (1, 1, 0)


def test_the_last_hour_is_measured_and_what_came_before_is_not(
    engine: Engine, client: TestClient, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    for number in range(1, 101):
        ended(engine, workspace, seconds=number, waited=number / 10)
    for _ in range(25):
        ended(engine, workspace, seconds=500, ending=Ending.FAILED)
    ended(engine, workspace, seconds=7_000, ago=timedelta(minutes=61))
    ended(engine, other_workspace, seconds=3_000)
    shown = client.get("/jobs/stats").json()
    assert (shown["completed_last_hour"], shown["failed_last_hour"]) == (100, 25)
    assert shown["success_rate"] == 80.0
    assert shown["throughput_per_minute"] == pytest.approx(100 / 60, abs=0.01)
    assert shown["average_duration_ms"] == pytest.approx(50_500, abs=2)
    assert shown["duration_ms"] == pytest.approx({"p50": 50_000, "p95": 95_000, "p99": 99_000}, abs=2)
    assert shown["start_latency_ms"] == pytest.approx({"p50": 5_000, "p95": 9_500, "p99": 9_900}, abs=2)
    assert client.get("/jobs/stats", headers=STRANGER).json()["completed_last_hour"] == 1


def test_a_dashboard_shows_failures_types_and_the_hour_by_minutes(
    engine: Engine, client: TestClient, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    early = ended(engine, workspace, ago=timedelta(minutes=30, seconds=10), ending=Ending.FAILED, type="odd")
    late = ended(engine, workspace, ago=timedelta(minutes=5, seconds=10), ending=Ending.FAILED, description="Late")
    ended(engine, workspace, ago=timedelta(minutes=5, seconds=10))
    ended(engine, other_workspace, ending=Ending.FAILED, type="theirs")
    shown = client.get("/jobs/dashboard").json()
    assert [one["job_id"] for one in shown["recent_failures"]] == [str(late.id), str(early.id)]
    assert (shown["recent_failures"][0]["description"], shown["recent_failures"][0]["code"]) == ("Late", "odd")
    assert [(one["type"], one["number"], one["completed"]) for one in shown["types"]] == [("note", 2, 1), ("odd", 1, 0)]
    history = shown["history"]
    assert [minute["at"] for minute in history] == sorted(minute["at"] for minute in history)
    assert sum(minute["completed"] for minute in history) == 1
    assert [number for number, minute in enumerate(history) if minute["failed"]] == [29, 54]
    assert history[-1]["depth"] == 2


def test_depth_is_reckoned_back_from_now() -> None:
    minutes = minutes_of(NOW, 5, made={0: 3, 2: 4}, completed={1: 2}, failed={})
    assert [minute.depth for minute in minutes[-4:]] == [0, 4, 2, 5]
    assert minutes[-1].at == NOW


def test_a_queue_is_limited_paused_and_let_go_on(engine: Engine, client: TestClient, workspace: WorkspaceId) -> None:
    add(engine, fresh_job(workspace, queue="slow"))
    assert client.get("/queues").json()["items"][0]["name"] == "slow"
    limited = client.patch("/queues/slow", json={"at_most": 3}).json()
    assert (limited["at_most"], limited["paused"], limited["depth"]) == (3, False, 1)
    paused = client.patch("/queues/slow", json={"paused": True}).json()
    assert (paused["at_most"], paused["paused"]) == (3, True)
    (theirs,) = client.get("/queues", headers=STRANGER).json()["items"]
    assert (theirs["at_most"], theirs["paused"], theirs["depth"]) == (3, True, 0)
    going_on = client.patch("/queues/slow", json={"paused": False, "at_most": None}).json()
    assert (going_on["at_most"], going_on["paused"], going_on["paused_at"]) == (None, False, None)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("slow", {"at_most": 0}),
        ("slow", {"at_most": 10**9}),
        ("slow", {"paused": "perhaps"}),
        ("slow", {"limit": 3}),
        ("a%00b", {"paused": True}),
        ("x" * 51, {"paused": True}),
        ("'; DROP TABLE jobs", {"paused": True}),
    ],
)
def test_a_queue_is_not_changed_by_what_makes_no_sense(client: TestClient, name: str, body: dict[str, Any]) -> None:
    assert client.patch(f"/queues/{name}", json=body).status_code == 422
    assert client.get("/queues").json() == {"items": []}
