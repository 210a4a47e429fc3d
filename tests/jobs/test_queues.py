"""What a person decides about a queue holds for all workspaces, and nobody waits longer for it than he must."""

from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.jobs.domain import Backoff, JobStatus, Queue
from tests.support import handlers
from tests.support.engine import Engine, NoGuard
from tests.support.handlers import light
from tests.support.stores import claim
from tests.support.waiting import wait_until

GREET = light(handlers.greet)


@pytest.fixture
def engine(database: Database, tmp_path: Path) -> Engine:
    """An engine whose upkeep does nothing by itself for an hour, but for what it is rung for."""
    return Engine(database=database, folder=tmp_path, guard=NoGuard(), upkeep_every=timedelta(hours=1))


def test_what_was_decided_about_a_queue_stays_beside_what_is_decided_later(engine: Engine) -> None:
    assert engine.queues.all() == []
    engine.queues.limit("slow", 3)
    paused = engine.queues.pause("slow")
    assert (paused.at_most, paused.paused_at is None) == (3, False)
    assert engine.queues.limit("slow", 5) == Queue(name="slow", at_most=5, paused_at=paused.paused_at)
    engine.queues.pause("other")
    assert engine.queues.resume("slow") == Queue(name="slow", at_most=5)
    assert engine.queues.limit("slow", None) == Queue(name="slow")
    assert [(one.name, one.at_most, one.paused_at is None) for one in engine.queues.all()] == [
        ("other", None, False),
        ("slow", None, True),
    ]


def test_whatever_is_decided_about_a_queue_rings_upkeep(engine: Engine) -> None:
    for decide in (engine.queues.pause, engine.queues.resume, partial(engine.queues.limit, at_most=1)):
        assert not engine.upkeep_bell.wait(0)
        decide("slow")
        assert engine.upkeep_bell.wait(0)


def test_the_places_of_a_queue_are_shared_by_all_workspaces(
    engine: Engine, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    engine.queues.limit("default", 2)
    for owner in (workspace, other_workspace, workspace, other_workspace):
        engine.enqueue(owner, GREET)
    assert engine.release() == 2
    assert {job.workspace for job in claim(engine.database, 10)} == {workspace, other_workspace}
    assert engine.release() == 0


def test_a_queue_without_its_limit_gives_out_all_it_has(engine: Engine, workspace: WorkspaceId) -> None:
    engine.queues.limit("default", 1)
    for _ in range(4):
        engine.enqueue(workspace, GREET)
    assert engine.release() == 1
    engine.queues.limit("default", None)
    assert engine.release() == 3
    assert len(claim(engine.database, 10)) == 4


def test_a_paused_queue_begins_nothing_until_it_is_resumed(engine: Engine, workspace: WorkspaceId) -> None:
    engine.queues.pause("default")
    paused = engine.enqueue(workspace, GREET)
    other = engine.enqueue(workspace, GREET, queue="other")
    assert claim(engine.database, 10, queues=["default", "other"])[0].id == other
    assert engine.jobs.get(workspace, paused).status is JobStatus.PENDING
    engine.queues.resume("default")
    assert [job.id for job in claim(engine.database, 10)] == [paused]


def test_a_job_of_a_limited_queue_begins_as_soon_as_it_is_made_and_has_a_place(
    engine: Engine, workspace: WorkspaceId, tmp_path: Path
) -> None:
    """Not only when upkeep looks by itself, which it does once an hour here."""
    engine.queues.limit("default", 1)
    with engine.working():
        for _ in range(3):
            job = engine.enqueue(workspace, GREET)
            assert engine.await_status(workspace, job).status is JobStatus.COMPLETED


@pytest.mark.parametrize("handler", [handlers.greet, handlers.fail, handlers.take_effect])
def test_whoever_leaves_a_place_in_a_limited_queue_has_it_given_to_the_next_at_once(
    engine: Engine, workspace: WorkspaceId, other_workspace: WorkspaceId, handler: handlers.Handler
) -> None:
    """However it ends: well, to be tried again later, or by itself in a transaction of its own."""
    handlers.effects.metadata.create_all(engine.database.engine)
    engine.queues.limit("default", 1)
    later = light(handler, backoff=Backoff(base=timedelta(hours=1)))
    owners = (workspace, other_workspace) * 2
    jobs = [engine.enqueue(owner, later) for owner in owners]
    over = {JobStatus.COMPLETED, JobStatus.FAILED}
    with engine.working():
        wait_until(
            lambda: all(engine.jobs.get(owner, job).status in over for owner, job in zip(owners, jobs, strict=True))
        )


def test_a_cancelled_job_leaves_its_place_in_a_limited_queue_at_once(engine: Engine, workspace: WorkspaceId) -> None:
    engine.queues.limit("default", 1)
    first, second = engine.enqueue(workspace, GREET), engine.enqueue(workspace, GREET)
    assert engine.release() == 1
    while engine.upkeep_bell.wait(0):
        pass
    engine.changes.cancel(workspace, first)
    assert engine.upkeep_bell.wait(0)
    assert engine.release() == 1
    assert [job.id for job in claim(engine.database)] == [second]
