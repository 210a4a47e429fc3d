"""Firing on real databases: each slot once, whoever fires, whatever goes wrong."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database, DatabaseUnavailable
from counterfoil.foundation.errors import RateLimitExceeded
from counterfoil.jobs.schedules.domain import MissedRuns, slot_key
from counterfoil.jobs.schedules.protocols import Due
from tests.support.schedules import Slots, make_schedule
from tests.support.waiting import wait_until

HOUR = timedelta(hours=1)

TOO_MANY = RateLimitExceeded("Too many jobs.", datetime(2026, 3, 1, tzinfo=UTC))


@pytest.fixture
def slots(database: Database) -> Slots:
    return Slots(database)


def daily(moment: datetime) -> str:
    """Return the expression of a day's slot at this time."""
    return f"{moment.minute} {moment.hour} * * *"


def whole_minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def test_a_due_slot_becomes_a_job_and_the_schedule_moves_on(slots: Slots, workspace: WorkspaceId) -> None:
    slot = whole_minute(slots.now() - HOUR)
    schedule = make_schedule(workspace, next_run_at=slot, cron=daily(slot), name="Export", queue="low", priority=1)
    slots.add(schedule)
    assert slots.scheduler() == 1
    (job,) = slots.asked()
    assert (job.workspace_id, job.type, job.text, job.queue, job.priority) == (workspace, "note", "hello", "low", 1)
    assert (job.key, job.description) == (slot_key(schedule.id, slot), "Export")
    after = slots.service.get(workspace, schedule.id)
    assert (after.next_run_at, after.last_job) == (slot + timedelta(days=1), job.job_id)
    assert after.last_run_at
    assert after.last_run_at > slot
    assert slots.scheduler() == 0


def test_nothing_is_fired_before_its_time(slots: Slots, workspace: WorkspaceId) -> None:
    slots.add(
        make_schedule(workspace, next_run_at=slots.now() + HOUR),
        make_schedule(workspace, next_run_at=None),
    )
    assert slots.scheduler() == 0
    assert slots.keys() == []


def test_while_nothing_is_due_no_writer_is_waited_for(slots: Slots, workspace: WorkspaceId) -> None:
    slots.add(make_schedule(workspace, next_run_at=slots.now() + HOUR))
    with slots.database.transaction(), ThreadPoolExecutor(1) as thread:
        assert thread.submit(slots.scheduler).result(timeout=20) == 0


@pytest.mark.parametrize(
    ("missed_runs", "jobs", "left_out"), [(MissedRuns.SKIP, 0, 3), (MissedRuns.ONCE, 1, 2), (MissedRuns.ALL, 3, 0)]
)
def test_what_was_missed_is_dealt_with_as_the_schedule_says(
    slots: Slots, workspace: WorkspaceId, missed_runs: MissedRuns, jobs: int, left_out: int
) -> None:
    latest = whole_minute(slots.now() - HOUR)
    first = latest - timedelta(days=2)
    schedule = make_schedule(workspace, next_run_at=first, cron=daily(latest), missed_runs=missed_runs)
    slots.add(schedule)
    assert slots.scheduler() == jobs
    after = slots.service.get(workspace, schedule.id)
    assert (after.left_out, after.next_run_at) == (left_out, latest + timedelta(days=1))


