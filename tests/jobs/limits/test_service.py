"""Whoever calls an outside service, from whatever thread or process, keeps to its limits."""

from bisect import insort
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection
from threading import Barrier
from typing import Any

import pytest

from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.database import Database, DatabaseUnavailable
from counterfoil.foundation.errors import NetworkError, NotFound, ServiceUnavailable
from counterfoil.foundation.paging import Paging
from counterfoil.jobs.limits.domain import (
    PATIENCE,
    Breaker,
    BreakerOpen,
    BreakerRules,
    BreakerState,
    MoreThanBurst,
    Period,
    Rate,
    RateLimit,
    RateLimited,
)
from counterfoil.jobs.limits.service import Breakers, RateLimits
from tests.support.engine import MoodyDatabase
from tests.support.limits import (
    Counts,
    Grant,
    breakers,
    compete,
    compete_in_a_process,
    probe_in_a_process,
    rate_limits,
    writes_counted,
)

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
SLOW = Rate(count=60, period=Period.HOUR, burst=2)
QUICK = Rate(count=1_800, period=Period.MINUTE, burst=10)
"""Thirty each second, which a busy machine can use up as well, and ten at once."""
STRICT = BreakerRules(failures=2, pause=HOUR, longest_pause=HOUR)
"""Opens for longer than any test lasts."""
DUE_AT_ONCE = BreakerRules(failures=1, pause=timedelta(0), lease=HOUR)
"""Opens, and has a probe due at once."""


def shown(limits: RateLimits, workspace: WorkspaceId) -> RateLimit:
    (limit,) = limits.page(workspace, Paging()).items
    return limit


def calls_beyond(grants: Sequence[Grant], rate: Rate) -> int:
    """Return by how many calls the worst stretch of time exceeds the rate and one burst; 0 or less is as it should be.

    A stretch is counted from when one of the calls was asked for until another was granted: all calls of which both
    happened in between were surely let through in it.
    """
    worst = -rate.at_once
    latest_first = sorted(grants, key=lambda grant: grant.asked, reverse=True)
    given: list[float] = []
    for grant in latest_first:
        insort(given, grant.given)
        for number, end in enumerate(given, start=1):
            allowed = rate.at_once + timedelta(seconds=end - grant.asked) // rate.interval
            worst = max(worst, number - allowed)
    return worst


def test_a_burst_goes_at_once_and_the_next_one_waits_for_its_turn(database: Database, workspace: WorkspaceId) -> None:
    slept: list[float] = []
    limits = rate_limits(database, sleep=slept.append, patience=3 * MINUTE)
    for _ in range(2):
        limits.take(workspace, "notion", SLOW)
    assert slept == []
    for _ in range(2):
        limits.take(workspace, "notion", SLOW)
    assert 30 < slept[0] <= 60
    assert 90 < slept[1] <= 120


def test_a_turn_that_is_too_far_off_is_refused_with_the_time_to_come_back(
    database: Database, workspace: WorkspaceId
) -> None:
    counts = Counts()
    limits = rate_limits(database, observer=counts)
    limits.take(workspace, "notion", SLOW, tokens=2)
    with pytest.raises(RateLimited) as refused:
        limits.take(workspace, "notion", SLOW)
    last = shown(limits, workspace).last_request_at
    # Half a patience early: the rest is waited for there.
    assert MINUTE - timedelta(seconds=1) - PATIENCE / 2 < refused.value.retry_at - last <= MINUTE
    assert counts.exceeded == {"notion": 1}


