"""What an operator does about jobs on the command line, with the real command, on both databases."""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from counterfoil.access.domain import DEFAULT_WORKSPACE, WorkspaceId
from counterfoil.bootstrap import House
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.domain import Job, JobId, JobStatus, LogLevel, LogLine, Order
from counterfoil.jobs.moves import Completed, Failed
from counterfoil.jobs.protocols import settlement_of
from counterfoil.pipeline import WRITE_RECORD_FILES
from tests.support.command_line import Answer, CommandLine
from tests.support.house import NEIGHBOUR, build, settings_for
from tests.support.stores import FAILURE, LEASES, NOW, claim
from tests.support.waiting import wait_until

QUEUE = WRITE_RECORD_FILES.queue


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody with a terminal, in a house whose inside the test can see."""

    house: House
    line: CommandLine

    def run(self, *words: str) -> Answer:
        settings = self.house.settings
        return self.line.run(words, {"DATA_DIR": str(settings.data_dir), "DATABASE_URL": settings.database})


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    with CommandLine.running(tmp_path_factory.mktemp("commands")) as line:
        yield line


@pytest.fixture
def operator(database_url: str, tmp_path: Path, line: CommandLine) -> Iterator[Operator]:
    house = build(settings_for(tmp_path, database_url=database_url))
    yield Operator(house, line)
    house.database.close()


@pytest.fixture
def house(operator: Operator) -> House:
    return operator.house


def said(operator: Operator, *words: str) -> str:
    """Return what a command says that went well."""
    answer = operator.run(*words)
    assert answer.status == 0, answer.err
    return " ".join(answer.out.split())


def told(operator: Operator, *words: str) -> Any:
    """Return what a command tells a script."""
    answer = operator.run(*words, "--json")
    assert answer.status == 0, answer.err
    return json.loads(answer.out)


def refused(operator: Operator, *words: str) -> str:
    """Return why a command was refused, in words and not in a traceback."""
    answer = operator.run(*words)
    assert (answer.status, answer.out, "Traceback" in answer.err) == (2, "", False)
    return " ".join(answer.err.replace("│", " ").split())


def made(house: House, description: str = "", workspace: WorkspaceId = DEFAULT_WORKSPACE, **order: Any) -> JobId:
    """Make a job, which no worker is there to do."""
    with house.database.transaction() as tx:
        payload = {"record_id": str(new_id())}
        wanted = Order(description=description, **order)
        return house.jobs.enqueue_named(tx, workspace, WRITE_RECORD_FILES.name, payload, wanted)


def claimed(house: House, number: int = 1) -> Sequence[Job]:
    return claim(house.database, number, queues=[QUEUE])


def dead(house: House, description: str = "", workspace: WorkspaceId = DEFAULT_WORKSPACE) -> JobId:
    made(house, description, workspace)
    (job,) = claimed(house)
    with house.database.transaction() as tx:
        assert LEASES.settle(tx, [settlement_of(job, Failed(failure=FAILURE, retry=False), tx.now())])
    return job.id


def status(house: House, job: JobId, workspace: WorkspaceId = DEFAULT_WORKSPACE) -> JobStatus:
    return house.jobs.get(workspace, job).status


# --- jobs ---


def test_jobs_are_listed_newest_first_by_what_is_asked_for_and_none_of_a_neighbour(
    operator: Operator, house: House
) -> None:
    letter = dead(house, "Write [bold]March[/]")
    waiting = made(house, "Write April")
    made(house, "Write May", NEIGHBOUR)
    assert [UUID(one["id"]) for one in told(operator, "jobs")] == [waiting, letter]
    assert [UUID(one["id"]) for one in told(operator, "jobs", "--limit", "1")] == [waiting]
    for words in (
        ("--status", "dead_letter"),
        ("--error", FAILURE.code),
        ("--find", "the line is"),
        ("--find", "[BOLD]"),
    ):
        assert [UUID(one["id"]) for one in told(operator, "jobs", *words)] == [letter], words
    assert told(operator, "jobs", "--queue", "default") == told(operator, "jobs", "--type", "deliver") == []
    shown = said(operator, "jobs")
    assert shown.index(str(waiting)) < shown.index(str(letter))
    assert "✕ dead_letter" in shown
    assert f"Write [bold]March[/] (attempt 1 of 5: {FAILURE.message})" in shown
    assert "May" not in shown


def test_a_status_that_there_is_not_is_refused_with_those_that_there_are(operator: Operator) -> None:
    assert "dead_letter" in refused(operator, "jobs", "--status", "finished")


# --- job ---


def test_a_job_is_shown_with_its_history_and_what_it_said(operator: Operator, house: House) -> None:
    letter = dead(house, "Write March")
    lines = [
        LogLine(
            id=new_id(), job=letter, level=LogLevel.WARN, message=f"Said {one}", metadata={"page": one}, created_at=NOW
        )
        for one in range(1, 4)
    ]
    with house.database.transaction() as tx:
        LEASES.add_logs(tx, DEFAULT_WORKSPACE, lines)
    shown = said(operator, "job", str(letter))
    assert shown.startswith("✕ dead_letter write_record_files: Write March")
    assert "(attempt 1)" in shown
    assert shown.index("Said 1 page=1") < shown.index("Said 2 page=2") < shown.index("Said 3 page=3")
    detail = told(operator, "job", str(letter))
    assert (detail["status"], detail["attempts"], detail["error"]["code"]) == ("dead_letter", 1, FAILURE.code)


def test_a_job_is_followed_to_its_end(operator: Operator, house: House) -> None:
    made(house, "Write March")
    (job,) = claimed(house)
    line = LogLine(id=new_id(), job=job.id, level=LogLevel.INFO, message="Half", metadata={}, created_at=NOW)
    operator.line.said.write_text("")
    with ThreadPoolExecutor(1) as threads:
        follows = threads.submit(said, operator, "job", str(job.id), "--follow")
        wait_until(lambda: follows.done() or "processing" in operator.line.said.read_text())
        with house.database.transaction() as tx:
            LEASES.settle(tx, [settlement_of(job, Completed(), tx.now(), [line])])
        shown = follows.result(60)
    assert shown.startswith("● processing")
    assert "Half" in shown
    assert shown.endswith("✓ completed Write March")


def test_a_job_that_is_not_there_or_a_neighbours_is_said_not_to_be(operator: Operator, house: House) -> None:
    theirs = made(house, "Write May", NEIGHBOUR)
    for job in (theirs, new_id()):
        for command in ("job", "cancel", "retry"):
            assert str(job) in refused(operator, command, str(job))
    assert "UUID" in refused(operator, "job", "first")
    assert status(house, theirs, NEIGHBOUR) is JobStatus.PENDING


# --- cancel and retry ---


def test_a_job_is_cancelled_at_once_or_when_it_looks_up_and_once_it_is_over_no_more(
    operator: Operator, house: House
) -> None:
    made(house)
    (running,) = claimed(house)
    waiting = made(house)
    assert said(operator, "cancel", str(waiting)) == "Cancelled."
    assert said(operator, "cancel", str(running.id)) == "It will be, as soon as its handler looks up."
    assert status(house, waiting) is JobStatus.CANCELLED
    assert house.jobs.get(DEFAULT_WORKSPACE, running.id).cancel_requested_at
    assert "cancelled" in refused(operator, "cancel", str(waiting))


def test_a_dead_letter_is_tried_again_by_its_id_and_what_is_none_is_refused(operator: Operator, house: House) -> None:
    letter, other = dead(house), dead(house)
    assert said(operator, "retry", str(letter)) == "It is tried again."
    assert (status(house, letter), status(house, other)) == (JobStatus.PENDING, JobStatus.DEAD_LETTER)
    assert "pending" in refused(operator, "retry", str(letter))


def test_all_dead_letters_that_match_are_tried_again_and_none_of_a_neighbour(operator: Operator, house: House) -> None:
    letters, theirs = [dead(house), dead(house)], dead(house, workspace=NEIGHBOUR)
    assert said(operator, "retry", "--all", "--error", "timeout") == "0 are tried again."
    assert (
        said(operator, "retry", "--all", "--error", FAILURE.code, "--type", "write_record_files")
        == "2 are tried again."
    )
    assert {status(house, one) for one in letters} == {JobStatus.PENDING}
    assert status(house, theirs, NEIGHBOUR) is JobStatus.DEAD_LETTER


def test_who_names_neither_a_job_nor_all_or_both_is_asked_to_choose(operator: Operator, house: House) -> None:
    letter = dead(house)
    for words in ((), (str(letter), "--all")):
        assert "Name a job, or say --all." in refused(operator, "retry", *words)
    assert status(house, letter) is JobStatus.DEAD_LETTER


# --- queues ---


def test_queues_are_limited_paused_and_let_go_and_shown_as_they_are_then(operator: Operator, house: House) -> None:
    assert operator.run("queues").err.strip() == "No queue has jobs or limits."
    made(house)
    assert said(operator, "queues") == f"{QUEUE}: 1 waiting, 0 of any number running"
    assert f"{QUEUE}: 1 waiting, 0 of 2 running" in said(operator, "queues", "--limit", f"{QUEUE}=2")
    assert f"{QUEUE}: 1 waiting, 0 of 2 running paused" in said(operator, "queues", "--pause", QUEUE)
    (shown,) = told(operator, "queues")
    assert (shown["name"], shown["at_most"], shown["paused_at"] is None) == (QUEUE, 2, False)
    freed = said(operator, "queues", "--resume", QUEUE, "--limit", f"{QUEUE}=")
    assert freed == f"{QUEUE}: 1 waiting, 0 of any number running"


@pytest.mark.parametrize("words", ["=2", "slow=0", "slow=-1", "slow=many", "slow=100001", "slow=٢٢٢٢٢٢٢"])
def test_a_limit_that_makes_no_sense_is_refused(operator: Operator, house: House, words: str) -> None:
    assert "Say NAME=N, with N from 1." in refused(operator, "queues", "--limit", words)
    assert house.engine.queues.all() == []


# --- dead letters ---


def test_dead_letters_are_counted_by_error_and_listed_and_none_of_a_neighbour(operator: Operator, house: House) -> None:
    assert operator.run("dlq").err.strip() == "No dead letters."
    letters = [dead(house, "Write March"), dead(house, "Write April")]
    dead(house, "Write May", NEIGHBOUR)
    made(house, "Write June")
    assert {UUID(one["id"]) for one in told(operator, "dlq")} == set(letters)
    assert [UUID(one["id"]) for one in told(operator, "dlq", "--find", "april")] == [letters[1]]
    shown = said(operator, "dlq")
    assert shown.startswith(f"2 of write_record_files: {FAILURE.code}")
    assert all(str(one) in shown for one in letters)
    assert "May" not in shown
    assert "June" not in shown
