"""Whoever runs the house is told of transactions that somebody left open; only PostgreSQL can tell of them."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from prometheus_client import generate_latest
from structlog.testing import capture_logs

from counterfoil.bootstrap import House
from counterfoil.jobs.upkeep import hindrance
from counterfoil.jobs.upkeep.hindrance import Hindrance
from tests.support.house import build, settings_for
from tests.support.postgres import PostgresServer

OLDEST = "counterfoil_database_oldest_transaction_seconds"


@pytest.fixture
def house(postgres: PostgresServer, tmp_path: Path) -> Iterator[House]:
    with postgres.direct.database() as url:  # a pooler makes up the process ids that it greets with
        house = build(settings_for(tmp_path, database_url=url))
        yield house
        house.database.close()


def warnings_of(house: House) -> list[int]:
    """Return which processes the log warns of."""
    with capture_logs() as lines:
        Hindrance(database=house.database)()
    return [line["process"] for line in lines if line["event"] == "transaction_open_for_long"]


def oldest_by_metrics(house: House) -> float:
    shown = generate_latest(house.metrics.registry).decode()
    return float(next(line.split()[1] for line in shown.splitlines() if line.startswith(f"{OLDEST} ")))


def test_a_transaction_that_is_open_for_longer_than_ours_can_be_is_warned_of(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(house.database.url, application_name="a notebook") as elsewhere:
        elsewhere.execute("SELECT 1")
        assert warnings_of(house) == []
        monkeypatch.setattr(hindrance, "LONG", timedelta(0))
        assert warnings_of(house) == [elsewhere.info.backend_pid]
        assert oldest_by_metrics(house) > 0
        elsewhere.rollback()
        assert warnings_of(house) == []


def test_nothing_is_warned_of_on_sqlite_which_cannot_tell(tmp_path: Path) -> None:
    house = build(settings_for(tmp_path))
    assert house.database.oldest_transaction() is None
    assert OLDEST not in generate_latest(house.metrics.registry).decode()
    house.database.close()
