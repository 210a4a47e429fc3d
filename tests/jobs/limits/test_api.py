"""Rate limits and breakers over HTTP: their shape, their pages, and the wall between workspaces."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from counterfoil.access.domain import WorkspaceId
from counterfoil.access.service import AccessService
from counterfoil.foundation import problems
from counterfoil.foundation.database import Database
from counterfoil.foundation.errors import NetworkError
from counterfoil.jobs.limits.api import router
from counterfoil.jobs.limits.domain import BreakerRules, Period, Rate
from counterfoil.jobs.limits.service import Breakers, RateLimits
from tests.conftest import ACME
from tests.support.access import WORKSPACE, access_to
from tests.support.limits import breakers, rate_limits

RATE = Rate(count=60, period=Period.HOUR, burst=10)
RULES = BreakerRules(failures=1, pause=timedelta(minutes=5))


@pytest.fixture
def limits(database: Database) -> RateLimits:
    return rate_limits(database)


@pytest.fixture
def at_work(database: Database) -> Breakers:
    return breakers(database, RULES)


@pytest.fixture
def client(limits: RateLimits, at_work: Breakers) -> TestClient:
    app = FastAPI()
    app.include_router(router)
    problems.install(app)
    entrance = access_to(ACME)
    app.state.services = {RateLimits: limits, Breakers: at_work, AccessService: entrance}
    return TestClient(app)


def test_a_limit_shows_what_is_used_and_left(limits: RateLimits, client: TestClient, workspace: WorkspaceId) -> None:
    limits.take(workspace, "notion", RATE, user="ada", tokens=4)
    answer = client.get("/rate-limits").json()
    (limit,) = answer["items"]
    last = datetime.fromisoformat(limit.pop("last_request_at"))
    assert timedelta(minutes=3) < datetime.fromisoformat(limit.pop("resets_at")) - last <= timedelta(minutes=4)
    assert UUID(limit.pop("id")).version == 7
    assert limit == {
        "key": f"notion:{workspace}:ada",
        "service": "notion",
        "limit": 60,
        "period": "hour",
        "burst": 10,
        "used": 4,
        "remaining": 6,
        "closed_until": None,
    }
    assert (answer["next"], answer["breakers"]) == (None, [])


def test_a_breaker_shows_where_it_stands_and_when_it_is_tried(
    at_work: Breakers, client: TestClient, workspace: WorkspaceId
) -> None:
    with pytest.raises(NetworkError), at_work.calling(workspace, "notion", "books"):
        raise NetworkError
    (breaker,) = client.get("/rate-limits").json()["breakers"]
    opened = datetime.fromisoformat(breaker.pop("opened_at"))
    assert datetime.fromisoformat(breaker.pop("next_probe_at")) == opened + RULES.pause
    assert breaker == {"service": "notion", "connection": "books", "state": "open", "failures": 1}


def test_limits_come_in_pages(limits: RateLimits, client: TestClient, workspace: WorkspaceId) -> None:
    for service in ("notion", "airtable", "openai"):
        limits.take(workspace, service, RATE)
    first = client.get("/rate-limits", params={"limit": 2}).json()
    second = client.get(first["next"]).json()
    assert [limit["service"] for limit in first["items"]] == ["openai", "airtable"]
    assert [limit["service"] for limit in second["items"]] == ["notion"]
    assert second["next"] is None
    assert client.get("/rate-limits", params={"cursor": "nonsense"}).status_code == 422


def test_a_neighbour_sees_neither_limits_nor_breakers(
    limits: RateLimits, at_work: Breakers, client: TestClient, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    limits.take(workspace, "notion", RATE)
    with pytest.raises(NetworkError), at_work.calling(workspace, "notion", "books"):
        raise NetworkError
    neighbour = client.get("/rate-limits", headers={WORKSPACE: str(other_workspace)}).json()
    assert neighbour == {"items": [], "next": None, "breakers": []}
