"""A guarded job ends with everything that it started, for a reason that is told, and leaves room for the next one."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import psutil
import pytest

from counterfoil.jobs.domain import Job
from counterfoil.jobs.infrastructure.children import ChildPool
from counterfoil.jobs.moves import Completed, Failed, Returned, Stopped
from counterfoil.jobs.types import JobType
from tests.support import handlers
from tests.support.handlers import BASELINE_MB, Note, guarded, no_runner, runner
from tests.support.jobs import claimed_job
from tests.support.processes import alive
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('children') / 'children.db'}"


@pytest.fixture(scope="module")
def strangers() -> set[int]:
    """The processes that run before the first pool does, such as a database's."""
    return {one.pid for one in psutil.Process().children(recursive=True)}


@pytest.fixture(scope="module")
def one_pool(url: str, strangers: set[int]) -> Iterator[ChildPool]:
    pool = new_pool(url)
    yield pool
    pool.close()
    assert not job_processes(strangers)


@pytest.fixture
def pool(one_pool: ChildPool, strangers: set[int]) -> Iterator[ChildPool]:
    """A pool that every test finds, and leaves, ready for any job and with no process but a resting child."""
    yield one_pool
    assert process_in(one_pool, guarded(handlers.greet))
    assert len(job_processes(strangers)) <= 3, "more than the supervisor, its template and a child"


def new_pool(url: str) -> ChildPool:
    return ChildPool(partial(runner, url), preload=["tests.support.handlers"])


def job_processes(strangers: set[int]) -> list[psutil.Process]:
    ours = psutil.Process().children(recursive=True)
    return [one for one in ours if one.pid not in strangers and alive(one.pid)]


def failure_in(pool: ChildPool, job: Job) -> tuple[str, str]:
    ended = pool.run(job)
    assert isinstance(ended, Failed)
    assert ended.retry
    return ended.failure.code, ended.failure.message


def process_in(pool: ChildPool, job_type: JobType[Note], **payload: object) -> int:
    """Run a job that completes and return the process that it ran in."""
    ended = pool.run(claimed_job(job_type, **payload))
    assert isinstance(ended, Completed)
    assert ended.result
    process: int = ended.result["process"]
    return process


def noted_in(path: Path) -> list[int]:
    """Wait until a handler has said which processes there are."""
    wait_until(path.exists)
    return [int(pid) for pid in path.read_text().split()]


def left_of(noted: Path) -> list[int]:
    """Return which of the processes that a handler has noted are still there, if it came to note them."""
    return list(filter(alive, noted_in(noted))) if noted.exists() else []


def running(pool: ChildPool, job: Job) -> "Future[object]":
    """Run a job in a thread."""
    ended: Future[object] = Future()
    threading.Thread(target=lambda: ended.set_result(pool.run(job))).start()
    return ended


# --- warm children ---


def test_a_child_serves_job_after_job(pool: ChildPool) -> None:
    assert len({process_in(pool, guarded(handlers.greet)) for _ in range(3)}) == 1


def test_a_child_serves_jobs_of_one_memory_limit_only(pool: ChildPool) -> None:
    first = process_in(pool, guarded(handlers.greet, memory_mb=512))
    second = process_in(pool, guarded(handlers.greet, memory_mb=1024))
    assert first != second
    assert not alive(first)


def test_as_many_jobs_run_at_once_as_there_are_callers(pool: ChildPool, strangers: set[int]) -> None:
    with ThreadPoolExecutor(4) as threads:
        jobs = [claimed_job(guarded(handlers.greet), text=str(number)) for number in range(40)]
        ended = list(threads.map(pool.run, jobs))
    greetings = [one.result["greeting"] for one in ended if isinstance(one, Completed) and one.result]
    assert greetings == [f"Hello {number}" for number in range(40)]
    for child in [one for one in job_processes(strangers) if not one.children()][1:]:
        child.kill()  # for the next tests, which want to know how many there are
        child.wait()


