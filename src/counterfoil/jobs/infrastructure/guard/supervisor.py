"""Watches over children: it ends them when they take too long or too much, and with all that they have started.

It hears from the worker over `control`: a byte and two handles for each child that is to be born, the child's end of
the line and our end of the reins. When nobody holds the other end of `control`, it ends everything and itself.

    born ──BEGIN──→ at work ──END──→ fit for more, or ended
                       └─ late, heavy, cancelled, dead, not wanted any more ─→ dying ─→ gone: the worker is told how

A child is gone once nothing that it started is left. What leaves its group, session and parent is found again: the
kernel gives orphans to the child while that lives, and then to us, who have no children of our own but the template.
"""

import gc
import os
import pickle
import selectors
import signal
import socket
import sys
import time
import traceback
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

from counterfoil.jobs.infrastructure.guard import families
from counterfoil.jobs.infrastructure.guard.reins import CANCELLED, COMMAND, NEWS, TIME_IS_UP, Command, News
from counterfoil.jobs.infrastructure.guard.template import TOLD, Template, adopt_orphans, end_with, wake_on_signals

WATCH_SECONDS = 0.02  # the quickest job touches some 100 MB in this time
SOFT = 0.9
"""The share of its time after which a handler is asked to end."""
CANCEL_GRACE_SECONDS = 5.0
FULL = 0.8
"""A child that holds this share of its limit after a job has no room for the next one."""
BURIAL_SECONDS = 2.0  # the kernel may hold a killed process for as long as its disk does not answer
_BURIAL_WATCH_SECONDS = 0.002
_FOR_EVER = float("inf")


@dataclass(slots=True, kw_only=True, eq=False)
class _Child:
    """A child and what its job may still take."""

    pid: int
    reins: socket.socket
    at_work: bool = False
    limit_mb: float = _FOR_EVER
    asked_at: float = _FOR_EVER
    """When the handler is asked to end."""
    deadline: float = _FOR_EVER
    dying: bool = False
    fate: tuple[News, float] | None = None
    """What it was killed for, and with how many megabytes."""
    asked: bool = False
    cancelled: bool = False
    status: int | None = None
    """How the process ended."""
    died_at: float = _FOR_EVER


