"""What people and programs do with schedules, on real databases."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database
from counterfoil.foundation.errors import InvalidInput
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.domain import Failure
from counterfoil.jobs.errors import UnknownJobType
from counterfoil.jobs.schedules.cron import InvalidCron, UnknownTimeZone
from counterfoil.jobs.schedules.domain import ScheduleId, ScheduleNameTaken, ScheduleNotFound, Terms
from tests.support.schedules import Slots, make_schedule, make_terms


@pytest.fixture
def slots(database: Database) -> Slots:
    return Slots(database)


def as_it_is(terms: Terms) -> Terms:
    return terms


def test_a_schedule_waits_for_its_next_slot(slots: Slots, workspace: WorkspaceId) -> None:
    terms = make_terms(cron="@hourly", queue="low", priority=0)
    before = slots.now()
    made = slots.service.create(workspace, terms, created_by="ann@example.org")
    assert slots.service.get(workspace, made.id) == made
    assert made.terms == terms
    assert made.created_by == "ann@example.org"
    assert made.next_run_at
    assert before < made.next_run_at <= made.created_at + timedelta(hours=1)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"cron": "0 0 30 2 *"}, InvalidCron),
        ({"time_zone": "Europe/Bielefeld"}, UnknownTimeZone),
        ({"job_type": "gone"}, UnknownJobType),
        ({"payload": {"text": 7}}, InvalidInput),
    ],
)
def test_what_could_not_be_fired_is_not_kept(
    slots: Slots, workspace: WorkspaceId, changes: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        slots.service.create(workspace, make_terms(**changes), enabled=False)
    made = slots.service.create(workspace, make_terms())
    with pytest.raises(error):
        slots.service.change(workspace, made.id, lambda terms: replace(terms, **changes))
    assert slots.service.get(workspace, made.id) == made


def test_a_name_is_given_once_in_a_workspace(
    slots: Slots, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    service = slots.service
    first = service.create(workspace, make_terms(name="Export"))
    second = service.create(workspace, make_terms(name="Import"))
    with pytest.raises(ScheduleNameTaken):
        service.create(workspace, make_terms(name="Export"))
    with pytest.raises(ScheduleNameTaken):
        service.change(workspace, second.id, lambda terms: replace(terms, name="Export"))
    assert service.create(other_workspace, make_terms(name="Export")).terms.name == "Export"
    service.remove(workspace, first.id)
    assert service.create(workspace, make_terms(name="Export")).id != first.id


def test_a_new_expression_brings_a_new_next_run_and_another_name_does_not(slots: Slots, workspace: WorkspaceId) -> None:
    due = slots.now() - timedelta(minutes=5)
    schedule = make_schedule(workspace, next_run_at=due, cron="0 0 1 1 *")
    slots.add(schedule)
    renamed = slots.service.change(workspace, schedule.id, lambda terms: replace(terms, name="Yearly"))
    assert renamed.next_run_at == due  # what is due stays due
    moved = slots.service.change(workspace, schedule.id, lambda terms: replace(terms, cron="0 0 1 2 *"))
    assert moved.next_run_at
    assert (moved.next_run_at > due, moved.next_run_at.month) == (True, 2)


def test_a_paused_schedule_stays_paused_until_it_is_resumed(slots: Slots, workspace: WorkspaceId) -> None:
    service = slots.service
    made = service.create(workspace, make_terms())
    assert service.change(workspace, made.id, as_it_is, enabled=False).next_run_at is None
    changed = service.change(workspace, made.id, lambda terms: replace(terms, cron="@hourly"))
    assert not changed.enabled
    assert service.change(workspace, made.id, as_it_is, enabled=True).enabled


def test_a_schedule_that_could_not_be_fired_resumes_once_it_can(slots: Slots, workspace: WorkspaceId) -> None:
    failure = Failure(code="unknown_job_type", message="There is no job type 'gone'.")
    schedule = make_schedule(workspace, next_run_at=None, job_type="gone").paused(failure)
    slots.add(schedule)
    renamed = slots.service.change(workspace, schedule.id, lambda terms: replace(terms, name="Old one"))
    assert renamed.failure == failure
    with pytest.raises(UnknownJobType):
        slots.service.change(workspace, schedule.id, as_it_is, enabled=True)
    resumed = slots.service.change(workspace, schedule.id, lambda terms: replace(terms, job_type="note"), enabled=True)
    assert (resumed.enabled, resumed.failure) == (True, None)


def test_a_run_at_a_persons_wish_makes_a_job_of_its_own_and_moves_no_slot(slots: Slots, workspace: WorkspaceId) -> None:
    made = slots.service.create(workspace, make_terms())
    jobs = [slots.service.run(workspace, made.id) for _ in range(2)]
    assert [row.job_id for row in slots.asked()] == jobs
    assert len(set(slots.keys())) == 2
    after = slots.service.get(workspace, made.id)
    assert (after.last_job, after.next_run_at) == (jobs[1], made.next_run_at)
    assert after.last_run_at


def test_another_workspace_finds_changes_runs_and_removes_nothing(
    slots: Slots, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    service = slots.service
    made = service.create(workspace, make_terms())
    with pytest.raises(ScheduleNotFound):
        service.get(other_workspace, made.id)
    with pytest.raises(ScheduleNotFound):
        service.change(other_workspace, made.id, as_it_is, enabled=False)
    with pytest.raises(ScheduleNotFound):
        service.run(other_workspace, made.id)
    with pytest.raises(ScheduleNotFound):
        service.remove(other_workspace, made.id)
    assert service.get(workspace, made.id) == made
    assert slots.keys() == []


def test_text_that_a_database_refuses_is_kept_without_it(slots: Slots, workspace: WorkspaceId) -> None:
    made = slots.service.create(workspace, make_terms(payload={"text": "nul \x00 and \ud800 surrogate"}))
    assert slots.service.get(workspace, made.id).terms.payload == {"text": "nul  and ? surrogate"}


def test_a_schedule_that_is_not_there_is_not_found(slots: Slots, workspace: WorkspaceId) -> None:
    with pytest.raises(ScheduleNotFound):
        slots.service.remove(workspace, ScheduleId(new_id()))
