"""A worker brings every job to an end, whatever its handler does, and is left by none of them."""

import os
import threading
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
import structlog
from sqlalchemy import select
from structlog.typing import EventDict

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database, DatabaseUnavailable
from counterfoil.foundation.failpoints import armed
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.paging import Paging
from counterfoil.jobs.attempts import Ended
from counterfoil.jobs.domain import DeadReason, Ending, Job, JobStatus, Lease, WorkerId
from counterfoil.jobs.infrastructure.tables import WorkerRow
from counterfoil.jobs.protocols import Presence
from counterfoil.jobs.types import Handled, JobType
from tests.conftest import prepare
from tests.support import handlers
from tests.support.engine import Engine, MoodyDatabase, NoGuard
from tests.support.handlers import Note, effects, guarded, light, runner
from tests.support.jobs import make_job
from tests.support.processes import alive
from tests.support.waiting import wait_until


@pytest.fixture
def engine(database: Database, tmp_path: Path) -> Engine:
    """An engine whose worker runs light jobs only."""
    effects.metadata.create_all(database.engine)
    return Engine(database=database, folder=tmp_path, guard=NoGuard())


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'children.db'}"


@pytest.fixture
def sqlite_engine(sqlite_url: str, tmp_path: Path) -> Iterator[Engine]:
    """An engine that runs guarded jobs in children."""
    database = Database(sqlite_url)
    prepare(database)
    yield Engine(database=database, folder=tmp_path)
    database.close()


def settled(engine: Engine, workspace: WorkspaceId, job_type: JobType[Note], text: str = "") -> Job:
    """Enqueue a job, let a worker have it, and return it once it is final."""
    job = engine.enqueue(workspace, job_type, text)
    with engine.working():
        return engine.await_status(workspace, job)


class InThisProcess(NoGuard):
    """Runs guarded jobs without a child."""

    def __init__(self, url: str) -> None:
        self._runner = runner(url)

    def run(self, job: Job) -> Ended:
        return self._runner.run(job)

    def close(self) -> None:
        self._runner.database.close()


# --- light jobs, on both databases ---


def test_a_job_is_completed_with_its_result(engine: Engine, workspace: WorkspaceId) -> None:
    job = settled(engine, workspace, light(handlers.greet), "Ada")
    assert job.status is JobStatus.COMPLETED
    assert job.result
    assert job.result["greeting"] == "Hello Ada"
    ((after, attempt),) = engine.endings.seen
    assert (after.id, attempt.ending, attempt.number) == (job.id, Ending.COMPLETED, 1)


def test_a_job_that_fails_is_tried_again(engine: Engine, workspace: WorkspaceId) -> None:
    job = settled(engine, workspace, light(handlers.fail_once))
    assert (job.status, job.attempts, job.result) == (JobStatus.COMPLETED, 2, {"attempt": 2})
    assert job.failure is None  # of the first attempt, which is kept with that
    endings = [(attempt.number, attempt.ending) for attempt in engine.jobs.attempts(workspace, job.id)]
    assert endings == [(1, Ending.FAILED), (2, Ending.COMPLETED)]


def test_a_job_that_fails_too_often_is_a_dead_letter_until_somebody_retries_it(
    engine: Engine, workspace: WorkspaceId
) -> None:
    job = settled(engine, workspace, light(handlers.fail), "broken")
    assert (job.status, job.dead_reason) == (JobStatus.DEAD_LETTER, DeadReason.ATTEMPTS_USED_UP)
    assert job.failure
    assert (job.failure.code, job.failure.message) == ("task_execution_failed", "broken")
    assert "RuntimeError" in (job.failure.stack or "")
    assert engine.changes.retry(workspace, job.id).status is JobStatus.PENDING
    with engine.working():
        assert engine.await_status(workspace, job.id, JobStatus.DEAD_LETTER).attempts == 2
    assert len(engine.jobs.attempts(workspace, job.id)) == 4