def test_many_schedulers_at_once_fire_each_slot_once(
    slots: Slots, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    latest = whole_minute(slots.now() - HOUR)
    expected = set()
    for number in range(12):
        owner = workspace if number % 2 else other_workspace
        schedule = make_schedule(owner, next_run_at=latest - timedelta(days=number), cron=daily(latest))
        slots.add(schedule)
        expected |= {slot_key(schedule.id, latest - timedelta(days=back)) for back in range(number + 1)}
    together = threading.Barrier(4)

    def fire_until_nothing_is_due(scheduler_number: int) -> int:
        together.wait(timeout=30)
        return sum(slots.scheduler() for _ in range(3))

    with ThreadPoolExecutor(4) as threads:
        made = sum(threads.map(fire_until_nothing_is_due, range(4)))
    keys = slots.keys()
    assert made == len(keys) == len(expected)
    assert set(keys) == expected


def test_a_leader_that_was_paused_in_the_midst_of_it_keeps_its_slot_and_doubles_none(
    slots: Slots, workspace: WorkspaceId
) -> None:
    latest = whole_minute(slots.now() - HOUR)
    slow = make_schedule(workspace, next_run_at=latest, cron=daily(latest), name="slow")
    quick = make_schedule(workspace, next_run_at=latest, cron=daily(latest), name="quick")
    slots.add(slow, quick)
    paused, go_on = threading.Event(), threading.Event()

    def pause(key: str) -> None:
        paused.set()
        assert go_on.wait(timeout=60)

    leader = Slots(slots.database, before_enqueue=pause)
    with ThreadPoolExecutor(2) as threads:
        try:
            of_leader = threads.submit(leader.scheduler)
            wait_until(paused.is_set)
            of_other = threads.submit(slots.scheduler)
            if slots.database.url.startswith("postgresql"):
                assert of_other.result(timeout=40) == 1  # it waits for nobody: what the leader holds is passed over
        finally:
            go_on.set()
        assert of_leader.result(timeout=40) + of_other.result(timeout=40) == 2
    assert sorted(slots.keys()) == sorted(slot_key(one.id, latest) for one in (slow, quick))


def test_a_leader_that_looked_long_ago_finds_nothing_left_to_take(slots: Slots, workspace: WorkspaceId) -> None:
    latest = whole_minute(slots.now() - HOUR)
    schedule = make_schedule(workspace, next_run_at=latest, cron=daily(latest))
    slots.add(schedule)
    with slots.database.reading() as tx:
        (seen,) = slots.store.due(tx, tx.now(), 10)
    assert seen == Due(workspace=workspace, schedule=schedule.id)
    assert slots.scheduler() == 1
    with slots.database.transaction() as tx:
        assert slots.store.take(tx, seen, tx.now()) is None


def test_the_longest_due_come_first_and_not_all_at_once(slots: Slots, workspace: WorkspaceId) -> None:
    latest = whole_minute(slots.now() - HOUR)
    schedules = [make_schedule(workspace, next_run_at=latest - number * HOUR, cron="0 0 * * *") for number in range(3)]
    slots.add(*schedules)
    with slots.database.reading() as tx:
        due = slots.store.due(tx, tx.now(), 2)
    assert [one.schedule for one in due] == [schedules[2].id, schedules[1].id]


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"job_type": "gone"}, "unknown_job_type"),
        ({"payload": {"text": 7}}, "invalid_input"),
        ({"cron": "0 0 30 2 *"}, "invalid_cron"),
        ({"time_zone": "Europe/Bielefeld"}, "unknown_time_zone"),
    ],
)
def test_what_cannot_be_fired_any_more_is_paused_with_its_reason_and_hinders_nobody(
    slots: Slots, workspace: WorkspaceId, other_workspace: WorkspaceId, terms: dict[str, Any], code: str
) -> None:
    latest = whole_minute(slots.now() - HOUR)
    broken = make_schedule(workspace, next_run_at=latest - HOUR, **({"cron": daily(latest)} | terms))
    sound = make_schedule(other_workspace, next_run_at=latest, cron=daily(latest))
    slots.add(broken, sound)
    assert slots.scheduler() == 1
    assert slots.keys() == [slot_key(sound.id, latest)]
    after = slots.service.get(workspace, broken.id)
    assert not after.enabled
    assert after.failure
    assert after.failure.code == code
    assert after.failure.message
    assert slots.scheduler() == 0


def test_a_job_that_cannot_be_made_leaves_none_of_its_firing_behind(slots: Slots, workspace: WorkspaceId) -> None:
    latest = whole_minute(slots.now() - HOUR)
    schedule = make_schedule(workspace, next_run_at=latest - timedelta(days=1), cron=daily(latest))
    slots.add(schedule)

    def limit_the_second(key: str) -> None:
        if key == slot_key(schedule.id, latest):
            raise TOO_MANY

    assert Slots(slots.database, before_enqueue=limit_the_second).scheduler() == 0
    assert slots.keys() == []
    assert slots.service.get(workspace, schedule.id) == schedule  # it is due as before
    assert slots.scheduler() == 2


@pytest.mark.parametrize("error", [TOO_MANY, ZeroDivisionError()])
def test_what_may_be_fired_later_stays_due_and_hinders_nobody(
    slots: Slots, workspace: WorkspaceId, other_workspace: WorkspaceId, error: Exception
) -> None:
    latest = whole_minute(slots.now() - HOUR)
    held_up = make_schedule(workspace, next_run_at=latest - HOUR, cron=daily(latest))
    free = make_schedule(other_workspace, next_run_at=latest, cron=daily(latest))
    slots.add(held_up, free)

    def hold_up(key: str) -> None:
        if str(held_up.id) in key:
            raise error

    assert Slots(slots.database, before_enqueue=hold_up).scheduler() == 1
    assert slots.service.get(workspace, held_up.id) == held_up
    assert slots.scheduler() == 1


def test_a_database_that_is_away_pauses_no_schedule(slots: Slots, workspace: WorkspaceId) -> None:
    latest = whole_minute(slots.now() - HOUR)
    schedule = make_schedule(workspace, next_run_at=latest, cron=daily(latest))
    slots.add(schedule)

    def be_away(key: str) -> None:
        raise DatabaseUnavailable

    with pytest.raises(DatabaseUnavailable):
        Slots(slots.database, before_enqueue=be_away).scheduler()
    assert slots.service.get(workspace, schedule.id) == schedule


def test_a_schedule_that_is_removed_or_paused_meanwhile_is_not_fired(slots: Slots, workspace: WorkspaceId) -> None:
    latest = whole_minute(slots.now() - HOUR)
    paused, removed = (make_schedule(workspace, next_run_at=latest, cron=daily(latest)) for _ in range(2))
    slots.add(paused, removed)
    slots.service.change(workspace, paused.id, lambda terms: terms, enabled=False)
    slots.service.remove(workspace, removed.id)
    with slots.database.transaction() as tx:
        for one in (paused, removed):
            assert slots.store.take(tx, Due(workspace=workspace, schedule=one.id), tx.now()) is None
