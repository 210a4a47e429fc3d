"""Which of the due slots are fired, and how that leaves the schedule."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.domain import Failure, JobId
from counterfoil.jobs.schedules.domain import (
    MOST_CAUGHT_UP,
    MOST_COUNTED,
    Firing,
    MissedRuns,
    ScheduleId,
    slot_key,
    slots_to_fire,
)
from tests.support.schedules import make_schedule

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def firing(missed_runs: MissedRuns, *, cron: str, due_since: timedelta, late: timedelta = timedelta(0)) -> Firing:
    """Return what is fired so late after noon, when nothing was fired for so long before it."""
    schedule = make_schedule(
        WorkspaceId(new_id()), next_run_at=NOON - due_since, missed_runs=missed_runs, cron=cron, time_zone="UTC"
    )
    return slots_to_fire(schedule, NOON + late)


@pytest.mark.parametrize("missed_runs", MissedRuns)
def test_a_slot_that_is_on_time_is_fired_whatever_is_said_of_missed_ones(missed_runs: MissedRuns) -> None:
    expected = Firing(slots=[NOON], left_out=0)
    assert firing(missed_runs, cron="0 * * * *", due_since=timedelta(0), late=timedelta(seconds=59)) == expected


def test_before_its_slot_nothing_is_fired() -> None:
    early = timedelta(microseconds=-1)
    assert firing(MissedRuns.ALL, cron="0 * * * *", due_since=timedelta(0), late=early) == Firing(slots=(), left_out=0)


def test_missed_slots_are_skipped() -> None:
    late = timedelta(minutes=2)
    assert firing(MissedRuns.SKIP, cron="0 * * * *", due_since=3 * HOUR, late=late) == Firing(slots=[], left_out=4)


def test_the_slot_of_now_is_fired_when_those_before_it_are_skipped() -> None:
    assert firing(MissedRuns.SKIP, cron="0 * * * *", due_since=3 * HOUR) == Firing(slots=[NOON], left_out=3)


def test_missed_slots_are_made_up_for_once_by_the_latest() -> None:
    late = timedelta(minutes=30)
    assert firing(MissedRuns.ONCE, cron="0 * * * *", due_since=3 * HOUR, late=late) == Firing(slots=[NOON], left_out=3)


def test_missed_slots_are_all_made_up_for_oldest_first() -> None:
    expected = [NOON - 3 * HOUR, NOON - 2 * HOUR, NOON - HOUR, NOON]
    assert firing(MissedRuns.ALL, cron="0 * * * *", due_since=3 * HOUR) == Firing(slots=expected, left_out=0)


def test_of_very_many_missed_slots_the_latest_are_made_up_for_and_the_others_counted() -> None:
    found = firing(MissedRuns.ALL, cron="* * * * *", due_since=timedelta(minutes=500))
    assert len(found.slots) == MOST_CAUGHT_UP
    assert (found.slots[0], found.slots[-1]) == (NOON - timedelta(minutes=99), NOON)
    assert found.left_out == 401


def test_years_of_missed_minutes_are_not_walked_through() -> None:
    found = firing(MissedRuns.ALL, cron="* * * * *", due_since=timedelta(days=3650))
    assert len(found.slots) + found.left_out == MOST_COUNTED


def test_a_paused_schedule_fires_nothing_and_goes_on_from_now() -> None:
    schedule = make_schedule(WorkspaceId(new_id()), next_run_at=NOON, cron="0 * * * *")
    paused = schedule.paused(Failure(code="unknown_job_type", message="There is none."))
    assert not paused.enabled
    assert slots_to_fire(paused, NOON + 5 * HOUR).slots == ()
    resumed = paused.resumed(NOON + 5 * HOUR)
    assert (resumed.next_run_at, resumed.failure) == (NOON + 6 * HOUR, None)


def test_a_clock_that_was_set_back_does_not_bring_a_slot_back() -> None:
    schedule = make_schedule(WorkspaceId(new_id()), next_run_at=None, last_run_at=NOON, cron="*/30 * * * *")
    assert schedule.resumed(NOON - HOUR).next_run_at == NOON + HOUR / 2


def test_a_firing_says_what_it_made_and_left_out() -> None:
    schedule = make_schedule(WorkspaceId(new_id()), next_run_at=NOON - HOUR, cron="0 * * * *")
    jobs = [JobId(new_id()), JobId(new_id())]
    after = schedule.fired(Firing(slots=[NOON - HOUR, NOON], left_out=7), jobs, NOON)
    assert (after.next_run_at, after.last_run_at, after.last_job, after.left_out) == (NOON + HOUR, NOON, jobs[1], 7)
    skipped = after.fired(Firing(slots=(), left_out=1), [], NOON + 2 * HOUR)
    assert (skipped.last_run_at, skipped.last_job) == (NOON, jobs[1])


def test_a_slot_has_one_key_whoever_fires_it() -> None:
    schedule = ScheduleId(UUID("01950000-0000-7000-8000-000000000001"))
    assert slot_key(schedule, NOON) == "schedule:01950000-0000-7000-8000-000000000001:2026-03-01T12:00Z"


@settings(max_examples=50, deadline=None)
@given(
    missed_runs=st.sampled_from(MissedRuns),
    steps=st.lists(st.integers(1, 400), min_size=1, max_size=10),
    cron=st.sampled_from(["* * * * *", "*/7 * * * *", "0 * * * *", "30 2 * * *"]),
)
def test_however_often_one_looks_no_slot_is_fired_twice_and_none_but_in_order(
    missed_runs: MissedRuns, steps: list[int], cron: str
) -> None:
    now = datetime(2026, 10, 24, 22, 30, tzinfo=UTC)  # clocks in Berlin are changed two and a half hours later
    schedule = make_schedule(
        WorkspaceId(new_id()), next_run_at=None, missed_runs=missed_runs, cron=cron, time_zone="Europe/Berlin"
    ).resumed(now)
    fired: list[datetime] = []
    for minutes in steps:
        now += timedelta(minutes=minutes, seconds=minutes % 60)
        found = slots_to_fire(schedule, now)
        fired.extend(found.slots)
        schedule = schedule.fired(found, [JobId(new_id()) for _ in found.slots], now)
        assert schedule.next_run_at
        assert schedule.next_run_at > now
    assert fired == sorted(set(fired))
