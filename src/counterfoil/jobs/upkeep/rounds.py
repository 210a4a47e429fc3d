"""Upkeep goes its rounds: each duty in its time, and those that may be rung for at once."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from counterfoil.foundation.database import DatabaseUnavailable
from counterfoil.jobs.protocols import Bell, Turns

MOST_IN_A_ROW = 100

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """Something to be done again and again. `work` returns how much it has done; while it has, it is called again."""

    name: str
    every: timedelta
    work: Callable[[], int]
    when_rung: bool = False
    """Do it at once when the bell rings."""


@dataclass(slots=True, kw_only=True)
class Upkeep:
    """Does duties in a thread of its own, so that no worker waits for them."""

    duties: Sequence[Duty]
    bell: Bell
    turns: Turns
    poll: timedelta
    monotonic: Callable[[], float] = time.monotonic
    _stopping: threading.Event = field(default_factory=threading.Event, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)
    _next: dict[timedelta, float] = field(default_factory=dict, init=False)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self.bell.ring()
        if self._thread:
            self._thread.join()

    def tick(self) -> None:
        """Do what is due, if it is this process's turn. Duties of one pace share a turn."""
        now = self.monotonic()
        for pace in sorted({duty.every for duty in self.duties}):
            if self._next.get(pace, 0.0) <= now:
                self._next[pace] = now + pace.total_seconds()
                self._take_turn(pace)

    def _take_turn(self, pace: timedelta) -> None:
        try:
            mine = self.turns.mine(f"every {pace}", pace)
        except DatabaseUnavailable as error:
            log.warning("upkeep_put_off", error=repr(error.__cause__))
            return
        for duty in self.duties:
            if mine and duty.every == pace:
                self._do(duty)

    def _do(self, duty: Duty) -> None:
        try:
            for _ in range(MOST_IN_A_ROW):
                if not duty.work() or self._stopping.is_set():
                    return
        except DatabaseUnavailable as error:
            log.warning("duty_put_off", duty=duty.name, error=repr(error.__cause__))
        except Exception:
            log.exception("duty_failed", duty=duty.name)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.tick()
            # Processes that started together would otherwise look together for ever.
            if self.bell.wait(self.poll.total_seconds() * random.uniform(0.75, 1.25)):  # noqa: S311 - no secret
                for duty in self.duties:
                    if duty.when_rung:
                        self._do(duty)
