"""Child processes that run guarded jobs: kept warm between jobs, watched, and killed when they must be.

    worker thread ──job──→ child: handler ──outcome──→ worker thread
                  └─ watches: time, memory, death ─┘

A child ends with its worker, whatever it is doing just then. It serves jobs of one memory limit only, and no other job
once one has left anything behind in it: another folder or locale, signal handlers, closed streams, processes.
"""

import ctypes
import fcntl
import locale
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection as waiting
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import TypeAlias

import psutil
import structlog

from counterfoil.jobs.attempts import AttemptRunner, Ended
from counterfoil.jobs.domain import Failure, Job, JobId
from counterfoil.jobs.moves import Failed, Returned

WATCH_SECONDS = 0.25
BIRTH_SECONDS = 60.0
STILLBIRTH_PAUSE_SECONDS = 5.0
FAREWELL_SECONDS = 2.0
FULL = 0.8
"""A child that holds this share of its limit after a job has no room for the next one."""

_CONTEXT = get_context("forkserver")
_BOOKS = threading.Lock()  # multiprocessing keeps its books of children without one
_PR_SET_CHILD_SUBREAPER = 36

RunnerFactory: TypeAlias = Callable[[], AttemptRunner]
"""Builds the house inside a child. It crosses the process border: a function of a module, or a partial of one."""

log = structlog.get_logger()


class ChildPool:
    """Runs guarded jobs, each in a child process of its own, which serves job after job until it must be killed."""

    def __init__(self, factory: RunnerFactory, *, preload: Sequence[str] = ()) -> None:
        """Take the factory, and the modules that children find imported already."""
        self._factory = factory
        self._preload = list(preload)
        self._lock = threading.Lock()
        self._idle: list[_Child] = []
        self._all: set[_Child] = set()
        self._closed = threading.Event()

    def run(self, job: Job) -> Ended | Returned:
        """Run the job and return how it ended."""
        while child := self._take(job.memory_mb):
            try:
                ended = child.run(job)
            except _NeverBegan:
                self._forget(child)
                continue
            except _Stillborn as stillborn:
                log.error("child_stillborn", reason=str(stillborn))  # noqa: TRY400 - the child has told the rest
                self._forget(child)
                self._closed.wait(STILLBIRTH_PAUSE_SECONDS)  # the job costs no attempt, so let it not come back at once
                return Returned()
            except _ChildDied as died:
                self._forget(child)
                if child.interrupted:
                    return None
                return Returned() if self._closed.is_set() else Failed(failure=died.failure)
            self._put_back(child)
            return ended
        return Returned()

    def warm_up(self) -> None:
        """Start one child ahead of the first job."""
        with self._lock:
            self._idle.append(self._start())

    def cancel(self, job: JobId) -> None:
        """Leave it to the handler to look up."""

    def interrupt(self) -> None:
        """Kill what runs, for others have it now; the pool stays open."""
        with self._lock:
            busy = self._all.difference(self._idle)
        for child in busy:
            child.interrupted = True
            child.kill()

    def close(self) -> None:
        """Kill all children with what they run, and let the idle ones go."""
        with self._lock:
            self._closed.set()
            resting, self._idle = self._idle, []
            busy = self._all.difference(resting)
        for child in busy:
            child.kill()
        for child in resting:
            child.hang_up()
        for child in resting:
            child.wait(FAREWELL_SECONDS)
            self._forget(child)

    def _take(self, memory_mb: int) -> "_Child | None":
        """Return an idle child that serves this memory limit, or a new one; None once the pool is closed."""
        with self._lock:
            if self._closed.is_set():
                return None
            fitting = [child for child in self._idle if child.memory_mb in (None, memory_mb)]
            child = fitting[-1] if fitting else None
            # A new child takes the place of one that serves another limit, so that there are no more than slots.
            gone = child or (self._idle[0] if self._idle else None)
            if gone:
                self._idle.remove(gone)
            if not child:
                child = self._start()
        if gone and gone is not child:
            gone.hang_up()
            gone.wait(FAREWELL_SECONDS)
            self._forget(gone)
        child.memory_mb = memory_mb
        return child

    def _start(self) -> "_Child":
        child = _Child.start(self._factory, self._preload)
        self._all.add(child)
        return child

    def _put_back(self, child: "_Child") -> None:
        fit = child.fit_for_more()
        with self._lock:
            if fit and not self._closed.is_set():
                self._idle.append(child)
                return
        self._forget(child)

    def _forget(self, child: "_Child") -> None:
        child.kill()
        child.hang_up()
        with self._lock:
            self._all.discard(child)


class _NeverBegan(Exception):
    """The child was gone before it could be given the job."""


class _Stillborn(Exception):
    """The child could not build the house."""


