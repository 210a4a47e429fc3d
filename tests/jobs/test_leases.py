"""Jobs are given to one worker at a time, which may write under its lease alone, on SQLite and PostgreSQL alike."""

import threading
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.paging import Paging
from counterfoil.jobs.domain import (
    AGEING,
    Ending,
    Job,
    JobId,
    JobStatus,
    Lease,
    LogLevel,
    LogLine,
    Progress,
    Queue,
    WorkerId,
)
from counterfoil.jobs.moves import (
    Answered,
    CancelWanted,
    Claimed,
    Completed,
    Failed,
    Lost,
    Outcome,
    Postponed,
    Returned,
    Stopped,
    Waiting,
    attempt_of,
    move,
)
from counterfoil.jobs.protocols import settlement_of
from tests.support.jobs import make_job
from tests.support.stores import (
    FAILURE,
    LEASES,
    NOW,
    STORE,
    UPKEEP,
    WORKER,
    add,
    attempts_at,
    claim,
    claimed,
    release,
    settle,
    stored,
    superseded,
)

LATER = NOW + timedelta(seconds=2)

# --- claims ---


def test_what_a_claim_makes_of_a_job_is_what_the_rules_say(database: Database, workspace: WorkspaceId) -> None:
    job = make_job(workspace, progress=None)
    add(database, job)
    with database.reading() as tx:
        before = tx.now()
    (taken,) = claim(database)
    assert taken.lease
    assert taken.started_at
    assert taken == move(job, Claimed(worker=WORKER, lease=taken.lease), taken.started_at) == stored(database, job)
    with database.reading() as tx:
        assert before <= taken.started_at <= tx.now()


def test_a_claim_forgets_how_far_an_earlier_attempt_came(database: Database, workspace: WorkspaceId) -> None:
    job = claimed(database, workspace)
    assert job.lease
    with database.transaction() as tx:
        assert LEASES.set_progress(tx, job.id, job.lease, Progress(total=4, processed=1, failed=1, message="One"))
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


def test_priority_counts_across_queues(database: Database, workspace: WorkspaceId) -> None:
    jobs = [make_job(workspace, queue=queue, priority=at) for at, queue in ((1, "a"), (5, "b"), (3, "a"), (4, "b"))]
    add(database, *jobs)
    taken = claim(database, 3, queues=["a", "b"])
    assert [job.priority for job in taken] == [5, 4, 3]


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


def test_a_paused_queue_gives_nothing_and_hinders_no_other(database: Database, workspace: WorkspaceId) -> None:
    paused, other = make_job(workspace, priority=10), make_job(workspace, queue="other")
    add(database, paused, other)
    with database.transaction() as tx:
        UPKEEP.decide(tx, Queue(name="default", paused_at=NOW))
        assert LEASES.claim_one(tx, WORKER, Lease(new_id()), paused.id) is None
    assert [job.id for job in claim(database, 5, queues=["default", "other"])] == [other.id]


def test_a_job_that_workers_died_with_is_claimed_apart_from_the_others(
    database: Database, workspace: WorkspaceId
) -> None:
    deadly, suspect, harmless = (make_job(workspace, deaths=deaths) for deaths in (2, 1, 0))
    add(database, deadly, suspect, harmless)
    with database.reading() as tx:
        assert LEASES.alone_waits(tx, ["other", "default"])
        assert not LEASES.alone_waits(tx, ["other"])
    assert {job.id for job in claim(database, 5)} == {suspect.id, harmless.id}
    assert [job.id for job in claim(database, 5, alone=True)] == [deadly.id]
    with database.reading() as tx:
        assert not LEASES.alone_waits(tx, ["default"])


