"""What both ways of telling workers through Redis share: bands of priority, a sender, and what is lost."""

import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from enum import StrEnum

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from counterfoil.jobs.domain import Call
from counterfoil.jobs.errors import RedisUnavailable

PATIENCE_SECONDS = 2.0
MOST_UNSENT = 200_000
AT_ONCE = 500
CROWD = 2_000
"""Where more bells than this hang already, workers have enough to do, and no lost one is looked for."""

log = structlog.get_logger()


class Band(StrEnum):
    """Priorities that a broker can tell apart, the most urgent first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @classmethod
    def of(cls, priority: int) -> "Band":
        """Return where a priority from 0 to 10 belongs."""
        floors = {cls.CRITICAL: 9, cls.HIGH: 6, cls.MEDIUM: 3}
        return next((band for band, floor in floors.items() if priority >= floor), cls.LOW)


def connect(url: str) -> "Redis":
    """Return a client that gives up soon rather than keep its caller waiting."""
    return Redis.from_url(
        url,
        socket_timeout=PATIENCE_SECONDS,
        socket_connect_timeout=PATIENCE_SECONDS,
        health_check_interval=15,
        retry=Retry(NoBackoff(), 1),  # once: the pooled connection may be one that Redis has closed
    )


def ping(redis: "Redis") -> None:
    """Return if Redis answers.

    Raises:
        RedisUnavailable: it does not.
    """
    try:
        redis.ping()
    except RedisError as error:
        raise RedisUnavailable from error


class Sender:
    """Sends calls in a thread of its own, which ends when there is nothing more to send.

    The thread is no daemon: a short command that made a job does not end before the bell is rung, or has failed to.
    What cannot be sent is forgotten, for the job's row is there and upkeep rings again.
    """

    def __init__(self, send: Callable[[Sequence[Call]], None]) -> None:
        """Take what sends a few calls, or raises RedisUnavailable."""
        self._send = send
        self._lock = threading.Lock()
        self._unsent: deque[Call] = deque(maxlen=MOST_UNSENT)
        self._busy = False

    def put(self, calls: Sequence[Call]) -> None:
        """Send these calls soon."""
        with self._lock:
            self._unsent.extend(calls)
            if self._busy or not calls:
                return
            self._busy = True
        threading.Thread(target=self._run, name="sender", daemon=False).start()

    def _run(self) -> None:
        while calls := self._next():
            try:
                self._send(calls)
            except RedisUnavailable as error:
                forgotten = self._forget()
                log.warning("bell_not_rung", jobs=len(calls) + forgotten, error=repr(error.__cause__))
            except Exception:
                log.exception("bell_broken", jobs=len(calls))

    def _next(self) -> Sequence[Call]:
        with self._lock:
            calls = [self._unsent.popleft() for _ in range(min(AT_ONCE, len(self._unsent)))]
            self._busy = bool(calls)
            return list({call.job: call for call in calls}.values())

    def _forget(self) -> int:
        with self._lock:
            forgotten = len(self._unsent)
            self._unsent.clear()
            return forgotten


def lost(redis: "Redis", lists: Mapping[str, Sequence[Call]], ids: Callable[[bytes], Collection[str]]) -> list[Call]:
    """Return those of the calls whose bell does not hang in the list that it belongs to.

    `ids` says what jobs an entry of a list may be for. Of a crowded list nothing is said to be lost.

    Raises:
        RedisUnavailable: Redis does not answer.
    """
    try:
        with redis.pipeline(transaction=False) as pipeline:
            for name in lists:
                pipeline.lrange(name, 0, CROWD)
            held = pipeline.execute()
    except RedisError as error:
        raise RedisUnavailable from error
    found: list[Call] = []
    for calls, entries in zip(lists.values(), held, strict=True):
        if len(entries) <= CROWD:
            there = {one for entry in entries for one in ids(entry)}
            found += [call for call in calls if str(call.job) not in there]
    return found