@pytest.mark.parametrize("handler", [handlers.take_effect, handlers.take_effect_and_stumble])
def test_a_job_that_completes_itself_with_its_effect_is_done_once_and_counted(
    engine: Engine, workspace: WorkspaceId, handler: handlers.Handler
) -> None:
    job = settled(engine, workspace, light(handler))
    assert (job.status, job.result, job.attempts) == (JobStatus.COMPLETED, {"done": True}, 1)
    with engine.database.reading() as tx:
        assert len(tx.execute(select(effects)).all()) == 1
    wait_until(lambda: bool(engine.endings.seen))
    assert [attempt.ending for _, attempt in engine.endings.seen] == [Ending.COMPLETED]


def test_a_handler_can_tell_how_it_goes(engine: Engine, workspace: WorkspaceId) -> None:
    job = settled(engine, workspace, light(handlers.ask_back))
    assert job.status is JobStatus.COMPLETED
    assert job.result
    assert job.result["first"] == job.result["again"]
    assert job.progress
    assert (job.progress.percentage, job.progress.message) == (100.0, "One of one")
    (line,) = engine.jobs.logs(workspace, job.id, Paging()).items
    assert (line.message, line.metadata) == ("Began", {"number": 0})


def test_a_payload_that_does_not_fit_is_not_worth_retrying(engine: Engine, workspace: WorkspaceId) -> None:
    bad = make_job(workspace, type="light_greet", payload={"number": "many"})
    with engine.database.transaction() as tx:
        engine.store.add(tx, [bad])
    with engine.working():
        job = engine.await_status(workspace, bad.id)
    assert (job.status, job.attempts) == (JobStatus.DEAD_LETTER, 1)
    assert job.failure
    assert job.failure.code == "validation_error"


def test_a_job_of_a_type_that_nobody_knows_is_dead_at_once(engine: Engine, workspace: WorkspaceId) -> None:
    engine.guard = InThisProcess(engine.url)
    stranger = JobType(name="__import__", payload=Note)
    job = settled(engine, workspace, stranger)
    assert (job.status, job.dead_reason) == (JobStatus.DEAD_LETTER, DeadReason.NOT_WORTH_RETRYING)
    assert job.failure
    assert job.failure.code == "unknown_job_type"


@pytest.mark.parametrize("handler", [handlers.exit_politely, handlers.interrupt])
def test_a_handler_that_wants_to_end_the_process_fails_its_job_alone(
    engine: Engine, workspace: WorkspaceId, handler: handlers.Handler
) -> None:
    bad = engine.enqueue(workspace, light(handler))
    good = engine.enqueue(workspace, light(handlers.greet))
    with engine.working():
        assert engine.await_status(workspace, bad).status is JobStatus.DEAD_LETTER
        assert engine.await_status(workspace, good).status is JobStatus.COMPLETED


def test_text_that_postgresql_refuses_is_cleaned_wherever_a_handler_says_it(
    engine: Engine, workspace: WorkspaceId
) -> None:
    job = settled(engine, workspace, light(handlers.give_text), "payload \x00")
    assert job.status is JobStatus.COMPLETED
    clean = "nul  and ? surrogate"
    assert job.result == {"text": clean}
    assert job.progress
    assert job.progress.message == clean
    (line,) = engine.jobs.logs(workspace, job.id, Paging()).items
    assert (line.message, line.metadata) == (clean, {"text": clean})


def test_a_result_that_is_no_json_is_not_worth_retrying(engine: Engine, workspace: WorkspaceId) -> None:
    job = settled(engine, workspace, light(handlers.give_nonsense))
    assert job.status is JobStatus.DEAD_LETTER
    assert job.failure
    assert job.failure.code == "not_json"


def test_jobs_of_a_concurrency_key_run_one_after_the_other(engine: Engine, workspace: WorkspaceId) -> None:
    ids = [engine.enqueue(workspace, light(handlers.greet), concurrency_key="k") for _ in range(4)]
    with engine.working():
        for job in ids:
            assert engine.await_status(workspace, job).status is JobStatus.COMPLETED
    attempts = sorted((attempt.started_at, attempt.ended_at) for _, attempt in engine.endings.seen)
    assert all(ended <= started for (_, ended), (started, _) in pairwise(attempts))


