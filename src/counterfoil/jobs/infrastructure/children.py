"""Child processes that run guarded jobs: kept warm between jobs, watched, and killed when they must be.

    worker thread ──job──→ child: handler ──outcome──→ worker thread
                  └─ supervisor watches: time, memory, cancellation, death ─┘

A child ends with its worker, whatever it is doing just then. It serves jobs of one memory limit only, and no other job
once one has left anything behind in it: another folder or locale, signal handlers, closed streams, processes; or was
asked to end. Nothing here rests on `multiprocessing`'s processes, which may not be had in a daemonic one: a pool works
in any process, also in the fork of one that has a pool, where it shares the supervisor and none of the children.
"""

import os
import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from uuid import uuid4
from weakref import WeakSet

import structlog

from counterfoil.jobs.attempts import Ended
from counterfoil.jobs.domain import Job, JobId
from counterfoil.jobs.infrastructure.guard.child import (
    FAREWELL_SECONDS,
    MARK,
    Child,
    ChildDied,
    NeverBegan,
    Stillborn,
)
from counterfoil.jobs.infrastructure.guard.reins import Command
from counterfoil.jobs.infrastructure.guard.serving import RunnerFactory
from counterfoil.jobs.moves import Returned

STILLBIRTH_PAUSE_SECONDS = 5.0
_START = (
    "import sys; sys.path[:] = sys.argv[2:]; from counterfoil.jobs.infrastructure.guard.supervisor import main; main()"
)

log = structlog.get_logger()


class ChildPool:
    """Runs guarded jobs, each in a child process of its own, which serves job after job until it must be killed."""

    def __init__(self, factory: RunnerFactory, *, preload: Sequence[str] = ()) -> None:
        """Take the factory, and the modules that children find imported already."""
        self._supervisor = _Supervisor(pickle.dumps((list(preload), pickle.dumps(factory))))
        self._lock = threading.Lock()
        self._idle: list[Child] = []
        self._all: set[Child] = set()
        self._running: dict[JobId, Child] = {}
        self._closed = threading.Event()
        _pools.add(self)

    def run(self, job: Job) -> Ended | Returned:
        """Run the job and return how it ended; as stopped if it was cancelled before it was done."""
        while child := self._take(job.memory_mb):
            try:
                with self._cancellable(job, child):
                    ended = child.run(job)
            except NeverBegan:
                self._forget(child)
                continue
            except Stillborn as stillborn:
                log.error("child_stillborn", reason=str(stillborn))  # noqa: TRY400 - the child has told the rest
                self._forget(child)
                self._closed.wait(STILLBIRTH_PAUSE_SECONDS)  # the job costs no attempt, so let it not come back at once
                return Returned()
            except ChildDied as died:
                self._forget(child)
                if child.interrupted:
                    return None
                return Returned() if self._closed.is_set() else died.outcome
            except Exception:
                self._forget(child)
                raise
            self._put_back(child)
            return ended
        return Returned()

    def cancel(self, job: JobId) -> bool:
        """Have the handler end by `Cancelled`, and kill it soon if it does not; tell whether the job runs here."""
        with self._lock:
            child = self._running.get(job)
            if child:
                child.command(Command.CANCEL)
        return child is not None

    def warm_up(self) -> None:
        """Start one child ahead of the first job."""
        with self._lock:
            self._idle.append(self._start())

    def interrupt(self) -> None:
        """Kill what runs, for others have it now; the pool stays open."""
        with self._lock:
            for child in self._all.difference(self._idle):
                child.interrupted = True
                child.command(Command.KILL)

    def close(self) -> None:
        """Kill all children with what they run, and let the idle ones go."""
        with self._lock:
            self._closed.set()
            resting, self._idle = self._idle, []
            for child in self._all.difference(resting):
                child.command(Command.KILL)
        for child in resting:
            child.hang_up()
        for child in resting:
            child.await_word()
            self._forget(child)
        self._supervisor.close()

    def leave_to_parent(self) -> None:
        """Start over without the children: they belong to the process that we are a fork of."""
        for child in self._all:
            child.let_go()
        self._idle, self._all, self._running = [], set(), {}
        closed = self._closed.is_set()
        self._lock, self._closed = threading.Lock(), threading.Event()  # threads that are not here may hold the old
        if closed:
            self._closed.set()
        self._supervisor.leave_to_parent()

    @contextmanager
    def _cancellable(self, job: Job, child: Child) -> Iterator[None]:
        with self._lock:
            self._running[job.id] = child
        try:
            yield
        finally:
            with self._lock:
                if self._running.get(job.id) is child:  # and not one that has taken the job over
                    del self._running[job.id]

    def _take(self, memory_mb: int) -> Child | None:
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
            gone.await_word()
            self._forget(gone)
        child.memory_mb = memory_mb
        return child

    def _start(self) -> Child:
        child = self._supervisor.bear()
        self._all.add(child)
        return child

    def _put_back(self, child: Child) -> None:
        fit = child.finish()
        with self._lock:
            if fit and not child.interrupted and not self._closed.is_set():
                self._idle.append(child)
                return
        self._forget(child)

    def _forget(self, child: Child) -> None:
        child.let_go()
        with self._lock:
            self._all.discard(child)


_pools: WeakSet[ChildPool] = WeakSet()


def _leave_to_parent() -> None:
    for pool in _pools:
        pool.leave_to_parent()


os.register_at_fork(after_in_child=_leave_to_parent)


class _Supervisor:
    """The way to the supervisor, which is started when it is first needed and again when it is gone."""

    def __init__(self, plan: bytes) -> None:
        self._plan = plan
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._mark = ""

    def bear(self) -> Child:
        """Have a child born. It is not ready yet, and may never be."""
        line, childs_line = socket.socketpair()
        reins, supervisors_reins = socket.socketpair()
        with childs_line, supervisors_reins, self._lock:
            handles = [childs_line.fileno(), supervisors_reins.fileno()]
            try:
                socket.send_fds(self._running(), [b"\0"], handles)
            except ConnectionError:  # it was killed since we used it last
                self._stop()
                socket.send_fds(self._running(), [b"\0"], handles)
            return Child(line=Connection(line.detach()), reins=reins, mark=self._mark)

    def _running(self) -> socket.socket:
        if not self._control:
            self._control = self._start()
        return self._control

    def _start(self) -> socket.socket:
        self._mark = str(uuid4())
        control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own module by our own interpreter
                [sys.executable, "-P", "-c", _START, str(theirs.fileno()), *sys.path],
                pass_fds=[theirs.fileno()],
                env=os.environ | {MARK: self._mark},
                stdin=subprocess.PIPE,
                start_new_session=True,
            )
        with suppress(BrokenPipeError), self._process.stdin as stdin:  # type: ignore[union-attr]  # it is a pipe
            stdin.write(self._plan)
        return control

    def _stop(self) -> None:
        if self._control:
            self._control.close()
        if self._process:
            try:
                self._process.wait(FAREWELL_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._control = self._process = None

    def close(self) -> None:
        """End the supervisor and with it all children."""
        with self._lock:
            self._stop()

    def leave_to_parent(self) -> None:
        """Go on using the supervisor, but leave its end to the process that started it: we are its fork."""
        self._lock = threading.Lock()
        if self._process:
            self._process.returncode = 0
        self._process = None
