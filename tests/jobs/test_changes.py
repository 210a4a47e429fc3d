"""What people and outside systems change about jobs counts once, and only while it still can."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.paging import Paging
from counterfoil.jobs.context import JobContext
from counterfoil.jobs.domain import DeadReason, Ending, Job, JobId, JobStatus
from counterfoil.jobs.errors import (
    BatchNotFound,
    CallbackNotFound,
    CallbackRefused,
    IllegalMove,
    InvalidPayload,
    JobNotFound,
    RetriesUsedUp,
    StillAwaited,
)
from counterfoil.jobs.journal import Journal
from counterfoil.jobs.moves import Completed, Failed, Lost, Returned, Waiting
from counterfoil.jobs.protocols import JobFilter
from counterfoil.jobs.types import Handled, JobType
from tests.conftest import prepare
from tests.support import handlers
from tests.support.engine import Engine, NoGuard
from tests.support.handlers import Note, greet, guarded, light
from tests.support.processes import alive
from tests.support.stores import FAILURE, NOW, claim, settle
from tests.support.waiting import wait_until

GREET = light(greet)
LONG = timedelta(days=3650)
"""Longer than between any test's clock and the database's."""


@pytest.fixture
def engine(database: Database, tmp_path: Path) -> Engine:
    return Engine(database=database, folder=tmp_path, guard=NoGuard())


def standing_at(engine: Engine, workspace: WorkspaceId, status: JobStatus, job_type: JobType[Note] = GREET) -> JobId:
    """Return a job that stands there by the engine's own doing."""
    if status is JobStatus.BLOCKED:
        return engine.enqueue(workspace, job_type, after=[engine.enqueue(workspace, job_type)])
    job = engine.enqueue(workspace, job_type)
    if status is JobStatus.PENDING:
        return job
    (held,) = claim(engine.database)
    match status:
        case JobStatus.WAITING:
            assert settle(engine.database, held, Waiting(deadline=NOW + LONG))
        case JobStatus.FAILED:
            assert settle(engine.database, held, Failed(failure=FAILURE, not_before=NOW + LONG))
        case JobStatus.DEAD_LETTER:
            assert settle(engine.database, held, Failed(failure=FAILURE, retry=False))
    return job


def dead_letters(engine: Engine, workspace: WorkspaceId, number: int) -> list[JobId]:
    return [standing_at(engine, workspace, JobStatus.DEAD_LETTER) for _ in range(number)]


def statuses(engine: Engine, workspace: WorkspaceId) -> list[JobStatus]:
    """Return where all jobs of a workspace stand, oldest first."""
    return [job.status for job in engine.jobs.page(workspace, Paging(limit=50)).items][::-1]


# --- cancel ---


@pytest.mark.parametrize("status", [JobStatus.BLOCKED, JobStatus.PENDING, JobStatus.WAITING, JobStatus.FAILED])
def test_a_job_that_is_not_processed_is_cancelled_at_once(
    engine: Engine, workspace: WorkspaceId, status: JobStatus
) -> None:
    job = standing_at(engine, workspace, status)
    assert engine.jobs.get(workspace, job).status is status
    after = engine.changes.cancel(workspace, job)
    assert after == engine.jobs.get(workspace, job)
    assert (after.status, after.ready, after.lease, after.answer_due_at) == (JobStatus.CANCELLED, False, None, None)
    assert after.next_retry_at is None
    assert after.ended_at
    with pytest.raises(IllegalMove):
        engine.changes.cancel(workspace, job)


def test_who_waits_for_a_cancelled_job_is_cancelled_with_it(engine: Engine, workspace: WorkspaceId) -> None:
    parent = engine.enqueue(workspace, GREET)
    child = engine.enqueue(workspace, GREET, after=[parent])
    engine.changes.cancel(workspace, parent)
    assert engine.jobs.get(workspace, child).status is JobStatus.CANCELLED


