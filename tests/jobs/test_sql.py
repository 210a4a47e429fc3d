"""The store of jobs keeps its promises on SQLite and PostgreSQL alike."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, insert, text
from sqlalchemy.exc import IntegrityError

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.paging import Paging
from counterfoil.jobs.domain import (
    AGEING,
    Claimed,
    Completed,
    Ending,
    Failed,
    Failure,
    Job,
    JobId,
    JobStatus,
    Lease,
    LogLevel,
    LogLine,
    Lost,
    Outcome,
    Progress,
    Retried,
    Returned,
    WorkerId,
    attempt_of,
    move,
)
from counterfoil.jobs.infrastructure.rows import identity_of, row_of
from counterfoil.jobs.infrastructure.sql import SqlJobStore
from counterfoil.jobs.infrastructure.tables import JobRow
from tests.conftest import ACME
from tests.support.jobs import make_job

STORE = SqlJobStore()
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WORKER = WorkerId(new_id())
FAILURE = Failure(code="network_error", message="The line is dead.", stack="Traceback …")


def add(database: Database, *jobs: Job) -> None:
    with database.transaction() as tx:
        for job in jobs:
            STORE.add(tx, job)


def claim(
    database: Database, limit: int = 1, *, queues: Sequence[str] = ("default",), now: datetime = NOW
) -> Sequence[Job]:
    with database.transaction() as tx:
        return STORE.claim(tx, WORKER, Lease(new_id()), queues, now, limit)


def release(database: Database, now: datetime = NOW, limit: int = 100) -> int:
    with database.transaction() as tx:
        return STORE.release(tx, now, limit)


def settle(database: Database, job: Job, outcome: Outcome, now: datetime = NOW) -> bool:
    assert job.lease
    with database.transaction() as tx:
        return STORE.settle(tx, job.lease, move(job, outcome, now), attempt_of(job, outcome, now))


def stored(database: Database, job: Job) -> Job:
    with database.reading() as tx:
        found = STORE.get(tx, job.workspace, job.id)
    assert found
    return found


def superseded(database: Database, workspace: WorkspaceId) -> tuple[Job, Job]:
    """Return a job as an old attempt knows it, and as the attempt does that has taken it over."""
    add(database, make_job(workspace))
    (old,) = claim(database)
    assert settle(database, old, Lost())
    assert release(database) == 1
    (new,) = claim(database)
    return old, new


def test_a_workspace_has_one_job_of_an_idempotency_key(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    add(database, make_job(workspace), make_job(workspace))
    add(database, *(make_job(one, idempotency_key="17") for one in (workspace, other_workspace)))
    with pytest.raises(IntegrityError):
        add(database, make_job(workspace, idempotency_key="17"))


def test_a_job_comes_back_as_it_was_kept(database: Database, workspace: WorkspaceId) -> None:
    job = make_job(
        workspace,
        status=JobStatus.FAILED,
        ready=False,
        payload={"amount": "1.10", "list": [1, None]},
        attempts=2,
        deaths=1,
        result={"page": 1},
        failure=FAILURE,
        scheduled_for=NOW,
        started_at=NOW,
        failed_at=NOW,
        next_retry_at=NOW + timedelta(seconds=1.5),
        concurrency_key="merchant",
        description="Read receipt.jpg",
        metadata={"source": "phone"},
        created_by="somebody",
        idempotency_key="receipt 17",
        deadline=NOW + timedelta(hours=1),
        batch_id=new_id(),
    )
    add(database, job)
    assert stored(database, job) == job


def test_what_a_claim_makes_of_a_job_is_what_the_rules_say(database: Database, workspace: WorkspaceId) -> None:
    job = make_job(workspace, progress=None)
    add(database, job)
    (claimed,) = claim(database)
    assert claimed.lease
    assert claimed == move(job, Claimed(worker=WORKER, lease=claimed.lease), NOW) == stored(database, job)


def test_a_claim_forgets_how_far_an_earlier_attempt_came(database: Database, workspace: WorkspaceId) -> None:
    add(database, make_job(workspace))
    (job,) = claim(database)
    assert job.lease
    with database.transaction() as tx:
        assert STORE.set_progress(tx, job.id, job.lease, Progress(total=4, processed=1, failed=1, message="One"))
    assert stored(database, job).progress == Progress(total=4, processed=1, failed=1, message="One")
    settle(database, job, Returned())
    release(database)
    assert claim(database)[0].progress is None


def test_jobs_are_claimed_by_priority_and_then_by_age(database: Database, workspace: WorkspaceId) -> None:
    late = NOW + timedelta(seconds=1)
    jobs = {
        "low": make_job(workspace, priority=0, due_at=NOW),
        "medium, later": make_job(workspace, priority=3, due_at=late),
        "medium": make_job(workspace, priority=3, due_at=NOW),
        "critical": make_job(workspace, priority=9, due_at=late),
    }
    add(database, *jobs.values())
    names = {job.id: name for name, job in jobs.items()}
    assert [names[job.id] for job in claim(database, 4)] == ["critical", "medium", "medium, later", "low"]


def test_a_low_job_that_has_waited_its_bound_goes_before_an_urgent_one(
    database: Database, workspace: WorkspaceId
) -> None:
    low = make_job(workspace, priority=0, due_at=NOW)
    urgent = make_job(workspace, priority=10, due_at=NOW + AGEING * 10 + timedelta(seconds=1))
    add(database, urgent, low)
    assert claim(database)[0].id == low.id


def test_a_claim_takes_no_more_than_its_limit_and_only_from_its_queues(
    database: Database, workspace: WorkspaceId
) -> None:
    add(database, *(make_job(workspace) for _ in range(3)), make_job(workspace, queue="low_priority"))
    assert len(claim(database, 2)) == 2
    assert [job.queue for job in claim(database, 5, queues=["low_priority", "other"])] == ["low_priority"]
    assert len(claim(database, 5)) == 1
    assert claim(database, 5, queues=["default", "low_priority"]) == []


def test_many_workers_that_claim_at_once_take_each_job_once(database: Database, workspace: WorkspaceId) -> None:
    add(database, *(make_job(workspace) for _ in range(200)))
    taken: list[JobId] = []
    start = threading.Barrier(8)

    def work() -> None:
        start.wait(10)
        while jobs := claim(database, 7):
            taken.extend(job.id for job in jobs)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(taken) == len(set(taken)) == 200


def test_a_claim_does_not_wait_for_another_that_is_still_open(database: Database, workspace: WorkspaceId) -> None:
    if database.engine.dialect.name == "sqlite":  # it lets one writer in at a time
        add(database, make_job(workspace))
        with suppress(RuntimeError), database.transaction() as tx:
            assert STORE.claim(tx, WORKER, Lease(new_id()), ["default"], NOW, 1)
            raise RuntimeError
        assert len(claim(database)) == 1
        return
    add(database, make_job(workspace), make_job(workspace))
    with database.transaction() as tx:
        first = STORE.claim(tx, WORKER, Lease(new_id()), ["default"], NOW, 1)
        second = claim(database, 5)
    assert len(first) == len(second) == 1
    assert first[0].id != second[0].id


@pytest.mark.parametrize(
    ("outcome", "status", "ending"),
    [
        (Completed(result={"page": 1}), JobStatus.COMPLETED, Ending.COMPLETED),
        (Failed(failure=FAILURE, chance=0), JobStatus.FAILED, Ending.FAILED),
        (Returned(), JobStatus.PENDING, Ending.RETURNED),
        (Lost(), JobStatus.PENDING, Ending.LOST),
    ],
)
def test_settling_saves_the_job_and_its_attempt(
    database: Database, workspace: WorkspaceId, outcome: Outcome, status: JobStatus, ending: Ending
) -> None:
    add(database, make_job(workspace))
    (job,) = claim(database)
    assert settle(database, job, outcome, NOW + timedelta(seconds=2))
    after = stored(database, job)
    assert after == move(job, outcome, NOW + timedelta(seconds=2))
    assert after.status is status
    with database.reading() as tx:
        (attempt,) = STORE.attempts(tx, workspace, job.id)
    assert attempt == attempt_of(job, outcome, NOW + timedelta(seconds=2))
    assert attempt.ending is ending


def test_an_attempt_is_settled_once(database: Database, workspace: WorkspaceId) -> None:
    add(database, make_job(workspace))
    (job,) = claim(database)
    assert settle(database, job, Completed())
    assert not settle(database, job, Completed(result={"again": True}))
    assert not settle(database, job, Failed(failure=FAILURE))
    assert stored(database, job).result is None
    with database.reading() as tx:
        assert len(STORE.attempts(tx, workspace, job.id)) == 1


def test_what_an_attempt_writes_that_has_been_superseded_is_refused(database: Database, workspace: WorkspaceId) -> None:
    old, new = superseded(database, workspace)
    assert old.lease
    assert new.lease
    assert not settle(database, old, Completed(result={"stale": True}))
    assert not settle(database, old, Failed(failure=FAILURE))
    with database.transaction() as tx:
        assert not STORE.holds(tx, old.id, old.lease)
        assert not STORE.set_progress(tx, old.id, old.lease, Progress(processed=99))
        assert STORE.holds(tx, new.id, new.lease)
    assert stored(database, new) == new
    assert settle(database, new, Completed())


def test_the_same_lease_cannot_have_two_attempts_at_a_job(database: Database, workspace: WorkspaceId) -> None:
    add(database, make_job(workspace))
    lease = Lease(new_id())

    def claim_again() -> Job:
        with database.transaction() as tx:
            STORE.release(tx, NOW, 10)
            return STORE.claim(tx, WORKER, lease, ["default"], NOW, 1)[0]

    assert settle(database, claim_again(), Returned())
    job = claim_again()
    with pytest.raises(IntegrityError):
        settle(database, job, Completed())
    assert stored(database, job).status is JobStatus.PROCESSING


def test_the_database_itself_refuses_more_attempts_than_allowed(database: Database, workspace: WorkspaceId) -> None:
    with pytest.raises(IntegrityError):
        add(database, make_job(workspace, attempts=6))


def test_jobs_are_released_when_they_are_due(database: Database, workspace: WorkspaceId) -> None:
    hour = timedelta(hours=1)
    due = make_job(workspace, ready=False, due_at=NOW)
    failed = make_job(workspace, ready=False, status=JobStatus.FAILED, due_at=NOW - hour, next_retry_at=NOW - hour)
    later = make_job(workspace, ready=False, due_at=NOW + hour)
    others = [make_job(workspace, ready=False, status=status) for status in (JobStatus.BLOCKED, JobStatus.DEAD_LETTER)]
    add(database, due, failed, later, *others)
    with database.reading() as tx:
        assert STORE.due(tx, NOW)
    assert release(database) == 2
    with database.reading() as tx:
        assert not STORE.due(tx, NOW)
    assert release(database) == 0
    assert {job.id for job in claim(database, 9)} == {due.id, failed.id}
    assert release(database, NOW + hour) == 1
    assert claim(database)[0].id == later.id


def test_a_released_job_queues_by_its_priority_from_when_it_was_released(
    database: Database, workspace: WorkspaceId
) -> None:
    low = make_job(workspace, ready=False, priority=0, due_at=NOW - timedelta(hours=1))
    high = make_job(workspace, ready=False, priority=6, due_at=NOW)
    medium = make_job(workspace, priority=3, due_at=NOW)
    add(database, low, high, medium)
    assert release(database) == 2
    assert [job.id for job in claim(database, 3)] == [high.id, medium.id, low.id]


def test_no_more_are_released_at_once_than_asked_for(database: Database, workspace: WorkspaceId) -> None:
    add(database, *(make_job(workspace, ready=False) for _ in range(5)))
    assert [release(database, limit=3) for _ in range(3)] == [3, 2, 0]


def test_of_a_concurrency_key_one_job_at_a_time_is_under_way(database: Database, workspace: WorkspaceId) -> None:
    jobs = [make_job(workspace, ready=False, concurrency_key="k", due_at=NOW + timedelta(seconds=n)) for n in range(3)]
    add(database, *jobs)
    later = NOW + timedelta(minutes=1)
    served = []
    for _ in jobs:
        assert release(database, later) == 1
        assert release(database, later) == 0  # a ready one holds the key
        (job,) = claim(database, 9)
        assert release(database, later) == 0  # so does one that is being processed
        assert settle(database, job, Completed())
        served.append(job.id)
    assert served == [job.id for job in jobs]


def test_a_failed_job_lets_the_next_of_its_key_go_first(database: Database, workspace: WorkspaceId) -> None:
    first = make_job(workspace, ready=False, concurrency_key="k", due_at=NOW - timedelta(seconds=1))
    second = make_job(workspace, ready=False, concurrency_key="k")
    add(database, first, second)
    release(database)
    (job,) = claim(database)
    settle(database, job, Failed(failure=FAILURE, chance=0))
    assert release(database, NOW + timedelta(hours=1)) == 1
    assert claim(database)[0].id == second.id
    assert release(database, NOW + timedelta(hours=1)) == 0


def test_a_job_that_waits_for_the_outside_keeps_its_key(database: Database, workspace: WorkspaceId) -> None:
    waiting = make_job(workspace, ready=False, status=JobStatus.WAITING, concurrency_key="k")
    add(database, waiting, make_job(workspace, ready=False, concurrency_key="k"))
    assert release(database) == 0


def test_workspaces_and_keys_do_not_hinder_each_other(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    add(
        database,
        make_job(workspace, ready=False, concurrency_key="k"),
        make_job(other_workspace, ready=False, concurrency_key="k"),
        make_job(workspace, ready=False, concurrency_key="other"),
        make_job(workspace, ready=False),
        make_job(workspace, ready=False),
    )
    assert release(database) == 5


def test_two_that_release_at_once_release_each_key_once(database: Database, workspace: WorkspaceId) -> None:
    add(database, *(make_job(workspace, ready=False, concurrency_key=str(n % 5)) for n in range(20)))
    start = threading.Barrier(4)
    released: list[int] = []

    def work() -> None:
        start.wait(10)
        released.extend(release(database) for _ in range(3))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(released) == 5
    assert len(claim(database, 20)) == 5


def test_a_retry_is_saved_only_while_the_job_is_where_the_person_saw_it(
    database: Database, workspace: WorkspaceId
) -> None:
    dead = make_job(workspace, ready=False, status=JobStatus.DEAD_LETTER, attempts=5, failure=FAILURE)
    add(database, dead)
    again = move(dead, Retried(), NOW)
    with database.transaction() as tx:
        assert STORE.retry(tx, dead, again)
        assert not STORE.retry(tx, dead, again)
    assert stored(database, dead) == again


def test_a_finished_step_is_found_again_by_its_job_alone(database: Database, workspace: WorkspaceId) -> None:
    job, other = make_job(workspace), make_job(workspace)
    add(database, job, other)
    with database.transaction() as tx:
        STORE.add_step(tx, workspace, job.id, "read", {"words": 7}, NOW)
    with database.reading() as tx:
        assert STORE.step(tx, workspace, job.id, "read") == {"words": 7}
        assert STORE.step(tx, workspace, job.id, "write") is None
        assert STORE.step(tx, workspace, other.id, "read") is None


def log_line(job: Job, number: int) -> LogLine:
    return LogLine(
        id=new_id(),
        job=job.id,
        level=LogLevel.WARN,
        message=f"Line {number}",
        metadata={"number": number},
        created_at=NOW,
    )


def test_a_log_is_paged_from_its_newest_line(database: Database, workspace: WorkspaceId) -> None:
    job = make_job(workspace)
    add(database, job)
    lines = [log_line(job, number) for number in range(5)]
    with database.transaction() as tx:
        for line in lines:
            STORE.add_log(tx, workspace, line)
    seen: list[LogLine] = []
    after: UUID | None = None
    with database.reading() as tx:
        while True:
            page = STORE.logs(tx, workspace, job.id, Paging(limit=2, after=after))
            seen.extend(page.items)
            after = page.next_after
            if after is None:
                break
    assert seen == lines[::-1]


def test_jobs_are_listed_newest_first_by_status_and_type(database: Database, workspace: WorkspaceId) -> None:
    jobs = [make_job(workspace, type="read" if n % 2 else "write") for n in range(5)]
    jobs.append(make_job(workspace, status=JobStatus.COMPLETED, ready=False))
    add(database, *jobs)
    everything = Paging(limit=50)
    with database.reading() as tx:
        listed = STORE.page(tx, workspace, everything, status=None, type_=None)
        completed = STORE.page(tx, workspace, everything, status=JobStatus.COMPLETED, type_=None)
        reads = STORE.page(tx, workspace, everything, status=JobStatus.PENDING, type_="read")
        first = STORE.page(tx, workspace, Paging(limit=4), status=None, type_=None)
        rest = STORE.page(tx, workspace, Paging(limit=4, after=first.next_after), status=None, type_=None)
    assert [job.id for job in listed.items] == [job.id for job in reversed(jobs)]
    assert [job.id for job in completed.items] == [jobs[5].id]
    assert [job.id for job in reads.items] == [jobs[3].id, jobs[1].id]
    assert [*first.items, *rest.items] == list(listed.items)
    assert rest.next_after is None


def test_unfinished_jobs_are_counted_by_queue_and_status(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    add(
        database,
        make_job(workspace),
        make_job(other_workspace),
        make_job(workspace, queue="low_priority", ready=False, status=JobStatus.FAILED),
        make_job(workspace, ready=False, status=JobStatus.DEAD_LETTER),
        make_job(workspace, ready=False, status=JobStatus.COMPLETED),
        make_job(workspace, ready=False, status=JobStatus.CANCELLED),
    )
    with database.reading() as tx:
        assert STORE.counts(tx) == {
            ("default", JobStatus.PENDING): 2,
            ("low_priority", JobStatus.FAILED): 1,
            ("default", JobStatus.DEAD_LETTER): 1,
        }


def test_nothing_of_a_job_is_seen_or_changed_from_another_workspace(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    add(database, make_job(workspace))
    (job,) = claim(database)
    with database.transaction() as tx:
        STORE.add_log(tx, workspace, log_line(job, 1))
        STORE.add_step(tx, workspace, job.id, "read", {}, NOW)
    settle(database, job, Failed(failure=FAILURE, retry=False))
    dead = stored(database, job)
    everything = Paging(limit=50)
    with database.transaction() as tx:
        assert STORE.get(tx, other_workspace, job.id) is None
        assert STORE.page(tx, other_workspace, everything, status=None, type_=None).items == []
        assert STORE.attempts(tx, other_workspace, job.id) == []
        assert STORE.logs(tx, other_workspace, job.id, everything).items == []
        assert STORE.step(tx, other_workspace, job.id, "read") is None
        foreign = replace(dead, workspace=other_workspace)
        assert not STORE.retry(tx, foreign, move(foreign, Retried(), NOW))
    assert stored(database, job) == dead


def fill(database: Database) -> None:
    """Fill the table as a busy house does: thousands of finished jobs, some ready, some waiting."""
    old = timedelta(days=1)
    finished = [
        make_job(ACME, status=JobStatus.COMPLETED, ready=False, concurrency_key=str(n % 50)) for n in range(4_000)
    ]
    ready = [make_job(ACME, priority=n % 10) for n in range(100)]
    waiting = [make_job(ACME, ready=False, due_at=NOW + (old if n % 2 else -old)) for n in range(100)]
    dead = [make_job(ACME, status=JobStatus.DEAD_LETTER, ready=False) for _ in range(500)]
    rows = [row_of(job) | identity_of(job) for job in (*finished, *ready, *waiting, *dead)]
    with database.transaction() as tx:
        tx.execute(insert(JobRow), rows)
        tx.execute(text("ANALYZE"))


def plan(database: Database, act: Callable[[Transaction], object]) -> str:
    """Return how the database goes about the statements of a store method."""
    explain = "EXPLAIN QUERY PLAN " if database.engine.dialect.name == "sqlite" else "EXPLAIN "
    statements: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        statements.append((statement, parameters))

    with database.transaction() as tx:
        event.listen(tx.connection, "before_cursor_execute", note)
        act(tx)
    with database.transaction() as tx:
        explained = [tx.connection.exec_driver_sql(explain + statement, values) for statement, values in statements]
        return "\n".join(row[-1] for rows in explained for row in rows)


def test_finished_jobs_cost_the_engine_nothing(database: Database) -> None:
    fill(database)
    acts: list[tuple[str, Callable[[Transaction], object]]] = [
        ("jobs_to_release", lambda tx: STORE.due(tx, NOW)),
        ("jobs_to_release", lambda tx: STORE.release(tx, NOW, 500)),
        ("jobs_to_claim", lambda tx: STORE.claim(tx, WORKER, Lease(new_id()), ["default", "high_priority"], NOW, 4)),
        ("jobs_", lambda tx: STORE.orphans(tx, 500)),  # one of two partial indexes, as the statistics have it
        ("jobs_", lambda tx: STORE.claimed_by(tx, WORKER)),
        ("jobs_unfinished", STORE.counts),
    ]
    for index, act in acts:
        found = plan(database, act)
        assert index in found, found
        assert "Seq Scan on jobs" not in found, found
        assert "SCAN jobs\n" not in found + "\n", found
