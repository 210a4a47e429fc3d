"""In the house as it is built, keys are asked for at the door, counted, and not written down."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from structlog.testing import capture_logs

from counterfoil import bootstrap
from counterfoil.access.domain import DEFAULT_WORKSPACE
from counterfoil.access.keys.domain import Secret
from counterfoil.main import create_app
from tests.support.house import settings_for
from tests.support.keys import owner_of, showing


@pytest.fixture
def house(tmp_path: Path) -> Iterator[bootstrap.House]:
    house = bootstrap.build(settings_for(tmp_path))
    yield house
    house.database.close()


def test_a_key_narrows_what_may_be_done_and_a_false_one_lets_nobody_in(
    house: bootstrap.House, caplog: pytest.LogCaptureFixture
) -> None:
    key, secret = house.admission.keys.make(owner_of(DEFAULT_WORKSPACE), "reader", ["jobs:read"])
    wrong = Secret.new()
    caplog.set_level(logging.DEBUG)
    with capture_logs() as logged, TestClient(create_app(house)) as http:
        allowed = http.get("/api/v1/jobs", headers=showing(secret.text))
        forbidden = http.get("/api/v1/records", headers=showing(secret.text))
        refused = http.get("/api/v1/jobs", headers=showing(wrong.text))
        metrics = http.get("/metrics").text
    assert [one.status_code for one in (allowed, forbidden, refused)] == [200, 403, 401]
    assert refused.headers["www-authenticate"] == "Bearer"
    assert 'counterfoil_auth_failures_total{method="key"} 1.0' in metrics
    everything = f"{caplog.text} {logged} {metrics} {forbidden.text} {refused.text}"
    assert str(key.id) not in metrics
    for one in (secret, wrong):
        assert one.text[4:] not in everything
        assert one.sha256 not in everything