def test_a_cancelled_job_frees_the_place_that_it_had(engine: Engine, workspace: WorkspaceId) -> None:
    first = engine.enqueue(workspace, GREET, concurrency_key="k")
    engine.enqueue(workspace, GREET, concurrency_key="k")
    assert engine.release() == 1
    assert engine.release() == 0
    while engine.upkeep_bell.wait(0):
        pass
    engine.changes.cancel(workspace, first)
    assert engine.upkeep_bell.wait(0)
    assert engine.release() == 1


def test_a_light_job_stops_where_it_looks_whether_it_is_still_wanted(engine: Engine, workspace: WorkspaceId) -> None:
    began = threading.Event()

    def linger(context: JobContext, _: Note) -> None:
        began.set()
        while True:
            context._last_check = float("-inf")
            context.check()

    job_type = JobType(name="linger", payload=Note, light=True)
    engine.more = [Handled(type=job_type, handler=linger)]
    job = engine.enqueue(workspace, job_type)
    with engine.working():
        assert began.wait(40)
        assert engine.changes.cancel(workspace, job).status is JobStatus.PROCESSING
        after = engine.await_status(workspace, job)
    assert after.status is JobStatus.CANCELLED
    assert [attempt.ending for attempt in engine.jobs.attempts(workspace, job)] == [Ending.CANCELLED]


def test_children_hear_of_a_cancelled_parent_when_it_has_ended_and_not_before(
    engine: Engine, workspace: WorkspaceId
) -> None:
    began, go_on = threading.Event(), threading.Event()

    def linger(context: JobContext, _: Note) -> None:
        began.set()
        assert go_on.wait(60)
        context._last_check = float("-inf")
        context.check()

    job_type = JobType(name="linger", payload=Note, light=True)
    engine.more = [Handled(type=job_type, handler=linger)]
    parent = engine.enqueue(workspace, job_type)
    child = engine.enqueue(workspace, GREET, after=[parent])
    grandchild = engine.enqueue(workspace, GREET, after=[child])
    undeterred = engine.enqueue(workspace, GREET, after=[parent], despite_parents=True)
    family = [child, grandchild, undeterred]
    with engine.working():
        assert began.wait(40)
        engine.changes.cancel(workspace, parent)
        assert [engine.jobs.get(workspace, job).status for job in family] == [JobStatus.BLOCKED] * 3
        go_on.set()
        ended = [engine.await_status(workspace, job) for job in [parent, *family]]
    assert [job.status for job in ended] == [JobStatus.CANCELLED] * 3 + [JobStatus.COMPLETED]
    assert [job.failure.code for job in ended[1:3] if job.failure] == ["parent_ended"] * 2
    assert ended[0].ended_at
    assert ended[3].started_at
    assert ended[0].ended_at <= ended[3].started_at


@pytest.mark.parametrize(("handler", "becomes"), [(greet, JobStatus.COMPLETED), (handlers.fail, JobStatus.CANCELLED)])
def test_what_does_not_look_up_goes_on_and_is_not_tried_again(
    engine: Engine, workspace: WorkspaceId, handler: handlers.Handler, becomes: JobStatus
) -> None:
    began, go_on = threading.Event(), threading.Event()

    def linger(context: JobContext, note: Note) -> Any:
        began.set()
        assert go_on.wait(60)
        return handler(context, note)

    job_type = JobType(name="linger", payload=Note, light=True)
    engine.more = [Handled(type=job_type, handler=linger)]
    job = engine.enqueue(workspace, job_type)
    with engine.working():
        assert began.wait(40)
        engine.changes.cancel(workspace, job)
        go_on.set()
        assert engine.await_status(workspace, job).status is becomes


def test_a_guarded_job_that_is_cancelled_is_ended_with_its_process(tmp_path: Path, workspace: WorkspaceId) -> None:
    database = Database(f"sqlite:///{tmp_path / 'guarded.db'}")
    prepare(database)
    engine = Engine(database=database, folder=tmp_path)
    noted = tmp_path / "pid"
    job = engine.enqueue(workspace, guarded(handlers.sleep_long), str(noted))
    with engine.working():
        wait_until(lambda: noted.exists() and bool(noted.read_text()))
        assert engine.changes.cancel(workspace, job).status is JobStatus.PROCESSING
        assert engine.await_status(workspace, job).status is JobStatus.CANCELLED
        wait_until(lambda: not alive(int(noted.read_text())))
    assert [attempt.ending for attempt in engine.jobs.attempts(workspace, job)] == [Ending.CANCELLED]
    database.close()


