"""Bells through RQ: what is particular to it."""

import json
import pickle
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from counterfoil.access.domain import DEFAULT_WORKSPACE, WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.jobs.domain import Call, JobStatus, Order
from counterfoil.jobs.infrastructure.rq import PERFORM, queue_name, queue_names
from counterfoil.pipeline import WRITE_RECORD_FILES, WriteRecordFiles
from tests.conftest import prepare
from tests.support.brokers import BrokerBench
from tests.support.handlers import greet, guarded, light
from tests.support.house import build, settings_for
from tests.support.jobs import make_job
from tests.support.redis import RedisServer
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer.running() as server:
        yield server


@pytest.fixture
def bench(tmp_path: Path, server: RedisServer) -> Iterator[BrokerBench]:
    url = f"sqlite:///{tmp_path / 'counterfoil.db'}"
    database = Database(url)
    prepare(database)
    database.close()
    with BrokerBench.on("rq", url, tmp_path, server) as bench:
        yield bench


class Trap:
    """Leaves a mark wherever it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


def test_a_worker_serves_the_urgent_of_all_queues_before_the_rest() -> None:
    names = queue_names(["default", "low_priority"])
    assert names[:3] == ["default.critical", "low_priority.critical", "default.high"]
    job = make_job(WorkspaceId(uuid4()))
    assert queue_name(Call(job=job.id, queue="default", priority=10)) == names[0]


def test_a_message_names_our_function_and_has_no_limits_and_no_retries(
    bench: BrokerBench, workspace: WorkspaceId
) -> None:
    job = bench.engine.enqueue(workspace, light(greet))
    wait_until(lambda: bool(bench.redis.exists(f"rq:job:{job}")))
    message = Job.fetch(str(job), connection=bench.redis, serializer=JSONSerializer)
    assert (message.func_name, message.args, message.origin) == (PERFORM, [str(job)], "default.medium")
    assert (message.timeout, message.result_ttl, message.retries_left) == (-1, 0, None)


def test_what_is_forged_is_refused_and_never_unpickled_and_the_worker_lives(
    bench: BrokerBench, workspace: WorkspaceId, tmp_path: Path
) -> None:
    mark, other = tmp_path / "unpickled", tmp_path / "called"
    queue = f"{Queue.redis_queue_namespace_prefix}default.critical"
    touch: list[Any] = ["pathlib.Path.touch", None, [str(other)], {}]
    forged: dict[str, dict[Any, Any]] = {
        "pickle": {"data": zlib.compress(pickle.dumps((PERFORM, None, (Trap(mark),), {})))},
        "result": {"data": zlib.compress(b"{}"), "result": pickle.dumps(Trap(mark)), "meta": pickle.dumps(Trap(mark))},
        "function": {"data": zlib.compress(json.dumps(touch).encode())},
        "callback": {
            "data": zlib.compress(json.dumps([PERFORM, None, ["x"], {}]).encode()),
            "success_callback_name": "os.abort",
        },
        "bomb": {"data": zlib.compress(b"[" * 50_000_000)},
        "nonsense": {"data": b"\xff", "status": "?", "created_at": "never"},
    }
    for fields in forged.values():
        name = str(uuid4())
        bench.redis.hset(f"rq:job:{name}", mapping=fields)
        bench.redis.rpush(queue, name)
    wrong_kind = str(uuid4())
    bench.redis.set(f"rq:job:{wrong_kind}", "x")
    bench.redis.rpush(queue, wrong_kind, "not-an-id", b"\xff\xfe", "", str(uuid4()))
    worker = bench.worker()
    good = bench.engine.enqueue(workspace, light(greet), priority=0)
    bench.await_completed(workspace, good)
    assert worker.lives
    assert not mark.exists()
    assert not other.exists()
    assert worker.said().count("bell_refused") == len(forged) + 1 + 3


def test_a_guarded_job_runs_in_a_child_of_the_worker_and_leaves_nothing_in_redis(
    bench: BrokerBench, workspace: WorkspaceId
) -> None:
    job = bench.engine.enqueue(workspace, guarded(greet))
    worker = bench.worker()
    bench.await_completed(workspace, job)
    result = bench.engine.jobs.get(workspace, job).result
    assert result
    assert result["process"] != worker.process.pid
    wait_until(lambda: not bench.redis.exists(f"rq:job:{job}"))
    before = time.monotonic()
    assert worker.stop() == 0
    assert time.monotonic() - before < 10


@pytest.mark.parametrize(
    "command",
    [
        "counterfoil worker",
        "rq worker -c counterfoil.rq_worker -w counterfoil.rq_worker.Worker",
        "rq worker -c counterfoil.rq_worker -S json",
    ],
)
def test_every_documented_command_does_jobs(tmp_path: Path, server: RedisServer, command: str) -> None:
    settings = settings_for(tmp_path, queue="rq", redis_url=server.url, worker_concurrency=1)
    house = build(settings)
    with BrokerBench.on("rq", settings.database, tmp_path, server) as bench:
        bench.settings = settings
        with house.database.transaction() as tx:
            payload = WriteRecordFiles(record_id=uuid4())  # of no record, so that it ends soon
            job = house.jobs.enqueue(tx, DEFAULT_WORKSPACE, WRITE_RECORD_FILES, payload, Order())
        worker = bench.run(*command.split())
        bench.await_that(lambda: house.jobs.get(DEFAULT_WORKSPACE, job).status is JobStatus.DEAD_LETTER)
        assert worker.stop() == 0
    house.database.close()
