"""Every move a job can make, and none besides."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.foundation.ids import new_id
from counterfoil.jobs.domain import (
    AGEING,
    Backoff,
    Claimed,
    Completed,
    DeadReason,
    Ending,
    Event,
    Failed,
    Failure,
    IllegalMove,
    Job,
    JobStatus,
    Lease,
    Lost,
    Progress,
    Retried,
    Returned,
    WorkerId,
    attempt_of,
    claim_key,
    ending_of,
    move,
)
from tests.conftest import ACME
from tests.support.jobs import make_job

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FAILURE = Failure(code="network_error", message="The line is dead.")
EVENTS: dict[str, Event] = {
    "claimed": Claimed(worker=WorkerId(new_id()), lease=Lease(new_id())),
    "completed": Completed(result={"page": 1}),
    "failed": Failed(failure=FAILURE, chance=0.5),
    "returned": Returned(),
    "lost": Lost(),
    "retried": Retried(),
}
DRAWN = {
    (JobStatus.PENDING, "claimed"): JobStatus.PROCESSING,
    (JobStatus.PROCESSING, "completed"): JobStatus.COMPLETED,
    (JobStatus.PROCESSING, "failed"): JobStatus.FAILED,
    (JobStatus.PROCESSING, "returned"): JobStatus.PENDING,
    (JobStatus.PROCESSING, "lost"): JobStatus.PENDING,
    (JobStatus.DEAD_LETTER, "retried"): JobStatus.PENDING,
}


def processing(**changes: object) -> Job:
    claimed = move(make_job(ACME), EVENTS["claimed"], NOW)
    return replace(claimed, **changes)  # type: ignore[arg-type]  # each test names fields of Job


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("status", JobStatus)
def test_a_job_moves_as_drawn_and_not_otherwise(status: JobStatus, name: str) -> None:
    job = processing(status=status)
    wanted = DRAWN.get((status, name))
    if wanted is None:
        with pytest.raises(IllegalMove):
            move(job, EVENTS[name], NOW)
    else:
        assert move(job, EVENTS[name], NOW).status is wanted


@pytest.mark.parametrize("name", ["completed", "failed", "returned", "lost"])
def test_a_job_that_is_not_being_processed_has_neither_worker_nor_lease_and_is_not_ready(name: str) -> None:
    after = move(processing(), EVENTS[name], NOW)
    assert (after.worker, after.lease, after.ready) == (None, None, False)


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


def test_a_job_whose_attempts_are_used_up_is_dead() -> None:
    job = move(processing(attempts=5), EVENTS["failed"], NOW)
    assert (job.status, job.dead_reason) == (JobStatus.DEAD_LETTER, DeadReason.ATTEMPTS_USED_UP)
    assert job.next_retry_at is None


def test_a_job_that_is_not_worth_retrying_is_dead_at_once() -> None:
    job = move(processing(), Failed(failure=FAILURE, retry=False), NOW)
    assert (job.status, job.dead_reason) == (JobStatus.DEAD_LETTER, DeadReason.NOT_WORTH_RETRYING)


def test_a_job_that_is_given_back_has_lost_no_attempt() -> None:
    before = make_job(ACME, attempts=4)
    after = move(move(before, EVENTS["claimed"], NOW), Returned(), NOW)
    assert (after.attempts, after.deaths, after.due_at) == (4, 0, NOW)


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


def test_a_dead_letter_that_is_retried_has_a_fresh_allowance() -> None:
    dead = processing(status=JobStatus.DEAD_LETTER, attempts=5, deaths=2, dead_reason=DeadReason.ATTEMPTS_USED_UP)
    job = move(dead, Retried(), NOW)
    assert (job.attempts, job.deaths, job.dead_reason, job.due_at) == (0, 0, None, NOW)


@given(
    attempt=st.integers(1, 1_000),
    chance=st.floats(0, 1),
    base=st.timedeltas(timedelta(0), timedelta(days=365)),
    longest=st.timedeltas(timedelta(0), timedelta(days=365)),
)
def test_backoff_doubles_within_its_bounds_and_never_overflows(
    attempt: int, chance: float, base: timedelta, longest: timedelta
) -> None:
    backoff = Backoff(base=base, longest=longest)
    seconds = backoff.delay(attempt, chance).total_seconds()
    exact = min(base.total_seconds() * 2.0 ** (attempt - 1), longest.total_seconds())
    assert seconds >= exact - 1e-5
    assert seconds <= 1.5 * exact + 1e-5
    assert backoff.delay(attempt, 1.0) <= 1.5 * longest + timedelta(microseconds=1)


def test_backoff_is_what_the_documentation_says() -> None:
    delays = [Backoff().delay(attempt, 0.0).total_seconds() for attempt in (1, 2, 3, 6, 7, 1_000)]
    assert delays == [60, 120, 240, 1920, 3600, 3600]


@given(low=st.integers(0, 10), high=st.integers(0, 10))
def test_a_job_of_low_priority_is_served_before_any_that_turns_ready_an_ageing_per_step_later(
    low: int, high: int
) -> None:
    later = NOW + AGEING * abs(high - low)
    assert claim_key(low, NOW) <= claim_key(high, later)
    if high > low:
        assert claim_key(high, NOW) < claim_key(low, NOW)


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("completed", Ending.COMPLETED),
        ("failed", Ending.FAILED),
        ("returned", Ending.RETURNED),
        ("lost", Ending.LOST),
    ],
)
def test_an_attempt_remembers_how_it_ended(name: str, ending: Ending) -> None:
    job, outcome = processing(), EVENTS[name]
    assert isinstance(outcome, Completed | Failed | Returned | Lost)
    attempt = attempt_of(job, outcome, NOW + timedelta(seconds=5))
    assert ending_of(outcome) is attempt.ending is ending
    assert (attempt.number, attempt.lease, attempt.worker) == (1, job.lease, job.worker)
    assert attempt.ended_at - attempt.started_at == timedelta(seconds=5)
    assert attempt.failure == (FAILURE if name == "failed" else None)


@pytest.mark.parametrize(
    ("progress", "percentage"),
    [
        (Progress(), None),
        (Progress(total=0), None),
        (Progress(total=4, processed=1), 25.0),
        (Progress(total=4, processed=6), 100.0),
    ],
)
def test_progress_is_told_in_percent_up_to_a_hundred(progress: Progress, percentage: float | None) -> None:
    assert progress.percentage == percentage


def test_only_what_is_over_is_final() -> None:
    assert {status for status in JobStatus if status.final} == {
        JobStatus.COMPLETED,
        JobStatus.CANCELLED,
        JobStatus.DEAD_LETTER,
    }