@pytest.mark.parametrize("outcome", [Lost(), Returned()])
def test_a_cancelled_job_whose_worker_ends_is_not_given_to_another(
    engine: Engine, workspace: WorkspaceId, outcome: Lost | Returned
) -> None:
    job = engine.enqueue(workspace, GREET)
    (held,) = claim(engine.database)
    engine.changes.cancel(workspace, job)
    assert settle(engine.database, held, outcome)
    assert engine.jobs.get(workspace, job).status is JobStatus.CANCELLED


def test_all_that_match_are_cancelled_and_nothing_of_a_neighbour(
    engine: Engine, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    engine.enqueue(other_workspace, GREET, queue="slow")
    for queue in ("slow", "slow", "default"):
        engine.enqueue(workspace, GREET, queue=queue)
    (running,) = claim(engine.database)
    assert engine.changes.cancel_many(workspace, JobFilter(queue="slow")) == 2
    assert engine.changes.cancel_many(workspace, JobFilter()) == 1
    assert engine.changes.cancel_many(workspace, JobFilter()) == 0
    assert statuses(engine, workspace) == [JobStatus.CANCELLED, JobStatus.CANCELLED, JobStatus.PROCESSING]
    assert engine.jobs.get(workspace, running.id).cancel_requested_at
    assert statuses(engine, other_workspace) == [JobStatus.PENDING]


# --- retry ---


def test_a_retried_job_has_a_fresh_allowance_and_its_corrected_payload(engine: Engine, workspace: WorkspaceId) -> None:
    job = standing_at(engine, workspace, JobStatus.DEAD_LETTER)
    after = engine.changes.retry(workspace, job, {"text": "Eve"})
    assert after == engine.jobs.get(workspace, job)
    assert (after.status, after.attempts, after.retries, after.dead_reason) == (JobStatus.PENDING, 0, 1, None)
    assert after.payload == {"text": "Eve", "number": 0}
    with engine.working():
        result = engine.await_status(workspace, job).result
    assert result
    assert result["greeting"] == "Hello Eve"
    with pytest.raises(IllegalMove):
        engine.changes.retry(workspace, job)


def test_a_payload_that_does_not_fit_leaves_the_dead_letter_as_it_is(engine: Engine, workspace: WorkspaceId) -> None:
    job = standing_at(engine, workspace, JobStatus.DEAD_LETTER)
    before = engine.jobs.get(workspace, job)
    with pytest.raises(InvalidPayload):
        engine.changes.retry(workspace, job, {"number": "many"})
    assert engine.jobs.get(workspace, job) == before


def test_a_job_is_retried_so_often_and_no_more(engine: Engine, workspace: WorkspaceId) -> None:
    job = standing_at(engine, workspace, JobStatus.DEAD_LETTER)
    for retries in (1, 2, 3):
        assert engine.changes.retry(workspace, job).retries == retries
        assert engine.release() == 1
        (held,) = claim(engine.database)
        assert settle(engine.database, held, Failed(failure=FAILURE, retry=False))
    with pytest.raises(RetriesUsedUp):
        engine.changes.retry(workspace, job)
    fresh = standing_at(engine, workspace, JobStatus.DEAD_LETTER)
    assert engine.changes.retry_many(workspace, JobFilter()) == 1
    assert engine.jobs.get(workspace, fresh).status is JobStatus.PENDING
    assert engine.jobs.get(workspace, job).status is JobStatus.DEAD_LETTER


def test_of_two_people_who_retry_a_job_at_once_one_does(engine: Engine, workspace: WorkspaceId) -> None:
    job = standing_at(engine, workspace, JobStatus.DEAD_LETTER)
    together = threading.Barrier(8)

    def retry(_: int) -> bool:
        together.wait(60)
        try:
            engine.changes.retry(workspace, job)
        except IllegalMove:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(retry, range(8))) == 1
    assert engine.jobs.get(workspace, job).retries == 1


