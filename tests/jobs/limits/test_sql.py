"""The stores of limits keep their promises on SQLite and PostgreSQL alike."""

from datetime import timedelta
from itertools import pairwise
from uuid import UUID

from sqlalchemy import delete, update

from counterfoil.access.domain import WorkspaceId
from counterfoil.access.infrastructure.sql import WorkspaceRow
from counterfoil.foundation.database import Database
from counterfoil.foundation.ids import new_id
from counterfoil.foundation.paging import Paging
from counterfoil.jobs.limits.domain import (
    LONGEST_CLOSING,
    LONGEST_PATIENCE,
    Breaker,
    BreakerState,
    Caller,
    Period,
    Probe,
    Rate,
    RateLimit,
    Turn,
)
from counterfoil.jobs.limits.infrastructure.sql import SqlBreakerStore, SqlRateLimitStore
from counterfoil.jobs.limits.infrastructure.tables import RateLimitRow

LIMITS = SqlRateLimitStore(new_id=new_id)
BREAKERS = SqlBreakerStore()
HOURLY = Rate(count=60, period=Period.HOUR, burst=2)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def take(
    database: Database, caller: Caller, rate: Rate = HOURLY, tokens: int = 1, patience: timedelta = timedelta(0)
) -> Turn:
    with database.transaction() as tx:
        return LIMITS.take(tx, caller, rate, tokens, patience)


def only(database: Database, workspace: WorkspaceId) -> RateLimit:
    with database.reading() as tx:
        (limit,) = LIMITS.page(tx, workspace, Paging()).items
    return limit


def save(database: Database, breaker: Breaker) -> None:
    with database.transaction() as tx:
        BREAKERS.hold(tx, breaker.workspace, breaker.service, breaker.connection)
        BREAKERS.save(tx, breaker)


def found(database: Database, workspace: WorkspaceId, connection: str = "books") -> Breaker | None:
    with database.reading() as tx:
        return BREAKERS.find(tx, workspace, "notion", connection)


def test_who_is_refused_takes_nothing_and_learns_when_to_come_back(database: Database, workspace: WorkspaceId) -> None:
    caller = Caller(workspace=workspace, service="notion")
    assert [take(database, caller).granted for _ in range(2)] == [True, True]
    before = only(database, workspace)
    first, second = take(database, caller), take(database, caller)
    assert (first.granted, second.granted) == (False, False)
    assert first.at == second.at
    assert timedelta(seconds=30) < second.wait <= first.wait <= MINUTE
    after = only(database, workspace)
    assert (after.arrival, after.requests) == (before.arrival, before.requests)


def test_those_who_would_wait_are_told_to_come_back_one_after_the_other(
    database: Database, workspace: WorkspaceId
) -> None:
    caller, patience = Caller(workspace=workspace, service="notion"), timedelta(seconds=10)
    before = [take(database, caller).granted for _ in range(2)]
    turns = [take(database, caller, patience=patience) for _ in range(4)]
    assert (before, [turn.granted for turn in turns]) == ([True, True], [False] * 4)
    assert [later.at - earlier.at for earlier, later in pairwise(turns)] == [MINUTE] * 3
    assert timedelta(seconds=30) - patience / 2 < turns[0].wait <= MINUTE - patience / 2


def test_appointments_that_lie_too_far_ahead_begin_anew(database: Database, workspace: WorkspaceId) -> None:
    caller, patience = Caller(workspace=workspace, service="notion"), timedelta(seconds=10)
    for _ in range(2):
        take(database, caller)
    first = take(database, caller, patience=patience)
    with database.transaction() as tx:
        later = RateLimitRow.appointed + 3 * LONGEST_CLOSING // timedelta(microseconds=1)
        tx.execute(update(RateLimitRow).values(appointed=later))
    assert take(database, caller, patience=patience).at == first.at


def test_turns_that_are_waited_for_follow_each_other(database: Database, workspace: WorkspaceId) -> None:
    caller = Caller(workspace=workspace, service="notion")
    turns = [take(database, caller, patience=HOUR) for _ in range(6)]
    assert all(turn.granted for turn in turns)
    assert [later.at - earlier.at for earlier, later in pairwise(turns)] == [MINUTE] * 5


def test_the_turns_of_the_patient_are_not_given_to_those_who_are_less_so(
    database: Database, workspace: WorkspaceId
) -> None:
    caller, quick = Caller(workspace=workspace, service="notion"), Rate(count=6, period=Period.MINUTE, burst=1)
    turns = [take(database, caller, quick, patience=LONGEST_PATIENCE) for _ in range(6)]
    assert all(turn.granted for turn in turns)
    assert not take(database, caller, quick).granted


