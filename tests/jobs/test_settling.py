"""How attempts ended is written down: once, many at a time, whatever the database does and whatever others brought."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.paging import Paging
from counterfoil.jobs.domain import Ending, Job, JobId, JobStatus, LogLevel, LogLine
from counterfoil.jobs.moves import Completed, Failed, Lost, Returned
from counterfoil.jobs.protocols import Settlement, settlement_of
from counterfoil.jobs.settling import AT_ONCE, MOST_WAITING, Settler
from tests.support.engine import Engine, MoodyDatabase
from tests.support.handlers import greet, light
from tests.support.stores import FAILURE, NOW, claim, settle
from tests.support.waiting import wait_until

GREET = light(greet)


class GatedDatabase(MoodyDatabase):
    """A moody database that lets a transaction begin only while its gate is open, and counts them."""

    begun = 0

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.gate = threading.Event()
        self.gate.set()
        self.waiting = threading.Event()

    @contextmanager
    def transaction(self, workspace: UUID | None = None) -> Iterator[Transaction]:
        self.waiting.set()
        assert self.gate.wait(60)
        self.begun += 1
        with super().transaction(workspace) as tx:
            yield tx


class Desk:
    """A settler and what its worker hears from it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.database = GatedDatabase(engine.url)
        self.off_our_hands: list[JobId] = []
        self.doubts = 0
        self.settler = Settler(
            database=self.database,
            jobs=engine.store,
            leases=engine.leases,
            following=engine.following,
            observer=engine.endings,
            upkeep=engine.upkeep_bell,
            on_done=lambda attempts: self.off_our_hands.extend(job for job, _ in attempts),
            on_doubt=self._doubt,
        )
        self.settler.start()

    def _doubt(self) -> None:
        self.doubts += 1

    def end(self) -> None:
        self.database.gate.set()
        self.settler.close(60)
        self.database.close()

    def status(self, job: Job) -> JobStatus:
        return self.engine.jobs.get(job.workspace, job.id).status

    def endings(self, job: Job) -> list[Ending]:
        return [attempt.ending for attempt in self.engine.jobs.attempts(job.workspace, job.id)]


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(Engine(database=database, folder=tmp_path))
    yield desk
    desk.end()


def held(desk: Desk, workspace: WorkspaceId, number: int = 1) -> Sequence[Job]:
    """Return jobs that a worker has claimed."""
    for _ in range(number):
        desk.engine.enqueue(workspace, GREET)
    return claim(desk.engine.database, number)


def well(job: Job) -> Settlement:
    return settlement_of(job, Completed(result={"done": True}), NOW)


def line_of(desk: Desk, job: Job) -> LogLine:
    return LogLine(
        id=desk.engine.jobs.new_id(), job=job.id, level=LogLevel.INFO, message="Said", metadata={}, created_at=NOW
    )


