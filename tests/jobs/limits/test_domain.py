"""Rates, and every move of a breaker."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.foundation.errors import (
    Conflict,
    InvalidInput,
    NetworkError,
    NotFound,
    Postponed,
    ServiceUnavailable,
    Unauthorized,
)
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.limits.domain import (
    Asked,
    Breaker,
    BreakerOpen,
    BreakerRules,
    BreakerState,
    Caller,
    Ended,
    Event,
    InvalidRate,
    Period,
    Probe,
    Rate,
    RateLimit,
    RateLimited,
    RateLimitId,
    Verdict,
    move,
    verdict_of,
)
from tests.conftest import ACME

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
RULES = BreakerRules(
    failures=3,
    window=timedelta(minutes=1),
    pause=timedelta(seconds=30),
    longest_pause=timedelta(minutes=5),
    lease=timedelta(minutes=2),
)
CLOSED = Breaker(workspace=ACME, service="notion", connection="books")
MINE, THEIRS = Probe(new_id()), Probe(new_id())


def ended(verdict: Verdict, probe: Probe | None = None) -> Ended:
    return Ended(verdict=verdict, probe=probe)


def opened() -> Breaker:
    breaker = CLOSED
    for _ in range(RULES.failures):
        breaker = move(breaker, ended(Verdict.FAILED), NOW, RULES)
    return breaker


def probing() -> Breaker:
    return move(opened(), Asked(probe=MINE), NOW + RULES.pause, RULES)


def test_a_closed_breaker_lets_everybody_through_and_notes_nothing() -> None:
    assert move(CLOSED, Asked(probe=MINE), NOW, RULES) == CLOSED


def test_it_opens_at_the_last_of_so_many_failures_in_a_row() -> None:
    breaker = CLOSED
    for number in range(1, RULES.failures):
        breaker = move(breaker, ended(Verdict.FAILED), NOW, RULES)
        assert (breaker.state, breaker.failures) == (BreakerState.CLOSED, number)
    breaker = move(breaker, ended(Verdict.FAILED), NOW, RULES)
    assert (breaker.state, breaker.opened_at, breaker.probe_at) == (BreakerState.OPEN, NOW, NOW + RULES.pause)


def test_an_answer_begins_the_row_anew() -> None:
    breaker = replace(CLOSED, failures=2, last_failed_at=NOW)
    assert move(breaker, ended(Verdict.ANSWERED), NOW, RULES) == CLOSED


def test_a_failure_long_after_the_last_begins_the_row_anew() -> None:
    breaker = replace(CLOSED, failures=2, last_failed_at=NOW)
    late = NOW + RULES.window + timedelta(seconds=1)
    assert move(breaker, ended(Verdict.FAILED), late, RULES).failures == 1


def test_an_open_breaker_refuses_until_its_pause_is_over_and_says_when_that_is() -> None:
    with pytest.raises(BreakerOpen) as refused:
        move(opened(), Asked(probe=MINE), NOW + RULES.pause - timedelta(microseconds=1), RULES)
    assert refused.value.retry_at == NOW + RULES.pause
    assert refused.value.retry
    assert "notion has failed 3 times in a row" in str(refused.value)


def test_after_the_pause_one_call_is_let_through_and_the_next_refused() -> None:
    breaker = probing()
    assert (breaker.state, breaker.probe) == (BreakerState.HALF_OPEN, MINE)
    now = NOW + RULES.pause
    with pytest.raises(BreakerOpen) as refused:
        move(breaker, Asked(probe=THEIRS), now, RULES)
    assert refused.value.retry_at == now + RULES.pause


def test_a_prober_that_died_is_replaced_when_its_lease_runs_out_and_heard_no_more() -> None:
    now = NOW + RULES.pause + RULES.lease
    breaker = move(probing(), Asked(probe=THEIRS), now, RULES)
    assert (breaker.state, breaker.probe) == (BreakerState.HALF_OPEN, THEIRS)
    for verdict in Verdict:
        assert move(breaker, ended(verdict, MINE), now, RULES) == breaker


def test_an_answered_probe_closes_it_as_if_nothing_had_been() -> None:
    assert move(probing(), ended(Verdict.ANSWERED, MINE), NOW, RULES) == CLOSED


def test_a_failed_probe_opens_it_for_longer_up_to_the_longest_pause() -> None:
    breaker, now, pauses = opened(), NOW, []
    for _ in range(6):
        assert breaker.probe_at
        now = breaker.probe_at
        breaker = move(breaker, Asked(probe=MINE), now, RULES)
        breaker = move(breaker, ended(Verdict.FAILED, MINE), now, RULES)
        assert breaker.state is BreakerState.OPEN
        assert breaker.probe_at
        pauses.append((breaker.probe_at - now).total_seconds())
    assert pauses == [60, 120, 240, 300, 300, 300]
    assert (breaker.opened_at, breaker.failures) == (NOW, 9)


def test_a_probe_that_told_nothing_leaves_the_next_one_to_anybody() -> None:
    breaker = move(probing(), ended(Verdict.UNKNOWN, MINE), NOW, RULES)
    assert breaker.openings == opened().openings
    assert move(breaker, Asked(probe=THEIRS), NOW, RULES).probe == THEIRS


def test_calls_that_began_before_it_opened_tell_nothing_new() -> None:
    for breaker in (opened(), probing()):
        for verdict in Verdict:
            assert move(breaker, ended(verdict), NOW, RULES) == breaker


def test_the_pause_stays_the_longest_however_often_it_opens() -> None:
    rules = BreakerRules(pause=timedelta(days=1), longest_pause=timedelta(days=2))
    assert rules.pause_after(1) == timedelta(days=1)
    assert rules.pause_after(1_000_000) == timedelta(days=2)


TOKENS = [Probe(new_id()) for _ in range(3)]
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(Asked, probe=st.sampled_from(TOKENS)),
    st.builds(Ended, verdict=st.sampled_from(Verdict), probe=st.sampled_from([None, *TOKENS])),
)
STORY = st.lists(st.tuples(EVENTS, st.integers(0, 200)), max_size=60)


@settings(deadline=None)  # a busy machine may need long for any example
@given(STORY)
def test_whatever_happens_it_stands_in_one_of_its_states_and_finds_its_way_back(story: list[tuple[Event, int]]) -> None:
    breaker, now = CLOSED, NOW
    for event, seconds in story:
        now += timedelta(seconds=seconds)
        try:
            after = move(breaker, event, now, RULES)
        except BreakerOpen as refused:
            check_refusal(breaker, refused.retry_at, now)
            continue
        check_state(after)
        check_move(breaker, event, after, now)
        breaker = after
    if breaker.state is not BreakerState.CLOSED:
        assert breaker.probe_at
        breaker = move(breaker, Asked(probe=MINE), breaker.probe_at, RULES)
        assert move(breaker, ended(Verdict.ANSWERED, MINE), now, RULES) == CLOSED


def check_refusal(breaker: Breaker, retry_at: datetime, now: datetime) -> None:
    assert breaker.state is not BreakerState.CLOSED
    assert now < retry_at <= now + RULES.longest_pause


def check_state(breaker: Breaker) -> None:
    closed, half_open = breaker.state is BreakerState.CLOSED, breaker.state is BreakerState.HALF_OPEN
    assert (breaker.probe_at is None) == closed
    assert (breaker.opened_at is None) == closed
    assert (breaker.probe is not None) == half_open
    assert not closed or breaker.failures < RULES.failures


def check_move(before: Breaker, event: Event, after: Breaker, now: datetime) -> None:
    """Only a probe under way, or its lease's end, leads out of half-open; only a pause that is over leads into it."""
    if before.state is BreakerState.HALF_OPEN and after != before:
        assert before.probe_at
        assert now >= before.probe_at if isinstance(event, Asked) else event.probe == before.probe
    if before.state is BreakerState.OPEN and after != before:
        assert isinstance(event, Asked)
        assert before.probe_at
        assert now >= before.probe_at
        assert after.probe == event.probe
    if before.state is BreakerState.CLOSED and after.state is not BreakerState.CLOSED:
        assert event == ended(Verdict.FAILED)
        assert before.failures == RULES.failures - 1