def test_a_token_comes_back_with_each_interval(database: Database, workspace: WorkspaceId) -> None:
    caller = Caller(workspace=workspace, service="notion")
    take(database, caller, tokens=2)
    assert not take(database, caller).granted
    with database.transaction() as tx:
        tx.execute(update(RateLimitRow).values(arrival=RateLimitRow.arrival - MINUTE // timedelta(microseconds=1)))
    assert take(database, caller).granted
    assert not take(database, caller).granted


def test_a_raised_rate_holds_at_once(database: Database, workspace: WorkspaceId) -> None:
    caller = Caller(workspace=workspace, service="notion")
    daily = Rate(count=1, period=Period.DAY)
    assert take(database, caller, daily).granted
    assert not take(database, caller, daily).granted
    assert take(database, caller, HOURLY).granted
    assert not take(database, caller, HOURLY).granted, "a change of the rate gives no fresh burst"
    assert only(database, workspace).rate == HOURLY


def test_calls_are_counted_by_period(database: Database, workspace: WorkspaceId) -> None:
    caller = Caller(workspace=workspace, service="notion")
    rate = Rate(count=60, period=Period.HOUR, burst=30)
    take(database, caller, rate, tokens=3)
    take(database, caller, rate)
    limit = only(database, workspace)
    assert (limit.used, limit.remaining) == (4, 26)
    with database.transaction() as tx:
        tx.execute(update(RateLimitRow).values(window_start=RateLimitRow.window_start - 3_600_000_000))
    assert only(database, workspace).used == 0
    take(database, caller, rate)
    assert only(database, workspace).used == 1


def test_a_closed_limit_gives_nothing_until_then_and_is_not_opened_sooner(
    database: Database, workspace: WorkspaceId
) -> None:
    caller = Caller(workspace=workspace, service="notion")
    take(database, caller)
    with database.transaction() as tx:
        until = tx.now() + HOUR
        LIMITS.close(tx, caller, until)
        LIMITS.close(tx, caller, until - MINUTE)
    refused = take(database, caller)
    assert (refused.granted, refused.at) == (False, until)
    waited_for = [take(database, caller, patience=2 * HOUR) for _ in range(3)]
    assert [turn.at for turn in waited_for] == [until, until, until + MINUTE]


def test_limits_are_listed_newest_first_and_those_of_a_neighbour_are_not(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    for service in ("notion", "airtable", "openai"):
        take(database, Caller(workspace=workspace, service=service, user="ada"))
    take(database, Caller(workspace=other_workspace, service="notion"))
    with database.reading() as tx:
        first = LIMITS.page(tx, workspace, Paging(limit=2))
        second = LIMITS.page(tx, workspace, Paging(limit=2, after=first.next_after))
    assert [limit.service for limit in (*first.items, *second.items)] == ["openai", "airtable", "notion"]
    assert {limit.workspace for limit in (*first.items, *second.items)} == {workspace}
    assert second.next_after is None


def test_idle_limits_are_forgotten_but_none_that_still_keeps_somebody_back(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    whole = Rate(count=1_000_000, period=Period.MINUTE, burst=1)
    take(database, Caller(workspace=workspace, service="whole"), whole)
    take(database, Caller(workspace=other_workspace, service="whole"), whole)
    take(database, Caller(workspace=workspace, service="used"))
    closed = Caller(workspace=workspace, service="closed")
    take(database, closed, whole)
    with database.transaction() as tx:
        LIMITS.close(tx, closed, tx.now() + HOUR)
        assert LIMITS.forget_idle(tx, tx.now() - HOUR) == 0
        assert LIMITS.forget_idle(tx, tx.now()) == 2
        assert {limit.service for limit in LIMITS.page(tx, workspace, Paging()).items} == {"used", "closed"}
        assert LIMITS.page(tx, other_workspace, Paging()).items == []


def test_a_breaker_comes_back_as_it_was_saved(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    with database.reading() as tx:
        now = tx.now()
    breaker = Breaker(
        workspace=workspace,
        service="notion",
        connection="books",
        state=BreakerState.HALF_OPEN,
        failures=7,
        last_failed_at=now,
        opened_at=now - MINUTE,
        openings=2,
        probe=Probe(UUID(int=5)),
        probe_at=now + MINUTE,
    )
    save(database, breaker)
    assert found(database, workspace) == breaker
    assert found(database, workspace, "sales") is None
    assert found(database, other_workspace) is None
    with database.transaction() as tx:
        assert BREAKERS.hold(tx, workspace, "notion", "books") == breaker


def test_breakers_are_listed_by_their_last_move(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    for connection in ("a", "b", "c", "a"):
        save(database, Breaker(workspace=workspace, service="notion", connection=connection))
    save(database, Breaker(workspace=other_workspace, service="notion", connection="d"))
    with database.reading() as tx:
        assert [one.connection for one in BREAKERS.newest(tx, workspace, 2)] == ["a", "c"]


def test_idle_breakers_are_forgotten_but_none_that_keeps_calls_back(database: Database, workspace: WorkspaceId) -> None:
    with database.reading() as tx:
        now = tx.now()
    save(database, Breaker(workspace=workspace, service="notion", connection="closed"))
    for connection, probe_at in (("over", now - MINUTE), ("open", now + HOUR)):
        breaker = Breaker(
            workspace=workspace,
            service="notion",
            connection=connection,
            state=BreakerState.OPEN,
            opened_at=now - HOUR,
            probe_at=probe_at,
        )
        save(database, breaker)
    with database.transaction() as tx:
        assert BREAKERS.forget_idle(tx, now - MINUTE) == 0
        assert BREAKERS.forget_idle(tx, tx.now()) == 2
    assert found(database, workspace, "open") is not None


def test_limits_and_breakers_go_with_their_workspace(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    for one in (workspace, other_workspace):
        take(database, Caller(workspace=one, service="notion"))
        save(database, Breaker(workspace=one, service="notion", connection="books"))
    with database.transaction() as tx:
        tx.execute(delete(WorkspaceRow).where(WorkspaceRow.id == workspace))
    assert found(database, workspace) is None
    assert found(database, other_workspace) is not None
    with database.reading() as tx:
        assert LIMITS.page(tx, workspace, Paging()).items == []
        assert len(LIMITS.page(tx, other_workspace, Paging()).items) == 1
