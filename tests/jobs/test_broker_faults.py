"""A Redis that is slow, falls silent, forgets, is full or replaced costs time, and no job."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from tests.conftest import prepare
from tests.support.brokers import BrokerBench
from tests.support.handlers import Note, effects, greet, light, take_effect
from tests.support.postgres import PostgresServer
from tests.support.proxy import Proxy
from tests.support.redis import RedisServer

pytestmark = pytest.mark.faults


@pytest.fixture
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


@pytest.fixture
def proxy(server: RedisServer) -> Iterator[Proxy]:
    with Proxy(("127.0.0.1", server.port)) as proxy:
        yield proxy


@pytest.fixture(params=["rq", "celery"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def near(kind: str, postgres_url: str, tmp_path: Path, server: RedisServer) -> Iterator[BrokerBench]:
    with BrokerBench.on(kind, postgres_url, tmp_path, server) as bench:
        yield bench


@pytest.fixture
def far(kind: str, postgres_url: str, tmp_path: Path, server: RedisServer, proxy: Proxy) -> Iterator[BrokerBench]:
    """The same behind the proxy."""
    with BrokerBench.on(kind, postgres_url, tmp_path, replace(server, port=proxy.port)) as bench:
        yield bench


def seconds_until_started(bench: BrokerBench, workspace: WorkspaceId) -> float:
    """Have a job done, and return how long it took to begin."""
    job = bench.engine.enqueue(workspace, light(greet))
    bench.await_completed(workspace, job)
    done = bench.engine.jobs.get(workspace, job)
    assert done.started_at
    return (done.started_at - done.created_at).total_seconds()


def test_a_slow_redis_delays_a_job_by_less_than_five_seconds(
    far: BrokerBench, proxy: Proxy, workspace: WorkspaceId
) -> None:
    """Each way there and back takes 200 ms longer, of which RQ's worker makes two dozen for a job."""
    far.worker()
    seconds_until_started(far, workspace)  # the first waits for the worker to start
    proxy.delay = 0.1
    took = []
    for _ in range(10):
        time.sleep(5)  # a worker that is busy with the one before is another matter
        took.append(seconds_until_started(far, workspace))
    assert sorted(took)[-2] < 5


def test_a_worker_whose_connections_fell_silent_hears_of_new_jobs_within_a_minute(
    far: BrokerBench, proxy: Proxy, workspace: WorkspaceId
) -> None:
    """As behind a firewall that forgot them, or when a machine vanished: no end of a connection is ever said."""
    worker = far.worker()
    seconds_until_started(far, workspace)
    for link in proxy.links:
        link.swallowing = True
    begun = time.monotonic()
    assert seconds_until_started(far, workspace) < 75
    assert time.monotonic() - begun < 90
    assert worker.lives


def test_jobs_survive_a_redis_that_forgets_what_it_was_told_and_one_that_takes_nothing(
    near: BrokerBench, workspace: WorkspaceId
) -> None:
    """The bells are evicted for want of memory, and then none can be hung up at all."""
    redis = near.redis
    redis.config_set("maxmemory-policy", "allkeys-lru")
    with near.engine.database.transaction() as tx:
        jobs = list(near.engine.jobs.enqueue_many(tx, workspace, light(take_effect), [Note()] * 100))
    near.await_that(lambda: bool(redis.dbsize()))
    redis.config_set("maxmemory", redis.info("memory")["used_memory"] + 200_000)
    for number in range(1_000):
        redis.set(f"junk {number}", "x" * 1_000)
    assert redis.info("stats")["evicted_keys"] > 0
    worker = near.worker()
    near.await_completed(workspace, *jobs)
    redis.config_set("maxmemory-policy", "noeviction")
    redis.config_set("maxmemory", "1kb")
    before = time.monotonic()
    late = [near.engine.enqueue(workspace, light(take_effect)) for _ in range(20)]
    assert time.monotonic() - before < 5
    time.sleep(3)  # so that worker and upkeep meet the refusal
    redis.config_set("maxmemory", "0")
    near.await_completed(workspace, *late)
    assert worker.lives
    with near.engine.database.reading() as tx:
        assert tx.execute(select(func.count()).select_from(effects)).scalar_one() == 120


def test_jobs_go_on_when_another_redis_that_knows_nothing_takes_the_place_of_one_that_died(
    near: BrokerBench, workspace: WorkspaceId, tmp_path: Path
) -> None:
    """A second server at the same address stands in for a fail-over to a replica that is behind."""
    worker = near.worker()
    seconds_until_started(near, workspace)
    near.server.kill()
    jobs = [near.engine.enqueue(workspace, light(take_effect)) for _ in range(20)]
    second = RedisServer(tmp_path, near.server.port)
    second.start()
    try:
        near.await_completed(workspace, *jobs)
        assert worker.lives
    finally:
        second.kill()
