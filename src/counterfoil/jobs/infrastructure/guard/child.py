"""One child process as the worker knows it: the line to it, its reins, and how it ended."""

import os
import selectors
import signal
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, assert_never

import psutil

from counterfoil.foundation.errors import ExecutionFailed, TimedOut
from counterfoil.jobs.attempts import Ended
from counterfoil.jobs.domain import Failure, Job
from counterfoil.jobs.infrastructure.guard.reins import COMMAND, NEWS, Command, News
from counterfoil.jobs.moves import Failed, Stopped

MARK = "COUNTERFOIL_SUPERVISOR"
"""The variable by which all that a supervisor bore is known."""
BIRTH_SECONDS = 60.0
FAREWELL_SECONDS = 30.0
"""Longer than the supervisor needs to end a child on a busy machine; then it is taken for gone."""


class NeverBegan(Exception):
    """The child was gone before it took the job."""


class Stillborn(Exception):
    """The child could not build the house."""


class ChildDied(Exception):
    """The child is gone, or had to be killed, before it gave an outcome."""

    def __init__(self, outcome: Failed | Stopped) -> None:
        super().__init__(outcome)
        self.outcome = outcome


@dataclass(eq=False, slots=True, kw_only=True)
class Child:
    """One child process, the line to it and its reins. The line belongs to the thread that runs a job in it."""

    line: Connection
    reins: socket.socket
    mark: str
    memory_mb: int | None = None
    born: bool = False
    spoilt: bool = False
    interrupted: bool = False
    _ears: selectors.BaseSelector = field(default_factory=selectors.PollSelector)

    def __post_init__(self) -> None:
        self.reins.settimeout(FAREWELL_SECONDS)
        for end in (self.line, self.reins):
            self._ears.register(end, selectors.EVENT_READ)

    def run(self, job: Job) -> Ended:
        """Hand the job over and wait for its outcome."""
        if not self.born:
            self._await_birth()
        try:
            self.reins.sendall(COMMAND.pack(Command.BEGIN, job.timeout_seconds, job.memory_mb))
            self.line.send(job)
            said = self._hear(job.timeout_seconds + FAREWELL_SECONDS)
        except OSError:
            raise NeverBegan from None
        if not said:
            raise _died(job, self.await_word())
        ended: Ended
        ended, self.spoilt = said
        return ended

    def _await_birth(self) -> None:
        if not self._hear(BIRTH_SECONDS):
            late = not self._ears.select(0)
            news = None if late else self.await_word()
            raise Stillborn(_epitaph(news[1]) if news else "The process that was to run the job was not ready in time.")
        self.born = True

    def _hear(self, seconds: float) -> Any:
        """Return what the child says, or None if it says nothing more."""
        if self.line in {key.fileobj for key, _ in self._ears.select(seconds)}:
            try:
                return self.line.recv()
            except ConnectionResetError:  # the child was gone before it read what we sent
                raise
            except Exception:  # noqa: BLE001 - a handler may have closed it, or written into it
                self.command(Command.KILL)
        return None

    def await_word(self) -> tuple[News, int, float] | None:
        """Return what the supervisor says, in most cases how the child ended.

        None if it is gone or deaf. Nothing that it bore is left then.
        """
        with suppress(OSError):
            said = self.reins.recv(NEWS.size, socket.MSG_WAITALL)
            if len(said) == NEWS.size:
                number, status, megabytes = NEWS.unpack(said)
                return News(number), status, megabytes
        self._end_by_hand()
        return None

    def _end_by_hand(self) -> None:
        """End whatever has the mark that the supervisor gave to all that it bore, and itself has."""
        for one in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if one.environ().get(MARK) == self.mark and one.pid != os.getpid():
                    one.kill()

    def finish(self) -> bool:
        """Tell whether the next job would find the child as the first one did. If not, it is gone, with all it left."""
        self.command(Command.KILL if self.spoilt else Command.END)
        news = self.await_word()
        return news is not None and news[0] is News.FIT

    def command(self, command: Command) -> None:
        """Tell the supervisor what is to become of the child; from any thread."""
        with suppress(OSError):  # it is gone already
            self.reins.sendall(COMMAND.pack(command, 0, 0))

    def hang_up(self) -> None:
        """Tell the child that there are no more jobs."""
        self._ears.unregister(self.line)
        self.line.close()

    def let_go(self) -> None:
        """Close our ends; the supervisor ends what is left."""
        self._ears.close()
        self.line.close()
        self.reins.close()


def _died(job: Job, news: tuple[News, int, float] | None) -> ChildDied:
    if not news:
        return _failed(ExecutionFailed.code, "The process that watched over the job is gone.")
    kind, status, megabytes = news
    match kind:
        case News.OVERSTAYED:
            return _failed(TimedOut.code, f"The job took longer than {job.timeout_seconds} s.")
        case News.OVERWEIGHT:
            message = f"The job took {megabytes:.0f} MB; {job.memory_mb} MB are allowed."
            return _failed("task_memory_exceeded", message)
        case News.CANCELLED:
            return ChildDied(Stopped())
        case News.ENDED | News.FIT:
            return _failed(ExecutionFailed.code, _epitaph(status))
        case _:
            assert_never(kind)


def _failed(code: str, message: str) -> ChildDied:
    return ChildDied(Failed(failure=Failure(code=code, message=message)))


def _epitaph(status: int) -> str:
    if status < 0:
        names = {one.value: one.name for one in signal.Signals}
        return f"The process that ran the job was ended by {names.get(-status, f'signal {-status}')}."
    return f"The process that ran the job ended by itself with code {status}."