def test_what_gathers_while_a_batch_is_written_is_the_next_batch(
    desk: Desk, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    ours, theirs = held(desk, workspace, 10), held(desk, other_workspace, 10)
    desk.database.gate.clear()
    desk.settler.put(well(ours[0]))
    assert desk.database.waiting.wait(60)
    for job in (*ours[1:], *theirs):
        desk.settler.put(well(job))
    desk.database.gate.set()
    wait_until(lambda: len(desk.off_our_hands) == 20)
    assert desk.database.begun == 2
    assert {desk.status(job) for job in (*ours, *theirs)} == {JobStatus.COMPLETED}
    assert len(desk.engine.endings.seen) == 20


def test_an_attempt_is_settled_with_what_it_said(desk: Desk, workspace: WorkspaceId) -> None:
    (job,) = held(desk, workspace)
    line = line_of(desk, job)
    desk.settler.put(settlement_of(job, Failed(failure=FAILURE), NOW, [line]))
    wait_until(lambda: desk.off_our_hands == [job.id])
    assert desk.engine.jobs.logs(workspace, job.id, Paging()).items == [line]
    assert desk.endings(job) == [Ending.FAILED]


def test_while_the_database_is_away_a_batch_waits_and_the_worker_is_told_of_the_doubt(
    desk: Desk, workspace: WorkspaceId
) -> None:
    (job,) = held(desk, workspace)
    desk.database.refusals = 3
    desk.settler.put(well(job))
    wait_until(lambda: desk.off_our_hands == [job.id])
    assert desk.doubts == 3
    assert desk.status(job) is JobStatus.COMPLETED
    assert desk.endings(job) == [Ending.COMPLETED]


def test_a_commit_that_only_seemed_to_fail_is_recognised(desk: Desk, workspace: WorkspaceId) -> None:
    (job,) = held(desk, workspace)
    desk.database.lies = 2
    desk.settler.put(well(job))
    wait_until(lambda: desk.off_our_hands == [job.id])
    assert desk.endings(job) == [Ending.COMPLETED]
    assert [attempt.ending for _, attempt in desk.engine.endings.seen] == [Ending.COMPLETED]


def test_what_no_database_takes_fails_alone_and_the_others_are_written(
    desk: Desk, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    good, bad = held(desk, workspace, 2), held(desk, other_workspace, 1)
    unwritable = settlement_of(bad[0], Completed(result={"number": float("nan")}), NOW)
    desk.database.gate.clear()
    desk.settler.put(well(good[0]))
    assert desk.database.waiting.wait(60)
    desk.settler.put(unwritable)
    desk.settler.put(well(good[1]))
    desk.database.gate.set()
    wait_until(lambda: len(desk.off_our_hands) == 3)
    assert [desk.status(job) for job in good] == [JobStatus.COMPLETED] * 2
    failed = desk.engine.jobs.get(other_workspace, bad[0].id)
    assert failed.failure
    assert (failed.status, failed.failure.code) == (JobStatus.FAILED, "internal_error")


def test_what_cannot_even_be_written_as_failed_is_given_back_by_the_worker(desk: Desk, workspace: WorkspaceId) -> None:
    bad, good = held(desk, workspace, 2)
    unnamed = replace(bad, started_at=None)
    lost = replace(well(bad), job=unnamed, after=replace(well(bad).after, result={"number": float("nan")}))
    desk.settler.put(lost)
    wait_until(lambda: desk.off_our_hands == [bad.id])
    assert desk.doubts == 1
    assert desk.status(bad) is JobStatus.PROCESSING
    desk.settler.put(well(good))
    wait_until(lambda: desk.status(good) is JobStatus.COMPLETED)


def test_an_attempt_that_has_been_superseded_is_refused_and_off_our_hands_all_the_same(
    desk: Desk, workspace: WorkspaceId
) -> None:
    (job,) = held(desk, workspace)
    assert settle(desk.engine.database, job, Lost())
    desk.settler.put(well(job))
    wait_until(lambda: desk.off_our_hands == [job.id])
    assert desk.status(job) is JobStatus.PENDING
    assert desk.endings(job) == [Ending.LOST]
    assert desk.engine.endings.seen == []


def test_who_waited_for_what_was_settled_moves_on(desk: Desk, workspace: WorkspaceId) -> None:
    (job,) = held(desk, workspace)
    child = desk.engine.enqueue(workspace, GREET, after=[job.id])
    desk.settler.put(well(job))
    wait_until(lambda: desk.engine.jobs.get(workspace, child).status is JobStatus.PENDING)


def test_upkeep_is_rung_for_a_place_that_was_left(desk: Desk, workspace: WorkspaceId) -> None:
    plain, keyed = held(desk, workspace, 2)
    desk.engine.upkeep_bell.wait(0)
    desk.settler.put(well(plain))
    wait_until(lambda: desk.off_our_hands == [plain.id])
    desk.settler.put(replace(well(keyed), after=replace(well(keyed).after, concurrency_key="k")))
    assert desk.engine.upkeep_bell.wait(40)


def test_whoever_brings_more_than_can_be_written_waits(desk: Desk, workspace: WorkspaceId) -> None:
    (job,) = held(desk, workspace)
    desk.database.gate.clear()
    brought = []

    def bring() -> None:
        for number in range(MOST_WAITING + 2 * AT_ONCE):  # said again and again, it is recognised each time
            desk.settler.put(well(job))
            brought.append(number)

    slot = threading.Thread(target=bring)
    slot.start()
    wait_until(lambda: len(brought) >= MOST_WAITING)
    slot.join(0.5)
    assert slot.is_alive()
    assert len(brought) <= MOST_WAITING + AT_ONCE
    desk.database.gate.set()
    slot.join(60)
    assert not slot.is_alive()
    desk.settler.close(60)
    assert desk.endings(job) == [Ending.COMPLETED]


def test_closing_writes_what_is_left(desk: Desk, workspace: WorkspaceId) -> None:
    jobs = held(desk, workspace, 5)
    desk.database.gate.clear()
    for job in jobs:
        desk.settler.put(settlement_of(job, Returned(), NOW))
    threading.Timer(0.2, desk.database.gate.set).start()
    desk.settler.close(60)
    assert [desk.endings(job) for job in jobs] == [[Ending.RETURNED]] * 5


def test_closing_gives_up_on_a_database_that_stays_away(desk: Desk, workspace: WorkspaceId) -> None:
    (job,) = held(desk, workspace)
    desk.database.refusals = 1_000_000
    desk.settler.put(well(job))
    wait_until(lambda: desk.doubts > 0)
    desk.settler.close(0.1)
    assert desk.off_our_hands == []
    assert desk.status(job) is JobStatus.PROCESSING


def test_a_settler_that_was_never_started_can_be_closed(desk: Desk) -> None:
    unused = replace(desk.settler)
    unused.close(0)
    assert desk.database.begun == 0