def expired_behind(engine: Engine, workspace: WorkspaceId, parent: JobId) -> JobId:
    """Return a job whose deadline passed while it waited for another."""
    child = engine.enqueue(workspace, GREET, after=[parent], deadline=NOW)
    engine.lateness()
    assert engine.jobs.get(workspace, child).dead_reason is DeadReason.DEADLINE_PASSED
    return child


def retry_one(engine: Engine, workspace: WorkspaceId, job: JobId) -> None:
    engine.changes.retry(workspace, job)


def retry_all(engine: Engine, workspace: WorkspaceId, _: JobId) -> None:
    assert engine.changes.retry_many(workspace, JobFilter()) == 1


@pytest.mark.parametrize("retry", [retry_one, retry_all])
def test_a_job_that_expired_before_its_parents_ended_waits_for_them_again(
    engine: Engine, workspace: WorkspaceId, retry: Callable[[Engine, WorkspaceId, JobId], None]
) -> None:
    parent = engine.enqueue(workspace, GREET)
    child = expired_behind(engine, workspace, parent)
    retry(engine, workspace, child)
    assert engine.jobs.get(workspace, child).status is JobStatus.BLOCKED
    (held,) = claim(engine.database)
    assert settle(engine.database, held, Completed())
    engine.following.ended([held])
    assert engine.jobs.get(workspace, child).status is JobStatus.PENDING
    assert engine.release() == 1


def test_a_job_that_expired_before_its_parents_ended_goes_on_if_they_have_ended_since(
    engine: Engine, workspace: WorkspaceId
) -> None:
    parent = engine.enqueue(workspace, GREET)
    child = expired_behind(engine, workspace, parent)
    engine.changes.cancel(workspace, parent)
    assert engine.changes.retry(workspace, child).status is JobStatus.PENDING


# --- remove ---


def test_only_final_jobs_that_nobody_waits_for_are_removed(engine: Engine, workspace: WorkspaceId) -> None:
    pending = engine.enqueue(workspace, GREET, scheduled_for=NOW + LONG)
    with pytest.raises(IllegalMove):
        engine.changes.remove(workspace, pending)
    dead = standing_at(engine, workspace, JobStatus.DEAD_LETTER)
    child = engine.enqueue(workspace, GREET, after=[dead, pending])
    with pytest.raises(StillAwaited):
        engine.changes.remove(workspace, dead)
    (other,) = dead_letters(engine, workspace, 1)
    assert engine.changes.remove_many(workspace, JobFilter()) == 1
    with pytest.raises(JobNotFound):
        engine.jobs.get(workspace, other)
    engine.changes.cancel(workspace, child)
    engine.changes.remove(workspace, dead)
    assert statuses(engine, workspace) == [JobStatus.PENDING, JobStatus.CANCELLED]


def test_nobody_changes_a_neighbours_jobs(engine: Engine, workspace: WorkspaceId, other_workspace: WorkspaceId) -> None:
    job = standing_at(engine, workspace, JobStatus.DEAD_LETTER)
    for change in (engine.changes.cancel, engine.changes.retry, engine.changes.remove):
        with pytest.raises(JobNotFound):
            change(other_workspace, job)
    for change_many in (engine.changes.cancel_many, engine.changes.retry_many, engine.changes.remove_many):
        assert change_many(other_workspace, JobFilter()) == 0
    assert statuses(engine, workspace) == [JobStatus.DEAD_LETTER]


# --- callbacks ---


def context_of(engine: Engine, job: Job) -> JobContext:
    assert job.lease
    return JobContext(
        job=job, lease=job.lease, database=engine.database, store=engine.leases, new_id=new_id, journal=Journal()
    )


def waiting(engine: Engine, workspace: WorkspaceId, *, final: bool = False) -> tuple[JobId, str]:
    """Return a job that waits for an answer, and the token by which it can be given."""
    job = engine.enqueue(workspace, GREET)
    (held,) = claim(engine.database)
    token = context_of(engine, held).callback_token(final=final)
    assert settle(engine.database, held, Waiting(deadline=NOW + LONG))
    return job, token


