"""What a handler asks of its job happens under its lease and within bounds."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.paging import Paging
from counterfoil.jobs.attempts import MAX_MESSAGE, MAX_STACK, failure_of
from counterfoil.jobs.context import JobContext
from counterfoil.jobs.domain import (
    Failed,
    IllegalMove,
    Job,
    JobNotFound,
    JobStatus,
    Lease,
    LeaseLost,
    Lost,
    NotJson,
    WorkerId,
    attempt_of,
    move,
)
from counterfoil.jobs.plain import plain_json, plain_text
from counterfoil.jobs.types import Handled, JobType
from tests.support.jobs import Engine, Note, guarded, light, make_job, runner_on


@pytest.fixture
def engine(database: Database, tmp_path: Path) -> Engine:
    return Engine(database=database, folder=tmp_path)


@pytest.fixture
def job(engine: Engine, workspace: WorkspaceId) -> Job:
    """A job that has been claimed."""
    with engine.database.transaction() as tx:
        engine.store.add(tx, make_job(workspace))
        return engine.store.claim(tx, WorkerId(new_id()), Lease(new_id()), ["default"], tx.now(), 1)[0]


@pytest.fixture
def context(engine: Engine, job: Job) -> JobContext:
    return context_of(engine, job)


def context_of(engine: Engine, job: Job, monotonic: Callable[[], float] = lambda: 0.0) -> JobContext:
    assert job.lease
    return JobContext(
        job=job,
        lease=job.lease,
        database=engine.database,
        store=engine.store,
        new_id=new_id,
        monotonic=monotonic,
    )


def take_over(engine: Engine, job: Job) -> None:
    """Let another attempt have the job."""
    with engine.database.transaction() as tx:
        assert job.lease
        now = tx.now()
        assert engine.store.settle(tx, job.lease, move(job, Lost(), now), attempt_of(job, Lost(), now))


def test_everything_else_joins_an_open_transaction_and_goes_with_it(
    engine: Engine, context: JobContext, job: Job
) -> None:
    def begin_and_fail() -> None:
        with context.transaction() as tx:
            context.log("gone")
            context.progress(1, 1)
            context.step("gone", lambda: {"gone": True})
            with context.transaction() as inner:
                assert inner is tx
            raise ConnectionError

    with pytest.raises(ConnectionError):
        begin_and_fail()
    assert engine.jobs.get(job.workspace, job.id).progress is None
    assert engine.jobs.logs(job.workspace, job.id, Paging()).items == []
    assert context.step("gone", lambda: {"gone": False}) == {"gone": False}


def test_a_log_line_of_another_thread_does_not_wait_for_an_open_transaction(engine: Engine, job: Job) -> None:
    if engine.database.engine.dialect.name == "sqlite":  # one writer at a time, here as everywhere
        return
    with context_of(engine, job).transaction():
        context_of(engine, job).log("meanwhile")
    assert len(engine.jobs.logs(job.workspace, job.id, Paging()).items) == 1


@pytest.mark.parametrize(
    "act",
    [
        lambda context: context.progress(1),
        lambda context: context.step("late", dict),
        lambda context: context.transaction().__enter__(),
    ],
    ids=["progress", "step", "transaction"],
)
def test_an_attempt_that_has_been_superseded_may_write_nothing(
    engine: Engine, context: JobContext, job: Job, act: Callable[[JobContext], object]
) -> None:
    take_over(engine, job)
    with pytest.raises(LeaseLost):
        act(context)
    with engine.database.reading() as tx:
        assert engine.store.step(tx, job.workspace, job.id, "late") is None


def test_an_attempt_that_has_been_superseded_cannot_complete_and_its_effects_are_rolled_back(
    engine: Engine, context: JobContext, job: Job
) -> None:
    take_over(engine, job)

    def complete() -> None:
        with engine.database.transaction() as tx:
            engine.store.add(tx, make_job(job.workspace, type="effect"))
            context.complete(tx)

    with pytest.raises(LeaseLost):
        complete()
    assert context.settled is None
    assert engine.jobs.page(job.workspace, Paging(), type_="effect").items == []


def test_a_completion_that_is_rolled_back_did_not_happen(engine: Engine, context: JobContext, job: Job) -> None:
    def complete() -> None:
        with context.transaction() as tx:
            context.complete(tx, {"done": True})
            raise ConnectionError

    with pytest.raises(ConnectionError):
        complete()
    assert context.settled is None
    assert engine.jobs.get(job.workspace, job.id).status is JobStatus.PROCESSING


def test_a_step_is_done_once_over_all_attempts(engine: Engine, context: JobContext, job: Job) -> None:
    assert context.step("read", lambda: {"words": ("a", "b")}) == {"words": ["a", "b"]}
    assert context_of(engine, job).step("read", lambda: {"words": "others"}) == {"words": ["a", "b"]}


def test_progress_that_comes_too_often_is_left_out_but_not_the_last(engine: Engine, job: Job) -> None:
    times = iter([0.0, 0.1, 0.2, 0.6, 0.7])
    context = context_of(engine, job, lambda: next(times))
    seen = []
    for processed in range(1, 6):
        context.progress(processed, 5)
        progress = engine.jobs.get(job.workspace, job.id).progress
        assert progress
        seen.append(progress.processed)
    assert seen == [1, 1, 1, 4, 5]


def test_progress_is_kept_within_what_makes_sense(engine: Engine, context: JobContext, job: Job) -> None:
    context.progress(-1, -4, failed=-2, message="m" * 10_000)
    progress = engine.jobs.get(job.workspace, job.id).progress
    assert progress
    assert (progress.total, progress.processed, progress.failed, progress.percentage) == (0, 0, 0, None)
    assert len(progress.message) == 500


def test_a_rolled_back_job_is_not_there_and_wakes_nobody(engine: Engine, workspace: WorkspaceId) -> None:
    def enqueue_in_vain() -> None:
        with engine.database.transaction() as tx:
            engine.jobs.enqueue(tx, workspace, light(give_up), Note())
            raise ConnectionError

    with pytest.raises(ConnectionError):
        enqueue_in_vain()
    assert engine.jobs.page(workspace, Paging()).items == []
    assert not engine.dispatcher._rung.is_set()
    job = engine.enqueue(workspace, light(give_up))
    assert engine.dispatcher._rung.is_set()
    assert engine.jobs.get(workspace, job).ready


def test_a_job_that_has_to_wait_is_not_ready_at_once(engine: Engine, workspace: WorkspaceId) -> None:
    with engine.database.reading() as tx:
        later = tx.now()
    keyed = engine.enqueue(workspace, light(give_up), concurrency_key="k")
    scheduled = engine.enqueue(workspace, light(give_up), scheduled_for=later)
    assert not engine.jobs.get(workspace, keyed).ready
    assert not engine.jobs.get(workspace, scheduled).ready
    assert engine.upkeep().release() == 2


def test_jobs_of_another_workspace_are_not_found(engine: Engine, job: Job, other_workspace: WorkspaceId) -> None:
    for ask in (
        lambda: engine.jobs.get(other_workspace, job.id),
        lambda: engine.jobs.attempts(other_workspace, job.id),
        lambda: engine.jobs.logs(other_workspace, job.id, Paging()),
        lambda: engine.jobs.retry(other_workspace, job.id),
    ):
        with pytest.raises(JobNotFound):
            ask()


def test_a_job_that_is_no_dead_letter_cannot_be_retried(engine: Engine, job: Job) -> None:
    with pytest.raises(IllegalMove):
        engine.jobs.retry(job.workspace, job.id)


# --- errors of every sort ---


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise SystemExit


def give_up(_: JobContext, __: Note) -> None:
    raise Unspeakable


def shout(_: JobContext, note: Note) -> None:
    raise RuntimeError("\x00\ud800" + note.text + "x" * 10_000_000 + "the end")


def go_round(_: JobContext, __: Note) -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    raise first


def go_deep(context: JobContext, note: Note) -> None:
    go_deep(context, note)


@pytest.mark.parametrize("handler", [give_up, shout, go_round, go_deep])
def test_an_error_of_any_sort_is_kept_within_bounds(
    engine: Engine, workspace: WorkspaceId, handler: Callable[[JobContext, Note], None]
) -> None:
    job_type: JobType[Note] = guarded(handler)
    with engine.database.transaction() as tx:
        engine.jobs.enqueue(tx, workspace, job_type, Note())
        (job,) = engine.store.claim(tx, WorkerId(new_id()), Lease(new_id()), ["default"], tx.now(), 1)
    outcome = runner_on(engine.database, [Handled(type=job_type, handler=handler)]).run(job)
    assert isinstance(outcome, Failed)
    with engine.database.transaction() as tx:
        assert job.lease
        now = tx.now()
        assert engine.store.settle(tx, job.lease, move(job, outcome, now), attempt_of(job, outcome, now))
    kept = engine.jobs.get(workspace, job.id).failure
    assert kept == outcome.failure
    assert 0 < len(kept.message) <= MAX_MESSAGE
    assert 0 < len(kept.stack or "") <= MAX_STACK


def test_a_superseded_attempt_has_nothing_to_settle(engine: Engine, workspace: WorkspaceId) -> None:
    def lose(context: JobContext, _: Note) -> None:
        take_over(engine, context.job)
        context.progress(1)

    job_type = guarded(lose)
    with engine.database.transaction() as tx:
        engine.jobs.enqueue(tx, workspace, job_type, Note())
        (job,) = engine.store.claim(tx, WorkerId(new_id()), Lease(new_id()), ["default"], tx.now(), 1)
    assert runner_on(engine.database, [Handled(type=job_type, handler=lose)]).run(job) is None


@given(st.text(max_size=50))
def test_any_error_text_is_kept_in_a_form_that_every_database_takes(words: str) -> None:
    failure = failure_of(RuntimeError(words), "internal_error")
    for kept in (failure.message, failure.stack or ""):
        assert "\x00" not in kept
        assert kept.encode()
    assert words.isascii() is False or "\x00" in words or words == "" or failure.message == words


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_plain_json_is_json_without_what_postgresql_refuses_and_plain_already(value: dict[str, object]) -> None:
    plain = plain_json(value)
    assert plain_json(plain) == plain
    assert "\x00" not in repr(plain)
    if "\\x00" not in repr(value) and "\\ud" not in repr(value):
        assert plain == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1, 2}, b"bytes"])
def test_what_is_no_json_is_refused_by_name(value: object) -> None:
    with pytest.raises(NotJson, match="cannot be kept as JSON"):
        plain_json({"value": value})


def test_a_value_that_contains_itself_is_refused() -> None:
    value: dict[str, object] = {}
    value["itself"] = value
    with pytest.raises(NotJson):
        plain_json(value)


def test_plain_text_keeps_what_can_be_kept() -> None:
    assert plain_text("Grüße \U0001f9fe \x00\udcff") == "Grüße \U0001f9fe ?"
