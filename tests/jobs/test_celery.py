"""Bells through Celery: what is particular to it."""

import json
import pickle
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest

from counterfoil.access.domain import DEFAULT_WORKSPACE, WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.jobs.domain import JobStatus, Order
from counterfoil.jobs.infrastructure.celery import VISIBILITY_SECONDS
from counterfoil.pipeline import WRITE_RECORD_FILES, WriteRecordFiles
from tests.conftest import prepare
from tests.support.brokers import BrokerBench
from tests.support.handlers import greet, guarded, light
from tests.support.house import build, settings_for
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
    with BrokerBench.on("celery", url, tmp_path, server) as bench:
        yield bench


class Trap:
    """Leaves a mark wherever it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


def test_a_message_is_json_with_the_jobs_id_as_its_own(bench: BrokerBench, workspace: WorkspaceId) -> None:
    job = bench.engine.enqueue(workspace, light(greet), priority=9)
    wait_until(lambda: bool(bench.redis.llen("counterfoil:default")))
    message = json.loads(bench.redis.lrange("counterfoil:default", 0, 0)[0])
    assert (message["content-type"], message["headers"]["id"]) == ("application/json", str(job))
    assert (message["headers"]["retries"], message["headers"]["timelimit"]) == (0, [None, None])


def test_the_urgent_hang_in_lists_of_their_own(bench: BrokerBench, workspace: WorkspaceId) -> None:
    for priority in (0, 3, 6, 9):
        bench.engine.enqueue(workspace, light(greet), priority=priority)
    names = {f"counterfoil:default{end}".encode() for end in ("", "\x06\x163", "\x06\x166", "\x06\x169")}
    wait_until(lambda: set(bench.redis.scan_iter(_type="list")) == names)


def test_celery_hands_nothing_out_again_before_upkeep_has_rung_again(bench: BrokerBench) -> None:
    longest = 15 * 60
    assert longest * 2 < VISIBILITY_SECONDS


def test_a_guarded_job_runs_in_a_child_though_celerys_processes_may_have_none(
    bench: BrokerBench, workspace: WorkspaceId
) -> None:
    job = bench.engine.enqueue(workspace, guarded(greet))
    worker = bench.worker()
    bench.await_completed(workspace, job)
    result = bench.engine.jobs.get(workspace, job).result
    assert result
    assert result["process"] not in {
        worker.process.pid,
        *(one.pid for one in psutil.Process(worker.process.pid).children()),
    }


def test_what_is_forged_is_refused_and_never_unpickled_and_the_worker_lives(
    bench: BrokerBench, workspace: WorkspaceId, tmp_path: Path
) -> None:
    mark = tmp_path / "unpickled"
    bench.engine.enqueue(workspace, light(greet), priority=9)
    wait_until(lambda: bool(bench.redis.llen("counterfoil:default")))
    model = json.loads(bench.redis.lrange("counterfoil:default", 0, 0)[0])
    pickled = b64encode(pickle.dumps(((Trap(mark),), {}, {}))).decode()
    forged: list[Any] = [
        model | {"body": pickled, "content-type": "application/x-python-serialize"},
        model | {"body": pickled},
        _changed(model, task="os.system"),
        _changed(model, task="celery.backend_cleanup"),
        model | {"body": _body(["not an id"])},
        model | {"body": _body([{"job": "x"}])},
        model | {"body": _body([])},
        model | {"body": _body([str(uuid4())])},
        model | {"headers": {}},
        {"no": "message"},
        7,
    ]
    for number, message in enumerate(forged):
        if isinstance(message, dict) and "properties" in message:
            message["properties"] = model["properties"] | {"delivery_tag": str(number)}
        bench.redis.lpush("counterfoil:default", json.dumps(message))
    bench.redis.lpush("counterfoil:default", b"\xff\xfe", "", "[" * 100_000)
    worker = bench.worker()
    good = bench.engine.enqueue(workspace, light(greet), priority=0)
    bench.await_completed(workspace, good)
    assert worker.lives
    assert not mark.exists()
    assert worker.said().count("no message") == 5
    assert worker.said().count("no job's id") == 2
    assert "bell_in_vain" in worker.said()


def _changed(model: Any, **headers: Any) -> Any:
    return model | {"headers": model["headers"] | headers}


def _body(arguments: list[Any]) -> str:
    return b64encode(json.dumps([arguments, {}, {}]).encode()).decode()


@pytest.mark.parametrize("command", ["counterfoil worker", "celery -A counterfoil.celery_app worker"])
def test_every_documented_command_does_jobs(tmp_path: Path, server: RedisServer, command: str) -> None:
    settings = settings_for(tmp_path, queue="celery", redis_url=server.url, worker_concurrency=1)
    house = build(settings)
    with BrokerBench.on("celery", settings.database, tmp_path, server) as bench:
        bench.settings = settings
        with house.database.transaction() as tx:
            payload = WriteRecordFiles(record_id=uuid4())  # of no record, so that it ends soon
            job = house.jobs.enqueue(tx, DEFAULT_WORKSPACE, WRITE_RECORD_FILES, payload, Order())
        worker = bench.run(*command.split())
        bench.await_that(lambda: house.jobs.get(DEFAULT_WORKSPACE, job).status is JobStatus.DEAD_LETTER)
        assert worker.stop() == 0
    house.database.close()
