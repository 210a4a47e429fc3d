"""What people and other rooms do with jobs is kept on SQLite and PostgreSQL alike."""

import threading
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.paging import Paging
from counterfoil.jobs.domain import Batch, BatchId, DeadReason, Job, JobId, JobStatus, LogLevel, LogLine
from counterfoil.jobs.infrastructure.tables import JobRow
from counterfoil.jobs.moves import Completed, Failed
from counterfoil.jobs.protocols import JobFilter, Standing
from tests.support.jobs import make_job
from tests.support.stores import FAILURE, LEASES, NOW, STORE, add, attempts_at, claimed, settle, stored

EVERYTHING = Paging(limit=50)


def test_a_job_comes_back_as_it_was_kept(database: Database, workspace: WorkspaceId) -> None:
    job = make_job(
        workspace,
        status=JobStatus.FAILED,
        ready=False,
        payload={"amount": "1.10", "list": [1, None]},
        attempts=2,
        deaths=1,
        retries=1,
        result={"page": 1},
        failure=FAILURE,
        dead_reason=DeadReason.POISON,
        scheduled_for=NOW,
        started_at=NOW,
        completed_at=NOW,
        failed_at=NOW,
        ended_at=NOW,
        next_retry_at=NOW + timedelta(seconds=1.5),
        cancel_requested_at=NOW,
        concurrency_key="merchant",
        description="Read receipt.jpg",
        metadata={"source": "phone"},
        created_by="somebody",
        idempotency_key="receipt 17",
        request_hash="abc",
        deadline=NOW + timedelta(hours=1),
        answer_due_at=NOW + timedelta(hours=2),
        batch_id=BatchId(new_id()),
        despite_parents=True,
    )
    add(database, job)
    assert stored(database, job) == job


def test_many_jobs_are_kept_at_once_each_as_it_is(database: Database, workspace: WorkspaceId) -> None:
    jobs = [make_job(workspace, description=str(n) if n % 2 else "", attempts=n % 3) for n in range(500)]
    add(database, *jobs)
    assert [stored(database, job) for job in jobs[:20]] == jobs[:20]
    with database.reading() as tx:
        assert len(STORE.page(tx, workspace, Paging(limit=100), JobFilter()).items) == 100


def test_the_database_itself_refuses_more_attempts_than_allowed(database: Database, workspace: WorkspaceId) -> None:
    with pytest.raises(IntegrityError):
        add(database, make_job(workspace, attempts=6))


def test_a_job_that_was_changed_keeps_the_changes_and_its_corrected_payload(
    database: Database, workspace: WorkspaceId
) -> None:
    job = make_job(workspace)
    add(database, job)
    changed = replace(job, status=JobStatus.CANCELLED, ready=False, ended_at=NOW, payload={"text": "right"})
    with database.transaction() as tx:
        STORE.save(tx, changed)
    assert stored(database, job) == changed


# --- idempotency keys ---


