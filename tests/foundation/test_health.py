"""Whether what is needed is well, over HTTP."""

import base64
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from redis import Redis
from sqlalchemy import text

from counterfoil import bootstrap
from counterfoil.bootstrap import House
from counterfoil.main import create_app
from tests.support.house import build, settings_for
from tests.support.redis import RedisServer

PASSWORD = "of the day"
KEY = {"authorization": f"Basic {base64.b64encode(f'admin:{PASSWORD}'.encode()).decode()}"}


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer.running() as server:
        yield server


def house_with(folder: Path, **changes: Any) -> House:
    return build(settings_for(folder, **changes))


def visitor_of(house: House) -> TestClient:
    """Visit without upkeep and warm-up, which begin only with the application's life."""
    return TestClient(create_app(house))


def test_without_a_broker_redis_is_not_needed(tmp_path: Path) -> None:
    visitor = visitor_of(house_with(tmp_path))
    assert visitor.get("/health/redis").json() == {"status": "unused"}
    assert visitor.get("/health/ready").json() == {
        "status": "ready",
        "database": "ok",
        "tables": "ok",
        "redis": "unused",
    }


@pytest.mark.parametrize("queue", ["rq", "celery"])
def test_with_a_broker_readiness_follows_redis(tmp_path: Path, server: RedisServer, queue: str) -> None:
    visitor = visitor_of(house_with(tmp_path, queue=queue, redis_url=server.url))
    assert visitor.get("/health/redis").json() == {"status": "ok"}
    assert visitor.get("/health/ready").json()["redis"] == "ok"
    server.kill()
    try:
        for path in ("/health/redis", "/health/ready"):
            answer = visitor.get(path)
            assert (answer.status_code, answer.json()["code"]) == (503, "redis_unavailable")
            assert "retry-after" in answer.headers
        assert visitor.get("/health").status_code == 200
        assert visitor.get("/health/db").status_code == 200
    finally:
        server.start()
    assert visitor.get("/health/ready").status_code == 200


def test_older_tables_are_not_ready_and_newer_ones_are(tmp_path: Path) -> None:
    house = house_with(tmp_path)
    visitor = visitor_of(house)
    for revision, status in (("0001", 503), ("9999", 200)):
        with house.database.transaction() as tx:
            tx.execute(text("UPDATE alembic_version SET version_num = :to"), {"to": revision})
        assert visitor.get("/health/ready").status_code == status
    with house.database.transaction() as tx:
        tx.execute(text("DELETE FROM alembic_version"))
    assert visitor.get("/health/ready").json()["code"] == "tables_out_of_date"


# --- RQ's dashboard ---


def test_there_is_no_dashboard_without_a_password_or_without_rq(tmp_path: Path, server: RedisServer) -> None:
    closed = settings_for(tmp_path, queue="rq", redis_url=server.url)
    local = settings_for(tmp_path, rq_dashboard_password=PASSWORD)
    assert bootstrap.rq_dashboard(closed) is None
    assert bootstrap.rq_dashboard(local) is None
    assert visitor_of(build(closed)).get("/rq/", headers=KEY).status_code == 404


@pytest.fixture
def board(tmp_path: Path, server: RedisServer) -> TestClient:
    return visitor_of(house_with(tmp_path, queue="rq", redis_url=server.url, rq_dashboard_password=PASSWORD))


@pytest.mark.parametrize("path", ["/rq", "/rq/", "/rq/queues", "/rq/jobs/json", "/rq/static/css/uno.css", "/rq/login"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Basic"},
        {"authorization": "Basic ?"},
        {"authorization": f"Basic {base64.b64encode(b'admin:').decode()}"},
        {"authorization": f"Bearer {PASSWORD}"},
        {"cookie": "token=x"},
    ],
)
def test_nothing_of_the_dashboard_is_open(board: TestClient, path: str, headers: dict[str, str]) -> None:
    answer = board.get(path, headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"][:5]) == (401, "Basic")


def test_who_knows_the_password_sees_it_and_it_needs_no_other_host(board: TestClient) -> None:
    for path in ("/rq/queues", "/rq/jobs", "/rq/workers"):
        page = board.get(path, headers=KEY)
        assert page.status_code == 200
        assert 'src="http' not in page.text
        assert '<link rel="stylesheet" href="http' not in page.text
    assert board.get("/rq/docs", headers=KEY).status_code == 404  # it would load scripts from elsewhere


def test_another_site_cannot_use_the_browsers_password(board: TestClient, server: RedisServer) -> None:
    for origin, status in (("http://evil.example", 403), ("null", 403), ("http://testserver", 200)):
        answer = board.delete("/rq/queues/default.low", headers={**KEY, "origin": origin})
        assert answer.status_code == status, answer.text


class Trap:
    """Leaves a mark wherever it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


@pytest.mark.filterwarnings("ignore:job.exc_info is deprecated:DeprecationWarning")  # the dashboard's own
def test_looking_at_a_forged_message_unpickles_nothing(board: TestClient, tmp_path: Path, server: RedisServer) -> None:
    mark = tmp_path / "unpickled"
    trap = pickle.dumps(Trap(mark))
    redis = Redis.from_url(server.url)
    said: dict[Any, Any] = {
        "origin": "default.low",
        "status": "queued",
        "description": "x",
        "created_at": "2026-03-01T12:00:00.000000Z",
    }
    redis.hset("rq:job:forged", mapping=said | {"data": trap, "result": trap, "meta": trap})
    redis.sadd("rq:queues", "rq:queue:default.low")
    redis.rpush("rq:queue:default.low", "forged")
    assert board.get("/rq/jobs/json", headers=KEY).status_code == 200
    assert board.get("/rq/job/forged", headers=KEY).status_code == 200
    assert not mark.exists()
