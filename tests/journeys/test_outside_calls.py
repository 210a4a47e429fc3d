"""What keeps calls to outside services back shows to people and to Prometheus."""

from pathlib import Path

import pytest

from counterfoil.access.domain import DEFAULT_WORKSPACE
from counterfoil.foundation.errors import NetworkError
from counterfoil.jobs.limits.domain import Period, Rate, RateLimited
from counterfoil.jobs.limits.service import Breakers, RateLimits
from tests.support.house import build, settings_for, visiting


def test_used_up_limits_and_open_breakers_are_listed_and_counted(tmp_path: Path) -> None:
    house = build(settings_for(tmp_path))
    limits, breakers = house.services[RateLimits], house.services[Breakers]
    assert isinstance(limits, RateLimits)
    assert isinstance(breakers, Breakers)
    daily = Rate(count=1, period=Period.DAY)
    limits.take(DEFAULT_WORKSPACE, "notion", daily)
    with pytest.raises(RateLimited):
        limits.take(DEFAULT_WORKSPACE, "notion", daily)
    for _ in range(breakers.rules.failures):
        with pytest.raises(NetworkError), breakers.calling(DEFAULT_WORKSPACE, "notion", "books"):
            raise NetworkError
    with visiting(house) as visitor:
        shown = visitor.get("/rate-limits")
        assert [(limit["service"], limit["remaining"]) for limit in shown["items"]] == [("notion", 0)]
        assert [(breaker["connection"], breaker["state"]) for breaker in shown["breakers"]] == [("books", "open")]
        assert visitor.neighbour.get("/rate-limits") == {"items": [], "next": None, "breakers": []}
        metrics = visitor.http.get("/metrics").text
    assert 'counterfoil_rate_limit_exceeded_total{service="notion"} 1.0' in metrics
    assert 'counterfoil_circuit_breaker_trips_total{service="notion"} 1.0' in metrics