def test_workspaces_services_and_users_do_not_take_each_others_turns(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    limits = rate_limits(database)
    for one in (workspace, other_workspace):
        for service in ("notion", "airtable"):
            for user in (None, "ada", "ben"):
                limits.take(one, service, SLOW, user=user, tokens=2)
                with pytest.raises(RateLimited):
                    limits.take(one, service, SLOW, user=user)


@pytest.mark.parametrize("tokens", [0, -1, 3])
def test_more_than_a_burst_or_nothing_is_never_given(database: Database, workspace: WorkspaceId, tokens: int) -> None:
    limits = rate_limits(database)
    with pytest.raises(MoreThanBurst):
        limits.take(workspace, "notion", SLOW, tokens=tokens)
    assert limits.page(workspace, Paging()).items == []


def test_a_service_that_asks_to_be_left_alone_is_by_all_of_the_workspace(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    counts = Counts()
    limits, elsewhere = rate_limits(database, observer=counts), rate_limits(database)
    for one in (workspace, other_workspace):
        limits.take(one, "notion", SLOW)
    until = shown(limits, workspace).last_request_at + 10 * MINUTE
    limits.postpone(workspace, "notion", until)
    with pytest.raises(RateLimited) as refused:
        elsewhere.take(workspace, "notion", SLOW)
    assert refused.value.retry_at == until
    assert (shown(limits, workspace).remaining, shown(limits, workspace).closed_until) == (0, until)
    elsewhere.take(other_workspace, "notion", SLOW)
    assert counts.exceeded == {"notion": 1}


def test_no_service_closes_itself_for_longer_than_a_day(database: Database, workspace: WorkspaceId) -> None:
    limits = rate_limits(database)
    limits.take(workspace, "notion", SLOW, user="ada")
    limits.postpone(workspace, "notion", shown(limits, workspace).last_request_at + timedelta(days=400), user="ada")
    with pytest.raises(RateLimited) as refused:
        limits.take(workspace, "notion", SLOW, user="ada")
    wait = refused.value.retry_at - shown(limits, workspace).last_request_at
    assert timedelta(days=1) <= wait < timedelta(days=1, minutes=10)


def test_without_a_database_nobody_calls(workspace: WorkspaceId) -> None:
    nowhere = Database("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(DatabaseUnavailable):
        rate_limits(nowhere).take(workspace, "notion", SLOW)
    with pytest.raises(DatabaseUnavailable), breakers(nowhere, STRICT).calling(workspace, "notion", "books"):
        pytest.fail("The call was let through.")
    nowhere.close()


def test_fifty_threads_together_never_exceed_rate_and_burst(database: Database, workspace: WorkspaceId) -> None:
    grants = compete(database, workspace, QUICK, threads=50, seconds=3, patience=timedelta(milliseconds=200))
    assert len(grants) > QUICK.at_once
    assert calls_beyond(grants, QUICK) <= 0


def test_fifty_takers_in_two_processes_never_exceed_rate_and_burst(
    database: Database, database_url: str, workspace: WorkspaceId
) -> None:
    more = {"threads": 25, "seconds": 3, "patience": timedelta(milliseconds=200)}
    with two_processes(compete_in_a_process, database_url, workspace, QUICK, **more) as pipes:
        grants = [grant for pipe in pipes for grant in receive(pipe)]
    assert len(grants) > QUICK.at_once
    assert calls_beyond(grants, QUICK) <= 0


@contextmanager
def two_processes(target: Callable[..., None], *args: Any, **more: Any) -> Iterator[Sequence[Connection]]:
    """Run this in two processes that begin together, and wait for their end."""
    context = get_context("spawn")
    both = [context.Pipe() for _ in range(2)]
    processes = [context.Process(target=target, args=(theirs, *args), kwargs=more) for _, theirs in both]
    for process in processes:
        process.start()
    pipes = [ours for ours, _ in both]
    try:
        begin_together(pipes)
        yield pipes
    finally:
        for process in processes:
            process.join(60)
            process.kill()


def begin_together(pipes: Sequence[Connection]) -> None:
    for pipe in pipes:
        assert receive(pipe) == "ready"
    for pipe in pipes:
        pipe.send("begin")


def receive(pipe: Connection) -> Any:
    assert pipe.poll(180), "nothing came"
    return pipe.recv()


def fail(at_work: Breakers, workspace: WorkspaceId, connection: str = "books", *, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(NetworkError), at_work.calling(workspace, "notion", connection):
            raise NetworkError


def succeed(at_work: Breakers, workspace: WorkspaceId, connection: str = "books") -> None:
    with at_work.calling(workspace, "notion", connection):
        pass


def only(at_work: Breakers, workspace: WorkspaceId) -> Breaker:
    (breaker,) = at_work.newest(workspace)
    return breaker


def test_after_so_many_failures_in_a_row_nobody_calls_for_a_while(database: Database, workspace: WorkspaceId) -> None:
    counts = Counts()
    at_work = breakers(database, STRICT, observer=counts)
    fail(at_work, workspace, times=2)
    elsewhere = breakers(database, STRICT)
    with pytest.raises(BreakerOpen) as refused, elsewhere.calling(workspace, "notion", "books"):
        pytest.fail("The call was let through.")
    assert refused.value.retry_at == only(at_work, workspace).probe_at
    assert counts.tripped == {"notion": 1}


def test_a_connection_that_fails_keeps_no_other_from_calling(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId
) -> None:
    at_work = breakers(database, STRICT)
    fail(at_work, workspace, times=2)
    succeed(at_work, workspace, "sales")
    succeed(at_work, other_workspace)
    with pytest.raises(BreakerOpen):
        succeed(at_work, workspace)
    assert at_work.newest(other_workspace) == []


def test_a_call_to_a_service_that_works_writes_nothing(database: Database, workspace: WorkspaceId) -> None:
    at_work = breakers(database, STRICT)
    with writes_counted(database.engine) as writes:
        succeed(at_work, workspace)
        assert writes() == 0
        fail(at_work, workspace)
        assert writes() > 0
        succeed(at_work, workspace)
        before = writes()
        succeed(at_work, workspace)
        assert writes() == before


def test_an_answer_between_failures_begins_the_row_anew(database: Database, workspace: WorkspaceId) -> None:
    at_work = breakers(database, STRICT)
    for _ in range(3):
        fail(at_work, workspace)
        succeed(at_work, workspace)
    assert only(at_work, workspace).state is BreakerState.CLOSED


def test_failures_of_many_at_once_are_all_counted_and_trip_it_once(database: Database, workspace: WorkspaceId) -> None:
    counts = Counts()
    rules = BreakerRules(failures=20, pause=HOUR, longest_pause=HOUR)
    at_work = breakers(database, rules, observer=counts)
    together = Barrier(20)

    def fail_together(_: int) -> None:
        with suppress(ServiceUnavailable), at_work.calling(workspace, "notion", "books"):
            together.wait(60)
            raise ServiceUnavailable

    with ThreadPoolExecutor(20) as threads:
        list(threads.map(fail_together, range(20)))
    assert (only(at_work, workspace).state, only(at_work, workspace).failures) == (BreakerState.OPEN, 20)
    assert counts.tripped == {"notion": 1}


def test_an_error_of_what_was_asked_is_no_failure_of_the_service(database: Database, workspace: WorkspaceId) -> None:
    at_work = breakers(database, BreakerRules(failures=1))
    for error in (NotFound("There is no such page."), ValueError("a slip of ours")):
        with pytest.raises(type(error)) as raised, at_work.calling(workspace, "notion", "books"):
            raise error
        assert raised.value is error
    assert at_work.newest(workspace) == []


def test_what_the_caller_says_goes_before_what_the_error_tells(database: Database, workspace: WorkspaceId) -> None:
    at_work = breakers(database, DUE_AT_ONCE)
    with at_work.calling(workspace, "notion", "books") as call:
        call.failed()
    assert only(at_work, workspace).state is BreakerState.OPEN

    def be_answered_with_an_error() -> None:
        with at_work.calling(workspace, "notion", "books") as call:
            call.answered()
            raise NotFound

    with pytest.raises(NotFound):
        be_answered_with_an_error()
    assert only(at_work, workspace).state is BreakerState.CLOSED


def test_a_probe_that_is_answered_closes_it_and_one_that_fails_opens_it_again(
    database: Database, workspace: WorkspaceId
) -> None:
    counts = Counts()
    at_work = breakers(database, DUE_AT_ONCE, observer=counts)
    fail(at_work, workspace, times=3)
    assert (only(at_work, workspace).state, only(at_work, workspace).openings) == (BreakerState.OPEN, 3)
    assert counts.tripped == {"notion": 1}, "a probe that fails is no new trip"
    succeed(at_work, workspace)
    assert only(at_work, workspace) == Breaker(workspace=workspace, service="notion", connection="books")


def test_while_one_probes_everybody_else_is_refused(database: Database, workspace: WorkspaceId) -> None:
    at_work, elsewhere = breakers(database, DUE_AT_ONCE), breakers(database, DUE_AT_ONCE)
    fail(at_work, workspace)
    with at_work.calling(workspace, "notion", "books"), pytest.raises(BreakerOpen):
        succeed(elsewhere, workspace)
    succeed(elsewhere, workspace)


def test_a_probe_that_is_interrupted_is_given_back(database: Database, workspace: WorkspaceId) -> None:
    at_work = breakers(database, DUE_AT_ONCE)
    fail(at_work, workspace)
    for error in (KeyboardInterrupt(), RateLimited("notion", datetime(2026, 3, 1, tzinfo=UTC))):
        with pytest.raises((KeyboardInterrupt, RateLimited)), at_work.calling(workspace, "notion", "books"):
            raise error
        assert only(at_work, workspace).openings == 1
    succeed(at_work, workspace)


def test_a_prober_that_died_is_replaced_once_its_lease_has_run_out(database: Database, workspace: WorkspaceId) -> None:
    rules = BreakerRules(failures=1, pause=timedelta(0), lease=timedelta(0))
    at_work = breakers(database, rules)
    fail(at_work, workspace)
    dead = at_work.calling(workspace, "notion", "books")
    dead.__enter__()
    with at_work.calling(workspace, "notion", "books"):
        successor = only(at_work, workspace)
        with pytest.raises(NetworkError):
            dead.gen.throw(NetworkError())  # it was not dead after all
        assert only(at_work, workspace) == successor
    assert only(at_work, workspace).state is BreakerState.CLOSED


def test_of_fifty_callers_in_two_processes_one_probes(
    database: Database, database_url: str, workspace: WorkspaceId
) -> None:
    at_work = breakers(database, DUE_AT_ONCE)
    fail(at_work, workspace)
    with two_processes(probe_in_a_process, database_url, workspace, DUE_AT_ONCE, threads=25) as pipes:
        told = [receive(pipe) for pipe in pipes for _ in range(25)]
        assert sorted(told) == ["probing"] + ["refused"] * 49
        assert only(at_work, workspace).state is BreakerState.HALF_OPEN
        for pipe in pipes:
            pipe.send("done")
    assert only(at_work, workspace).state is BreakerState.CLOSED


def test_a_call_that_went_well_is_not_undone_by_a_database_that_went_away(
    database: Database, database_url: str, workspace: WorkspaceId
) -> None:
    moody = MoodyDatabase(database_url)
    at_work = breakers(moody, STRICT)
    fail(at_work, workspace)

    def call(error: Exception | None = None) -> None:
        with at_work.calling(workspace, "notion", "books"):
            moody.refusals = 1
            if error:
                raise error

    call()
    with pytest.raises(NetworkError):
        call(NetworkError())
    assert only(at_work, workspace).failures == 1
    moody.close()
