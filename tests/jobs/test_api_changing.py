"""Jobs and dead letters over HTTP: found by filters, cancelled, removed, retried, called back."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.api import router
from counterfoil.jobs.dead_letters.api import router as dead_letters_router
from counterfoil.jobs.dead_letters.infrastructure.sql import SqlDeadLetterStore
from counterfoil.jobs.dead_letters.service import DeadLetters
from counterfoil.jobs.domain import DeadReason, Failure, Job, JobStatus, Lease, LogLevel, LogLine, Order, WorkerId
from tests.support import handlers
from tests.support.desk import STRANGER, add, desk
from tests.support.engine import Engine, NoGuard
from tests.support.handlers import Note, light
from tests.support.jobs import make_job

GREET = light(handlers.greet).name


@dataclass(slots=True)
class CleanUps:
    """Remembers what was cleaned up."""

    removed: list[int] = field(default_factory=list)

    def cleaned_up(self, removed: int, seconds: float) -> None:
        assert seconds >= 0
        self.removed.append(removed)

    def clean_up_failed(self) -> None:
        self.removed.append(-1)


@pytest.fixture
def engine(database: Database, tmp_path: Path) -> Engine:
    return Engine(database=database, folder=tmp_path, guard=NoGuard())


@pytest.fixture
def clean_ups() -> CleanUps:
    return CleanUps()


@pytest.fixture
def client(engine: Engine, clean_ups: CleanUps) -> Iterator[TestClient]:
    letters = DeadLetters(
        database=engine.database,
        store=SqlDeadLetterStore(),
        jobs=engine.jobs,
        changes=engine.changes,
        observer=clean_ups,
        kept_for=timedelta(days=90),
    )
    with TestClient(desk(engine, router, dead_letters_router, more={DeadLetters: letters})) as client:
        yield client


def dead(workspace: WorkspaceId, **changes: Any) -> Job:
    facts: dict[str, Any] = {
        "type": GREET,
        "status": JobStatus.DEAD_LETTER,
        "ready": False,
        "attempts": 5,
        "failure": Failure(code="task_timeout", message="It took 100% of the time_out.", stack="line 7"),
        "dead_reason": DeadReason.ATTEMPTS_USED_UP,
        "ended_at": datetime.now(UTC) - timedelta(days=1),
    }
    return make_job(workspace, **(facts | changes))


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["items"]]


def test_every_filter_finds_what_it_says_and_nothing_of_others(
    engine: Engine, client: TestClient, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    with engine.database.transaction() as tx:
        batch = engine.batches.start(tx, workspace)
    special = make_job(
        workspace,
        queue="slow",
        batch_id=batch,
        failure=Failure(code="odd_code", message="Lost 50%_of it"),
        created_at=datetime(2026, 5, 1, tzinfo=UTC),
        description="Read [a]\\b",
    )
    add(engine, special, make_job(workspace), make_job(other_workspace, queue="slow"))
    for query in (
        {"queue": "slow"},
        {"batch_id": str(batch)},
        {"error_code": "odd_code"},
        {"created_after": "2026-05-01T00:00:00Z"},
        {"q": "50%_of"},
        {"q": "[A]\\B"},
    ):
        assert ids(client.get("/jobs", params=query)) == [str(special.id)], query
    for query in (
        {"q": "50_of"},
        {"q": "5%f"},
        {"queue": "%"},
        {"error_code": "' OR 1=1 --"},
        {"q": "'; DROP TABLE jobs"},
    ):
        assert ids(client.get("/jobs", params=query)) == [], query
    assert len(ids(client.get("/jobs", params={"created_before": "2026-05-01T00:00:00Z"}))) == 1


@pytest.mark.parametrize(
    "query", ["q=a%00b", "q=" + "x" * 201, "queue=a%00", "error_code=%C3%A9", "batch_id=1", "status=gone", "limit=-1"]
)
def test_filters_that_make_no_sense_are_refused(client: TestClient, query: str) -> None:
    for path in ("/jobs", "/dlq"):
        if path == "/dlq" and query[:6] in {"batch_", "status"}:
            continue
        assert client.get(f"{path}?{query}").status_code == 422


def test_a_job_is_cancelled_once(engine: Engine, client: TestClient, workspace: WorkspaceId) -> None:
    job = make_job(workspace)
    add(engine, job)
    path = f"/jobs/{job.id}"
    assert client.patch(path, json={"status": "completed"}).status_code == 422
    assert client.patch(path, json={"status": "cancelled"}).json()["status"] == "cancelled"
    again = client.patch(path, json={"status": "cancelled"})
    assert (again.status_code, again.json()["code"]) == (409, "illegal_move")


def test_cancelling_a_parent_cancels_those_that_wait_for_it(
    engine: Engine, client: TestClient, workspace: WorkspaceId
) -> None:
    with engine.database.transaction() as tx:
        parent = engine.jobs.enqueue(tx, workspace, light(handlers.greet), Note())
        child = engine.jobs.enqueue(tx, workspace, light(handlers.greet), Note(), Order(after=[parent]))
    assert client.get(f"/jobs/{child}").json()["parents"] == [str(parent)]
    client.patch(f"/jobs/{parent}", json={"status": "cancelled"})
    assert client.get(f"/jobs/{child}").json()["status"] == "cancelled"


def test_a_job_that_runs_says_who_has_it_and_is_cancelled_by_its_handler(
    engine: Engine, client: TestClient, workspace: WorkspaceId
) -> None:
    worker = WorkerId(new_id())
    presence = engine.presence()
    presence.register(worker, "a worker")
    job = make_job(workspace)
    add(engine, job)
    with engine.database.transaction() as tx:
        engine.leases.claim(tx, worker, Lease(new_id()), ["default"], 1)
    shown = client.get(f"/jobs/{job.id}").json()
    assert shown["worker_id"] == str(worker)
    assert datetime.fromisoformat(shown["worker_heartbeat_at"]) > datetime.now(UTC) - timedelta(minutes=5)
    asked = client.patch(f"/jobs/{job.id}", json={"status": "cancelled"})
    assert (asked.status_code, asked.json()["status"]) == (200, "processing")
    assert client.get(f"/jobs/{job.id}").json()["cancel_requested_at"]
    assert client.delete(f"/jobs/{job.id}").status_code == 409
    presence.leave(worker)


def test_only_what_is_over_is_removed(engine: Engine, client: TestClient, workspace: WorkspaceId) -> None:
    running, over = make_job(workspace), make_job(workspace, status=JobStatus.COMPLETED, ready=False)
    add(engine, running, over)
    refused = client.delete(f"/jobs/{running.id}")
    assert (refused.status_code, refused.json()["code"]) == (409, "illegal_move")
    assert client.delete(f"/jobs/{over.id}").status_code == 204
    assert client.delete(f"/jobs/{over.id}").status_code == 404


def test_a_log_is_read_from_either_end_and_by_importance(
    engine: Engine, client: TestClient, workspace: WorkspaceId
) -> None:
    job = make_job(workspace)
    add(engine, job)
    levels = (LogLevel.DEBUG, LogLevel.INFO, LogLevel.WARN, LogLevel.ERROR)
    now = datetime(2026, 3, 1, tzinfo=UTC)
    lines = [
        LogLine(id=new_id(), job=job.id, level=level, message=level, metadata={}, created_at=now) for level in levels
    ]
    with engine.database.transaction() as tx:
        engine.leases.add_logs(tx, workspace, lines)

    def said(query: str) -> list[str]:
        seen, link = [], f"/jobs/{job.id}/logs?limit=2{query}"
        while link:
            page = client.get(link).json()
            seen += [line["message"] for line in page["items"]]
            link = page["next"]
        return seen

    assert said("") == ["error", "warn", "info", "debug"]
    assert said("&oldest_first=true") == ["debug", "info", "warn", "error"]
    assert said("&level=info&oldest_first=true") == ["info", "warn", "error"]
    assert client.get(f"/jobs/{job.id}/logs?level=loud").status_code == 422


def test_dead_letters_are_listed_filtered_grouped_and_shown_with_their_stack(
    engine: Engine, client: TestClient, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    poison = dead(workspace, dead_reason=DeadReason.POISON, failure=Failure(code="poison", message="3 workers died."))
    late = [dead(workspace) for _ in range(2)]
    add(engine, poison, *late, make_job(workspace), dead(other_workspace))
    assert ids(client.get("/dlq")) == [str(one.id) for one in (*reversed(late), poison)]
    assert ids(client.get("/dlq?limit=2&reason=poison")) == [str(poison.id)]
    assert ids(client.get("/dlq", params={"q": "100% OF"})) == [str(one.id) for one in reversed(late)]
    assert ids(client.get("/dlq", params={"q": "timeXout"})) == []
    groups = client.get("/dlq/groups").json()["items"]
    assert [(one["type"], one["error_code"], one["number"]) for one in groups] == [
        (GREET, "task_timeout", 2),
        (GREET, "poison", 1),
    ]
    shown = client.get(f"/dlq/{late[0].id}").json()
    assert (shown["stack"], shown["reason"], shown["attempt_history"]) == ("line 7", "attempts_used_up", [])
    assert shown["error"]["code"] == "task_timeout"


def test_a_living_job_is_no_dead_letter(engine: Engine, client: TestClient, workspace: WorkspaceId) -> None:
    job = make_job(workspace, status=JobStatus.COMPLETED, ready=False)
    add(engine, job)
    for answer in (client.get(f"/dlq/{job.id}"), client.delete(f"/dlq/{job.id}")):
        assert (answer.status_code, answer.json()["code"]) == (404, "dead_letter_not_found")
    assert client.post(f"/dlq/{job.id}/retry").status_code == 409
    assert client.get(f"/jobs/{job.id}").status_code == 200


@pytest.mark.parametrize("path", ["/jobs/{}/retry", "/dlq/{}/retry"])
def test_a_dead_letter_is_retried_with_a_corrected_payload_or_not_at_all(
    engine: Engine, client: TestClient, workspace: WorkspaceId, path: str
) -> None:
    job = dead(workspace)
    add(engine, job)
    wrong = client.post(path.format(job.id), json={"payload": {"text": 7}})
    assert (wrong.status_code, "text" in wrong.json()["detail"]) == (422, True)
    deep = '{"payload": ' + '{"text":' * 200 + "1" + "}" * 200 + "}"
    answer = client.post(path.format(job.id), content=deep, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    right = client.post(path.format(job.id), json={"payload": {"text": "Bob"}})
    assert (right.status_code, right.json()["status"]) == (200, "pending")
    assert right.json()["payload"] == {"text": "Bob", "number": 0}
    assert client.post(path.format(job.id)).status_code == 409


def test_many_are_retried_by_filter_or_id_but_none_too_often(
    engine: Engine, client: TestClient, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    tired = [dead(workspace, retries=3) for _ in range(2)]
    fresh = [dead(workspace, failure=Failure(code=code, message="No.")) for code in ("one", "two", "three")]
    theirs = dead(other_workspace)
    add(engine, *tired, *fresh, theirs)
    assert client.post("/dlq/retry", json={"error_code": "one"}).json() == {"retried": 1}
    named = [str(fresh[1].id), str(tired[0].id), str(theirs.id)]
    assert client.post("/dlq/retry", json={"ids": named}).json() == {"retried": 1}
    assert client.post("/dlq/retry", json={"ids": []}).json() == {"retried": 0}
    assert client.post("/dlq/retry", json={"q": "%"}).json() == {"retried": 0}
    assert client.post("/dlq/retry", json={}).json() == {"retried": 1}
    assert ids(client.get("/dlq")) == [str(one.id) for one in reversed(tired)]
    assert len(ids(client.get("/dlq", headers=STRANGER))) == 1
    answer = client.post(f"/dlq/{tired[0].id}/retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "retries_used_up")


def test_a_clean_up_removes_what_it_names_or_what_is_too_old_and_is_counted(
    engine: Engine, client: TestClient, clean_ups: CleanUps, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    now = datetime.now(UTC)
    ages = (100, 40, 20, 0)
    letters = [dead(workspace, ended_at=now - timedelta(days=age)) for age in ages]
    other_type = dead(workspace, type="note")
    add(engine, *letters, other_type, dead(other_workspace, ended_at=now - timedelta(days=100)))
    assert client.post("/dlq/cleanup").json() == {"removed": 1}
    assert client.post("/dlq/cleanup", json={"older_than_days": 30}).json() == {"removed": 1}
    assert client.post("/dlq/cleanup", json={"type": "note", "older_than_days": 3}).json() == {"removed": 0}
    assert client.post("/dlq/cleanup", json={"type": "note"}).json() == {"removed": 1}
    assert client.post("/dlq/cleanup", json={"ids": [str(letters[2].id)]}).json() == {"removed": 1}
    assert client.post("/dlq/cleanup", json={}).json() == {"removed": 0}
    assert client.post("/dlq/cleanup", json={"older_than_days": -1}).status_code == 422
    assert ids(client.get("/dlq")) == [str(letters[3].id)]
    assert clean_ups.removed == [1, 1, 0, 1, 1, 0]
    assert client.delete(f"/dlq/{letters[3].id}").status_code == 204
    assert ids(client.get("/dlq")) == []
    assert len(ids(client.get("/dlq", headers=STRANGER))) == 1


def test_another_workspace_finds_changes_and_removes_nothing(
    engine: Engine, client: TestClient, workspace: WorkspaceId
) -> None:
    living, letter = make_job(workspace), dead(workspace)
    add(engine, living, letter)
    for job in (living, letter):
        for answer in (
            client.get(f"/jobs/{job.id}", headers=STRANGER),
            client.get(f"/jobs/{job.id}/logs", headers=STRANGER),
            client.patch(f"/jobs/{job.id}", json={"status": "cancelled"}, headers=STRANGER),
            client.delete(f"/jobs/{job.id}", headers=STRANGER),
            client.post(f"/jobs/{job.id}/retry", headers=STRANGER),
            client.get(f"/dlq/{job.id}", headers=STRANGER),
            client.post(f"/dlq/{job.id}/retry", headers=STRANGER),
            client.delete(f"/dlq/{job.id}", headers=STRANGER),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
    assert client.post("/dlq/cleanup", json={"ids": [str(letter.id)]}, headers=STRANGER).json() == {"removed": 0}
    assert client.get("/dlq/groups", headers=STRANGER).json() == {"items": []}
    assert [engine.jobs.get(workspace, job.id) for job in (living, letter)] == [living, replace(letter)]
