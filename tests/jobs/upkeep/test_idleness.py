"""Rate limits and breakers that nobody has had to do with for a week are forgotten; others stay."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from counterfoil.access.domain import DEFAULT_WORKSPACE, WorkspaceId
from counterfoil.bootstrap import House
from counterfoil.foundation.paging import Paging
from counterfoil.jobs.limits.domain import Period, Rate
from counterfoil.jobs.limits.infrastructure.tables import BreakerRow, RateLimitRow
from counterfoil.jobs.upkeep.idleness import IDLE_AFTER
from tests.support.house import NEIGHBOUR, build, settings_for
from tests.support.waiting import wait_until

HOURLY = Rate(count=60, period=Period.HOUR)
WORKSPACES = (DEFAULT_WORKSPACE, NEIGHBOUR)


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    house = build(settings_for(tmp_path, database_url=database_url))
    yield house
    house.database.close()


def use(house: House, workspace: WorkspaceId, service: str) -> None:
    """Call a service once, in vain."""
    house.engine.rate_limits.take(workspace, service, HOURLY)
    with pytest.raises(ConnectionError), house.engine.breakers.calling(workspace, service, "books"):
        raise ConnectionError


def use_long_ago(house: House, service: str) -> None:
    """Have the service last been used, by everybody, so long ago that it counts as idle."""
    with house.database.transaction() as tx:
        then = tx.now() - IDLE_AFTER - timedelta(seconds=1)
        full = {"last_request_at": then, "arrival": 0}
        tx.execute(update(RateLimitRow).where(RateLimitRow.service == service).values(full))
        tx.execute(update(BreakerRow).where(BreakerRow.service == service).values(changed_at=then))


def limited(house: House, workspace: WorkspaceId) -> set[str]:
    return {one.service for one in house.engine.rate_limits.page(workspace, Paging()).items}


def broken(house: House, workspace: WorkspaceId) -> set[str]:
    return {one.service for one in house.engine.breakers.newest(workspace)}


def test_a_running_engine_forgets_what_nobody_has_used_for_long(house: House) -> None:
    for workspace in WORKSPACES:
        use(house, workspace, "airtable")
        use(house, workspace, "notion")
    use_long_ago(house, "airtable")
    assert all(limited(house, one) == broken(house, one) == {"airtable", "notion"} for one in WORKSPACES)
    with house.engine.upkept():
        wait_until(lambda: all(limited(house, one) == broken(house, one) == {"notion"} for one in WORKSPACES))
