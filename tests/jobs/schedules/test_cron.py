"""When slots come: on plain days, where clocks are changed, in leap years; and what is no expression."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.jobs.schedules.cron import (
    NICKNAMES,
    InvalidCron,
    UnknownTimeZone,
    check_cron,
    check_zone,
    describe,
    next_runs,
    slots_after,
    slots_until,
)

MINUTE = timedelta(minutes=1)


def runs(cron: str, zone: str, after: str, number: int) -> list[str]:
    """Return the next slots as a clock in the zone shows them, with its distance from UTC."""
    start = datetime.fromisoformat(after).replace(tzinfo=ZoneInfo(zone))
    return [f"{slot.astimezone(ZoneInfo(zone)):%m-%d %H:%M %z}" for slot in next_runs(cron, zone, start, number)]


@pytest.mark.parametrize(
    ("zone", "evening", "expected"),
    [
        ("Europe/Berlin", "2026-03-28T12:00", ["03-29 03:00 +0200", "03-30 02:30 +0200"]),
        ("America/New_York", "2026-03-07T12:00", ["03-08 03:00 -0400", "03-09 02:30 -0400"]),
    ],
)
def test_a_slot_in_the_hour_left_out_comes_once_when_the_gap_ends(zone: str, evening: str, expected: list[str]) -> None:
    assert runs("30 2 * * *", zone, evening, 2) == expected


def test_many_slots_in_the_gap_come_as_one() -> None:
    expected = ["03-29 03:00 +0200", "03-30 02:00 +0200", "03-30 02:10 +0200"]
    assert runs("*/10 2 * * *", "Europe/Berlin", "2026-03-28T12:00", 3) == expected


@pytest.mark.parametrize(
    ("cron", "zone", "evening", "expected"),
    [
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", ["10-25 02:30 +0200", "10-26 02:30 +0100"]),
        ("30 1 * * *", "America/New_York", "2026-10-31T12:00", ["11-01 01:30 -0400", "11-02 01:30 -0500"]),
    ],
)
def test_a_slot_in_the_hour_that_comes_twice_comes_the_first_time(
    cron: str, zone: str, evening: str, expected: list[str]
) -> None:
    assert runs(cron, zone, evening, 2) == expected


def test_whoever_asks_in_the_second_pass_is_not_shown_the_first() -> None:
    in_second_pass = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # a clock in Berlin shows 02:10
    assert next_runs("30 2 * * *", "Europe/Berlin", in_second_pass, 1) == [datetime(2026, 10, 26, 1, 30, tzinfo=UTC)]


def test_whoever_looks_back_in_the_second_pass_sees_the_first_to_its_end() -> None:
    in_second_pass = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)
    latest = next(slots_until("45 2 * * *", "Europe/Berlin", in_second_pass))
    assert latest == datetime(2026, 10, 25, 0, 45, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("*/30 * * * *", ["01:30 +0200", "02:00 +0200", "02:30 +0200", "02:00 +0100", "02:30 +0100", "03:00 +0100"]),
        ("30 * * * *", ["01:30 +0200", "02:30 +0200", "02:30 +0100", "03:30 +0100", "04:30 +0100", "05:30 +0100"]),
        ("0 0-23 * * *", ["02:00 +0200", "02:00 +0100", "03:00 +0100", "04:00 +0100", "05:00 +0100", "06:00 +0100"]),
    ],
)
def test_what_runs_in_every_hour_runs_through_both_passes(cron: str, expected: list[str]) -> None:
    assert runs(cron, "Europe/Berlin", "2026-10-25T01:10", 6) == [f"10-25 {one}" for one in expected]


def test_what_runs_in_every_hour_jumps_with_the_clock() -> None:
    expected = ["03-29 01:45 +0100", "03-29 03:00 +0200", "03-29 03:15 +0200"]
    assert runs("*/15 * * * *", "Europe/Berlin", "2026-03-29T01:30", 3) == expected


def test_half_an_hour_is_left_out_and_comes_twice_on_lord_howe() -> None:
    zone = "Australia/Lord_Howe"
    assert runs("15 2 * * *", zone, "2026-10-03T12:00", 2) == ["10-04 02:30 +1100", "10-05 02:15 +1100"]
    assert runs("45 1 * * *", zone, "2026-04-04T12:00", 2) == ["04-05 01:45 +1100", "04-06 01:45 +1030"]
    expected = ["04-05 01:45 +1100", "04-05 01:30 +1030", "04-05 01:45 +1030", "04-05 02:00 +1030"]
    assert runs("*/15 * * * *", zone, "2026-04-05T01:30", 4) == expected
    assert runs("0 */2 * * *", zone, "2026-04-05T00:30", 2) == ["04-05 02:00 +1030", "04-05 04:00 +1030"]


def test_a_leap_day_waits_for_its_year() -> None:
    slots = next_runs("0 0 29 2 *", "UTC", datetime(2096, 1, 1, tzinfo=UTC), 2)
    assert [slot.year for slot in slots] == [2096, 2104]


def test_the_end_of_a_month_is_wherever_the_month_ends() -> None:
    slots = next_runs("0 0 L * *", "UTC", datetime(2028, 1, 1, tzinfo=UTC), 3)
    assert [(slot.month, slot.day) for slot in slots] == [(1, 31), (2, 29), (3, 31)]


@pytest.mark.parametrize(
    ("cron", "reason"),
    [
        ("0 0 30 2 *", "no such day-of-month"),
        ("0 0 31 2,4,6 *", "no such day-of-month"),
        ("0 0 */20 * 1L", "no date in the next fifty years"),
        ("60 * * * *", "no such minute"),
        ("0 24 * * *", "no such hour"),
        ("0 0 * 13 *", "no such month"),
        ("0 0 * * 8", "no such day-of-week"),
        ("*/0 * * * *", "no such minute"),
        ("* * * *", "five fields"),
        ("* * * * * *", "five fields"),
        ("*/5 * * * * *", "five fields"),
        ("", "five fields"),
        ("@reboot", "of words there are only"),
        ("@every 1s", "of words there are only"),
        ("9" * 5000 + " * * * *", "longer than"),
        ("a b c d e", "no such minute"),
    ],
)
def test_what_never_comes_or_comes_too_often_is_refused_with_the_reason(cron: str, reason: str) -> None:
    with pytest.raises(InvalidCron, match=f"^cron: .*{reason}") as refused:
        check_cron(cron)
    assert len(str(refused.value)) < 600


@pytest.mark.parametrize("name", NICKNAMES)
def test_a_nickname_says_what_its_expression_says(name: str) -> None:
    after = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    expected = next_runs(NICKNAMES[name], "Europe/Berlin", after, 3)
    assert next_runs(name.upper(), "Europe/Berlin", after, 3) == expected
    assert describe(name) == describe(NICKNAMES[name])


def test_an_expression_is_said_in_words() -> None:
    assert describe("30 6 * * MON-FRI") == "At 06:30 on Monday through Friday"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Berlin",
        "Europe",
        "Europe/Bielefeld",
        "../../etc/passwd",
        "/etc/localtime",
        "localtime",
        "right/UTC",
        "utc\0",
    ],
)
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(UnknownTimeZone, match=r"^time_zone: "):
        check_zone(name)


# The clocks of these zones are changed forward and back in these weeks; in two of the zones, never.
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana", "UTC", "Asia/Kathmandu")
WEEKS = [datetime(2026, *day, tzinfo=UTC) for day in ((3, 5), (3, 26), (4, 1), (10, 1), (10, 22), (10, 29), (6, 1))]


@dataclass(frozen=True)
class Fields:
    """The minutes, hours and weekdays of an expression."""

    minutes: Collection[int]
    hours: Collection[int]
    weekdays: Collection[int]

    @property
    def cron(self) -> str:
        minutes, hours, weekdays = map(written, (self.minutes, self.hours, self.weekdays))
        return f"{minutes} {hours} * * {weekdays}"

    def match(self, wall: datetime) -> bool:
        return wall.minute in self.minutes and wall.hour in self.hours and wall.isoweekday() % 7 in self.weekdays


def written(values: Collection[int]) -> str:
    return "*" if isinstance(values, range) else ",".join(map(str, values))


def numbers(below: int) -> st.SearchStrategy[Collection[int]]:
    return st.one_of(st.just(range(below)), st.sets(st.integers(0, below - 1), min_size=1, max_size=4))


FIELDS = st.builds(Fields, minutes=numbers(60), hours=numbers(24), weekdays=numbers(7))
MOMENTS = st.builds(
    lambda week, minutes, rest: week + timedelta(minutes=minutes, microseconds=rest),
    st.sampled_from(WEEKS),
    st.integers(0, 3 * 24 * 60),
    st.sampled_from([0, 0, 1, 30_000_000, 59_999_999]),
)


def scanned(fields: Fields, zone: ZoneInfo, after: datetime, until: datetime) -> Iterator[datetime]:
    """Look at a clock in the zone once a minute."""
    moment = after.replace(second=0, microsecond=0)
    before = moment.astimezone(zone)
    every_hour = len(fields.hours) == 24
    while (moment := moment + MINUTE) <= until:
        shown = moment.astimezone(zone)
        if every_hour:
            due = fields.match(shown)
        else:
            due = shown.fold == 0 and any(fields.match(wall) for wall in passed(before, shown))
        if due:
            yield moment
        before = shown


def passed(before: datetime, shown: datetime) -> Iterator[datetime]:
    """Return what the clock shows, and what it has left out since it was last looked at."""
    wall = shown.replace(tzinfo=None)
    yield wall
    while (wall := wall - MINUTE) > before.replace(tzinfo=None):
        yield wall


@settings(max_examples=30, deadline=None)
@given(fields=FIELDS, zone=st.sampled_from(ZONES), after=MOMENTS)
def test_the_slots_of_a_week_are_those_that_a_look_at_the_clock_each_minute_finds(
    fields: Fields, zone: str, after: datetime
) -> None:
    until = after + timedelta(days=7)
    expected = list(scanned(fields, ZoneInfo(zone), after, until))
    assert list(takewhile(lambda slot: slot <= until, slots_after(fields.cron, zone, after))) == expected
    assert list(takewhile(lambda slot: slot > after, slots_until(fields.cron, zone, until))) == expected[::-1]


@settings(max_examples=100, deadline=None)
@given(fields=FIELDS, zone=st.sampled_from(ZONES), after=MOMENTS)
def test_slots_lie_after_the_moment_and_each_after_the_one_before(fields: Fields, zone: str, after: datetime) -> None:
    slots: Sequence[datetime] = [after, *next_runs(fields.cron, zone, after, 20)]
    assert len(slots) == 21
    assert all(earlier < later for earlier, later in pairwise(slots))
    assert all(slot.utcoffset() == timedelta(0) for slot in slots)
    assert next_runs(fields.cron, zone, slots[10], 10) == slots[11:]
    assert list(islice(slots_until(fields.cron, zone, slots[-1]), 20)) == slots[:0:-1]


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="0123456789*/,-L#W MONTUESUN@", max_size=30))
def test_whatever_is_written_is_refused_or_understood(expression: str) -> None:
    try:
        check_cron(expression)
    except InvalidCron:
        return
    assert describe(expression)
    assert len(next_runs(expression, "Europe/Berlin", datetime(2026, 3, 1, tzinfo=UTC), 2)) == 2