def test_a_certain_job_is_claimed_if_it_is_ready(database: Database, workspace: WorkspaceId) -> None:
    job, unready = make_job(workspace), make_job(workspace, ready=False)
    add(database, job, unready)
    with database.transaction() as tx:
        taken = LEASES.claim_one(tx, WORKER, Lease(new_id()), job.id)
        assert taken
        assert taken.id == job.id
        assert LEASES.claim_one(tx, WORKER, Lease(new_id()), job.id) is None
        assert LEASES.claim_one(tx, WORKER, Lease(new_id()), unready.id) is None


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
    if database.is_sqlite:  # it lets one writer in at a time
        add(database, make_job(workspace))
        with suppress(RuntimeError), database.transaction() as tx:
            assert LEASES.claim(tx, WORKER, Lease(new_id()), ["default"], 1)
            raise RuntimeError
        assert len(claim(database)) == 1
        return
    add(database, make_job(workspace), make_job(workspace))
    with database.transaction() as tx:
        first = LEASES.claim(tx, WORKER, Lease(new_id()), ["default"], 1)
        second = claim(database, 5)
    assert len(first) == len(second) == 1
    assert first[0].id != second[0].id


# --- settlement ---


@pytest.mark.parametrize(
    ("outcome", "status", "ending"),
    [
        (Completed(result={"page": 1}), JobStatus.COMPLETED, Ending.COMPLETED),
        (Failed(failure=FAILURE, chance=0), JobStatus.FAILED, Ending.FAILED),
        (Postponed(until=LATER, reason="Down."), JobStatus.PENDING, Ending.POSTPONED),
        (Waiting(deadline=LATER), JobStatus.WAITING, Ending.WAITING),
        (Stopped(), JobStatus.CANCELLED, Ending.CANCELLED),
        (Returned(), JobStatus.PENDING, Ending.RETURNED),
        (Lost(), JobStatus.PENDING, Ending.LOST),
    ],
)
def test_settling_saves_the_job_and_its_attempt(
    database: Database, workspace: WorkspaceId, outcome: Outcome, status: JobStatus, ending: Ending
) -> None:
    job = claimed(database, workspace)
    assert settle(database, job, outcome, LATER)
    after = stored(database, job)
    assert after == move(job, outcome, LATER)
    assert after.status is status
    (attempt,) = attempts_at(database, job)
    assert attempt == attempt_of(job, outcome, LATER)
    assert attempt.ending is ending


def test_many_are_settled_at_once_each_in_its_own_way(database: Database, workspace: WorkspaceId) -> None:
    add(database, *(make_job(workspace) for _ in range(60)))
    jobs = claim(database, 60)
    outcomes: list[Outcome] = [Completed(result={"number": 1}), Failed(failure=FAILURE, chance=0), Returned()]
    lines = {job.id: [log_line(job)] for job in jobs[::2]}
    wanted = [settlement_of(job, outcomes[n % 3], LATER, lines.get(job.id, ())) for n, job in enumerate(reversed(jobs))]
    with database.transaction() as tx:
        saved = LEASES.settle(tx, wanted)
    assert {one.after.id for one in saved} == {job.id for job in jobs}
    for one in wanted:
        assert stored(database, one.job) == one.after
        assert attempts_at(database, one.job) == [one.attempt]
        with database.reading() as tx:
            assert STORE.logs(tx, workspace, one.job.id, Paging()).items == list(one.lines)


def log_line(job: Job) -> LogLine:
    return LogLine(id=new_id(), job=job.id, level=LogLevel.INFO, message="Said", metadata={}, created_at=NOW)


def test_one_lost_lease_among_many_is_refused_alone(database: Database, workspace: WorkspaceId) -> None:
    old, new = superseded(database, workspace)
    others = [claimed(database, workspace) for _ in range(4)]
    batch = [settlement_of(job, Completed(), LATER, [log_line(job)]) for job in (*others[:2], old, *others[2:])]
    with database.transaction() as tx:
        saved = LEASES.settle(tx, batch)
    assert {one.after.id for one in saved} == {job.id for job in others}
    assert {stored(database, job).status for job in others} == {JobStatus.COMPLETED}
    assert stored(database, new) == new
    assert [attempt.ending for attempt in attempts_at(database, old)] == [Ending.LOST]
    with database.reading() as tx:
        assert STORE.logs(tx, workspace, old.id, Paging()).items == []


