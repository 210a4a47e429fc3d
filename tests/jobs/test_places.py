"""For whose end others may wait is known without asking for each job."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database, DatabaseUnavailable, Transaction
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.domain import BatchId, Queue
from counterfoil.jobs.infrastructure.upkeep import SqlUpkeepStore
from counterfoil.jobs.places import LOOK_EVERY_SECONDS, Places
from tests.support.jobs import make_job


class LeavingDatabase(Database):
    """A database that can be away."""

    away = False

    @contextmanager
    def reading(self, workspace: UUID | None = None) -> Iterator[Transaction]:
        if self.away:
            raise DatabaseUnavailable
        with super().reading(workspace) as tx:
            yield tx


@pytest.fixture
def leaving(database: Database) -> Iterator[LeavingDatabase]:
    leaving = LeavingDatabase(database.url)
    yield leaving
    leaving.close()


def limit(database: Database, name: str, at_most: int | None) -> None:
    with database.transaction() as tx:
        SqlUpkeepStore().decide(tx, Queue(name=name, at_most=at_most))


def test_who_is_under_a_limit_takes_a_place_and_nobody_else(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    limit(database, "slow", 1)
    limit(database, "free", None)
    places = Places(database=database, store=SqlUpkeepStore())
    for one in (workspace, other_workspace):
        assert places.takes_one(make_job(one, queue="slow"))
        assert places.takes_one(make_job(one, concurrency_key="k"))
        assert places.takes_one(make_job(one, batch_id=BatchId(new_id())))
        assert not places.takes_one(make_job(one))
        assert not places.takes_one(make_job(one, queue="free"))


def test_a_new_limit_is_known_after_a_while_and_not_asked_for_before(
    database: Database, workspace: WorkspaceId
) -> None:
    now = [100.0]
    places = Places(database=database, store=SqlUpkeepStore(), monotonic=lambda: now[0])
    job = make_job(workspace, queue="slow")
    assert not places.takes_one(job)
    limit(database, "slow", 1)
    now[0] += LOOK_EVERY_SECONDS - 0.1
    assert not places.takes_one(job)
    now[0] += 0.1
    assert places.takes_one(job)


def test_while_the_database_is_away_what_was_known_holds(leaving: LeavingDatabase, workspace: WorkspaceId) -> None:
    now = [0.0]
    limit(leaving, "slow", 1)
    places = Places(database=leaving, store=SqlUpkeepStore(), monotonic=lambda: now[0])
    job = make_job(workspace, queue="slow")
    assert places.takes_one(job)
    limit(leaving, "slow", None)
    now[0] += LOOK_EVERY_SECONDS
    leaving.away = True
    assert places.takes_one(job)
    leaving.away = False
    now[0] += LOOK_EVERY_SECONDS
    assert not places.takes_one(job)
