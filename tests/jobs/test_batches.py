"""A batch is one workspace's, runs no more of its jobs at once than it was told to, and tells how far it is."""

from datetime import timedelta
from pathlib import Path

import pytest

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.domain import BatchId, JobStatus, Order
from counterfoil.jobs.errors import BatchNotFound
from counterfoil.jobs.moves import Completed
from tests.support.engine import Engine, NoGuard
from tests.support.handlers import Note, greet, light
from tests.support.stores import claim, settle
from tests.support.waiting import wait_until

GREET = light(greet)


@pytest.fixture
def engine(database: Database, tmp_path: Path) -> Engine:
    """An engine whose upkeep does nothing by itself for an hour, but for what it is rung for."""
    return Engine(database=database, folder=tmp_path, guard=NoGuard(), upkeep_every=timedelta(hours=1))


def started(engine: Engine, workspace: WorkspaceId, *, at_most: int | None = None, number: int = 0) -> BatchId:
    """Return a batch with so many jobs."""
    with engine.database.transaction() as tx:
        batch = engine.batches.start(tx, workspace, description="March", at_most=at_most)
        engine.jobs.enqueue_many(tx, workspace, GREET, [Note()] * number, Order(batch=batch))
    return batch


def test_a_batch_that_is_rolled_back_is_not_there(engine: Engine, workspace: WorkspaceId) -> None:
    made: list[BatchId] = []

    def start_and_fail() -> None:
        with engine.database.transaction() as tx:
            made.append(engine.batches.start(tx, workspace))
            raise ConnectionError

    with pytest.raises(ConnectionError):
        start_and_fail()
    with pytest.raises(BatchNotFound):
        engine.batches.get(workspace, made[0])


def test_a_batch_tells_what_it_is_and_how_far(engine: Engine, workspace: WorkspaceId) -> None:
    batch = started(engine, workspace, at_most=2, number=3)
    begun = engine.batches.get(workspace, batch)
    assert (begun.description, begun.at_most, begun.cancelled_at) == ("March", 2, None)
    assert begun.counts == {JobStatus.PENDING: 3}
    assert engine.release() == 2
    (job,) = claim(engine.database)
    assert settle(engine.database, job, Completed())
    assert engine.batches.get(workspace, batch).counts == {JobStatus.PENDING: 2, JobStatus.COMPLETED: 1}
    of_batch = {one.id: one.status for one in engine.batches.jobs(workspace, batch)}
    assert (len(of_batch), of_batch[job.id]) == (3, JobStatus.COMPLETED)


def test_no_more_of_a_batch_are_under_way_than_it_was_told_and_others_do_not_wait_for_it(
    engine: Engine, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    narrow = started(engine, workspace, at_most=1, number=3)
    wide = started(engine, other_workspace, number=3)
    assert engine.release() == 4
    under_way = claim(engine.database, 10)
    assert [job.batch_id for job in under_way].count(narrow) == 1
    assert [job.batch_id for job in under_way].count(wide) == 3
    assert engine.release() == 0


def test_who_comes_after_in_a_batch_begins_as_soon_as_there_is_a_place(engine: Engine, workspace: WorkspaceId) -> None:
    """Not only when upkeep looks by itself, which it does once an hour here."""
    batch = started(engine, workspace, at_most=1, number=4)
    with engine.working():
        wait_until(lambda: engine.batches.get(workspace, batch).counts == {JobStatus.COMPLETED: 4})


def test_a_cancelled_batch_keeps_what_is_done_and_lets_who_runs_finish(engine: Engine, workspace: WorkspaceId) -> None:
    batch = started(engine, workspace, at_most=2, number=4)
    engine.release()
    done, running = claim(engine.database, 2)
    assert settle(engine.database, done, Completed())
    cancelled = engine.batches.cancel(workspace, batch)
    assert cancelled.cancelled_at
    assert cancelled.counts == {JobStatus.COMPLETED: 1, JobStatus.PROCESSING: 1, JobStatus.CANCELLED: 2}
    assert engine.jobs.get(workspace, running.id).cancel_requested_at
    again = engine.batches.cancel(workspace, batch)
    assert again == cancelled


def test_a_batch_of_another_workspace_is_not_there(
    engine: Engine, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    batch = started(engine, workspace, number=2)
    for ask in (engine.batches.get, engine.batches.cancel):
        for unknown in (batch, BatchId(new_id())):
            with pytest.raises(BatchNotFound):
                ask(other_workspace, unknown)
    assert engine.batches.jobs(other_workspace, batch) == []
    assert engine.batches.get(workspace, batch).counts == {JobStatus.PENDING: 2}