def test_an_attempt_is_settled_once_and_a_repetition_is_recognised(database: Database, workspace: WorkspaceId) -> None:
    first, second = claimed(database, workspace), claimed(database, workspace)
    batch = [settlement_of(job, Completed(result={"page": 1}), LATER, [log_line(job)]) for job in (first, second)]
    for settlements in (batch[:1], batch, batch):  # the answer to a commit was lost, and those it was for came again
        with database.transaction() as tx:
            assert len(LEASES.settle(tx, settlements)) == len(settlements)
    for job in (first, second):
        assert stored(database, job).result == {"page": 1}
        assert len(attempts_at(database, job)) == 1
        with database.reading() as tx:
            assert len(STORE.logs(tx, workspace, job.id, Paging()).items) == 1


def test_an_attempt_that_is_over_cannot_end_in_another_way(database: Database, workspace: WorkspaceId) -> None:
    job = claimed(database, workspace)
    assert settle(database, job, Completed())
    assert not settle(database, job, Failed(failure=FAILURE))
    assert not settle(database, job, Returned())
    assert stored(database, job).status is JobStatus.COMPLETED
    assert len(attempts_at(database, job)) == 1


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Completed(result={"page": 1}), JobStatus.COMPLETED),
        (Failed(failure=FAILURE, chance=0), JobStatus.CANCELLED),
        (Failed(failure=FAILURE, retry=False), JobStatus.CANCELLED),
        (Returned(), JobStatus.CANCELLED),
        (Waiting(deadline=LATER), JobStatus.CANCELLED),
    ],
)
def test_a_cancellation_that_came_meanwhile_wins_over_all_but_a_completion(
    database: Database, workspace: WorkspaceId, outcome: Outcome, status: JobStatus
) -> None:
    job, other = claimed(database, workspace), claimed(database, workspace)
    with database.transaction() as tx:
        STORE.save(tx, move(job, CancelWanted(), NOW))
    with database.transaction() as tx:
        saved = LEASES.settle(tx, [settlement_of(one, outcome, LATER) for one in (job, other)])
    told = {one.after.id: one.after for one in saved}
    assert told[job.id] == stored(database, job) == move(replace(job, cancel_requested_at=NOW), outcome, LATER)
    assert told[job.id].status is status
    assert told[other.id] == stored(database, other) == move(other, outcome, LATER)


def test_what_an_attempt_writes_that_has_been_superseded_is_refused(database: Database, workspace: WorkspaceId) -> None:
    old, new = superseded(database, workspace)
    assert old.lease
    assert new.lease
    assert not settle(database, old, Completed(result={"stale": True}))
    assert not settle(database, old, Failed(failure=FAILURE))
    with database.transaction() as tx:
        assert not LEASES.holds(tx, old.id, old.lease)
        assert not LEASES.set_progress(tx, old.id, old.lease, Progress(processed=99))
        assert LEASES.holds(tx, new.id, new.lease)
    assert stored(database, new) == new
    assert settle(database, new, Completed())


def test_the_same_lease_cannot_have_two_attempts_at_a_job(database: Database, workspace: WorkspaceId) -> None:
    add(database, make_job(workspace))
    lease = Lease(new_id())

    def claim_again() -> Job:
        release(database)
        with database.transaction() as tx:
            return LEASES.claim(tx, WORKER, lease, ["default"], 1)[0]

    assert settle(database, claim_again(), Returned())
    job = claim_again()
    with pytest.raises(IntegrityError):
        settle(database, job, Completed())
    assert stored(database, job).status is JobStatus.PROCESSING


