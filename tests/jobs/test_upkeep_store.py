"""The engine finds what it has to do by itself on SQLite and PostgreSQL alike, and quickly among much that is over."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import insert, text

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database, Transaction
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.domain import Batch, BatchId, Job, JobId, JobStatus, Lease, Queue
from counterfoil.jobs.infrastructure.rows import identity_of, row_of
from counterfoil.jobs.infrastructure.tables import JobRow
from counterfoil.jobs.moves import Completed, Failed
from counterfoil.jobs.protocols import JobFilter, Room
from tests.conftest import ACME
from tests.support.jobs import make_job
from tests.support.stores import (
    FAILURE,
    LEASES,
    NOW,
    STORE,
    UPKEEP,
    WORKER,
    add,
    claim,
    claimed,
    plan,
    release,
    settle,
)

HOUR = timedelta(hours=1)

# --- release ---


def test_jobs_are_released_when_they_are_due(database: Database, workspace: WorkspaceId) -> None:
    due = make_job(workspace, ready=False, due_at=NOW)
    failed = make_job(workspace, ready=False, status=JobStatus.FAILED, due_at=NOW - HOUR, next_retry_at=NOW - HOUR)
    later = make_job(workspace, ready=False, due_at=NOW + HOUR)
    others = [make_job(workspace, ready=False, status=status) for status in (JobStatus.BLOCKED, JobStatus.DEAD_LETTER)]
    add(database, due, failed, later, *others)
    with database.reading() as tx:
        assert UPKEEP.due(tx, NOW)
    assert release(database) == 2
    with database.reading() as tx:
        assert not UPKEEP.due(tx, NOW)
    assert release(database) == 0
    assert {job.id for job in claim(database, 9)} == {due.id, failed.id}
    assert release(database, NOW + HOUR) == 1
    assert claim(database)[0].id == later.id


def test_a_released_job_queues_by_its_priority_from_when_it_was_released(
    database: Database, workspace: WorkspaceId
) -> None:
    low = make_job(workspace, ready=False, priority=0, due_at=NOW - HOUR)
    high = make_job(workspace, ready=False, priority=6, due_at=NOW)
    medium = make_job(workspace, priority=3, due_at=NOW)
    add(database, low, high, medium)
    assert release(database) == 2
    with database.reading() as tx:
        assert [call.job for call in UPKEEP.ready(tx, 2)] == [high.id, medium.id]
    assert [job.id for job in claim(database, 3)] == [high.id, medium.id, low.id]


def test_no_more_are_released_at_once_than_asked_for(database: Database, workspace: WorkspaceId) -> None:
    add(database, *(make_job(workspace, ready=False) for _ in range(5)))
    assert [release(database, limit=3) for _ in range(3)] == [3, 2, 0]


def test_one_process_at_a_time_releases(database: Database) -> None:
    if database.is_sqlite:  # it lets one writer in at a time
        return
    with database.transaction() as tx, database.transaction() as other:
        assert UPKEEP.may_release(tx)
        assert not UPKEEP.may_release(other)


# --- concurrency keys ---


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
    assert release(database, NOW + HOUR) == 1
    assert claim(database)[0].id == second.id
    assert release(database, NOW + HOUR) == 0


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


# --- limits of queues and batches ---


def decide(database: Database, queue: Queue) -> None:
    with database.transaction() as tx:
        UPKEEP.decide(tx, queue)


def test_what_is_decided_about_a_queue_is_kept_and_changed(database: Database) -> None:
    first, second = Queue(name="a", at_most=2), Queue(name="b", paused_at=NOW)
    decide(database, second)
    decide(database, first)
    with database.reading() as tx:
        assert UPKEEP.queues(tx) == [first, second]
    decide(database, replace(second, paused_at=None, at_most=1))
    with database.reading() as tx:
        assert UPKEEP.queues(tx) == [first, Queue(name="b", at_most=1)]


def test_of_a_limited_queue_no_more_than_its_limit_are_under_way(database: Database, workspace: WorkspaceId) -> None:
    decide(database, Queue(name="default", at_most=3))
    held = [make_job(workspace, ready=False, status=JobStatus.WAITING)]
    add(database, *held, *(make_job(workspace) for _ in range(5)), make_job(workspace, queue="other"))
    assert len(claim(database, 9)) == 0  # nothing is ready in a limited queue before upkeep has found it a place
    assert release(database) == 2
    assert release(database) == 0
    first, _ = claim(database, 9)
    assert release(database) == 0
    settle(database, first, Completed())
    assert release(database) == 1
    assert len(claim(database, 9, queues=["other"])) == 1


def test_a_new_limit_holds_for_jobs_that_were_ready_already(database: Database, workspace: WorkspaceId) -> None:
    add(database, *(make_job(workspace) for _ in range(4)))
    decide(database, Queue(name="default", at_most=1))
    assert claim(database, 9) == []
    assert release(database) == 1
    assert len(claim(database, 9)) == 1
    decide(database, Queue(name="default"))
    assert release(database) == 3


def test_a_full_queue_keeps_no_other_waiting(database: Database, workspace: WorkspaceId) -> None:
    decide(database, Queue(name="default", at_most=1))
    add(database, *(make_job(workspace, due_at=NOW - HOUR) for _ in range(10)))
    add(database, *(make_job(workspace, queue="other", ready=False) for _ in range(2)))
    assert release(database) == 3  # all are looked at, and one of the first queue fits
    add(database, make_job(workspace, queue="other", ready=False))
    assert release(database, limit=5) == 1


def test_of_a_batch_with_a_limit_no_more_than_that_are_under_way(database: Database, workspace: WorkspaceId) -> None:
    limited, free = (
        Batch(id=BatchId(new_id()), workspace=workspace, description="", at_most=most, created_at=NOW)
        for most in (2, None)
    )
    with database.transaction() as tx:
        STORE.add_batch(tx, limited)
        STORE.add_batch(tx, free)
    add(database, *(make_job(workspace, ready=False, batch_id=one.id) for one in (limited, free) for _ in range(4)))
    with database.reading() as tx:
        assert UPKEEP.room(tx) == Room(queues={}, batches={limited.id: 2, free.id: None})
    assert release(database) == 6
    assert release(database) == 0
    mine = next(job for job in claim(database, 9) if job.batch_id == limited.id)
    assert release(database) == 0
    settle(database, mine, Completed())
    assert release(database) == 1


# --- what is late, left behind, or over ---


def test_late_jobs_are_those_whose_deadline_passed_before_they_began_or_whose_answer_is_overdue(
    database: Database, workspace: WorkspaceId
) -> None:
    late = [
        make_job(workspace, deadline=NOW, status=status, ready=status is JobStatus.PENDING)
        for status in (JobStatus.BLOCKED, JobStatus.PENDING, JobStatus.FAILED)
    ]
    overdue = make_job(workspace, status=JobStatus.WAITING, ready=False, answer_due_at=NOW, deadline=NOW + HOUR)
    in_time = [
        make_job(workspace, deadline=NOW + HOUR),
        make_job(workspace, status=JobStatus.PROCESSING, ready=False, deadline=NOW),
        make_job(workspace, status=JobStatus.COMPLETED, ready=False, deadline=NOW),
        make_job(workspace, status=JobStatus.WAITING, ready=False, answer_due_at=NOW + HOUR, deadline=NOW),
    ]
    add(database, *late, overdue, *in_time)
    with database.transaction() as tx:
        assert {job.id for job in UPKEEP.expired(tx, NOW, 10)} == {job.id for job in (*late, overdue)}
        assert UPKEEP.expired(tx, NOW - HOUR, 10) == []


def test_children_whose_parents_are_all_over_or_gone_were_left_behind(
    database: Database, workspace: WorkspaceId
) -> None:
    open_, done = make_job(workspace), make_job(workspace, status=JobStatus.COMPLETED, ready=False)
    add(database, open_, done)
    families = {"waiting": [open_, done], "left": [done], "of nobody": []}
    children = {name: make_job(workspace, status=JobStatus.BLOCKED, ready=False) for name in families}
    add(database, *children.values())
    with database.transaction() as tx:
        for name, parents in families.items():
            STORE.link(tx, workspace, children[name].id, [parent.id for parent in parents])
    with database.reading() as tx:
        found = {job.id for job in UPKEEP.unblocked(tx, 10)}
    assert found == {children["left"].id, children["of nobody"].id}


def test_unfinished_jobs_are_counted_by_queue_and_status(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    counted = {
        ("default", JobStatus.PENDING): 3,
        ("low_priority", JobStatus.FAILED): 1,
        ("default", JobStatus.DEAD_LETTER): 1,
        ("default", JobStatus.BLOCKED): 1,
        ("default", JobStatus.WAITING): 1,
        ("default", JobStatus.PROCESSING): 1,
    }
    add(
        database,
        make_job(workspace),
        make_job(other_workspace),
        make_job(workspace, ready=False),
        make_job(workspace, queue="low_priority", ready=False, status=JobStatus.FAILED),
        *(make_job(workspace, ready=False, status=status) for status in set(JobStatus) - {"pending", "failed"}),
    )
    with database.reading() as tx:
        assert UPKEEP.counts(tx) == counted


def test_there_is_work_while_a_job_is_ready_or_processed(database: Database, workspace: WorkspaceId) -> None:
    def busy() -> bool:
        with database.reading() as tx:
            return UPKEEP.has_work(tx)

    assert not busy()
    add(database, make_job(workspace, ready=False), make_job(workspace, ready=False, status=JobStatus.WAITING))
    assert not busy()
    job = claimed(database, workspace)
    assert busy()
    settle(database, job, Completed())
    assert not busy()


# --- retention ---


def remaining(database: Database, workspace: WorkspaceId) -> set[JobId]:
    with database.reading() as tx:
        return {job.id for job in STORE.held(tx, workspace, JobFilter(), 1_000)}


def ended(workspace: WorkspaceId, status: JobStatus, hours: int) -> Job:
    """Return a job that ended so many hours ago."""
    return make_job(workspace, status=status, ready=False, ended_at=NOW - hours * HOUR)


def test_finished_jobs_are_removed_by_age_but_not_while_others_wait_for_them(
    database: Database, workspace: WorkspaceId
) -> None:
    old = [ended(workspace, status, 3) for status in (JobStatus.COMPLETED, JobStatus.CANCELLED)]
    young, dead = ended(workspace, JobStatus.COMPLETED, 1), ended(workspace, JobStatus.DEAD_LETTER, 3)
    awaited, child = (
        ended(workspace, JobStatus.COMPLETED, 3),
        make_job(workspace, status=JobStatus.BLOCKED, ready=False),
    )
    add(database, *old, young, dead, awaited, child)
    with database.transaction() as tx:
        STORE.link(tx, workspace, child.id, [awaited.id])
        assert UPKEEP.remove_finished(tx, NOW - 2 * HOUR, 10) == 2
    assert remaining(database, workspace) == {young.id, dead.id, awaited.id, child.id}
    with database.transaction() as tx:
        STORE.save(tx, replace(child, status=JobStatus.PENDING))
        assert UPKEEP.remove_finished(tx, NOW - 2 * HOUR, 10) == 1


def test_dead_letters_are_removed_by_age(database: Database, workspace: WorkspaceId) -> None:
    old, young = (ended(workspace, JobStatus.DEAD_LETTER, hours) for hours in (3, 1))
    done = ended(workspace, JobStatus.COMPLETED, 3)
    add(database, old, young, done)
    with database.transaction() as tx:
        assert UPKEEP.remove_dead(tx, NOW - 2 * HOUR, 10) == 1
    assert remaining(database, workspace) == {young.id, done.id}


def test_of_too_many_dead_letters_the_oldest_are_removed_in_each_workspace(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    mine = [ended(workspace, JobStatus.DEAD_LETTER, hours) for hours in range(5)]
    theirs = [ended(other_workspace, JobStatus.DEAD_LETTER, hours + 10) for hours in range(2)]
    add(database, *mine, *theirs)
    with database.transaction() as tx:
        assert UPKEEP.remove_surplus(tx, 2, 10) == 3
        assert UPKEEP.remove_surplus(tx, 2, 10) == 0
    assert remaining(database, workspace) == {job.id for job in mine[:2]}
    assert remaining(database, other_workspace) == {job.id for job in theirs}


def test_no_more_are_removed_at_once_than_asked_for(database: Database, workspace: WorkspaceId) -> None:
    add(database, *(ended(workspace, JobStatus.COMPLETED, 3) for _ in range(5)))
    with database.transaction() as tx:
        assert [UPKEEP.remove_finished(tx, NOW, 3) for _ in range(3)] == [3, 2, 0]


# --- what it costs ---


def fill(database: Database) -> None:
    """Fill the table as a busy house does: thousands of finished jobs, some ready, some waiting."""
    old, day = NOW - timedelta(days=30), timedelta(days=1)
    batch = Batch(id=BatchId(new_id()), workspace=ACME, description="", at_most=5, created_at=NOW)
    finished = [
        make_job(
            ACME,
            status=JobStatus.COMPLETED,
            ready=False,
            concurrency_key=str(n % 50),
            batch_id=batch.id if n % 2 else None,
            deadline=NOW,
            ended_at=NOW - timedelta(minutes=n),
            due_at=old,
        )
        for n in range(8_000)
    ]
    others = [
        *(make_job(ACME, priority=n % 10) for n in range(100)),
        *(make_job(ACME, ready=False, due_at=NOW + (day if n % 2 else -day), deadline=NOW + day) for n in range(100)),
        *(make_job(ACME, ready=False, batch_id=batch.id, due_at=NOW) for _ in range(20)),
        *(make_job(ACME, ready=False, status=JobStatus.PROCESSING, worker=WORKER) for _ in range(5)),
        *(make_job(ACME, ready=False, status=JobStatus.BLOCKED) for _ in range(20)),
        *(make_job(ACME, ready=False, status=JobStatus.WAITING, answer_due_at=NOW + day) for _ in range(20)),
        *(make_job(ACME, ready=False, status=JobStatus.DEAD_LETTER, ended_at=NOW) for _ in range(50)),
    ]
    with database.transaction() as tx:
        STORE.add_batch(tx, batch)
        tx.execute(insert(JobRow), [row_of(job) | identity_of(job) for job in (*finished, *others)])
        tx.execute(text("ANALYZE"))


COSTLY: dict[str, tuple[str, Callable[[Transaction], object]]] = {
    "claim": (
        "jobs_to_claim",
        lambda tx: LEASES.claim(tx, WORKER, Lease(new_id()), ["default", "high_priority"], 4),
    ),
    "what runs alone": ("jobs_deadly", lambda tx: LEASES.alone_waits(tx, ["default", "high_priority"])),
    "what is ready": ("jobs_to_claim", lambda tx: UPKEEP.ready(tx, 100)),
    "due": ("jobs_to_release", lambda tx: UPKEEP.due(tx, NOW)),
    "room": ("jobs_", UPKEEP.room),
    "candidates": ("jobs_to_release", lambda tx: UPKEEP.candidates(tx, NOW, UPKEEP.room(tx), 500)),
    "release": ("jobs_", lambda tx: UPKEEP.release(tx, NOW, [JobId(new_id())])),
    "orphans": ("jobs_", lambda tx: UPKEEP.orphans(tx, 500)),
    "claimed by": ("jobs_", lambda tx: LEASES.claimed_by(tx, WORKER)),
    "to stop": ("jobs_", lambda tx: LEASES.to_stop(tx, WORKER)),
    "expiry": ("jobs_w", lambda tx: UPKEEP.expired(tx, NOW, 500)),
    "stragglers": ("jobs_blocked", lambda tx: UPKEEP.unblocked(tx, 500)),
    "counts": ("jobs_", UPKEEP.counts),
    "work": ("jobs_", UPKEEP.has_work),
    "retention": ("jobs_", lambda tx: UPKEEP.remove_finished(tx, NOW - timedelta(days=5), 10)),
    "dead letters": ("jobs_dead", lambda tx: UPKEEP.remove_dead(tx, NOW, 10)),
    "surplus": ("jobs_dead", lambda tx: UPKEEP.remove_surplus(tx, 10, 10)),
    "list of dead letters": (
        "jobs_dead",
        lambda tx: STORE.held(tx, ACME, JobFilter(status=JobStatus.DEAD_LETTER), 100),
    ),
}


def test_finished_jobs_cost_the_engine_nothing(database: Database) -> None:
    fill(database)
    slow = {}
    for name, (index, act) in COSTLY.items():
        found = plan(database, act)
        if index not in found or "Seq Scan on jobs" in found or "SCAN jobs\n" in found + "\n":
            slow[name] = found
    assert not slow, "\n\n".join(f"{name}:\n{found}" for name, found in slow.items())


def test_a_dead_letter_that_others_wait_for_stays_or_they_would_take_it_for_completed(
    database: Database, workspace: WorkspaceId
) -> None:
    dead = make_job(workspace, ready=False, status=JobStatus.DEAD_LETTER, ended_at=NOW - HOUR)
    running = make_job(workspace)
    child = make_job(workspace, ready=False, status=JobStatus.BLOCKED)
    add(database, dead, running, child)
    with database.transaction() as tx:
        STORE.link(tx, workspace, child.id, [dead.id, running.id])
        assert UPKEEP.remove_dead(tx, NOW, 9) == UPKEEP.remove_surplus(tx, 0, 9) == 0
        assert STORE.remove(tx, workspace, [dead.id]) == 0
        assert not STORE.held(tx, workspace, JobFilter(status=JobStatus.DEAD_LETTER, not_awaited=True), 9)
        STORE.save(tx, replace(child, status=JobStatus.CANCELLED))
        assert STORE.held(tx, workspace, JobFilter(status=JobStatus.DEAD_LETTER, not_awaited=True), 9)
        assert UPKEEP.remove_surplus(tx, 0, 9) == 1
