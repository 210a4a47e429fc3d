"""What a handler asks of its job happens under its lease and within bounds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database, DatabaseUnavailable, Transaction
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.paging import Paging
from counterfoil.jobs.attempts import MAX_MESSAGE, MAX_STACK, AttemptRunner, failure_of
from counterfoil.jobs.context import JobContext
from counterfoil.jobs.domain import Job, JobStatus, Lease, WorkerId
from counterfoil.jobs.errors import IllegalMove, JobNotFound, LeaseLost, NotJson
from counterfoil.jobs.journal import Journal
from counterfoil.jobs.moves import Failed, Lost
from counterfoil.jobs.plain import plain_json, plain_text
from counterfoil.jobs.protocols import JobFilter, settlement_of
from counterfoil.jobs.types import Handled, JobType
from tests.support.engine import Engine, MoodyDatabase
from tests.support.handlers import Note, guarded, light
from tests.support.jobs import make_job


@pytest.fixture
def engine(database: Database, tmp_path: Path) -> Engine:
    return Engine(database=database, folder=tmp_path)


@pytest.fixture
def job(engine: Engine, workspace: WorkspaceId) -> Job:
    """A job that has been claimed."""
    with engine.database.transaction() as tx:
        engine.store.add(tx, [make_job(workspace)])
        return engine.leases.claim(tx, WorkerId(new_id()), Lease(new_id()), ["default"], 1)[0]


@pytest.fixture
def context(engine: Engine, job: Job) -> JobContext:
    return context_of(engine, job)


def context_of(engine: Engine, job: Job, monotonic: Callable[[], float] = lambda: 0.0) -> JobContext:
    assert job.lease
    return JobContext(
        job=job,
        lease=job.lease,
        database=engine.database,
        store=engine.leases,
        new_id=new_id,
        journal=Journal(),
        monotonic=monotonic,
    )


def take_over(engine: Engine, job: Job) -> None:
    """Let another attempt have the job."""
    with engine.database.transaction() as tx:
        assert engine.leases.settle(tx, [settlement_of(job, Lost(), tx.now())])


def runner_on(engine: Engine, job_type: JobType[Note], handler: Callable[[JobContext, Note], None]) -> AttemptRunner:
    handled = {job_type.name: Handled(type=job_type, handler=handler)}
    return AttemptRunner(handlers=handled, database=engine.database, store=engine.leases, new_id=new_id)


def test_everything_else_joins_an_open_transaction_and_goes_with_it(
    engine: Engine, context: JobContext, job: Job
) -> None:
    def begin_and_fail() -> None:
        with context.transaction() as tx:
            context.progress(1, 1)
            context.step("gone", lambda: {"gone": True})
            with context.transaction() as inner:
                assert inner is tx
            raise ConnectionError

    with pytest.raises(ConnectionError):
        begin_and_fail()
    assert engine.jobs.get(job.workspace, job.id).progress is None
    assert context.step("gone", lambda: {"gone": False}) == {"gone": False}


def test_log_lines_are_kept_whatever_becomes_of_the_transaction_that_they_were_written_in(
    engine: Engine, context: JobContext, job: Job
) -> None:
    def begin_and_fail() -> None:
        with context.transaction():
            context.log("Tried")
            raise ConnectionError

    with pytest.raises(ConnectionError):
        begin_and_fail()
    context.keep_lines()
    context.keep_lines()
    assert [line.message for line in engine.jobs.logs(job.workspace, job.id, Paging()).items] == ["Tried"]


def test_lines_are_not_lost_with_a_database_that_is_away(engine: Engine, context: JobContext, job: Job) -> None:
    away = MoodyDatabase(engine.url)
    away.refusals = 1
    context.database = away
    context.log("First")
    with pytest.raises(DatabaseUnavailable):
        context.keep_lines()
    context.log("Second")
    context.keep_lines()
    away.close()
    lines = engine.jobs.logs(job.workspace, job.id, Paging()).items
    assert [line.message for line in lines] == ["Second", "First"]


def test_the_lines_of_an_attempt_that_has_been_superseded_are_not_kept(
    engine: Engine, context: JobContext, job: Job
) -> None:
    take_over(engine, job)
    context.log("Late")
    context.keep_lines()
    assert engine.jobs.logs(job.workspace, job.id, Paging()).items == []


def test_a_context_tells_the_databases_time_without_asking(engine: Engine, job: Job) -> None:
    times = iter([100.0, 107.0])
    context = context_of(engine, job, lambda: next(times))
    assert job.started_at
    assert context.now() == job.started_at + timedelta(seconds=7)


def test_a_handler_can_tell_whether_its_failure_would_be_the_last(engine: Engine, job: Job) -> None:
    assert not context_of(engine, job).last_attempt
    assert context_of(engine, job.changed(attempts=job.max_attempts)).last_attempt


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
        assert engine.leases.step(tx, job.workspace, job.id, "late", 1) is None


def test_an_attempt_that_has_been_superseded_cannot_complete_and_its_effects_are_rolled_back(
    engine: Engine, context: JobContext, job: Job
) -> None:
    take_over(engine, job)

    def complete() -> None:
        with engine.database.transaction() as tx:
            engine.store.add(tx, [make_job(job.workspace, type="effect")])
            context.complete(tx)

    with pytest.raises(LeaseLost):
        complete()
    assert context.settled is None
    assert engine.jobs.page(job.workspace, Paging(), JobFilter(type="effect")).items == []


def test_a_completion_that_is_rolled_back_did_not_happen(engine: Engine, context: JobContext, job: Job) -> None:
    def complete() -> None:
        with context.transaction() as tx:
            context.complete(tx, {"done": True})
            raise ConnectionError

    with pytest.raises(ConnectionError):
        complete()
    assert context.settled is None
    assert engine.jobs.get(job.workspace, job.id).status is JobStatus.PROCESSING


def test_what_was_said_before_a_completion_is_kept_with_it(engine: Engine, context: JobContext, job: Job) -> None:
    context.log("Done")
    with context.transaction() as tx:
        context.complete(tx)
    context.keep_lines()
    assert [line.message for line in engine.jobs.logs(job.workspace, job.id, Paging()).items] == ["Done"]


class Overtaken(Database):
    """One whose first transaction comes to nothing, and not before something else has happened."""

    def __init__(self, url: str, meanwhile: Callable[[], None]) -> None:
        super().__init__(url)
        self.meanwhile: Callable[[], None] | None = meanwhile

    @contextmanager
    def transaction(self, workspace: UUID | None = None) -> Iterator[Transaction]:
        if meanwhile := self.meanwhile:
            self.meanwhile = None
            meanwhile()
            raise DatabaseUnavailable
        with super().transaction(workspace) as tx:
            yield tx


def test_a_completion_keeps_also_what_somebody_else_is_just_writing_and_may_never_write(
    engine: Engine, context: JobContext, job: Job
) -> None:
    def complete() -> None:
        with context.transaction() as tx:
            context.complete(tx)

    context.database = Overtaken(engine.url, complete)
    context.log("Done")
    with pytest.raises(DatabaseUnavailable):
        context.keep_lines()
    context.database.close()
    assert [line.message for line in engine.jobs.logs(job.workspace, job.id, Paging()).items] == ["Done"]


def test_a_line_that_two_have_written_is_there_once(engine: Engine, context: JobContext, job: Job) -> None:
    context.log("Said")
    lines = context.journal.unkept()
    context.keep_lines()
    for line in lines:
        context.journal.add(line)
    context.log("Done")
    with context.transaction() as tx:
        context.complete(tx)
    lines = engine.jobs.logs(job.workspace, job.id, Paging()).items
    assert [line.message for line in lines] == ["Done", "Said"]


def test_a_step_is_done_once_over_all_attempts(engine: Engine, context: JobContext, job: Job) -> None:
    assert context.step("read", lambda: {"words": ("a", "b")}) == {"words": ["a", "b"]}
    assert context_of(engine, job).step("read", lambda: {"words": "others"}) == {"words": ["a", "b"]}


def test_what_a_step_gave_under_another_version_is_not_used(engine: Engine, context: JobContext, job: Job) -> None:
    context.step("read", lambda: {"words": 1})
    newer = context_of(engine, job)
    newer.version = 2
    assert newer.step("read", lambda: {"words": 2}) == {"words": 2}
    assert context.step("read", lambda: {"words": 3}) == {"words": 1}


def test_progress_that_comes_too_often_is_left_out_but_not_the_last(engine: Engine, job: Job) -> None:
    moment = [0.0]
    context = context_of(engine, job, lambda: moment[0])
    seen = []
    for processed, at in enumerate([0.0, 0.1, 0.2, 0.6, 0.7], 1):
        moment[0] = at
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
    assert not engine.bell._rung.is_set()
    job = engine.enqueue(workspace, light(give_up))
    assert engine.bell._rung.is_set()
    assert engine.jobs.get(workspace, job).ready


def test_a_job_that_has_to_wait_is_not_ready_at_once(engine: Engine, workspace: WorkspaceId) -> None:
    with engine.database.reading() as tx:
        later = tx.now()
    keyed = engine.enqueue(workspace, light(give_up), concurrency_key="k")
    scheduled = engine.enqueue(workspace, light(give_up), scheduled_for=later)
    assert not engine.jobs.get(workspace, keyed).ready
    assert not engine.jobs.get(workspace, scheduled).ready
    assert engine.release() == 2


def test_jobs_of_another_workspace_are_not_found(engine: Engine, job: Job, other_workspace: WorkspaceId) -> None:
    for ask in (
        lambda: engine.jobs.get(other_workspace, job.id),
        lambda: engine.jobs.attempts(other_workspace, job.id),
        lambda: engine.jobs.logs(other_workspace, job.id, Paging()),
        lambda: engine.changes.retry(other_workspace, job.id),
    ):
        with pytest.raises(JobNotFound):
            ask()


def test_a_job_that_is_no_dead_letter_cannot_be_retried(engine: Engine, job: Job) -> None:
    with pytest.raises(IllegalMove):
        engine.changes.retry(job.workspace, job.id)


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
        (job,) = engine.leases.claim(tx, WorkerId(new_id()), Lease(new_id()), ["default"], 1)
    outcome = runner_on(engine, job_type, handler).run(job)
    assert isinstance(outcome, Failed)
    with engine.database.transaction() as tx:
        assert engine.leases.settle(tx, [settlement_of(job, outcome, tx.now())])
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
        (job,) = engine.leases.claim(tx, WorkerId(new_id()), Lease(new_id()), ["default"], 1)
    assert runner_on(engine, job_type, lose).run(job) is None


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