def test_settlements_of_the_same_jobs_in_another_order_do_not_wait_for_each_other_for_ever(
    database: Database, workspace: WorkspaceId
) -> None:
    jobs = [claimed(database, workspace) for _ in range(50)]
    start = threading.Barrier(2)
    counts: list[int] = []

    def work(mine: list[Job], outcome: Outcome) -> None:
        start.wait(10)
        with database.transaction() as tx:
            counts.append(len(LEASES.settle(tx, [settlement_of(job, outcome, LATER) for job in mine])))

    threads = [
        threading.Thread(target=work, args=(jobs, Completed())),
        threading.Thread(target=work, args=(jobs[::-1], Returned())),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(counts) == [0, 50]


# --- what handlers keep and ask ---


def test_a_finished_step_is_found_again_by_its_job_and_version_alone(
    database: Database, workspace: WorkspaceId
) -> None:
    job, other = make_job(workspace), make_job(workspace)
    add(database, job, other)
    with database.transaction() as tx:
        LEASES.add_step(tx, workspace, job.id, "read", 1, {"words": 7}, NOW)
    with database.reading() as tx:
        assert LEASES.step(tx, workspace, job.id, "read", 1) == {"words": 7}
        assert LEASES.step(tx, workspace, job.id, "read", 2) is None
        assert LEASES.step(tx, workspace, job.id, "write", 1) is None
        assert LEASES.step(tx, workspace, other.id, "read", 1) is None


def test_an_answer_is_found_by_the_attempt_that_asked(database: Database, workspace: WorkspaceId) -> None:
    job = claimed(database, workspace)
    assert job.lease
    with database.transaction() as tx:
        LEASES.expect_answer(tx, workspace, job.id, job.lease, token_hash="hash", final=True)
        assert LEASES.answers(tx, [(job.id, job.lease)]) == {}
        assert LEASES.answer(tx, workspace, job.id) is None
        found = STORE.callback(tx, "hash")
        assert found
        STORE.keep_answer(tx, workspace, found[1], {"page": 1}, NOW)
        assert LEASES.answers(tx, [(job.id, job.lease)]) == {job.id: Answered(answer={"page": 1}, final=True)}
        assert LEASES.answers(tx, [(job.id, Lease(new_id()))]) == {}
        assert LEASES.answer(tx, workspace, job.id) == {"page": 1}
        assert STORE.callback(tx, "other hash") is None


def test_an_answer_is_that_to_the_newest_attempt_that_asked(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    job, other = claimed(database, workspace), claimed(database, other_workspace)
    first, second = Lease(new_id()), Lease(new_id())
    with database.transaction() as tx:
        LEASES.expect_answer(tx, workspace, job.id, first, token_hash="first", final=False)
        found = STORE.newest_callback(tx, job.id)
        assert found
        STORE.keep_answer(tx, workspace, found[1], {"page": 1}, NOW)
        LEASES.expect_answer(tx, workspace, job.id, second, token_hash="second", final=False)
        assert LEASES.answer(tx, workspace, job.id) is None
        newest = STORE.newest_callback(tx, job.id)
        assert newest
        assert (newest[0], newest[1].lease) == (workspace, second)
        assert STORE.newest_callback(tx, other.id) is None


def test_a_worker_hears_which_of_its_jobs_nobody_wants(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    wanted, unwanted = claimed(database, workspace), claimed(database, workspace)
    with database.transaction() as tx:
        STORE.save(tx, move(unwanted, CancelWanted(), NOW))
    with database.reading() as tx:
        assert LEASES.to_stop(tx, WORKER) == [unwanted.id]
        assert LEASES.to_stop(tx, WorkerId(new_id())) == []
        assert LEASES.cancel_wanted(tx, workspace, unwanted.id)
        assert not LEASES.cancel_wanted(tx, other_workspace, unwanted.id)
        assert not LEASES.cancel_wanted(tx, workspace, wanted.id)
        assert {job.id for job in LEASES.claimed_by(tx, WORKER)} == {wanted.id, unwanted.id}
