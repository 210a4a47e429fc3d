"""The life of a child: it builds the house and runs job after job, until the worker hangs up."""

import locale
import os
import pickle
import resource
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import TypeAlias

from counterfoil.foundation.errors import Cancelled, CounterfoilError, TimedOut
from counterfoil.jobs.attempts import AttemptRunner, Ended, failure_of
from counterfoil.jobs.domain import Job
from counterfoil.jobs.infrastructure.guard.reins import CANCELLED, TIME_IS_UP
from counterfoil.jobs.moves import Failed, Stopped

RunnerFactory: TypeAlias = Callable[[], AttemptRunner]
"""Builds the house inside a child. It crosses the process border: a function of a module, or a partial of one."""

BACKSTOP = 4
"""A child may ask for so many times what its jobs may hold; what it uses of it is watched from without."""

_ASKING = (TIME_IS_UP, CANCELLED)
_NOT_OURS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_forking = threading.local()


def serve(handle: int, pickled_factory: bytes) -> None:
    """Say that we are there, then take jobs from the line and give outcomes."""
    alarm = Alarm()
    _listen_to(alarm)
    factory: RunnerFactory = pickle.loads(pickled_factory)  # noqa: S301 - from the worker
    runner = factory()
    limited = False
    with Connection(handle) as line, suppress(EOFError, OSError):
        line.send("born")
        while True:
            job: Job = line.recv()
            if not limited:
                _limit(job.memory_mb)  # once: a child serves jobs of one limit only
                limited = True
            before = _surroundings()
            ended = run(runner, job, alarm)
            line.send((ended, before is None or _surroundings() != before))


class Alarm:
    """Raises an error in the handler, in the main thread, when a signal says that it is to end."""

    def __init__(self) -> None:
        self.rung: type[CounterfoilError] | None = None
        self._job: Job | None = None

    def ring(self, number: int, _: FrameType | None) -> None:
        """Take the signal. One that comes before the job is kept for it: no child serves another job after a signal."""
        self.rung = Cancelled if number == CANCELLED else TimedOut
        self._sound()

    def arm(self, job: Job) -> None:
        self._job = job
        self._sound()

    def disarm(self) -> None:
        self._job = None

    def _sound(self) -> None:
        if self.rung and self._job:
            seconds, self._job = self._job.timeout_seconds, None
            late = f"The job had nearly used the {seconds} s it was given, and was asked to end."
            raise self.rung("The job was cancelled while it ran." if self.rung is Cancelled else late)


def run(runner: AttemptRunner, job: Job, alarm: Alarm) -> Ended:
    """Run the job; if it fails after the alarm, that is the reason, whatever the handler made of it."""
    ended: Ended
    try:
        alarm.arm(job)
        ended = runner.run(job)
        alarm.disarm()
    except CounterfoilError as error:  # the alarm came before the handler began, or after it was done
        ended = Failed(failure=failure_of(error, error.code))
    if alarm.rung is Cancelled and isinstance(ended, Failed):
        return Stopped()
    if alarm.rung and isinstance(ended, Failed):
        return replace(ended, failure=replace(ended.failure, code=alarm.rung.code), retry=alarm.rung.retry)
    return ended


def _listen_to(alarm: Alarm) -> None:
    """Be told when to end by the supervisor alone; what a service manager tells all processes, the worker acts on.

    Processes that a handler forks are told as any other is, from their first moment: until they are, signals wait.
    """
    for number in _ASKING:
        signal.signal(number, alarm.ring)
    for number in _NOT_OURS:
        signal.signal(number, _ignore)  # and not SIG_IGN, which programs that a handler starts would inherit
    os.register_at_fork(before=_hold_signals, after_in_parent=_let_signals_come, after_in_child=_listen_as_any_process)


def _ignore(_number: int, _frame: FrameType | None) -> None: ...


def _hold_signals() -> None:
    _forking.mask = signal.pthread_sigmask(signal.SIG_BLOCK, {*_ASKING, *_NOT_OURS})


def _let_signals_come() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _forking.mask)


def _listen_as_any_process() -> None:
    for number in (*_ASKING, *_NOT_OURS):
        signal.signal(number, signal.SIG_DFL)
    _let_signals_come()


def _limit(memory_mb: int) -> None:
    """Refuse memory far beyond what the job may hold, should it be asked for faster than anybody can watch."""
    most = BACKSTOP * memory_mb << 20
    with suppress(ValueError):  # somebody allows even less
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _surroundings() -> tuple[object, ...] | None:
    """Return what a handler could change for the next one; None if not even that can be told any more."""
    try:
        streams = [(status.st_dev, status.st_ino) for status in map(os.fstat, range(3))]
        handlers = [signal.getsignal(number) for number in signal.valid_signals()]
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        return streams, handlers, blocked, Path.cwd(), locale.setlocale(locale.LC_ALL)
    except (OSError, ValueError):
        return None
