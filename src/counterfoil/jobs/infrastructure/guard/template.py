"""The process that children are forked from: it has imported what they need, once, and does nothing else.

Over its channel it is sent a byte with each line, and tells when the child that got the line is born and, later, how it
ended. It ends with the supervisor, and its children with it.
"""

import ctypes
import gc
import importlib
import os
import pickle
import selectors
import signal
import socket
import struct
import sys
import traceback
from contextlib import suppress
from typing import NoReturn

TOLD = struct.Struct("!?ii")
"""Whether the process has been born, not ended; which; and how it ended."""
_SERVING = "counterfoil.jobs.infrastructure.guard.serving"
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_FIRST_TO_GO = "500"


class Template:
    """Forks a child for each line that comes over `channel`."""

    def __init__(self, channel: socket.socket, factory: bytes) -> None:
        self._channel = channel
        self._factory = factory
        self._pid = os.getpid()
        self._bell, self._ringer = wake_on_signals()

    def load(self, modules: list[str]) -> None:
        """Import what children are to find. What cannot be imported they try again, and can say so."""
        for module in (_SERVING, *modules):
            with suppress(Exception):
                importlib.import_module(module)
        with suppress(Exception):
            pickle.loads(self._factory)  # noqa: S301 - from the process that started us
        gc.collect()
        gc.freeze()  # so that a child's collections leave shared pages alone

    def serve(self) -> None:
        """Work until the other end of the channel is closed."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._channel, selectors.EVENT_READ)
            selector.register(self._bell, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if self._bell in ready:
                    self._bell.recv(1 << 10)
                self._reap()
                if self._channel in ready and not self._bear():
                    return

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                self._tell(found[0], ended=os.waitstatus_to_exitcode(found[1]))

    def _tell(self, pid: int, *, ended: int | None = None) -> None:
        with suppress(OSError):  # the end of the channel is noticed where it is read
            self._channel.sendall(TOLD.pack(ended is None, pid, ended or 0))

    def _bear(self) -> bool:
        asked, lines, _, _ = socket.recv_fds(self._channel, 1, 1)
        if not asked:
            return False
        pid = os.fork()
        if not pid:
            self._become_child(lines[0])
        os.close(lines[0])
        self._tell(pid)
        return True

    def _become_child(self, line: int) -> NoReturn:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for end in (self._channel, self._bell, self._ringer):
                end.close()
            os.setsid()
            end_with(self._pid)
            adopt_orphans()
            with suppress(OSError), open("/proc/self/oom_score_adj", "w") as priority:  # noqa: PTH123 - before imports
                priority.write(_FIRST_TO_GO)  # when the machine itself runs out of memory
            importlib.import_module(_SERVING).serve(line, self._factory)
            code = 0
        except BaseException:  # noqa: BLE001 - nothing of a child may return into the template's loop
            traceback.print_exc()
        finally:
            _flush()
            os._exit(code)


def wake_on_signals() -> tuple[socket.socket, socket.socket]:
    """Have the end of a child wake the select of this process, by the first of two sockets."""
    bell, ringer = socket.socketpair()
    bell.setblocking(False)
    ringer.setblocking(False)
    signal.set_wakeup_fd(ringer.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return bell, ringer


def end_with(parent: int) -> None:
    """Let the kernel end this process with its parent, where it can."""
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own is gone, where that can be, so that they can be found."""
    if sys.platform == "linux":
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