@pytest.mark.parametrize("what", ["streams", "folder", "signals", "mask", "locale"])
def test_a_job_does_not_run_where_another_has_changed_its_surroundings(pool: ChildPool, what: str) -> None:
    spoilt = process_in(pool, guarded(handlers.spoil), text=what)
    assert not alive(spoilt)
    assert process_in(pool, guarded(handlers.greet)) != spoilt


def test_an_idle_child_that_was_killed_is_replaced_and_costs_no_attempt(pool: ChildPool) -> None:
    first = process_in(pool, guarded(handlers.greet))
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not alive(first))
    assert process_in(pool, guarded(handlers.greet)) != first


def test_what_a_service_manager_tells_all_processes_is_the_workers_to_act_on(
    pool: ChildPool, strangers: set[int]
) -> None:
    child = process_in(pool, guarded(handlers.greet))
    for one in job_processes(strangers):
        one.send_signal(signal.SIGTERM)
        one.send_signal(signal.SIGINT)
    assert process_in(pool, guarded(handlers.greet)) == child


def test_a_handler_can_end_its_own_processes_politely(pool: ChildPool) -> None:
    ended = pool.run(claimed_job(guarded(handlers.end_a_process_of_ours)))
    assert ended == Completed(result={"ended": -signal.SIGTERM})


# --- handlers that end their process ---


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (handlers.leave, "ended by itself with code 0"),
        (handlers.crash, "ended by SIGSEGV"),
        (handlers.kill_itself, "ended by SIGKILL"),
        (handlers.exit_politely, "3"),
        (handlers.interrupt, "KeyboardInterrupt"),
        (handlers.close_everything, "ended by"),
    ],
)
def test_a_handler_that_ends_its_process_fails_its_job_and_the_next_one_runs(
    pool: ChildPool, handler: handlers.Handler, words: str
) -> None:
    code, message = failure_in(pool, claimed_job(guarded(handler)))
    assert code == "task_execution_failed"
    assert words in message


# --- what a job leaves behind ---


@pytest.mark.parametrize("handler", [handlers.leave_grandchildren, handlers.fork_and_leave, handlers.disown_orphans])
def test_processes_that_a_handler_leaves_behind_are_killed_before_anybody_hears_of_its_end(
    pool: ChildPool, handler: handlers.Handler
) -> None:
    ended = pool.run(claimed_job(guarded(handler)))
    assert isinstance(ended, Completed)
    assert ended.result
    assert not any(map(alive, [*ended.result["pids"], ended.result["process"]]))


@pytest.mark.parametrize(
    ("handler", "payload"),
    [(handlers.leave_grandchildren, {"text": "and leave"}), (handlers.fork_and_leave, {"number": 1})],
)
def test_a_child_that_is_gone_is_noticed_though_what_it_left_holds_its_line(
    pool: ChildPool, handler: handlers.Handler, payload: dict[str, object]
) -> None:
    code, _ = failure_in(pool, claimed_job(guarded(handler), **payload))
    assert code == "task_execution_failed"


# --- time ---


def test_a_handler_is_asked_to_end_when_its_time_is_nearly_up_and_may_tidy_up(pool: ChildPool, tmp_path: Path) -> None:
    noted = tmp_path / "noted"
    code, message = failure_in(pool, claimed_job(guarded(handlers.tidy_up, timeout_seconds=3), text=str(noted)))
    assert code == "task_timeout"
    assert "asked to end" in message
    assert noted.with_suffix(".tidied").exists()
    assert not left_of(noted)  # nobody knows what the error has cut short in there


def test_a_handler_may_finish_with_what_it_has_when_its_time_is_nearly_up(pool: ChildPool, tmp_path: Path) -> None:
    job = claimed_job(guarded(handlers.finish_when_asked, timeout_seconds=3), text=str(tmp_path / "noted"))
    assert pool.run(job) == Completed(result={"done": "in part"})


