"""Every error is answered as a problem with a stable code, and never tells what is inside."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from counterfoil.foundation import problems
from counterfoil.foundation.database import DatabaseUnavailable
from counterfoil.foundation.errors import NotFound, Postponed, RateLimitExceeded, Unauthorized
from counterfoil.foundation.paging import PagingParameters


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = FastAPI()

    @app.get("/missing")
    def missing() -> None:
        raise NotFound("There is no such thing.")

    @app.get("/away")
    def away() -> None:
        raise DatabaseUnavailable

    @app.get("/later")
    def later() -> None:
        raise RateLimitExceeded("Not now.", datetime.now(UTC) + timedelta(minutes=10))

    @app.get("/soon")
    def soon() -> None:
        raise Postponed("Not now.", datetime.now(UTC))

    @app.get("/closed")
    def closed() -> None:
        raise Unauthorized("Who are you?")

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("secret inner workings")

    @app.get("/list")
    def list_(paging: PagingParameters) -> int:
        return paging.limit

    problems.install(app)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def test_who_is_not_known_is_told_how_to_say_who_they_are(client: TestClient) -> None:
    answer = client.get("/closed")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert "www-authenticate" not in client.get("/missing").headers


def test_one_of_our_errors_is_told_with_its_code_and_advice(client: TestClient) -> None:
    answer = client.get("/missing")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:counterfoil:problem:not_found",
        "title": "Not Found",
        "status": 404,
        "code": "not_found",
        "detail": "There is no such thing.",
        "advice": NotFound.advice,
    }


def test_what_is_only_away_says_when_to_come_back(client: TestClient) -> None:
    answer = client.get("/away")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


def test_what_is_put_off_says_from_when_on_it_is_worth_coming_back(client: TestClient) -> None:
    answer = client.get("/later")
    assert answer.status_code == 429
    assert 595 <= int(answer.headers["retry-after"]) <= 600
    assert client.get("/soon").headers["retry-after"] == "1"


def test_an_unexpected_error_keeps_what_is_inside_to_itself(client: TestClient) -> None:
    answer = client.get("/broken")
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal_error"
    assert "secret" not in answer.text


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=1000000000", "limit=x"])
def test_a_page_size_out_of_bounds_is_refused_with_the_field_named(client: TestClient, query: str) -> None:
    answer = client.get(f"/list?{query}")
    assert answer.status_code == 422
    assert answer.json()["code"] == "validation_error"
    assert answer.json()["errors"][0]["field"] == "query.limit"


@pytest.mark.parametrize("cursor", ["x", "AAAA", "eyJhZnRlciI6IDF9", "bnVsbA", "é"])
def test_a_cursor_that_was_made_up_is_refused(client: TestClient, cursor: str) -> None:
    answer = client.get("/list", params={"cursor": cursor})
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_cursor"


def test_a_route_that_is_not_there_and_a_wrong_method_are_problems_too(client: TestClient) -> None:
    assert client.get("/nowhere").json()["code"] == "not_found"
    assert client.post("/list").json()["code"] == "method_not_allowed"
