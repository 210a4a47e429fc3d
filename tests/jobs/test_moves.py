"""Every move a job can make, and none besides."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from counterfoil.foundation.ids import new_id
from counterfoil.jobs.domain import (
    DeadReason,
    Ending,
    Failure,
    Job,
    JobStatus,
    Lease,
    Progress,
    WorkerId,
)
from counterfoil.jobs.errors import IllegalMove
from counterfoil.jobs.moves import (
    Answered,
    CancelWanted,
    Claimed,
    Completed,
    Event,
    Expired,
    Failed,
    Lost,
    Outcome,
    ParentsDone,
    Postponed,
    Retried,
    Returned,
    Stopped,
    Waiting,
    attempt_of,
    ending_of,
    move,
)
from tests.conftest import ACME
from tests.support.jobs import make_job

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
FAILURE = Failure(code="network_error", message="The line is dead.")
EVENTS: dict[str, Event] = {
    "claimed": Claimed(worker=WorkerId(new_id()), lease=Lease(new_id())),
    "completed": Completed(result={"page": 1}),
    "failed": Failed(failure=FAILURE, chance=0.5),
    "failed for good": Failed(failure=FAILURE, retry=False),
    "postponed": Postponed(until=LATER, reason="The service is down."),
    "waiting": Waiting(deadline=LATER),
    "stopped": Stopped(),
    "returned": Returned(),
    "lost": Lost(),
    "parents done": ParentsDone(well=True),
    "parents done badly": ParentsDone(well=False),
    "answered": Answered(answer={"page": 1}, final=False),
    "answered for good": Answered(answer={"page": 1}, final=True),
    "expired": Expired(),
    "cancel wanted": CancelWanted(),
    "retried": Retried(),
    "retried too early": Retried(held_back=True),
}
DRAWN = {
    JobStatus.BLOCKED: {
        "parents done": JobStatus.PENDING,
        "parents done badly": JobStatus.CANCELLED,
        "expired": JobStatus.DEAD_LETTER,
        "cancel wanted": JobStatus.CANCELLED,
    },
    JobStatus.PENDING: {
        "claimed": JobStatus.PROCESSING,
        "expired": JobStatus.DEAD_LETTER,
        "cancel wanted": JobStatus.CANCELLED,
    },
    JobStatus.PROCESSING: {
        "completed": JobStatus.COMPLETED,
        "failed": JobStatus.FAILED,
        "failed for good": JobStatus.DEAD_LETTER,
        "postponed": JobStatus.PENDING,
        "waiting": JobStatus.WAITING,
        "stopped": JobStatus.CANCELLED,
        "returned": JobStatus.PENDING,
        "lost": JobStatus.PENDING,
        "cancel wanted": JobStatus.PROCESSING,
    },
    JobStatus.WAITING: {
        "answered": JobStatus.PENDING,
        "answered for good": JobStatus.COMPLETED,
        "expired": JobStatus.FAILED,
        "cancel wanted": JobStatus.CANCELLED,
    },
    JobStatus.FAILED: {"expired": JobStatus.DEAD_LETTER, "cancel wanted": JobStatus.CANCELLED},
    JobStatus.DEAD_LETTER: {"retried": JobStatus.PENDING, "retried too early": JobStatus.BLOCKED},
    JobStatus.COMPLETED: {},
    JobStatus.CANCELLED: {},
}
WITH_CANCELLATION = {
    "completed": JobStatus.COMPLETED,
    "failed": JobStatus.CANCELLED,
    "failed for good": JobStatus.CANCELLED,
    "postponed": JobStatus.CANCELLED,
    "waiting": JobStatus.CANCELLED,
    "stopped": JobStatus.CANCELLED,
    "returned": JobStatus.CANCELLED,
    "lost": JobStatus.CANCELLED,
    "cancel wanted": JobStatus.PROCESSING,
}


def processing(**changes: object) -> Job:
    claimed = move(make_job(ACME), EVENTS["claimed"], NOW)
    return replace(claimed, **changes)  # type: ignore[arg-type]  # each test names fields of Job


def waiting(**changes: object) -> Job:
    handed_over = move(processing(), EVENTS["waiting"], NOW)
    return replace(handed_over, **changes)  # type: ignore[arg-type]  # each test names fields of Job


def test_the_table_knows_every_event() -> None:
    assert {type(event) for event in EVENTS.values()} == set(get_args(Event))


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("status", JobStatus)
def test_a_job_moves_as_drawn_and_not_otherwise(status: JobStatus, name: str) -> None:
    job = processing(status=status)
    wanted = DRAWN[status].get(name)
    if wanted is None:
        with pytest.raises(IllegalMove):
            move(job, EVENTS[name], NOW)
    else:
        assert move(job, EVENTS[name], NOW).status is wanted


@pytest.mark.parametrize("name", DRAWN[JobStatus.PROCESSING])
def test_a_cancellation_wins_over_all_but_a_completion(name: str) -> None:
    job = processing(cancel_requested_at=NOW)
    assert move(job, EVENTS[name], LATER).status is WITH_CANCELLATION[name]


@pytest.mark.parametrize("name", sorted(set(DRAWN[JobStatus.PROCESSING]) - {"waiting", "cancel wanted"}))
def test_a_job_that_no_attempt_has_has_neither_worker_nor_lease_and_is_not_ready(name: str) -> None:
    after = move(processing(), EVENTS[name], NOW)
    assert (after.worker, after.lease, after.ready, after.answer_due_at) == (None, None, False, None)


@pytest.mark.parametrize("status", JobStatus)
@pytest.mark.parametrize("name", EVENTS)
def test_a_final_job_tells_when_it_ended_and_no_other_does(status: JobStatus, name: str) -> None:
    wanted = DRAWN[status].get(name)
    if wanted:
        before = processing(status=status, ended_at=NOW if status.final else None)
        after = move(before, EVENTS[name], LATER)
        assert after.ended_at == (LATER if wanted.final else None)


def test_a_claim_begins_an_attempt_with_nothing_done_yet() -> None:
    job = move(make_job(ACME, attempts=1, progress=Progress(processed=3)), EVENTS["claimed"], NOW)
    assert (job.attempts, job.started_at, job.ready, job.progress) == (2, NOW, False, None)


def test_a_completed_job_keeps_its_result_and_forgets_an_earlier_failure() -> None:
    job = move(processing(failure=FAILURE), Completed(result={"page": 1}), NOW)
    assert (job.result, job.completed_at, job.failure) == ({"page": 1}, NOW, None)


def test_a_failed_job_is_tried_again_after_its_backoff() -> None:
    job = move(processing(attempts=2), Failed(failure=FAILURE, chance=1.0), NOW)
    assert job.due_at == job.next_retry_at == NOW + timedelta(seconds=180)
    assert job.failure == FAILURE


def test_what_a_service_asks_for_wins_over_the_backoff() -> None:
    job = move(processing(), Failed(failure=FAILURE, not_before=LATER), NOW)
    assert job.due_at == job.next_retry_at == LATER


def test_a_job_whose_attempts_are_used_up_is_dead() -> None:
    job = move(processing(attempts=5), EVENTS["failed"], NOW)
    assert (job.status, job.dead_reason) == (JobStatus.DEAD_LETTER, DeadReason.ATTEMPTS_USED_UP)
    assert job.next_retry_at is None


def test_a_job_that_is_not_worth_retrying_is_dead_at_once() -> None:
    job = move(processing(), Failed(failure=FAILURE, retry=False), NOW)
    assert (job.status, job.dead_reason) == (JobStatus.DEAD_LETTER, DeadReason.NOT_WORTH_RETRYING)


@pytest.mark.parametrize(("name", "due_at"), [("returned", NOW), ("postponed", LATER)])
def test_a_job_that_is_given_back_or_put_off_has_lost_no_attempt(name: str, due_at: datetime) -> None:
    before = make_job(ACME, attempts=4)
    after = move(move(before, EVENTS["claimed"], NOW), EVENTS[name], NOW)
    assert (after.attempts, after.deaths, after.due_at) == (4, 0, due_at)


def test_a_job_that_three_workers_died_with_is_poison_and_was_charged_no_attempt() -> None:
    job = make_job(ACME)
    statuses = []
    for _ in range(3):
        job = move(move(job, EVENTS["claimed"], NOW), Lost(), NOW) if job.status is JobStatus.PENDING else job
        statuses.append(job.status)
    assert statuses == [JobStatus.PENDING, JobStatus.PENDING, JobStatus.DEAD_LETTER]
    assert (job.dead_reason, job.attempts, job.deaths) == (DeadReason.POISON, 0, 3)
    assert job.failure
    assert job.failure.code == "poison"


def test_a_poisoned_job_that_nobody_wants_is_cancelled_rather_than_dead() -> None:
    job = move(processing(deaths=2, cancel_requested_at=NOW), Lost(), NOW)
    assert (job.status, job.dead_reason) == (JobStatus.CANCELLED, None)


def test_a_waiting_job_keeps_its_lease_and_attempt_but_no_worker() -> None:
    before = processing()
    job = move(before, Waiting(deadline=LATER), NOW)
    assert (job.lease, job.attempts, job.worker, job.answer_due_at) == (before.lease, 1, None, LATER)


def test_an_answered_job_goes_on_with_the_attempt_that_waited() -> None:
    job = move(waiting(), EVENTS["answered"], LATER)
    assert (job.attempts, job.due_at, job.lease, job.answer_due_at, job.result) == (0, LATER, None, None, None)


def test_a_final_answer_is_the_result() -> None:
    job = move(waiting(), EVENTS["answered for good"], LATER)
    assert (job.result, job.completed_at, job.attempts) == ({"page": 1}, LATER, 1)


def test_an_answer_that_is_overdue_is_a_failure_and_after_the_last_attempt_the_end() -> None:
    first, last = move(waiting(), Expired(), LATER), move(waiting(attempts=5), Expired(), LATER)
    assert first.failure
    assert first.failure.code == "callback_overdue"
    assert first.due_at > LATER
    assert (last.status, last.dead_reason) == (JobStatus.DEAD_LETTER, DeadReason.ATTEMPTS_USED_UP)


def test_a_job_whose_deadline_passed_says_so() -> None:
    job = move(make_job(ACME), Expired(), NOW)
    assert (job.dead_reason, job.failed_at) == (DeadReason.DEADLINE_PASSED, NOW)
    assert job.failure
    assert job.failure.code == "deadline_passed"


def test_a_child_is_due_when_its_parents_are_done_or_later_if_it_was_put_off() -> None:
    blocked = make_job(ACME, status=JobStatus.BLOCKED, ready=False, due_at=NOW)
    assert move(blocked, ParentsDone(well=True), LATER).due_at == LATER
    assert move(replace(blocked, due_at=LATER), ParentsDone(well=True), NOW).due_at == LATER


def test_a_child_that_was_told_so_runs_in_spite_of_its_parents() -> None:
    blocked = make_job(ACME, status=JobStatus.BLOCKED, ready=False)
    assert move(replace(blocked, despite_parents=True), ParentsDone(well=False), NOW).status is JobStatus.PENDING
    gone = move(blocked, ParentsDone(well=False), NOW)
    assert gone.failure
    assert gone.failure.code == "parent_ended"


def test_a_cancellation_is_remembered_from_when_it_was_first_asked_for() -> None:
    job = move(move(processing(), CancelWanted(), NOW), CancelWanted(), LATER)
    assert (job.status, job.cancel_requested_at) == (JobStatus.PROCESSING, NOW)
    stopped = move(job, Stopped(), LATER)
    assert (stopped.cancel_requested_at, stopped.ended_at) == (NOW, LATER)


def test_a_cancelled_job_says_so_unless_it_failed_before() -> None:
    untouched, failed = make_job(ACME), processing(status=JobStatus.FAILED, failure=FAILURE)
    codes = [job.failure.code for one in (untouched, failed) if (job := move(one, CancelWanted(), NOW)).failure]
    assert codes == ["task_cancelled", "network_error"]


def test_a_dead_letter_that_is_retried_has_a_fresh_allowance() -> None:
    dead = processing(
        status=JobStatus.DEAD_LETTER,
        attempts=5,
        deaths=2,
        retries=1,
        dead_reason=DeadReason.DEADLINE_PASSED,
        deadline=NOW,
        ended_at=NOW,
        failure=FAILURE,
    )
    job = move(dead, Retried(), LATER)
    assert (job.attempts, job.deaths, job.retries, job.dead_reason, job.due_at) == (0, 0, 2, None, LATER)
    assert (job.deadline, job.ended_at) == (None, None)  # or it would be dead again at once
    assert job.failure == FAILURE
    assert move(dead, Retried(not_before=LATER), NOW).due_at == LATER


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("completed", Ending.COMPLETED),
        ("failed", Ending.FAILED),
        ("postponed", Ending.POSTPONED),
        ("waiting", Ending.WAITING),
        ("stopped", Ending.CANCELLED),
        ("returned", Ending.RETURNED),
        ("lost", Ending.LOST),
    ],
)
def test_an_attempt_remembers_how_it_ended(name: str, ending: Ending) -> None:
    job, outcome = processing(), EVENTS[name]
    assert isinstance(outcome, Outcome)
    attempt = attempt_of(job, outcome, NOW + timedelta(seconds=5))
    assert ending_of(outcome) is attempt.ending is ending
    assert (attempt.number, attempt.lease, attempt.worker) == (1, job.lease, job.worker)
    assert attempt.ended_at - attempt.started_at == timedelta(seconds=5)
    said = {"failed": FAILURE, "postponed": Failure(code="postponed", message="The service is down.")}
    assert attempt.failure == said.get(name)