def test_a_workspace_has_one_job_of_an_idempotency_key(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    add(database, make_job(workspace), make_job(workspace))
    mine, theirs, again = (make_job(one, idempotency_key="17") for one in (workspace, other_workspace, workspace))
    with database.transaction() as tx:
        assert [STORE.add_once(tx, job) for job in (mine, theirs, again)] == [True, True, False]
        assert STORE.with_key(tx, workspace, "17") == mine
        assert STORE.with_key(tx, other_workspace, "17") == theirs
        assert STORE.with_key(tx, workspace, "18") is None
    with pytest.raises(IntegrityError):
        add(database, again)


# --- looking at them ---


def test_jobs_are_listed_newest_first_by_status_and_type(database: Database, workspace: WorkspaceId) -> None:
    jobs = [make_job(workspace, type="read" if n % 2 else "write") for n in range(5)]
    jobs.append(make_job(workspace, status=JobStatus.COMPLETED, ready=False))
    add(database, *jobs)
    with database.reading() as tx:
        listed = STORE.page(tx, workspace, EVERYTHING, JobFilter())
        completed = STORE.page(tx, workspace, EVERYTHING, JobFilter(status=JobStatus.COMPLETED))
        reads = STORE.page(tx, workspace, EVERYTHING, JobFilter(status=JobStatus.PENDING, type="read"))
        first = STORE.page(tx, workspace, Paging(limit=4), JobFilter())
        rest = STORE.page(tx, workspace, Paging(limit=4, after=first.next_after), JobFilter())
    assert [job.id for job in listed.items] == [job.id for job in reversed(jobs)]
    assert [job.id for job in completed.items] == [jobs[5].id]
    assert [job.id for job in reads.items] == [jobs[3].id, jobs[1].id]
    assert [*first.items, *rest.items] == list(listed.items)
    assert rest.next_after is None


SOUGHT = make_job(
    WorkspaceId(UUID(int=0)),
    queue="high_priority",
    type="read",
    status=JobStatus.DEAD_LETTER,
    ready=False,
    failure=FAILURE,
    description="Read 100%_done.jpg",
    created_at=NOW,
    batch_id=BatchId(UUID(int=7)),
)


@pytest.mark.parametrize(
    "wanted",
    [
        JobFilter(status=JobStatus.DEAD_LETTER),
        JobFilter(type="read"),
        JobFilter(queue="high_priority"),
        JobFilter(batch=BatchId(UUID(int=7))),
        JobFilter(error_code="network_error"),
        JobFilter(containing="100%_DONE"),
        JobFilter(containing="line is dead"),
        JobFilter(created_after=NOW - timedelta(seconds=1), created_before=NOW + timedelta(seconds=1)),
        JobFilter(ids=[SOUGHT.id]),
    ],
    ids=["status", "type", "queue", "batch", "error", "wildcards", "words", "time", "ids"],
)
def test_a_filter_finds_what_it_means_and_nothing_else(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId, wanted: JobFilter
) -> None:
    sought = replace(SOUGHT, workspace=workspace)
    foreign = replace(SOUGHT, workspace=other_workspace, id=JobId(new_id()))
    others = [
        make_job(workspace, description=text, created_at=NOW + timedelta(hours=hours))
        for text, hours in (("Read 1000 done.jpg", 1), ("", -1))
    ]
    add(database, sought, foreign, *others)
    with database.reading() as tx:
        assert STORE.page(tx, workspace, EVERYTHING, wanted).items == [sought]


def test_unfinished_jobs_are_found_whatever_they_are_about(database: Database, workspace: WorkspaceId) -> None:
    jobs = {status: make_job(workspace, status=status, ready=False) for status in JobStatus}
    add(database, *jobs.values())
    with database.reading() as tx:
        found = {job.status for job in STORE.page(tx, workspace, EVERYTHING, JobFilter(unfinished=True)).items}
    assert found == {status for status in JobStatus if not status.final}


def test_jobs_that_somebody_holds_are_left_out_when_others_want_to_change_many(
    database: Database, workspace: WorkspaceId
) -> None:
    if database.is_sqlite:  # it lets one writer in at a time
        return
    jobs = [make_job(workspace) for _ in range(3)]
    add(database, *jobs)
    with database.transaction() as tx, database.transaction() as other:
        assert STORE.get(tx, workspace, jobs[0].id, hold=True)
        assert [job.id for job in STORE.held(other, workspace, JobFilter(), 2)] == [job.id for job in jobs[1:]]


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
        LEASES.add_logs(tx, workspace, lines[:3])
        LEASES.add_logs(tx, workspace, lines[3:])
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


# --- removing them ---


def test_only_what_is_final_is_removed_and_its_history_with_it(database: Database, workspace: WorkspaceId) -> None:
    running = claimed(database, workspace)
    done = claimed(database, workspace)
    with database.transaction() as tx:
        LEASES.add_logs(tx, workspace, [log_line(job, 1) for job in (running, done)])
        LEASES.add_step(tx, workspace, done.id, "read", 1, {}, NOW)
    assert settle(database, done, Completed())
    with database.transaction() as tx:
        assert STORE.remove(tx, workspace, [running.id, done.id]) == 1
    with database.reading() as tx:
        assert STORE.get(tx, workspace, done.id) is None
        assert STORE.logs(tx, workspace, done.id, EVERYTHING).items == []
        assert LEASES.step(tx, workspace, done.id, "read", 1) is None
        assert len(STORE.logs(tx, workspace, running.id, EVERYTHING).items) == 1
    assert attempts_at(database, done) == []
    assert stored(database, running) == running


# --- whom they wait for ---


def linked(database: Database, workspace: WorkspaceId, *parents: Job, **facts: object) -> Job:
    """Return a blocked job that waits for these."""
    child = make_job(workspace, status=JobStatus.BLOCKED, ready=False, **facts)
    add(database, child)
    with database.transaction() as tx:
        STORE.link(tx, workspace, child.id, [parent.id for parent in parents])
    return child


def standing(database: Database, workspace: WorkspaceId, *jobs: Job) -> dict[JobId, tuple[bool, bool]]:
    with database.transaction() as tx:
        found = STORE.standing(tx, workspace, [job.id for job in jobs])
    assert all(isinstance(one, Standing) for one in found)
    return {one.job.id: (one.done, one.well) for one in found}


def test_a_child_stands_as_all_its_own_parents_do(database: Database, workspace: WorkspaceId) -> None:
    open_, done, dead, cancelled = (
        make_job(workspace, ready=False, status=status)
        for status in (JobStatus.PROCESSING, JobStatus.COMPLETED, JobStatus.DEAD_LETTER, JobStatus.CANCELLED)
    )
    add(database, open_, done, dead, cancelled)
    families = (
        ([open_], (False, True)),
        ([done], (True, True)),
        ([dead], (True, False)),
        ([cancelled, done], (True, False)),
        ([open_, done], (False, True)),
        ([open_, dead], (False, False)),
    )
    children = [linked(database, workspace, *parents) for parents, _ in families]
    wanted = {child.id: facts for child, (_, facts) in zip(children, families, strict=True)}
    assert standing(database, workspace, *children) == wanted


def test_a_removed_parent_ended_well_and_only_what_is_blocked_stands_anywhere(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    parent, bystander = make_job(workspace, ready=False, status=JobStatus.COMPLETED), make_job(workspace)
    add(database, parent, bystander)
    child = linked(database, workspace, parent)
    with database.transaction() as tx:
        assert STORE.remove(tx, workspace, [parent.id]) == 0  # for the child has yet to hear of its end
        tx.execute(delete(JobRow).where(JobRow.id == parent.id))
    assert standing(database, workspace, child, bystander) == {child.id: (True, True)}
    assert standing(database, other_workspace, child) == {}


def test_parents_stay_where_they_are_while_a_child_is_made(database: Database, workspace: WorkspaceId) -> None:
    parent = claimed(database, workspace)
    settled = threading.Event()

    def end() -> None:
        settle(database, parent, Completed())
        settled.set()

    thread = threading.Thread(target=end)
    with database.transaction() as tx:
        assert STORE.parents(tx, workspace, [parent.id, JobId(new_id())]) == {parent.id: JobStatus.PROCESSING}
        thread.start()
        assert not settled.wait(0.3)
    thread.join(30)
    assert stored(database, parent).status is JobStatus.COMPLETED


# --- batches ---


def test_a_batch_tells_how_many_of_its_jobs_stand_where(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    batch = Batch(id=BatchId(new_id()), workspace=workspace, description="March", at_most=2, created_at=NOW)
    with database.transaction() as tx:
        STORE.add_batch(tx, batch)
    add(
        database,
        *(make_job(workspace, batch_id=batch.id, ready=False) for _ in range(3)),
        make_job(workspace, batch_id=batch.id, ready=False, status=JobStatus.COMPLETED),
        make_job(workspace),
    )
    with database.transaction() as tx:
        STORE.cancel_batch(tx, other_workspace, batch.id, NOW)
        assert STORE.batch(tx, other_workspace, batch.id) is None
        found = STORE.batch(tx, workspace, batch.id)
        assert found == replace(batch, counts={JobStatus.PENDING: 3, JobStatus.COMPLETED: 1})
        STORE.cancel_batch(tx, workspace, batch.id, NOW)
        STORE.cancel_batch(tx, workspace, batch.id, NOW + timedelta(hours=1))
        cancelled = STORE.batch(tx, workspace, batch.id)
    assert cancelled
    assert cancelled.cancelled_at == NOW


# --- the wall ---


def test_nothing_of_a_job_is_seen_or_changed_from_another_workspace(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    job = claimed(database, workspace, idempotency_key="17")
    with database.transaction() as tx:
        LEASES.add_logs(tx, workspace, [log_line(job, 1)])
        LEASES.add_step(tx, workspace, job.id, "read", 1, {}, NOW)
    settle(database, job, Failed(failure=FAILURE, retry=False))
    dead = stored(database, job)
    with database.transaction() as tx:
        assert STORE.get(tx, other_workspace, job.id) is None
        assert STORE.page(tx, other_workspace, EVERYTHING, JobFilter()).items == []
        assert STORE.held(tx, other_workspace, JobFilter(), 10) == []
        assert STORE.attempts(tx, other_workspace, job.id) == []
        assert STORE.logs(tx, other_workspace, job.id, EVERYTHING).items == []
        assert STORE.parents(tx, other_workspace, [job.id]) == {}
        assert STORE.with_key(tx, other_workspace, "17") is None
        assert STORE.remove(tx, other_workspace, [job.id]) == 0
        assert LEASES.step(tx, other_workspace, job.id, "read", 1) is None
        assert LEASES.answer(tx, other_workspace, job.id) is None
        STORE.save(tx, replace(dead, workspace=other_workspace, status=JobStatus.PENDING))
    assert stored(database, job) == dead