class _ChildDied(Exception):
    """The child is gone, or had to be killed, before it gave an outcome."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.failure = Failure(code=code, message=message)


@dataclass(eq=False, slots=True, kw_only=True)
class _Child:
    """One child process and the line to it. The line belongs to the thread that runs a job in it."""

    process: ForkServerProcess
    line: Connection
    memory_mb: int | None = None
    spoilt: bool = False
    interrupted: bool = False
    born: bool = False

    @classmethod
    def start(cls, factory: RunnerFactory, preload: Sequence[str]) -> "_Child":
        _CONTEXT.set_forkserver_preload(list(preload))
        ours, theirs = _CONTEXT.Pipe()
        # Not as a daemon: those may have no children, and handlers may need some.
        process = _CONTEXT.Process(target=_serve, args=(theirs, factory), name="counterfoil-job", daemon=False)
        with _BOOKS:
            process.start()
        theirs.close()
        return cls(process=process, line=ours)

    def run(self, job: Job) -> Ended:
        """Hand the job over and wait for its outcome."""
        if not self.born:
            self._await_birth()
        try:
            self.line.send(job)
        except OSError:
            raise _NeverBegan from None
        try:
            self._watch(job)
            ended: Ended
            ended, self.spoilt = self.line.recv()
        except (EOFError, OSError):
            raise _ChildDied("task_execution_failed", self._epitaph()) from None
        return ended

    def _await_birth(self) -> None:
        try:
            if not self._heard(BIRTH_SECONDS):
                raise _Stillborn("The process that was to run the job was not ready in time.")
            self.line.recv()
        except (EOFError, OSError):
            raise _Stillborn(self._epitaph()) from None
        self.born = True

    def _watch(self, job: Job) -> None:
        """Return when the child has something to say; kill it when it takes too much time or memory."""
        deadline = time.monotonic() + job.timeout_seconds
        while not self._heard(WATCH_SECONDS):
            if time.monotonic() > deadline:
                self.kill()
                raise _ChildDied("task_timeout", f"The job took longer than {job.timeout_seconds} s.")
            taken = self._taken_mb()
            if taken > job.memory_mb:
                self.kill()
                raise _ChildDied(
                    "task_memory_exceeded", f"The job took {taken:.0f} MB; {job.memory_mb} MB are allowed."
                )

    def _heard(self, seconds: float) -> bool:
        """Tell whether there is something on the line.

        Raises:
            EOFError: the child is gone. Its end of the line may still be held open by what it left behind.
        """
        ready = waiting.wait([self.line, self.process.sentinel], timeout=seconds)
        if ready and not self.line.poll():
            raise EOFError
        return bool(ready)

    def fit_for_more(self) -> bool:
        """Tell whether the next job would find the child as the first one did."""
        return not self.spoilt and not self._descendants() and self._taken_mb() < FULL * (self.memory_mb or 0)

    def _taken_mb(self) -> float:
        """Return the memory that the child and its descendants hold."""
        resident = 0.0
        for one in self._family():
            with suppress(psutil.Error):
                resident += one.memory_info().rss
        return resident / 2**20

    def _descendants(self) -> list[psutil.Process]:
        with suppress(psutil.Error):
            return psutil.Process(self.process.pid).children(recursive=True)
        return []

    def _family(self) -> list[psutil.Process]:
        with suppress(psutil.Error):
            return [psutil.Process(self.process.pid), *self._descendants()]
        return []

    def _epitaph(self) -> str:
        code = self.wait(FAREWELL_SECONDS)
        if code is None:
            return "The process that ran the job stopped answering."
        if code < 0:
            return f"The process that ran the job was ended by {signal.Signals(-code).name}."
        return f"The process that ran the job ended by itself with code {code}."

    def wait(self, seconds: float) -> int | None:
        """Wait for the end and return the exit code; None if it has not come by then."""
        waiting.wait([self.process.sentinel], timeout=seconds)
        with _BOOKS:
            return self.process.exitcode

    def hang_up(self) -> None:
        """Tell the child that there are no more jobs."""
        self.line.close()

    def kill(self) -> None:
        """End the child and everything that it started, wherever that has gone."""
        family = self._family()  # before it falls apart
        with suppress(ProcessLookupError, PermissionError):
            if self.process.pid:
                os.killpg(self.process.pid, signal.SIGKILL)
        for one in family:
            with suppress(psutil.Error):
                one.kill()
        self.wait(FAREWELL_SECONDS)


def _serve(line: Connection, factory: RunnerFactory) -> None:
    """Run jobs in a child until the worker hangs up."""
    os.setpgrp()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the worker's to handle
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _adopt_orphans()
    _end_with_worker()
    runner = factory()
    with suppress(EOFError, OSError):
        line.send("born")
        while True:
            job: Job = line.recv()
            before = _surroundings()
            ended = runner.run(job)
            line.send((ended, before is None or _surroundings() != before))


def _surroundings() -> tuple[object, ...] | None:
    """Return what a handler could change for the next one; None if not even that can be told any more."""
    try:
        streams = [(status.st_dev, status.st_ino) for status in map(os.fstat, range(3))]
        handlers = [signal.getsignal(number) for number in signal.valid_signals()]
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        return streams, handlers, blocked, Path.cwd(), locale.setlocale(locale.LC_ALL)
    except (OSError, ValueError):
        return None


def _adopt_orphans() -> None:
    """Become the parent of descendants whose own is gone, so that they can be found."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end_with_worker() -> None:
    """See to it that this process and those it started end when the worker is gone.

    On Linux the kernel does it, by a signal for the end of a pipe, also while C code holds the interpreter.
    """
    worker = parent_process()
    assert worker  # noqa: S101 - true of every process that another one started
    if sys.platform == "linux":
        fcntl.fcntl(worker.sentinel, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(worker.sentinel, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(worker.sentinel, fcntl.F_SETFL, os.O_ASYNC)

    def watch() -> None:
        worker.join()
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
