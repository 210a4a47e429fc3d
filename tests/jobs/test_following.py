"""Who waited for others moves on once, after the last of them has ended, whoever tells of it."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.jobs.domain import Job, JobId, JobStatus
from counterfoil.jobs.moves import Completed, Failed
from tests.support.engine import Engine
from tests.support.handlers import greet, light
from tests.support.stores import FAILURE, claim, settle

GREET = light(greet)


@pytest.fixture
def engine(database: Database, tmp_path: Path) -> Engine:
    return Engine(database=database, folder=tmp_path)


def completed(engine: Engine, *wanted: JobId) -> Sequence[Job]:
    """Complete these jobs without telling anybody; return them."""
    held = [job for job in claim(engine.database, 100) if job.id in wanted]
    assert len(held) == len(wanted)
    for job in held:
        assert settle(engine.database, job, Completed())
    return held


def status(engine: Engine, workspace: WorkspaceId, job: JobId) -> JobStatus:
    return engine.jobs.get(workspace, job).status


def be_quiet(engine: Engine) -> None:
    engine.upkeep_bell.wait(0)


def test_who_waited_for_several_moves_on_after_the_last_and_upkeep_is_rung(
    engine: Engine, workspace: WorkspaceId
) -> None:
    parents = [engine.enqueue(workspace, GREET) for _ in range(2)]
    child = engine.enqueue(workspace, GREET, after=parents)
    be_quiet(engine)
    for _ in parents:
        (held,) = claim(engine.database)
        assert settle(engine.database, held, Completed())
        assert status(engine, workspace, child) is JobStatus.BLOCKED
        assert not engine.upkeep_bell.wait(0)
        engine.following.ended([held])
    assert status(engine, workspace, child) is JobStatus.PENDING
    assert engine.upkeep_bell.wait(0)


def test_jobs_of_several_workspaces_that_ended_together_are_each_followed_by_their_own(
    engine: Engine, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    owners = (workspace, other_workspace)
    parents = [engine.enqueue(owner, GREET) for owner in owners]
    children = [engine.enqueue(owner, GREET, after=[parent]) for owner, parent in zip(owners, parents, strict=True)]
    engine.following.ended(completed(engine, *parents))
    assert [status(engine, *one) for one in zip(owners, children, strict=True)] == [JobStatus.PENDING] * 2


def test_nobody_is_moved_in_the_name_of_another_workspace(
    engine: Engine, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    parent = engine.enqueue(workspace, GREET)
    child = engine.enqueue(workspace, GREET, after=[parent])
    completed(engine, parent)
    engine.following.unblock(other_workspace, [child])
    assert status(engine, workspace, child) is JobStatus.BLOCKED
    engine.following.unblock(workspace, [child])
    assert status(engine, workspace, child) is JobStatus.PENDING


def test_a_death_goes_down_the_chain_as_far_as_somebody_minds(engine: Engine, workspace: WorkspaceId) -> None:
    first = engine.enqueue(workspace, GREET)
    second = engine.enqueue(workspace, GREET, after=[first])
    third = engine.enqueue(workspace, GREET, after=[second])
    hardy = engine.enqueue(workspace, GREET, after=[third], despite_parents=True)
    last = engine.enqueue(workspace, GREET, after=[hardy])
    (held,) = claim(engine.database)
    assert settle(engine.database, held, Failed(failure=FAILURE, retry=False))
    engine.following.ended([held])
    assert [status(engine, workspace, job) for job in (second, third, hardy, last)] == [
        JobStatus.CANCELLED,
        JobStatus.CANCELLED,
        JobStatus.PENDING,
        JobStatus.BLOCKED,
    ]


def test_of_many_who_tell_of_the_same_end_one_moves_the_child_on(engine: Engine, workspace: WorkspaceId) -> None:
    parents = [engine.enqueue(workspace, GREET) for _ in range(8)]
    child = engine.enqueue(workspace, GREET, after=parents)
    ended = completed(engine, *parents)
    together = Barrier(8)

    def tell(parent: Job) -> None:
        together.wait(60)
        engine.following.ended([parent])

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(tell, ended))
    assert engine.release() == 1
    (held,) = claim(engine.database)
    assert held.id == child
    engine.following.ended(ended)  # late, and heard before
    assert status(engine, workspace, child) is JobStatus.PROCESSING


@pytest.mark.parametrize(("order", "rung"), [({}, False), ({"concurrency_key": "k"}, True), ({"queue": "slow"}, True)])
def test_a_place_that_was_left_is_told_of_and_nothing_else(
    engine: Engine, workspace: WorkspaceId, order: dict[str, Any], rung: bool
) -> None:
    engine.queues.limit("slow", 1)
    job = engine.jobs.get(workspace, engine.enqueue(workspace, GREET, **order))
    be_quiet(engine)
    engine.following.ended([job])
    assert engine.upkeep_bell.wait(0) is rung
