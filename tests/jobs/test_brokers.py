"""What holds for every broker, with worker processes started by its own command."""

import json
import time
import zlib
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest
from sqlalchemy import func, select

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.jobs.domain import Call, Ending, JobId, JobStatus
from counterfoil.jobs.hearing import job_named
from counterfoil.jobs.infrastructure.brokers import CROWD, Band
from counterfoil.jobs.upkeep import ringing
from tests.conftest import prepare
from tests.support.brokers import BrokerBench, WorkerProcess
from tests.support.handlers import Note, be_killed_before_the_effect, effects, greet, light, sleep_long, take_effect
from tests.support.jobs import make_job
from tests.support.postgres import PostgresServer
from tests.support.redis import RedisServer
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer.running() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    with postgres.database() as url:
        database = Database(url)
        prepare(database)
        database.close()
        yield url


@pytest.fixture(params=["rq", "celery"])
def bench(
    request: pytest.FixtureRequest, postgres_url: str, tmp_path: Path, server: RedisServer
) -> Iterator[BrokerBench]:
    with BrokerBench.on(request.param, postgres_url, tmp_path, server) as bench:
        yield bench


def calls(bench: BrokerBench, *jobs: JobId) -> list[Call]:
    with bench.engine.database.reading() as tx:
        return [call for call in bench.engine.upkeep_store.ready(tx, 10_000) if not jobs or call.job in jobs]


def hangs(bench: BrokerBench, *jobs: JobId) -> bool:
    return not bench.engine.broker.lost([Call(job=job, queue="default", priority=3) for job in jobs])


# --- bells ---


def test_every_priority_has_its_band() -> None:
    bands = [Band.of(priority) for priority in range(11)]
    assert bands == [Band.LOW] * 3 + [Band.MEDIUM] * 3 + [Band.HIGH] * 3 + [Band.CRITICAL] * 2


@pytest.mark.parametrize("message", [None, 7, "", "x" * 36, "os.system", ["a"], {"job": "x"}, "\ud800" * 36])
def test_a_message_that_is_no_id_names_no_job(message: object) -> None:
    assert job_named(message) is None


def test_a_committed_job_hangs_its_id_in_redis_and_nothing_else(bench: BrokerBench, workspace: WorkspaceId) -> None:
    job = bench.engine.enqueue(workspace, light(greet), "the secret of the payload")
    wait_until(lambda: hangs(bench, job))
    kept = _plainly(bench)
    assert str(job) in kept
    assert "secret" not in kept


def _plainly(bench: BrokerBench) -> str:
    """Return all that waits in Redis, unpacked."""
    redis = bench.redis
    packed = [*_entries(bench)]
    for key in redis.scan_iter("rq:job:*"):
        packed += redis.hgetall(key).values()
    texts = [zlib.decompress(one) if one.startswith(b"\x78") else one for one in packed]
    texts += [b64decode(json.loads(one)["body"]) for one in texts if one.startswith(b'{"body"')]
    return b" ".join(texts).decode()


def test_a_rolled_back_job_hangs_nothing(bench: BrokerBench, workspace: WorkspaceId) -> None:
    database, jobs = bench.engine.database, bench.engine.jobs
    with suppress(RuntimeError), database.transaction() as tx:
        jobs.enqueue(tx, workspace, light(greet), Note())
        raise RuntimeError
    kept = bench.engine.enqueue(workspace, light(greet))
    wait_until(lambda: hangs(bench, kept))
    assert len(_entries(bench)) == 1


def _entries(bench: BrokerBench) -> list[Any]:
    """Return all messages that wait in lists."""
    redis = bench.redis
    return [entry for key in redis.scan_iter(_type="list") for entry in redis.lrange(key, 0, -1)]


def test_the_caller_does_not_wait_for_a_redis_that_is_away(bench: BrokerBench, workspace: WorkspaceId) -> None:
    bench.server.kill()
    try:
        before = time.monotonic()
        job = bench.engine.enqueue(workspace, light(greet))
        assert time.monotonic() - before < 1.5
        assert bench.engine.ringing() == 0  # nor is that an error
        assert bench.engine.jobs.get(workspace, job).status is JobStatus.PENDING
    finally:
        bench.server.start()
    wait_until(lambda: (bench.engine.ringing(), hangs(bench, job))[1])


# --- ringing again ---


def test_a_bell_that_hangs_is_not_rung_again_and_a_lost_one_is(bench: BrokerBench, workspace: WorkspaceId) -> None:
    jobs = [bench.engine.enqueue(workspace, light(greet), priority=priority) for priority in (0, 3, 6, 9)]
    wait_until(lambda: len(_entries(bench)) == 4)
    bench.engine.ringing()
    assert bench.engine.broker.lost(calls(bench)) == []
    bench.redis.flushall()
    assert {call.job for call in bench.engine.broker.lost(calls(bench))} == set(jobs)
    bench.engine.ringing()
    wait_until(lambda: len(_entries(bench)) >= 4)
    bench.engine.ringing()
    time.sleep(0.2)  # for more to come, if they wrongly do
    assert len(_entries(bench)) == 4


def test_what_waits_behind_a_crowd_is_left_to_the_workers(bench: BrokerBench, workspace: WorkspaceId) -> None:
    job = bench.engine.enqueue(workspace, light(greet))
    wait_until(lambda: hangs(bench, job))
    (key,) = bench.redis.scan_iter(_type="list")
    bench.redis.delete(key)
    bench.redis.rpush(key, *["x"] * CROWD)
    assert [call.job for call in bench.engine.broker.lost(calls(bench))] == [job]
    bench.redis.rpush(key, "x")
    assert bench.engine.broker.lost(calls(bench)) == []