def test_a_light_job_that_outlasts_the_grace_is_given_back_without_losing_an_attempt(
    engine: Engine, workspace: WorkspaceId
) -> None:
    began, may_end = threading.Event(), threading.Event()

    def linger(_: object, __: Note) -> None:
        began.set()
        may_end.wait(60)

    lingering = JobType(name="linger", payload=Note, light=True)
    engine.more = [Handled(type=lingering, handler=linger)]
    engine.grace = timedelta(milliseconds=200)
    job_id = engine.enqueue(workspace, lingering)
    with engine.working():
        assert began.wait(30)
    job = engine.jobs.get(workspace, job_id)
    assert (job.status, job.attempts, job.deaths) == (JobStatus.PENDING, 0, 0)
    may_end.set()
    wait_until(lambda: not any(thread.name == "slot" for thread in threading.enumerate()))
    assert engine.jobs.get(workspace, job_id).status is JobStatus.PENDING  # what it still said was refused


def test_a_worker_that_stops_lets_running_jobs_finish_and_takes_no_more(engine: Engine, workspace: WorkspaceId) -> None:
    began, may_end = threading.Event(), threading.Event()

    def linger(_: object, __: Note) -> None:
        began.set()
        may_end.wait(60)

    lingering = JobType(name="linger", payload=Note, light=True)
    engine.more = [Handled(type=lingering, handler=linger)]
    engine.concurrency = 1
    first = engine.enqueue(workspace, lingering)
    second = engine.enqueue(workspace, lingering)
    with engine.working() as worker:
        assert began.wait(30)
        worker.stop()
        worker.stop()
        wait_until(worker._stopping.is_set)
        may_end.set()
    assert engine.jobs.get(workspace, first).status is JobStatus.COMPLETED
    assert engine.jobs.get(workspace, second).status is JobStatus.PENDING


def test_a_claim_whose_answer_was_lost_is_given_back(engine: Engine, workspace: WorkspaceId) -> None:
    job = engine.enqueue(workspace, light(handlers.greet))
    worker = engine.worker()
    with engine.database.transaction() as tx:
        assert engine.leases.claim(tx, worker.id, Lease(new_id()), ["default"], 1)
    worker._recover()
    worker.settler.start()
    worker.settler.close(10)
    assert engine.jobs.get(workspace, job).status is JobStatus.PENDING
    assert [attempt.ending for attempt in engine.jobs.attempts(workspace, job)] == [Ending.RETURNED]


def test_a_worker_that_was_given_up_starts_over_under_another_name(engine: Engine, workspace: WorkspaceId) -> None:
    with engine.working() as worker:
        wait_until(lambda: registered(engine, worker.id))
        first = worker.id
        with engine.database.transaction() as tx:
            worker.presence.bury(tx, first)
        wait_until(lambda: worker.id != first)
        job = engine.enqueue(workspace, light(handlers.greet))
        assert engine.await_status(workspace, job).status is JobStatus.COMPLETED


def test_a_worker_that_was_given_up_takes_no_job_before_it_has_a_new_name(
    engine: Engine, workspace: WorkspaceId
) -> None:
    """A job that it took under the old one would be freed again and again, until it counted as poison."""
    with engine.working() as worker:
        wait_until(lambda: registered(engine, worker.id))
        worker.presence = nameless = Nameless(worker.presence)
        with engine.database.transaction() as tx:
            nameless.bury(tx, worker.id)
        wait_until(lambda: nameless.asked > 0)
        job = engine.enqueue(workspace, light(handlers.greet))
        wait_until(lambda: nameless.asked > 3)
        waiting = engine.jobs.get(workspace, job)
        nameless.refusing = False
        done = engine.await_status(workspace, job)
    assert (waiting.status, waiting.attempts) == (JobStatus.PENDING, 0)
    assert (done.status, done.attempts, done.deaths) == (JobStatus.COMPLETED, 1, 0)


