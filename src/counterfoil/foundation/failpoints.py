"""Places at which a test makes a process fail: named in the code, nothing unless FAILPOINTS says what happens there.

FAILPOINTS is a list such as `transaction.committing=kill*2, transaction.begun=sleep:0.5%10`: at each named place an
action, from which visit on it is done (`*2`: once, at the second), or for how many of a hundred visits (`%10`).
"""

import os
import random
import re
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from counterfoil.foundation.errors import CounterfoilError, InvalidInput

NAMES = (
    "transaction.begun",
    "transaction.committing",
    "transaction.committed",
    "job.claimed",  # committed, and not yet in the worker's hands
    "job.begun",
    "job.settling",  # written, and not yet committed
    "job.settled",  # committed, and not yet off the worker's hands
    "rescue.burying",
    "release.releasing",
    "schedule.firing",
    "model.recorded",  # committed, and the model not yet asked
    "model.answered",  # paid, and not yet written
    "plan.proposed",  # paid and written, and the plan not yet
)

_ENTRY = re.compile(
    r"(?P<name>[\w.]+)=(?P<action>exit|kill|raise|stop|sleep:(?P<seconds>\d+(\.\d+)?))"
    r"(\*(?P<visit>[1-9]\d*)|%(?P<percent>\d+(\.\d+)?))?"
)


class InjectedFault(CounterfoilError):
    """A fault that a test asked for."""

    code = "injected_fault"
    retry = True
    advice = "FAILPOINTS is set; it is meant for tests only."

    def __init__(self, name: str) -> None:
        super().__init__(f"A fault was injected at {name}.")


class UnknownFailpoint(InvalidInput):
    """FAILPOINTS names a place or an action that there is not."""

    code = "unknown_failpoint"
    advice = "Take FAILPOINTS out of the environment, or correct it."

    def __init__(self, entry: str) -> None:
        super().__init__(f"FAILPOINTS has {entry!r}, which is no known place with an action.")


@dataclass(slots=True, kw_only=True)
class _Armed:
    """What happens at one place; counts the visits of this process."""

    name: str
    action: str
    seconds: float
    visit: int
    percent: float
    visits: int = 0

    def pass_by(self) -> None:
        self.visits += 1
        if self.visit:
            if self.visits != self.visit:
                return
        elif random.random() * 100 >= self.percent:  # noqa: S311 - chance, not secrecy
            return
        self._fail()

    def _fail(self) -> None:
        match self.action:
            case "exit":
                os._exit(70)
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "stop":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "raise":
                raise InjectedFault(self.name)
            case _:
                time.sleep(self.seconds)


def _parse(wanted: str) -> Mapping[str, _Armed]:
    entries = [entry.strip() for entry in wanted.split(",") if entry.strip()]
    return {armed.name: armed for armed in map(_armed, entries)}


def _armed(entry: str) -> _Armed:
    found = _ENTRY.fullmatch(entry)
    if found is None or found["name"] not in NAMES:
        raise UnknownFailpoint(entry)
    return _Armed(
        name=found["name"],
        action=found["action"].partition(":")[0],
        seconds=float(found["seconds"] or 0),
        visit=int(found["visit"] or 0),
        percent=float(found["percent"] or 100),
    )


# Read when the process starts, so that a wrong name stops it there, and children have it from their environment.
_armed_points: Mapping[str, _Armed] = _parse(os.environ.get("FAILPOINTS", ""))


def failpoint(name: str) -> None:
    """Do what FAILPOINTS says about this place, which is nothing outside tests."""
    if (armed := _armed_points.get(name)) is not None:
        armed.pass_by()


@contextmanager
def armed(wanted: str) -> Iterator[None]:
    """Have faults in this process for a while, instead of those of the environment."""
    global _armed_points  # noqa: PLW0603 - a failpoint is reached from anywhere
    before, _armed_points = _armed_points, _parse(wanted)
    try:
        yield
    finally:
        _armed_points = before