def test_a_final_answer_is_the_jobs_result_and_moves_on_who_waited_for_it(
    engine: Engine, workspace: WorkspaceId
) -> None:
    job, token = waiting(engine, workspace, final=True)
    child = engine.enqueue(workspace, GREET, after=[job])
    assert engine.changes.answer(token, {"paid": True}) == job
    after = engine.jobs.get(workspace, job)
    assert (after.status, after.result, after.attempts) == (JobStatus.COMPLETED, {"paid": True}, 1)
    assert engine.jobs.get(workspace, child).status is JobStatus.PENDING


def test_an_answer_counts_once_and_another_one_is_refused(engine: Engine, workspace: WorkspaceId) -> None:
    job, token = waiting(engine, workspace)
    for _ in range(3):
        assert engine.changes.answer(token, {"paid": True}) == job
    with pytest.raises(CallbackRefused):
        engine.changes.answer(token, {"paid": False})
    with pytest.raises(CallbackNotFound):
        engine.changes.answer(token + "x", {"paid": True})
    after = engine.jobs.get(workspace, job)
    assert (after.status, after.attempts, after.lease) == (JobStatus.PENDING, 0, None)
    assert engine.release() == 1
    (again,) = claim(engine.database)
    assert again.attempts == 1
    assert context_of(engine, again).answer() == {"paid": True}


def test_of_many_answers_that_come_at_once_one_counts(engine: Engine, workspace: WorkspaceId) -> None:
    job, token = waiting(engine, workspace, final=True)
    together = threading.Barrier(8)

    def answer(number: int) -> int | None:
        together.wait(60)
        try:
            engine.changes.answer(token, {"number": number})
        except CallbackRefused:
            return None
        return number

    with ThreadPoolExecutor(8) as threads:
        (taken,) = [one for one in threads.map(answer, range(8)) if one is not None]
    assert engine.jobs.get(workspace, job).result == {"number": taken}


def test_an_attempt_that_asks_for_its_token_again_has_the_same_and_the_last_word_counts(
    engine: Engine, workspace: WorkspaceId
) -> None:
    job = engine.enqueue(workspace, GREET)
    (held,) = claim(engine.database)
    context = context_of(engine, held)
    token = context.callback_token()
    assert context.callback_token(final=True) == token
    assert settle(engine.database, held, Waiting(deadline=NOW + LONG))
    engine.changes.answer(token, {"paid": True})
    after = engine.jobs.get(workspace, job)
    assert (after.status, after.result) == (JobStatus.COMPLETED, {"paid": True})


def test_a_token_whose_transaction_was_rolled_back_is_good_once_it_is_asked_for_again(
    engine: Engine, workspace: WorkspaceId
) -> None:
    engine.enqueue(workspace, GREET)
    (held,) = claim(engine.database)
    context = context_of(engine, held)
    given: list[str] = []

    def ask_and_fail() -> None:
        with context.transaction():
            given.append(context.callback_token())
            raise ConnectionError

    with pytest.raises(ConnectionError):
        ask_and_fail()
    with pytest.raises(CallbackNotFound):
        engine.changes.answer(given[0], {"paid": True})
    assert context.callback_token() == given[0]
    assert engine.changes.answer(given[0], {"paid": True}) == held.id


def test_an_answer_to_an_older_attempt_is_refused(engine: Engine, workspace: WorkspaceId) -> None:
    engine.enqueue(workspace, GREET)
    (old,) = claim(engine.database)
    token = context_of(engine, old).callback_token()
    assert settle(engine.database, old, Lost())
    assert engine.release() == 1
    (new,) = claim(engine.database)
    newer = context_of(engine, new).callback_token()
    assert settle(engine.database, new, Waiting(deadline=NOW + LONG))
    with pytest.raises(CallbackRefused):
        engine.changes.answer(token, {"paid": True})
    assert engine.jobs.get(workspace, new.id).status is JobStatus.WAITING
    engine.changes.answer(newer, {"paid": True})
    assert engine.jobs.get(workspace, new.id).status is JobStatus.PENDING


