"""What happens to jobs, streamed by a real server: to whom it belongs, while it happens, at the cost of few looks."""

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from sqlalchemy import event as sql_event

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.api import router as jobs_router
from counterfoil.jobs.domain import Job, JobStatus, LogLevel, LogLine, Progress
from counterfoil.jobs.events.api import router
from counterfoil.jobs.events.domain import Glance, Moved, changes
from counterfoil.jobs.events.infrastructure.sql import SqlEventStore
from counterfoil.jobs.events.service import Watch
from counterfoil.jobs.events.streams import MOST_UNREAD, Stream
from tests.support import handlers
from tests.support.desk import STRANGER, add, desk
from tests.support.engine import Engine, NoGuard
from tests.support.handlers import light
from tests.support.jobs import fresh_job
from tests.support.waiting import wait_until

WATCH = "watch"
"""The name of the thread that looks."""


@pytest.fixture
def engine(database: Database, tmp_path: Path) -> Engine:
    return Engine(database=database, folder=tmp_path, guard=NoGuard())


@pytest.fixture
def watch(engine: Engine) -> Iterator[Watch]:
    watch = Watch(database=engine.database, store=SqlEventStore(), exists=engine.jobs.get, most=3)
    yield watch
    # Its thread ends with the last stream, and looks no more at a database that is about to be closed.
    wait_until(lambda: not anybody_watches())


def anybody_watches() -> bool:
    return any(thread.name == WATCH for thread in threading.enumerate())


@pytest.fixture
def http(engine: Engine, watch: Watch) -> Iterator[httpx2.Client]:
    app = desk(engine, jobs_router, router, more={Watch: watch})
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        yield client
    watch.close()
    server.should_exit = True
    thread.join()


@dataclass(frozen=True, slots=True)
class Heard:
    """One event as a client reads it."""

    name: str
    data: Mapping[str, Any]
    id: str | None


def heard(answer: httpx2.Response) -> Iterator[Heard]:
    lines: dict[str, str] = {}
    for line in answer.iter_lines():
        if line.startswith(":"):
            continue
        if not line:
            if lines:
                yield Heard(lines["event"], json.loads(lines["data"]), lines.get("id"))
            lines = {}
            continue
        name, _, value = line.partition(": ")
        lines[name] = value


@contextmanager
def listening(http: httpx2.Client, path: str, **headers: str) -> Iterator[Iterator[Heard]]:
    with http.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield heard(answer)


def say(engine: Engine, job: Job, *messages: str) -> Sequence[LogLine]:
    now = datetime.now(UTC)
    lines = [
        LogLine(id=new_id(), job=job.id, level=LogLevel.INFO, message=one, metadata={}, created_at=now)
        for one in messages
    ]
    with engine.database.transaction() as tx:
        engine.leases.add_logs(tx, job.workspace, lines)
    return lines


def test_a_job_tells_what_it_does_and_when_it_is_over(
    engine: Engine, http: httpx2.Client, workspace: WorkspaceId
) -> None:
    job = engine.enqueue(workspace, light(handlers.ask_back), number=7)
    with listening(http, f"/jobs/{job}/events") as events:
        first = next(events)
        assert (first.name, first.data["status"], first.data["job_id"]) == ("status", "pending", str(job))
        with engine.working():
            rest = list(events)
    assert [one.data["message"] for one in rest if one.name == "log"] == ["Began"]
    assert [one.data["percentage"] for one in rest if one.name == "progress"] == [100.0]
    assert (rest[-2].name, rest[-2].data["status"]) == ("status", "completed")
    assert (rest[-1].name, rest[-1].data["status"]) == ("end", "completed")


def test_lines_are_told_as_they_come_and_from_the_last_that_was_heard(
    engine: Engine, http: httpx2.Client, workspace: WorkspaceId
) -> None:
    job = fresh_job(workspace)
    add(engine, job)
    say(engine, job, "one", "two")
    with listening(http, f"/jobs/{job.id}/events") as events:
        told = [next(events) for _ in range(3)]
        assert [one.data.get("message") for one in told] == ["one", "two", None]
        say(engine, job, "three")
        assert next(events).data["message"] == "three"
    with listening(http, f"/jobs/{job.id}/events", **{"Last-Event-ID": str(told[0].id)}) as events:
        assert [next(events).data.get("message") for _ in range(3)] == ["two", "three", None]
        http.patch(f"/jobs/{job.id}", json={"status": "cancelled"})
        assert [one.name for one in events] == ["status", "end"]