class Nameless:
    """A presence that takes no new names for a while, as where the session's own way to the database is closed."""

    def __init__(self, presence: Presence) -> None:
        self._presence = presence
        self.refusing = True
        self.asked = 0
        self.beat, self.leave, self.bury = presence.beat, presence.leave, presence.bury
        self.doubts, self.dead = presence.doubts, presence.dead

    def register(self, worker: WorkerId, name: str) -> None:
        self.asked += 1
        if self.refusing:
            raise DatabaseUnavailable
        self._presence.register(worker, name)


def registered(engine: Engine, worker: WorkerId) -> bool:
    with engine.database.reading() as tx:
        query = select(WorkerRow.id).where(WorkerRow.id == worker, WorkerRow.ended_at.is_(None))
        return tx.execute(query).one_or_none() is not None


def test_a_worker_outlives_an_error_that_nobody_expected(engine: Engine, workspace: WorkspaceId) -> None:
    """A row that this version cannot read stops nothing but itself."""
    unreadable = make_job(workspace, type="light_greet")
    with engine.database.transaction() as tx:
        engine.store.add(tx, [unreadable])
        tx.connection.exec_driver_sql("UPDATE jobs SET retry_delay_seconds = 1e300")  # no time is that long
    with engine.working() as worker:
        wait_until(worker._unsure.is_set)
        with engine.database.transaction() as tx:
            tx.connection.exec_driver_sql("UPDATE jobs SET retry_delay_seconds = 1")
        assert engine.await_status(workspace, unreadable.id).status is JobStatus.COMPLETED


# --- a database that comes and goes ---


@pytest.fixture
def moody(sqlite_url: str, tmp_path: Path) -> Iterator[Engine]:
    database = MoodyDatabase(sqlite_url)
    prepare(database)
    yield Engine(database=database, folder=tmp_path, guard=NoGuard())
    database.close()


def upsetting(moody: Engine, *, refusals: int = 0, lies: int = 0) -> JobType[Note]:
    """Return a type of job that upsets the database when it is done."""
    assert isinstance(moody.database, MoodyDatabase)
    database = moody.database

    def upset(_: object, __: Note) -> None:
        database.refusals, database.lies = refusals, lies

    job_type = JobType(name="upset", payload=Note, light=True)
    moody.more = [Handled(type=job_type, handler=upset)]
    return job_type


@pytest.mark.parametrize(("refusals", "lies"), [(3, 0), (0, 3), (2, 2)])
def test_an_outcome_is_kept_once_however_often_the_database_refuses_or_lies(
    moody: Engine, workspace: WorkspaceId, refusals: int, lies: int
) -> None:
    job = settled(moody, workspace, upsetting(moody, refusals=refusals, lies=lies))
    assert job.status is JobStatus.COMPLETED
    assert [attempt.ending for attempt in moody.jobs.attempts(workspace, job.id)] == [Ending.COMPLETED]


def test_a_claim_that_seems_to_have_failed_leaves_no_job_behind(moody: Engine, workspace: WorkspaceId) -> None:
    assert isinstance(moody.database, MoodyDatabase)
    ids = [moody.enqueue(workspace, light(handlers.greet)) for _ in range(5)]
    moody.database.lies = 4  # the registration's answer is lost as well
    with moody.working():
        for job in ids:
            assert moody.await_status(workspace, job).status is JobStatus.COMPLETED


def test_a_worker_ends_even_while_the_database_is_away(moody: Engine, workspace: WorkspaceId) -> None:
    assert isinstance(moody.database, MoodyDatabase)
    moody.grace = timedelta(0)
    job = moody.enqueue(workspace, upsetting(moody, refusals=1_000_000))
    with moody.working():
        wait_until(lambda: moody.database.refusals > 0)  # type: ignore[attr-defined]  # asserted above
    moody.database.refusals = 0
    moody.enqueue(workspace, light(handlers.greet))
    assert moody.jobs.get(workspace, job).status is JobStatus.PROCESSING


def test_a_slot_in_which_something_of_ours_breaks_fails_its_job_alone(moody: Engine, workspace: WorkspaceId) -> None:
    job = settled(moody, workspace, guarded(handlers.greet))  # and there is nothing here to guard it
    assert job.status is JobStatus.DEAD_LETTER
    assert job.failure
    assert job.failure.code == "internal_error"


