"""Every answer has the id under which its request was logged."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from structlog.testing import capture_logs

from counterfoil.foundation import problems
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.metrics import Metrics
from counterfoil.foundation.requests import RequestLog


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = FastAPI()

    @app.get("/well")
    def well() -> str:
        return "well"

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("secret inner workings")

    problems.install(app)
    app.add_middleware(RequestLog, metrics=Metrics(), new_id=new_id)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def test_every_answer_has_an_id_of_its_own(client: TestClient) -> None:
    ids = {UUID(client.get(path).headers["x-request-id"]) for path in ("/well", "/well", "/nowhere", "/broken")}
    assert len(ids) == 4


def test_an_unexpected_error_is_logged_with_the_id_that_its_answer_has(client: TestClient) -> None:
    with capture_logs() as lines:
        answer = client.get("/broken")
    (failed,) = [line for line in lines if line["event"] == "request_failed"]
    assert failed["request_id"] == answer.headers["x-request-id"]
    assert "secret" not in answer.text
