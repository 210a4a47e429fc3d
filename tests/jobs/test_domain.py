"""The engine's words mean what they say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.access.domain import WorkspaceId
from counterfoil.jobs.domain import AGEING, Backoff, JobStatus, Progress, claim_key
from tests.support.jobs import make_job

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


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


def test_a_changed_job_is_what_it_would_be_if_it_were_made_so_and_the_first_one_stays(workspace: WorkspaceId) -> None:
    job = make_job(workspace, concurrency_key="one")
    changed = job.changed(attempts=2, status=JobStatus.FAILED)
    assert changed == replace(job, attempts=2, status=JobStatus.FAILED)
    assert (job.attempts, job.status) == (0, JobStatus.PENDING)
    with pytest.raises(AssertionError):
        job.changed(atempts=3)