class Supervisor:
    """Bears, watches and ends children for the worker at the other end of `control`."""

    def __init__(self, control: socket.socket, modules: list[str], factory: bytes) -> None:
        self._control = control
        self._modules = modules
        self._factory = factory
        self._pid = os.getpid()
        self._template: int | None = None
        self._channel: socket.socket | None = None
        self._unborn: deque[socket.socket] = deque()
        self._children: dict[int, _Child] = {}
        self._abandoned = False
        self._selector = selectors.DefaultSelector()
        self._next_watch = 0.0

    def serve(self) -> None:
        """Work until nobody holds the other end of `control`; nothing that was started here is left then."""
        self._bell, self._ringer = wake_on_signals()
        self._selector.register(self._bell, selectors.EVENT_READ, partial(self._bell.recv, 1 << 10))
        self._selector.register(self._control, selectors.EVENT_READ, self._bear)
        self._start_template()
        while not self._abandoned:
            for key, _ in self._selector.select(self._patience()):
                key.data()
            self._reap()
            self._watch()
            self._bury(strangers=self._end_strangers())
        self._end_everything()

    def _patience(self) -> float | None:
        """Return the seconds until something is to be done without being asked."""
        if any(child.status is not None for child in self._children.values()):
            return _BURIAL_WATCH_SECONDS
        return WATCH_SECONDS if any(child.at_work or child.dying for child in self._children.values()) else None

    # --- birth ---

    def _start_template(self) -> None:
        self._channel, theirs = socket.socketpair()
        pid = os.fork()
        if not pid:
            self._become_template(theirs)
        theirs.close()
        self._template = pid
        self._selector.register(self._channel, selectors.EVENT_READ, self._hear_from_template)

    def _become_template(self, channel: socket.socket) -> NoReturn:
        try:
            end_with(self._pid)
            self._selector.close()
            for end in (self._control, self._channel, self._bell, self._ringer, *self._all_reins()):
                if end:
                    end.close()
            template = Template(channel, self._factory)
            template.load(self._modules)
            template.serve()
        except BaseException:  # noqa: BLE001 - nothing of the template may return into our loop
            traceback.print_exc()
        finally:
            os._exit(0)

    def _all_reins(self) -> list[socket.socket]:
        return [*self._unborn, *(child.reins for child in self._children.values())]

    def _bear(self) -> None:
        asked, handles, _, _ = socket.recv_fds(self._control, 1, 2)
        if not asked:
            self._abandoned = True
            return
        line, reins = handles
        self._unborn.append(socket.socket(fileno=reins))
        if not self._channel:
            self._start_template()
        with suppress(OSError):  # a template that is gone is noticed by its end
            if self._channel:
                socket.send_fds(self._channel, [b"\0"], [line])
        os.close(line)

    def _hear_from_template(self) -> None:
        assert self._channel  # noqa: S101 - it is what was heard from
        told = self._channel.recv(TOLD.size, socket.MSG_WAITALL)
        if not told:
            self._forget_template()
            return
        born, pid, status = TOLD.unpack(told)
        if born:
            self._take_in(pid)
        elif child := self._children.get(pid):
            self._note_end(child, status)

    def _take_in(self, pid: int) -> None:
        child = _Child(pid=pid, reins=self._unborn.popleft())
        self._children[pid] = child
        child.reins.setblocking(False)
        self._selector.register(child.reins, selectors.EVENT_READ, partial(self._obey, child))

    def _forget_template(self) -> None:
        """Give up the template, and with it what it bore or was to bear: nobody tells us any more how they end."""
        if self._channel:
            self._selector.unregister(self._channel)
            self._channel.close()
        if self._template:
            families.kill([self._template])
        self._channel = self._template = None
        for child in self._children.values():
            families.kill(families.family_of(child.pid))
            self._note_end(child, -signal.SIGKILL)
        while self._unborn:
            with self._unborn.popleft() as reins:
                self._tell(reins, News.ENDED, 1)

    # --- life ---

    def _obey(self, child: _Child) -> None:
        try:
            said = child.reins.recv(COMMAND.size)
        except OSError:
            said = b""
        if not said:
            self._selector.unregister(child.reins)
            self._kill(child)
            return
        command, seconds, megabytes = COMMAND.unpack(said)
        match command:
            case Command.BEGIN:
                self._begin(child, seconds, megabytes)
            case Command.END:
                self._end(child)
            case Command.CANCEL:
                self._cancel(child)
            case _:
                self._kill(child)

    def _begin(self, child: _Child, seconds: float, megabytes: float) -> None:
        now = time.monotonic()
        child.at_work, child.limit_mb = True, megabytes
        child.asked_at, child.deadline = now + SOFT * seconds, now + seconds
        if child.cancelled:
            self._cancel(child)

    def _end(self, child: _Child) -> None:
        """Let the child rest if the next job would find it as this one did; else end it."""
        child.at_work, child.asked_at, child.deadline = False, _FOR_EVER, _FOR_EVER
        family = families.family_of(child.pid)
        fit = len(family) == 1 and families.memory_mb(family, child.limit_mb) < FULL * child.limit_mb
        if fit and not child.asked and not child.dying:
            self._tell(child.reins, News.FIT)
        else:
            self._kill(child)

    def _cancel(self, child: _Child) -> None:
        """Ask the handler to end, as soon as there is one, and give it a while."""
        child.cancelled = True
        if child.at_work:
            child.deadline = min(child.deadline, time.monotonic() + CANCEL_GRACE_SECONDS)
            self._ask(child, CANCELLED)

    def _ask(self, child: _Child, number: int) -> None:
        child.asked, child.asked_at = True, _FOR_EVER
        with suppress(ProcessLookupError):
            os.kill(child.pid, number)

    def _watch(self) -> None:
        now = time.monotonic()
        if now < self._next_watch:
            return
        self._next_watch = now + WATCH_SECONDS
        for child in self._children.values():
            if child.status is not None:
                continue
            if child.dying:
                families.kill(families.family_of(child.pid))  # again, for it may have forked while it was killed
            elif child.at_work:
                self._look_at(child, now)

    def _look_at(self, child: _Child, now: float) -> None:
        megabytes = families.memory_mb(families.family_of(child.pid), child.limit_mb)
        if megabytes > child.limit_mb:
            self._kill(child, (News.OVERWEIGHT, megabytes))
        elif now >= child.deadline:
            self._kill(child, (News.CANCELLED if child.cancelled else News.OVERSTAYED, 0))
        elif now >= child.asked_at:
            self._ask(child, TIME_IS_UP)

    # --- death ---

    @staticmethod
    def _kill(child: _Child, fate: tuple[News, float] | None = None) -> None:
        child.dying, child.fate = True, child.fate or fate
        if child.status is None:
            families.kill(families.family_of(child.pid))

    @staticmethod
    def _note_end(child: _Child, status: int) -> None:
        if child.status is None:
            child.status, child.died_at = status, time.monotonic()

    def _reap(self) -> None:
        """Bury what is dead of our own children: the template, and strangers."""
        with suppress(ChildProcessError):
            while pid := os.waitpid(-1, os.WNOHANG)[0]:
                if pid == self._template:
                    self._template = None
                    self._forget_template()

    def _end_strangers(self) -> bool:
        """End what dead children have left behind; tell whether there was anything."""
        strangers = [pid for pid in families.children_of(self._pid) if pid != self._template]
        for pid in strangers:
            families.kill(families.family_of(pid))
        return bool(strangers)

    def _bury(self, *, strangers: bool) -> None:
        """Tell how children ended, once there is nothing left of them."""
        now = time.monotonic()
        for child in list(self._children.values()):
            if child.status is None or (strangers and now < child.died_at + BURIAL_SECONDS):
                continue
            news, megabytes = child.fate or (_asked_to(child.status, cancelled=child.cancelled), 0)
            self._tell(child.reins, news, child.status, megabytes)
            with suppress(KeyError):
                self._selector.unregister(child.reins)
            child.reins.close()
            del self._children[child.pid]

    @staticmethod
    def _tell(reins: socket.socket, news: News, number: int = 0, megabytes: float = 0) -> None:
        with suppress(OSError):  # the worker's thread is gone, or has no interest any more
            reins.sendall(NEWS.pack(news, number, megabytes))

    def _end_everything(self) -> None:
        """End the template and thereby make all else ours; then end that."""
        for child in self._children.values():
            families.kill(families.family_of(child.pid))
        self._forget_template()
        over = time.monotonic() + BURIAL_SECONDS
        while self._end_strangers() and time.monotonic() < over:
            time.sleep(_BURIAL_WATCH_SECONDS)
            self._reap()
        self._bury(strangers=False)


def _asked_to(status: int, *, cancelled: bool) -> News:
    """Tell what a child died of that nobody killed: of being asked to end, if its handler had unlearnt to hear that."""
    if status == -TIME_IS_UP:
        return News.OVERSTAYED
    return News.CANCELLED if cancelled and status == -CANCELLED else News.ENDED


def main() -> None:
    """Serve the socket whose number is the first argument; standard input says what children are made of."""
    # What a service manager tells all processes at once, the worker acts on.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    modules, factory = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started us
    with open(os.devnull) as nothing:  # noqa: PTH123 - not worth the import
        os.dup2(nothing.fileno(), 0)
    adopt_orphans()
    gc.freeze()
    Supervisor(socket.socket(fileno=int(sys.argv[1])), modules, factory).serve()