@pytest.mark.parametrize(
    "handler",
    [
        handlers.spin,
        handlers.spin_in_c,
        handlers.block_signals_and_hold_the_interpreter,
        handlers.turn_a_deaf_ear,
        handlers.give_another_reason,
        handlers.forget_signals,
    ],
)
def test_a_job_that_takes_too_long_is_ended_for_that_reason(
    pool: ChildPool, tmp_path: Path, handler: handlers.Handler
) -> None:
    noted = tmp_path / "noted"
    code, _ = failure_in(pool, claimed_job(guarded(handler, timeout_seconds=1), text=str(noted)))
    assert code == "task_timeout"
    assert not left_of(noted)


def test_what_a_job_has_started_ends_with_its_time(pool: ChildPool, tmp_path: Path) -> None:
    noted = tmp_path / "noted"
    job = claimed_job(guarded(handlers.fork_and_leave, timeout_seconds=2), text=str(noted), number=2)
    assert failure_in(pool, job)[0] == "task_timeout"
    assert not left_of(noted)


# --- memory ---


@pytest.mark.parametrize(
    ("handler", "megabytes"),
    [
        (handlers.take_memory, 300),
        (handlers.take_by_numpy, 600),
        (handlers.take_by_mmap, 300),
        (handlers.take_slowly, 300),
        (handlers.take_in_a_grandchild, 300),
    ],
)
def test_a_job_that_takes_too_much_memory_is_killed(pool: ChildPool, handler: handlers.Handler, megabytes: int) -> None:
    limit = BASELINE_MB + 100
    code, message = failure_in(pool, claimed_job(guarded(handler, memory_mb=limit), number=megabytes))
    assert code == "task_memory_exceeded"
    assert f"{limit} MB are allowed" in message


def test_memory_far_beyond_the_limit_is_refused_before_it_is_there(pool: ChildPool) -> None:
    ended = pool.run(claimed_job(guarded(handlers.take_by_numpy, memory_mb=512), number=1 << 20))
    assert isinstance(ended, Failed)
    assert "MemoryError" in (ended.failure.stack or "")


def test_memory_that_processes_share_is_counted_once(pool: ChildPool) -> None:
    assert process_in(pool, guarded(handlers.share_memory, memory_mb=BASELINE_MB + 250), number=150)


# --- cancelling ---


def test_a_job_that_is_cancelled_may_tidy_up_and_is_not_tried_again(pool: ChildPool, tmp_path: Path) -> None:
    noted = tmp_path / "noted"
    job = claimed_job(guarded(handlers.tidy_up), text=str(noted))
    ended = running(pool, job)
    processes = noted_in(noted)
    assert pool.cancel(job.id)
    assert ended.result(30) == Stopped()
    assert noted.with_suffix(".tidied").exists()
    assert not any(map(alive, processes))


def test_a_job_that_does_not_hear_that_it_is_cancelled_is_killed(pool: ChildPool, tmp_path: Path) -> None:
    noted = tmp_path / "noted"
    job = claimed_job(guarded(handlers.spin_in_c), text=str(noted))
    ended = running(pool, job)
    noted_in(noted)
    assert pool.cancel(job.id)
    assert ended.result(30) == Stopped()


def test_a_job_that_is_done_before_it_hears_that_it_is_cancelled_is_done(pool: ChildPool, tmp_path: Path) -> None:
    noted = tmp_path / "noted"
    job = claimed_job(guarded(handlers.finish_when_asked), text=str(noted))
    ended = running(pool, job)
    noted_in(noted)
    assert pool.cancel(job.id)
    assert ended.result(30) == Completed(result={"done": "in part"})


def test_a_job_can_be_cancelled_as_soon_as_it_has_a_child(pool: ChildPool, tmp_path: Path) -> None:
    """Born or not: no child is there yet for this memory limit."""
    job = claimed_job(guarded(handlers.tidy_up, memory_mb=BASELINE_MB + 41), text=str(tmp_path / "noted"))
    ended = running(pool, job)
    wait_until(lambda: pool.cancel(job.id))
    assert ended.result(30) == Stopped()


def test_only_a_job_that_runs_can_be_cancelled(pool: ChildPool) -> None:
    job = claimed_job(guarded(handlers.greet))
    assert not pool.cancel(job.id)
    assert isinstance(pool.run(job), Completed)
    assert not pool.cancel(job.id)
    assert isinstance(pool.run(job), Completed)