@pytest.mark.parametrize("error", [ServiceUnavailable(), NetworkError(), ConnectionResetError(), TimeoutError()])
def test_an_error_that_says_that_the_service_did_not_answer_is_its_failure(error: Exception) -> None:
    assert verdict_of(error) is Verdict.FAILED


@pytest.mark.parametrize(
    "error",
    [
        *(InvalidInput(), Unauthorized(), NotFound(), Conflict()),
        *(RateLimited("notion", NOW), BreakerOpen(CLOSED, NOW), ValueError(), KeyboardInterrupt()),
    ],
)
def test_any_other_error_tells_nothing_of_the_service(error: BaseException) -> None:
    assert verdict_of(error) is Verdict.UNKNOWN


def test_both_refusals_say_from_when_on_they_are_over() -> None:
    for error in (RateLimited("notion", NOW), BreakerOpen(opened(), NOW)):
        assert isinstance(error, Postponed)
        assert error.retry
        assert error.retry_at == NOW
        assert "2026-03-01 12:00:00 UTC" in str(error)


@settings(deadline=None)
@given(st.integers(1, 1_000_000), st.sampled_from(Period))
def test_calls_as_far_apart_as_the_interval_never_exceed_the_rate(count: int, period: Period) -> None:
    rate = Rate(count=count, period=period)
    assert rate.interval * count >= period.length
    assert (rate.interval - timedelta(microseconds=1)) * count < period.length