# --- guarded jobs; test_children.py has what the guard does by itself ---


def test_a_job_whose_failure_cannot_even_be_logged_is_settled_and_its_slot_goes_on(
    engine: Engine, workspace: WorkspaceId, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.concurrency = 1
    kept = structlog.get_config()["processors"]
    told: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda told_of: told.append(told_of.exc_value))

    def be_speechless(_logger: object, _method: str, event: EventDict) -> EventDict:
        if event["event"] == "slot_failed":
            raise RuntimeError("speechless")
        return event

    structlog.configure(processors=[be_speechless, *kept])
    try:
        broken, well = (engine.enqueue(workspace, light(handlers.greet, max_attempts=1)) for _ in range(2))
        with armed("job.begun=raise*1"), engine.working():
            done = [engine.await_status(workspace, job) for job in (broken, well)]
    finally:
        structlog.configure(processors=kept)
    assert [job.status for job in done] == [JobStatus.DEAD_LETTER, JobStatus.COMPLETED]
    assert [str(error) for error in told] == ["speechless"]


def test_a_worker_runs_guarded_jobs_in_children_and_leaves_none(
    database: Database, workspace: WorkspaceId, tmp_path: Path
) -> None:
    effects.metadata.create_all(database.engine)
    engine = Engine(database=database, folder=tmp_path)
    wanted = {
        handlers.greet: JobStatus.COMPLETED,
        handlers.take_effect: JobStatus.COMPLETED,
        handlers.ask_back: JobStatus.COMPLETED,
        handlers.crash: JobStatus.DEAD_LETTER,
        handlers.give_nonsense: JobStatus.DEAD_LETTER,
    }
    ids = {handler: engine.enqueue(workspace, guarded(handler)) for handler in wanted}
    with engine.working():
        found = {handler: engine.await_status(workspace, job) for handler, job in ids.items()}
    assert {handler: job.status for handler, job in found.items()} == wanted
    with database.reading() as tx:
        (effect,) = tx.execute(select(effects)).all()
    assert effect.process != os.getpid()
    assert len(engine.endings.seen) == 6
    assert not job_processes()


def job_processes() -> list[psutil.Process]:
    """Return what a supervisor is still running for us: all of it carries the supervisor's command line."""
    mine = psutil.Process().children(recursive=True)
    return [one for one in mine if is_guarded(one) and alive(one.pid)]


def is_guarded(process: psutil.Process) -> bool:
    try:
        return "guard.supervisor" in " ".join(process.cmdline())
    except psutil.Error:
        return False


def test_what_is_not_finished_by_the_end_of_the_grace_is_killed_and_loses_no_attempt(
    sqlite_engine: Engine, workspace: WorkspaceId, tmp_path: Path
) -> None:
    sqlite_engine.grace = timedelta(milliseconds=100)
    noted = tmp_path / "pid"
    job_id = sqlite_engine.enqueue(workspace, guarded(handlers.sleep_long), str(noted))
    with sqlite_engine.working():
        wait_until(lambda: noted.exists() and bool(noted.read_text()))
    job = sqlite_engine.jobs.get(workspace, job_id)
    assert (job.status, job.attempts, job.deaths) == (JobStatus.PENDING, 0, 0)
    assert not alive(int(noted.read_text()))


def test_a_worker_that_was_given_up_kills_what_it_runs(
    sqlite_engine: Engine, workspace: WorkspaceId, tmp_path: Path
) -> None:
    noted = tmp_path / "pid"
    job_id = sqlite_engine.enqueue(workspace, guarded(handlers.sleep_long), str(noted))

    def endings() -> set[Ending]:
        return {attempt.ending for attempt in sqlite_engine.jobs.attempts(workspace, job_id)}

    with sqlite_engine.working() as worker:
        wait_until(lambda: noted.exists() and bool(noted.read_text()))
        first = int(noted.read_text())
        with sqlite_engine.database.transaction() as tx:
            worker.presence.bury(tx, worker.id)
        wait_until(lambda: not alive(first) and Ending.LOST in endings())
        worker.grace = timedelta(0)
    assert Ending.FAILED not in endings()