def test_a_job_that_is_over_says_so_and_one_that_is_removed_as_well(
    engine: Engine, http: httpx2.Client, workspace: WorkspaceId
) -> None:
    over, living = fresh_job(workspace, status=JobStatus.COMPLETED, ready=False), fresh_job(workspace)
    add(engine, over, living)
    with listening(http, f"/jobs/{over.id}/events") as events:
        assert [one.name for one in events] == ["status", "end"]
    with listening(http, f"/jobs/{living.id}/events") as events:
        next(events)
        with engine.database.transaction() as tx:
            engine.store.save(tx, fresh_job(workspace, id=living.id, status=JobStatus.CANCELLED, ready=False))
            engine.store.remove(tx, workspace, [living.id])
        assert [one.name for one in events] == ["removed", "end"]


def test_a_workspace_hears_of_its_own_jobs_and_of_no_others(
    engine: Engine, http: httpx2.Client, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    ours, theirs = fresh_job(workspace), fresh_job(other_workspace)
    with listening(http, "/events") as events, listening(http, "/events", **STRANGER) as others:
        add(engine, ours, theirs)
        assert next(events).data["job_id"] == str(ours.id)
        assert next(others).data["job_id"] == str(theirs.id)
        http.patch(f"/jobs/{theirs.id}", json={"status": "cancelled"}, headers=STRANGER)
        assert next(others).data["status"] == "cancelled"
        http.patch(f"/jobs/{ours.id}", json={"status": "cancelled"})
        last = next(events)
        assert (last.data["job_id"], last.data["status"]) == (str(ours.id), "cancelled")
    with listening(http, "/events", **{"Last-Event-ID": str(last.id)}) as events:
        assert next(events).data["job_id"] == str(ours.id)


def test_a_job_of_another_workspace_is_not_there_and_odd_ids_are_refused(
    engine: Engine, http: httpx2.Client, watch: Watch, workspace: WorkspaceId
) -> None:
    job = fresh_job(workspace)
    add(engine, job)
    path = f"/jobs/{job.id}/events"
    stranger = http.get(path, headers=STRANGER)
    assert (stranger.status_code, stranger.json()["code"]) == (404, "job_not_found")
    assert http.get(f"/jobs/{new_id()}/events").status_code == 404
    assert http.get(path, headers={"Last-Event-ID": "forged"}).status_code == 422
    assert http.get("/events", headers={"Last-Event-ID": "9" * 40}).status_code == 422
    assert not anybody_watches()


def test_no_more_watch_than_can_be_served_and_whoever_goes_makes_room(http: httpx2.Client, watch: Watch) -> None:
    with ExitStack() as open_streams:
        for _ in range(watch.most):
            open_streams.enter_context(http.stream("GET", "/events"))
        refused = http.get("/events")
        assert (refused.status_code, refused.json()["code"]) == (503, "too_many_streams")
        assert int(refused.headers["retry-after"]) > 0
    wait_until(lambda: not anybody_watches())
    with http.stream("GET", "/events") as answer:
        assert answer.status_code == 200


def test_many_who_watch_cost_as_few_statements_as_one(
    engine: Engine, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    jobs = [fresh_job(one) for one in (workspace, other_workspace) for _ in range(100)]
    add(engine, *jobs)
    watch = Watch(database=engine.database, store=SqlEventStore(), exists=lambda _, __: None)
    looks: list[Any] = []
    statements: list[str] = []

    def note_look(begun: Any) -> None:
        if threading.current_thread().name == WATCH:
            looks.append(begun)

    def note(*arguments: Any) -> None:
        if threading.current_thread().name == WATCH:
            statements.append(arguments[2])

    loop = asyncio.new_event_loop()
    sql_event.listen(engine.database.engine, "begin", note_look)
    sql_event.listen(engine.database.engine, "before_cursor_execute", note)
    with ExitStack() as streams:
        for job in jobs:
            streams.enter_context(watch.job(job.workspace, job.id, loop))
            streams.enter_context(watch.workspace(job.workspace, loop))
        began, before = len(looks), len(statements)
        wait_until(lambda: len(looks) >= began + 5)
        spent, number = len(statements) - before, len(looks) - began
    wait_until(lambda: not anybody_watches())
    loop.close()
    assert spent <= 12 * (number + 1)


def test_whoever_reads_too_slowly_is_let_go(workspace: WorkspaceId) -> None:
    glance = Glance(
        job=fresh_job(workspace).id,
        workspace=workspace,
        type="note",
        queue="default",
        description="",
        status=JobStatus.PENDING,
        attempts=0,
        max_attempts=5,
        progress=Progress(processed=1),
        failure=None,
        cancel_requested_at=None,
    )

    async def read_late() -> int:
        stream = Stream(workspace=workspace, job=None, loop=asyncio.get_running_loop())
        stream.put([Moved(glance=glance)] * (MOST_UNREAD + 50))
        return len([event async for event in stream.events()])

    assert asyncio.run(read_late()) == MOST_UNREAD
    assert len(list(changes(None, glance))) == 2
    assert list(changes(glance, glance)) == []