def test_without_a_burst_a_tenth_may_come_at_once() -> None:
    assert Rate(count=600, period=Period.MINUTE).at_once == 60
    assert Rate(count=3, period=Period.DAY).at_once == 1
    assert Rate(count=600, period=Period.MINUTE, burst=7).at_once == 7


@pytest.mark.parametrize(("count", "burst"), [(0, None), (-1, 1), (5, 0), (1_000_001, 1), (1, 1_000_001)])
def test_a_rate_that_no_service_has_is_refused(count: int, burst: int | None) -> None:
    with pytest.raises(InvalidRate):
        Rate(count=count, period=Period.HOUR, burst=burst)


def test_a_key_names_the_service_the_workspace_and_the_user_if_there_is_one() -> None:
    assert Caller(workspace=ACME, service="notion").key == f"notion:{ACME}"
    assert Caller(workspace=ACME, service="notion", user="ada").key == f"notion:{ACME}:ada"


def a_limit(**changes: object) -> RateLimit:
    facts: dict[str, object] = {
        "id": RateLimitId(new_id()),
        "workspace": ACME,
        "key": f"notion:{ACME}",
        "service": "notion",
        "rate": Rate(count=60, period=Period.MINUTE, burst=10),
        "arrival": NOW,
        "closed_until": None,
        "requests": 5,
        "window_start": NOW,
        "last_request_at": NOW,
        "seen_at": NOW,
    }
    return RateLimit(**(facts | changes))  # type: ignore[arg-type]  # each has the type of its field


def test_a_limit_shows_what_is_left_and_when_it_is_whole_again() -> None:
    assert (a_limit().remaining, a_limit().resets_at) == (10, NOW)
    ahead = NOW + timedelta(seconds=3.5)
    assert (a_limit(arrival=ahead).remaining, a_limit(arrival=ahead).resets_at) == (6, ahead)
    assert a_limit(arrival=NOW + timedelta(seconds=12)).remaining == 0
    long_ago = a_limit(arrival=NOW - timedelta(days=1))
    assert (long_ago.remaining, long_ago.resets_at) == (10, NOW)


def test_a_closed_limit_has_nothing_left_until_it_opens() -> None:
    until = NOW + timedelta(minutes=1)
    assert (a_limit(closed_until=until).remaining, a_limit(closed_until=until).resets_at) == (0, until)
    assert a_limit(closed_until=until, seen_at=until).remaining == 10


def test_what_was_used_counts_until_its_period_is_over() -> None:
    assert a_limit(seen_at=NOW + timedelta(seconds=59)).used == 5
    assert a_limit(seen_at=NOW + timedelta(seconds=60)).used == 0
