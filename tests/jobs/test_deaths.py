"""A job that may be what kills workers is kept apart from the others, more so each time, and given up at the third."""

import threading
import time
from pathlib import Path

import pytest

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.jobs.attempts import Ended
from counterfoil.jobs.context import JobContext
from counterfoil.jobs.domain import DeadReason, Ending, Job, JobId, JobStatus
from counterfoil.jobs.moves import Completed
from counterfoil.jobs.types import Handled, JobType
from tests.support.engine import Engine, NoGuard
from tests.support.handlers import Note, greet, light
from tests.support.jobs import make_job
from tests.support.stores import add, claim
from tests.support.waiting import wait_until

GREET = light(greet)


class Record(NoGuard):
    """A guard that notes what was at work when."""

    def __init__(self) -> None:
        self.at_work: set[JobId] = set()
        self.guarded: list[JobId] = []
        self.beside: set[JobId] = set()
        """What was at work together with something deadly."""
        self._lock = threading.Lock()

    def run(self, job: Job) -> Ended:
        self.guarded.append(job.id)
        self.work(job)
        return Completed()

    def work(self, job: Job) -> None:
        with self._lock:
            self.at_work.add(job.id)
        self._look(job)
        time.sleep(0.05)  # a worker that does wrong has the time to; no outcome hangs on it
        self._look(job)
        with self._lock:
            self.at_work.discard(job.id)

    def _look(self, job: Job) -> None:
        if job.deaths >= 2:
            with self._lock:
                self.beside |= self.at_work - {job.id}


@pytest.fixture
def record() -> Record:
    return Record()


@pytest.fixture
def engine(database: Database, tmp_path: Path, record: Record) -> Engine:
    def watched(context: JobContext, _: Note) -> None:
        record.work(context.job)

    job_type = JobType(name="watched", payload=Note, light=True)
    more = [Handled(type=job_type, handler=watched)]
    return Engine(database=database, folder=tmp_path, guard=record, more=more, concurrency=4)


def test_a_light_job_that_a_worker_died_with_is_run_guarded(
    engine: Engine, workspace: WorkspaceId, record: Record
) -> None:
    innocent, suspect = make_job(workspace, type=GREET.name), make_job(workspace, type=GREET.name, deaths=1)
    add(engine.database, innocent, suspect)
    with engine.working():
        for job in (innocent, suspect):
            assert engine.await_status(workspace, job.id).status is JobStatus.COMPLETED
    assert record.guarded == [suspect.id]


def test_a_job_that_two_workers_died_with_is_run_alone_among_many(
    engine: Engine, workspace: WorkspaceId, record: Record
) -> None:
    jobs = [make_job(workspace, type="watched", deaths=2 if number in (6, 7, 13) else 0) for number in range(20)]
    add(engine.database, *jobs)
    with engine.working():
        for job in jobs:
            assert engine.await_status(workspace, job.id).status is JobStatus.COMPLETED
    assert set(record.guarded) == {job.id for job in jobs if job.deaths}
    assert not record.beside


def test_a_job_that_three_workers_died_with_is_given_up_until_a_person_retries_it(
    engine: Engine, workspace: WorkspaceId
) -> None:
    job = engine.enqueue(workspace, GREET)
    presence = engine.presence()
    for deaths in range(3):
        engine.release()
        (held,) = claim(engine.database, alone=deaths >= 2)
        assert (held.deaths, held.attempts) == (deaths, 1)
        assert engine.rescue(presence)() == 1  # nobody knows the worker that has it
    dead = engine.jobs.get(workspace, job)
    assert (dead.status, dead.dead_reason, dead.deaths) == (JobStatus.DEAD_LETTER, DeadReason.POISON, 3)
    assert [attempt.ending for attempt in engine.jobs.attempts(workspace, job)] == [Ending.LOST] * 3
    engine.changes.retry(workspace, job)
    with engine.working():
        assert engine.await_status(workspace, job).status is JobStatus.COMPLETED


def test_a_worker_holds_no_more_than_its_slots_and_a_buffer_and_hands_the_buffer_back(
    engine: Engine, workspace: WorkspaceId
) -> None:
    began, may_end = threading.Semaphore(0), threading.Event()

    def linger(_: object, __: Note) -> None:
        began.release()
        assert may_end.wait(60)

    job_type = JobType(name="linger", payload=Note, light=True)
    engine.more, engine.concurrency = [Handled(type=job_type, handler=linger)], 2
    ids = [engine.enqueue(workspace, job_type) for _ in range(12)]

    def standing(status: JobStatus) -> list[Job]:
        return [job for job in (engine.jobs.get(workspace, one) for one in ids) if job.status is status]

    worker = engine.worker()
    worker._mean_seconds = 0.0  # as after many quick jobs
    thread = threading.Thread(target=worker.run)
    thread.start()
    for _ in range(2):
        assert began.acquire(timeout=40)
    wait_until(lambda: len(standing(JobStatus.PROCESSING)) == 2 + 3)
    looked = worker._next_look
    wait_until(lambda: worker._next_look > looked)  # it has had another turn
    assert len(standing(JobStatus.PROCESSING)) == 2 + 3
    worker.stop()
    wait_until(lambda: len(standing(JobStatus.PROCESSING)) == 2)
    may_end.set()
    thread.join(60)
    assert not thread.is_alive()
    assert len(standing(JobStatus.COMPLETED)) == 2
    back = standing(JobStatus.PENDING)
    assert {(job.attempts, job.deaths, job.worker) for job in back} == {(0, 0, None)}
    endings = [attempt.ending for job in back for attempt in engine.jobs.attempts(workspace, job.id)]
    assert endings == [Ending.RETURNED] * 3