def test_an_answer_to_a_job_that_was_cancelled_is_refused(engine: Engine, workspace: WorkspaceId) -> None:
    job, token = waiting(engine, workspace)
    engine.changes.cancel(workspace, job)
    with pytest.raises(CallbackRefused):
        engine.changes.answer(token, {"paid": True})


class Correspondent:
    """A handler that hands its work to somebody outside, and what came of it."""

    def __init__(self, engine: Engine, *, final: bool = False, seconds: float = 3600, max_attempts: int = 2) -> None:
        self.final = final
        self.seconds = seconds
        self.tokens: list[str] = []
        self.may_wait = threading.Event()
        self.type = JobType(
            name="correspond", payload=Note, light=True, max_attempts=max_attempts, backoff=handlers.AT_ONCE
        )
        engine.more = [Handled(type=self.type, handler=self.handle)]

    def handle(self, context: JobContext, _: Note) -> Any:
        said = context.answer()
        if said is not None:
            return {"heard": said, "attempts": context.job.attempts}
        self.tokens.append(context.callback_token(final=self.final))
        assert self.may_wait.wait(60)
        return context.wait(self.seconds)


@pytest.fixture(params=[False, True], ids=["goes on", "final"])
def final(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.mark.parametrize("early", [False, True])
def test_an_answer_reaches_its_job_also_before_that_waits_for_it(
    engine: Engine, workspace: WorkspaceId, final: bool, early: bool
) -> None:
    outside = Correspondent(engine, final=final)
    job = engine.enqueue(workspace, outside.type)
    with engine.working():
        if early:
            wait_until(lambda: bool(outside.tokens))
            assert engine.changes.answer(outside.tokens[0], {"paid": True}) == job
            assert engine.jobs.get(workspace, job).status is JobStatus.PROCESSING
            outside.may_wait.set()
        else:
            outside.may_wait.set()
            engine.await_status(workspace, job, JobStatus.WAITING)
            engine.changes.answer(outside.tokens[0], {"paid": True})
        after = engine.await_status(workspace, job)
    assert after.status is JobStatus.COMPLETED
    assert after.result == ({"paid": True} if final else {"heard": {"paid": True}, "attempts": 1})
    assert len(outside.tokens) == 1


def test_an_answer_that_is_overdue_fails_the_attempt(engine: Engine, workspace: WorkspaceId) -> None:
    outside = Correspondent(engine, seconds=0)
    outside.may_wait.set()
    job = engine.enqueue(workspace, outside.type)
    with engine.working():
        after = engine.await_status(workspace, job)
    assert (after.status, after.dead_reason, after.attempts) == (
        JobStatus.DEAD_LETTER,
        DeadReason.ATTEMPTS_USED_UP,
        2,
    )
    assert after.failure
    assert after.failure.code == "callback_overdue"
    assert [attempt.ending for attempt in engine.jobs.attempts(workspace, job)] == [Ending.WAITING] * 2
    with pytest.raises(CallbackRefused):
        engine.changes.answer(outside.tokens[0], {"paid": True})


# --- batches ---


def test_a_batch_is_cancelled_with_all_that_is_left_of_it(
    engine: Engine, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    with engine.database.transaction() as tx:
        batch = engine.batches.start(tx, workspace, description="Two \x00 at once", at_most=2)
    made = [engine.enqueue(workspace, GREET, batch=batch) for _ in range(4)]
    single = engine.enqueue(workspace, GREET)
    assert engine.release() == 2
    assert [job.id for job in engine.batches.jobs(workspace, batch)] == made
    held = {job.id: job for job in claim(engine.database, 9)}
    assert held.keys() == {*made[:2], single}
    assert settle(engine.database, held[made[0]], Failed(failure=FAILURE, retry=False))
    with pytest.raises(BatchNotFound):
        engine.batches.cancel(other_workspace, batch)
    after = engine.batches.cancel(workspace, batch)
    assert after.cancelled_at
    assert after.counts == {JobStatus.DEAD_LETTER: 1, JobStatus.PROCESSING: 1, JobStatus.CANCELLED: 2}
    assert engine.jobs.get(workspace, single).cancel_requested_at is None