# --- the end of a pool, of its supervisor, of its process ---


def test_what_became_of_an_attempt_that_was_taken_over_is_no_matter_of_the_next_one(
    pool: ChildPool, tmp_path: Path
) -> None:
    job = claimed_job(guarded(handlers.sleep_long), text=str(tmp_path / "first"))
    first = running(pool, job)
    (superseded, *_) = noted_in(tmp_path / "first")
    next_one = running(pool, job.changed(payload={**job.payload, "text": str(tmp_path / "next")}))
    assert noted_in(tmp_path / "next")
    os.kill(superseded, signal.SIGKILL)
    assert isinstance(first.result(30), Failed)
    assert pool.cancel(job.id)
    assert next_one.result(30) == Stopped()


def test_jobs_that_others_have_now_are_killed_and_the_pool_stays_open(pool: ChildPool, tmp_path: Path) -> None:
    noted = tmp_path / "noted"
    ended = running(pool, claimed_job(guarded(handlers.tidy_up), text=str(noted)))
    processes = noted_in(noted)
    pool.interrupt()
    assert ended.result(30) is None
    assert not any(map(alive, processes))


def test_a_pool_that_closes_gives_its_jobs_back_and_leaves_no_process(
    url: str, strangers: set[int], tmp_path: Path
) -> None:
    pool = new_pool(url)
    noted = tmp_path / "noted"
    pool.warm_up()
    ended = running(pool, claimed_job(guarded(handlers.fork_and_leave), text=str(noted), number=2))
    processes = noted_in(noted)
    before = job_processes(strangers)
    pool.close()
    assert ended.result(30) == Returned()
    assert not any(map(alive, processes))
    assert sum(alive(one.pid) for one in before) <= 3  # those of the pool that the other tests share
    assert pool.run(claimed_job(guarded(handlers.greet))) == Returned()


def test_a_job_is_given_back_when_no_child_can_build_the_house(tmp_path: Path) -> None:
    mark = tmp_path / "tried"
    pool = ChildPool(partial(no_runner, mark), preload=["tests.support.handlers"])
    ended = running(pool, claimed_job(guarded(handlers.greet)))
    wait_until(mark.exists)
    pool.close()
    assert ended.result(30) == Returned()


def family_of(noted: list[int], steps: int) -> psutil.Process:
    """Return the ancestor of the job's process that is so many steps away: the template is one, its supervisor two."""
    process = psutil.Process(noted[0])
    for _ in range(steps):
        process = process.parent() or process
    return process


@pytest.mark.parametrize("steps", [1, 2])
def test_a_supervisor_or_template_that_is_killed_takes_all_with_it_and_is_replaced(
    pool: ChildPool, tmp_path: Path, steps: int
) -> None:
    noted = tmp_path / "noted"
    ended = running(pool, claimed_job(guarded(handlers.fork_and_leave), text=str(noted), number=2))
    processes = noted_in(noted)
    family_of(processes, steps).kill()
    failed = ended.result(30)
    assert isinstance(failed, Failed)
    assert failed.failure.code == "task_execution_failed"
    wait_until(lambda: not any(map(alive, processes)))


def test_nothing_outlives_a_process_that_is_killed(url: str, tmp_path: Path) -> None:
    noted = tmp_path / "noted"
    command = [sys.executable, "-m", "tests.support.pool_process", "by itself", url, str(noted)]
    with subprocess.Popen(command, cwd=ROOT) as program:
        processes = noted_in(noted)
        family = [one.pid for one in psutil.Process(program.pid).children(recursive=True)]
        program.kill()
    wait_until(lambda: not any(map(alive, [*processes, *family])), seconds=10)


def test_guarded_jobs_run_also_in_a_fork_of_a_pools_process_that_may_have_no_children(url: str) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "tests.support.pool_process", "in a fork", url, ""]
    ended = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=200)
    lines = ended.stdout.splitlines()
    assert all("Hello Ada" in line for line in lines)
    assert len(set(lines)) == 4, "each in another child"
    assert not ended.stderr
