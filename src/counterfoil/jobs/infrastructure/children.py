"""Child processes that run guarded jobs: kept warm between jobs, watched, and killed when they must be.

    worker thread ──job──→ child: handler ──outcome──→ worker thread
                  └─ watches: time, memory, death ─┘

A child ends by itself when its worker is gone, whatever it is doing just then.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import connection as waiting
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from queue import Empty, SimpleQueue

import psutil

from counterfoil.jobs.attempts import AttemptRunner
from counterfoil.jobs.domain import Completed, Failed, Failure, Job, Returned

WATCH_SECONDS = 0.25
_CONTEXT = get_context("forkserver")

RunnerFactory = Callable[[], AttemptRunner]
"""Builds the house inside a child. It crosses the process border: a function of a module, or a partial of one."""


class ChildPool:
    """Runs guarded jobs, each in a child process of its own, which serves job after job until it must be killed."""

    def __init__(self, factory: RunnerFactory) -> None:
        self._factory = factory
        self._idle: SimpleQueue[_Child] = SimpleQueue()
        self._all: set[_Child] = set()
        self._lock = threading.Lock()
        self._closed = False

    def run(self, job: Job) -> Completed | Failed | Returned | None:
        """Run the job and return how it ended; None if there is nothing to settle."""
        child = self._take()
        try:
            outcome = child.run(job)
        except _ChildDied as died:
            self._forget(child)
            if self._closed:
                return Returned()
            return Failed(failure=died.failure)
        self._idle.put(child)
        return outcome

    def warm_up(self) -> None:
        """Start one child ahead of the first job."""
        self._idle.put(self._take())

    def close(self) -> None:
        """Kill all children with what they run."""
        with self._lock:
            self._closed = True
            children = list(self._all)
        for child in children:
            child.kill()

    def _take(self) -> "_Child":
        with suppress(Empty):
            while True:
                child = self._idle.get_nowait()
                if child.process.is_alive():
                    return child
                self._forget(child)
        child = _Child.start(self._factory)
        with self._lock:
            self._all.add(child)
        return child

    def _forget(self, child: "_Child") -> None:
        child.kill()
        with self._lock:
            self._all.discard(child)


class _ChildDied(Exception):
    """The child is gone, or had to be killed, before it gave an outcome."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.failure = Failure(code=code, message=message)


@dataclass(eq=False, slots=True, kw_only=True)
class _Child:
    """One child process and the line to it."""

    process: ForkServerProcess
    line: Connection
    started: float = field(default_factory=time.monotonic)

    @classmethod
    def start(cls, factory: RunnerFactory) -> "_Child":
        _CONTEXT.set_forkserver_preload(["counterfoil.bootstrap"])
        ours, theirs = _CONTEXT.Pipe()
        process = _CONTEXT.Process(target=_serve, args=(theirs, factory), name="counterfoil-job", daemon=True)
        process.start()
        theirs.close()
        return cls(process=process, line=ours)

    def run(self, job: Job) -> Completed | Failed | None:
        """Hand the job over and wait for its outcome."""
        try:
            self.line.send(job)
            self._watch(job)
            outcome: Completed | Failed | None = self.line.recv()
        except (EOFError, OSError):
            raise _ChildDied("task_execution_failed", self._epitaph()) from None
        return outcome

    def _watch(self, job: Job) -> None:
        """Return when the child has something to say, or is gone; kill it when it takes too much time or memory."""
        deadline = time.monotonic() + job.timeout_seconds
        while not waiting.wait([self.line, self.process.sentinel], timeout=WATCH_SECONDS):
            if time.monotonic() > deadline:
                self.kill()
                raise _ChildDied("task_timeout", f"The job took longer than {job.timeout_seconds} s.")
            taken = self._memory_mb()
            if taken > job.memory_mb:
                self.kill()
                raise _ChildDied(
                    "task_memory_exceeded", f"The job took {taken:.0f} MB; {job.memory_mb} MB are allowed."
                )

    def _memory_mb(self) -> float:
        """Return the memory that the child and its descendants hold."""
        try:
            process = psutil.Process(self.process.pid)
            family = [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return 0.0
        resident = 0.0
        for one in family:
            with suppress(psutil.NoSuchProcess):
                resident += one.memory_info().rss
        return resident / 2**20

    def _epitaph(self) -> str:
        self.process.join(timeout=5)
        code = self.process.exitcode
        if code is not None and code < 0:
            return f"The process that ran the job was ended by {signal.Signals(-code).name}."
        return f"The process that ran the job ended by itself with code {code}."

    def kill(self) -> None:
        """End the child and everything that it started."""
        with suppress(ProcessLookupError, PermissionError):
            if self.process.pid:
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.join(timeout=5)
        self.line.close()


def _serve(line: Connection, factory: RunnerFactory) -> None:
    """Run jobs in a child until the worker hangs up."""
    os.setpgrp()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the worker's to handle
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    runner = factory()
    with suppress(EOFError, OSError):
        while True:
            job: Job = line.recv()
            line.send(runner.run(job))


def _end_with_parent() -> None:
    parent = parent_process()
    if parent:
        parent.join()
    os.killpg(0, signal.SIGKILL)
