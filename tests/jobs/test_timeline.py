"""What happened to a job, told from its row and its attempts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.domain import Attempt, Failure, Job, Lease, WorkerId
from counterfoil.jobs.moves import (
    CancelWanted,
    Claimed,
    Completed,
    Event,
    Failed,
    Outcome,
    Returned,
    Stopped,
    attempt_of,
    move,
)
from counterfoil.jobs.timeline import timeline
from tests.support.jobs import make_job

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FAILED = Failed(failure=Failure(code="task_execution_failed", message="No."), chance=0)


def at(minute: int) -> datetime:
    return NOON + timedelta(minutes=minute)


def claimed() -> Claimed:
    return Claimed(worker=WorkerId(new_id()), lease=Lease(new_id()))


def told(job: Job, *events: Event) -> list[tuple[int, str, int | None]]:
    """Let the events happen a minute apart, and return the timeline by minutes."""
    attempts: list[Attempt] = []
    for minute, event in enumerate(events, start=1):
        if isinstance(event, Outcome):
            attempts.append(attempt_of(job, event, at(minute)))
        job = move(job, event, at(minute))
    moments = timeline(job, attempts)
    return [(int((one.at - NOON).total_seconds() // 60), one.what, one.attempt) for one in moments]


def test_a_job_that_went_well_began_and_was_completed_once(workspace: WorkspaceId) -> None:
    assert told(make_job(workspace), claimed(), Completed()) == [
        (0, "created", None),
        (1, "started", 1),
        (2, "completed", 1),
    ]


def test_a_job_that_is_tried_again_says_when(workspace: WorkspaceId) -> None:
    assert told(make_job(workspace), claimed(), FAILED) == [
        (0, "created", None),
        (1, "started", 1),
        (2, "failed", 1),
        (3, "retry_due", None),
    ]


def test_a_dead_letter_tells_its_last_attempt_and_its_end(workspace: WorkspaceId) -> None:
    assert told(make_job(workspace, max_attempts=1), claimed(), FAILED)[-2:] == [
        (2, "failed", 1),
        (2, "dead_letter", None),
    ]


def test_a_scheduled_job_that_runs_shows_what_lies_behind_it(workspace: WorkspaceId) -> None:
    job = make_job(workspace, scheduled_for=at(1))
    assert told(job, claimed()) == [(0, "created", None), (1, "scheduled", None), (1, "started", 1)]


def test_a_job_cancelled_while_it_runs_tells_when_that_was_asked(workspace: WorkspaceId) -> None:
    assert told(make_job(workspace), claimed(), CancelWanted(), Stopped())[1:] == [
        (1, "started", 1),
        (2, "cancel_requested", None),
        (3, "cancelled", None),
    ]
    assert told(make_job(workspace), CancelWanted())[1:] == [(1, "cancelled", None)]


def test_an_attempt_that_was_given_back_is_told_and_so_is_the_next(workspace: WorkspaceId) -> None:
    job = make_job(workspace)
    first = replace(move(job, claimed(), at(1)))
    back = move(first, Returned(), at(2))
    again = move(back, claimed(), at(3))
    moments = timeline(again, [attempt_of(first, Returned(), at(2))])
    assert [one.what for one in moments] == ["created", "started", "returned", "started"]