def test_of_a_hundred_thousand_that_wait_the_first_are_rung(
    bench: BrokerBench, workspace: WorkspaceId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With small numbers in the place of large ones."""
    monkeypatch.setattr(ringing, "AT_ONCE", 5)
    since = datetime(2026, 3, 1, tzinfo=UTC)
    made = [make_job(workspace, due_at=since + timedelta(seconds=number)) for number in range(20)]
    others = [make_job(workspace, queue="other", due_at=since + timedelta(days=1)) for _ in range(2)]
    with bench.engine.database.transaction() as tx:
        bench.engine.store.add(tx, [*made, *others])
    bench.engine.ringing()
    wait_until(lambda: len(_entries(bench)) == 7)
    assert hangs(bench, *[job.id for job in made[:5]])


def test_a_paused_queue_is_not_rung_for(bench: BrokerBench, workspace: WorkspaceId) -> None:
    bench.engine.queues.pause("default")
    with bench.engine.database.transaction() as tx:
        bench.engine.store.add(tx, [make_job(workspace)])
    assert calls(bench) == []
    bench.engine.queues.resume("default")
    assert len(calls(bench)) == 1


# --- workers ---


def test_a_worker_does_each_job_once_the_urgent_first_and_lives_through_nonsense(
    bench: BrokerBench, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    """One process for all this, since it takes a while to start."""
    enqueue = bench.engine.enqueue
    by_priority = {priority: enqueue(workspace, light(greet), priority=priority) for priority in (0, 3, 6, 9)}
    theirs = enqueue(other_workspace, light(greet))
    once = enqueue(workspace, light(take_effect))
    cancelled = enqueue(workspace, light(greet))
    wait_until(lambda: len(_entries(bench)) == 7)
    bench.engine.changes.cancel(workspace, cancelled)
    for _ in range(4):
        bench.engine.broker.ring(calls(bench, once))
        bench.engine.broker.ring([Call(job=JobId(UUID(int=7)), queue="default", priority=9)])
        wait_until(lambda: _sent(bench))
    worker = bench.worker(worker_concurrency=1)
    bench.await_completed(workspace, *by_priority.values(), once)
    bench.await_completed(other_workspace, theirs)
    done = [bench.engine.jobs.get(workspace, job) for job in (*by_priority.values(), once)]
    assert [job.attempts for job in done] == [1] * 5
    began = {job.priority: job.started_at for job in done[:4] if job.started_at}
    assert sorted(began, key=began.__getitem__) == [9, 6, 3, 0]
    assert bench.engine.jobs.get(workspace, cancelled).status is JobStatus.CANCELLED
    late = enqueue(workspace, light(greet))
    bench.await_completed(workspace, late)
    assert "bell_in_vain" in worker.said()
    assert worker.stop() == 0


def _sent(bench: BrokerBench) -> bool:
    return not bench.engine.broker._sender._busy  # type: ignore[attr-defined]


def test_jobs_survive_that_redis_is_emptied_and_away_and_that_their_worker_is_stopped(
    bench: BrokerBench, workspace: WorkspaceId, tmp_path: Path
) -> None:
    """One process for all this, since it takes a while to start."""
    with bench.engine.database.transaction() as tx:
        jobs = bench.engine.jobs.enqueue_many(tx, workspace, light(take_effect), [Note()] * 200)
    worker = bench.worker(shutdown_seconds=1)
    bench.await_that(lambda: bench.completed(workspace, *jobs) >= 5)
    bench.redis.flushall()
    bench.await_that(lambda: bench.completed(workspace, *jobs) >= 100)
    bench.server.kill()
    time.sleep(0.5)  # so that it is missed
    bench.server.start()
    bench.await_completed(workspace, *jobs)
    assert worker.lives
    with bench.engine.database.reading() as tx:
        assert tx.execute(select(func.count()).select_from(effects)).scalar() == 200
    noted = tmp_path / "pid"
    long = bench.engine.enqueue(workspace, light(sleep_long), str(noted))
    bench.await_that(lambda: noted.exists() and bool(noted.read_text()))
    worker.stop()
    given_back = bench.engine.jobs.get(workspace, long)
    assert (given_back.status, given_back.attempts, given_back.deaths) == (JobStatus.PENDING, 0, 0)


def test_the_job_of_a_killed_worker_is_done_by_the_next(
    bench: BrokerBench, workspace: WorkspaceId, tmp_path: Path
) -> None:
    noted = tmp_path / "pid"
    job = bench.engine.enqueue(workspace, light(be_killed_before_the_effect), str(noted))
    first, second = bench.worker(), bench.worker()
    bench.await_that(lambda: noted.exists() and bool(noted.read_text()))
    bench.await_that(lambda: all("worker_started" in worker.said() for worker in bench.started))
    holder = int(noted.read_text())
    killed = first if holder in _family(first) else second
    killed.kill()
    died = time.monotonic()
    bench.await_completed(workspace, job)
    assert time.monotonic() - died < 30
    endings = [attempt.ending for attempt in bench.engine.jobs.attempts(workspace, job)]
    assert endings == [Ending.LOST, Ending.COMPLETED]


def _family(worker: WorkerProcess) -> set[int]:
    pid = worker.process.pid
    return {pid, *(one.pid for one in psutil.Process(pid).children(recursive=True))}
