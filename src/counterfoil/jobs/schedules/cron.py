"""Cron expressions on the wall clock of a time zone: when their slots come, and what they say in words.

Where clocks are changed, an expression that names hours keeps to the clock on the wall: a slot in the hour that is left
out comes at the end of the gap, and a slot in the hour that comes twice comes the first time only. One that runs in
every hour keeps its rhythm instead: it has no slot in the gap, and runs through both passes of the hour.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import dropwhile, groupby, islice
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from counterfoil.foundation.errors import InvalidInput

NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
LONGEST = 200

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_EVERY_HOUR = set(range(24))
_ANY_TIME = datetime(2000, 1, 1)  # noqa: DTZ001 - a time on a wall, of no zone


class InvalidCron(InvalidInput):
    """A cron expression that says nothing, or a time that never comes."""

    code = "invalid_cron"
    advice = "Write minute, hour, day of month, month and day of week, as in 30 6 * * MON-FRI."

    def __init__(self, expression: str, reason: str) -> None:
        super().__init__(f"cron: {expression[:LONGEST]!r} cannot be used: {reason}.")


class UnknownTimeZone(InvalidInput):
    """A time zone that the IANA database does not have."""

    code = "unknown_time_zone"
    advice = "Use a name of the IANA database, as Europe/Berlin or UTC."

    def __init__(self, name: str) -> None:
        super().__init__(f"time_zone: there is no time zone {name[:100]!r}.")


def check_cron(expression: str) -> None:
    """Return if the expression has slots.

    Raises:
        InvalidCron: it has none, or is none.
    """
    if next(_walls(expression, _ANY_TIME, back=False), None) is None:
        raise InvalidCron(expression, "no date in the next fifty years matches it")


def check_zone(name: str) -> None:
    """Return if there is such a time zone.

    Raises:
        UnknownTimeZone: there is not.
    """
    _zone(name)


def describe(expression: str) -> str:
    """Return in words when the slots come.

    Raises:
        InvalidCron: it is no expression.
    """
    return _parsed(expression, _ANY_TIME, back=False).explain()


def next_runs(expression: str, zone: str, after: datetime, number: int) -> Sequence[datetime]:
    """Return the next slots after a moment, in UTC."""
    return list(islice(slots_after(expression, zone, after), number))


def slots_after(expression: str, zone_name: str, moment: datetime) -> Iterator[datetime]:
    """Return the slots later than the moment, in UTC, the next first."""
    zone = _zone(zone_name)
    start = _naive(moment) + min(_offset(moment, zone), _offset(moment + _DAY, zone))
    found = _moments(expression, zone, start, back=False)
    return _each_once(dropwhile(lambda slot: slot <= moment, found))


def slots_until(expression: str, zone_name: str, moment: datetime) -> Iterator[datetime]:
    """Return the slots up to the moment and at it, in UTC, the latest first."""
    zone = _zone(zone_name)
    start = _naive(moment) + max(_offset(moment, zone), _offset(moment - _DAY, zone))
    found = _moments(expression, zone, start + timedelta(seconds=1), back=True)
    return _each_once(dropwhile(lambda slot: slot > moment, found))


def _moments(expression: str, zone: ZoneInfo, start: datetime, *, back: bool) -> Iterator[datetime]:
    """Return when the clocks on the walls of a zone show what the expression says, in order."""
    if _parsed(expression, start, back=back).hours == _EVERY_HOUR:
        passes = (_shown(_walls(expression, start, back=back), zone, fold) for fold in (0, 1))
        return heapq.merge(*passes, reverse=back)
    return (_first(wall, zone) for wall in _walls(expression, start, back=back))


def _shown(walls: Iterable[datetime], zone: ZoneInfo, fold: int) -> Iterator[datetime]:
    """Return when a clock shows these times, in the first pass of an hour that comes twice or in the second."""
    for wall in walls:
        moment = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
        if _wall(moment, zone) == wall:
            yield moment


def _first(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the first moment at which a clock shows this time, or has jumped over it."""
    moment = wall.replace(tzinfo=zone).astimezone(UTC)
    while _wall(moment, zone) != wall:
        wall += _MINUTE
        moment = wall.replace(tzinfo=zone).astimezone(UTC)
    return moment


def _walls(expression: str, start: datetime, *, back: bool) -> Iterator[datetime]:
    """Return the times on a clock that is never changed."""
    return iter(_parsed(expression, start, back=back))


def _parsed(expression: str, start: datetime, *, back: bool) -> CronSim:
    written = NICKNAMES.get(expression.strip().lower(), expression)
    if len(written) > LONGEST:
        raise InvalidCron(expression, f"it is longer than {LONGEST} characters")
    if written.lstrip().startswith("@"):
        raise InvalidCron(expression, f"of words there are only {', '.join(NICKNAMES)}")
    if len(written.split()) != 5:
        raise InvalidCron(expression, "it needs five fields: minute, hour, day of month, month, day of week")
    try:
        return CronSim(written, start, reverse=back)
    except CronSimError as error:
        field = str(error).removeprefix("Bad ")
        raise InvalidCron(expression, f"there is no such {field}") from error


def _zone(name: str) -> ZoneInfo:
    # What else lies beside the zones has small letters: the machine's own zone, zones that count leap seconds, lists.
    if not name[:1].isupper():
        raise UnknownTimeZone(name)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise UnknownTimeZone(name) from error


def _each_once(slots: Iterable[datetime]) -> Iterator[datetime]:
    return (slot for slot, _ in groupby(slots))


def _wall(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None, microsecond=0)


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)
