"""The process that bears limited children: it imports what they run, once, forks one for each call, and ends the late.

It is started by `children.py` with one end of a socket pair and lives until the other end is closed, that is, until the
process that uses it is gone. It is small and single-threaded, so forking it is quick and safe, whatever the threads of
its user do; it knows nothing of their `__main__`, and nothing that a child says reaches it.

For each call it is sent a header (`HEADER`, the module's name) and two sockets. Over the first, the child gets its
request (`Request`) and gives its reply (`Reply`), both pickled; over the second, the nursery says how it ended.
"""

import ctypes
import importlib
import os
import pickle
import resource
import selectors
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from io import BytesIO
from typing import Any, NoReturn, TypeAlias

from counterfoil.foundation.errors import CounterfoilError

HEADER = struct.Struct("!dH")  # wall-clock seconds, length of the module's name that follows
ENDED = struct.Struct("!i")  # an exit code, -N for death by signal N, or one of the two below
OVERSTAYED = 1000
OUT_OF_MEMORY = 77
_PIECE = 1 << 20
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a child is asked to do, and what it may use for it."""

    function: Callable[..., object]
    args: tuple[object, ...]
    memory: int  # bytes
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """The function gave a result."""

    value: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """The function raised one of our own errors; its parts, since its constructor takes facts, not a message."""

    kind: type[CounterfoilError]
    args: tuple[object, ...]
    state: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The function raised something else."""

    kind: str
    trace: str


Reply: TypeAlias = Returned | Raised | Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Child:
    status: socket.socket
    deadline: float


class Nursery:
    """Bears children for the process at the other end of `control`."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: dict[int, _Child] = {}
        self._overstayed: set[int] = set()
        self._bell, ringer = socket.socketpair()
        ringer.setblocking(False)
        self._ringer = ringer
        self._pid = os.getpid()

    def serve(self) -> None:
        """Work until the other end is closed; no child outlives that."""
        signal.set_wakeup_fd(self._ringer.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(self._bell, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select(self._patience())}
                if self._bell in ready:
                    self._bell.recv(_PIECE)
                self._bury()
                self._end_overdue()
                if self._control in ready and not self._bear():
                    break
        for pid in self._children:
            _kill(pid)

    def _patience(self) -> float | None:
        """Return the seconds until the next deadline."""
        deadlines = [child.deadline for pid, child in self._children.items() if pid not in self._overstayed]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _bury(self) -> None:
        """Report the children that have ended, and end what they left running."""
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            child = self._children.pop(pid)
            _kill(pid)
            ended = OVERSTAYED if pid in self._overstayed else os.waitstatus_to_exitcode(status)
            self._overstayed.discard(pid)
            with child.status, suppress(OSError):
                child.status.send(ENDED.pack(ended))

    def _end_overdue(self) -> None:
        now = time.monotonic()
        for pid, child in self._children.items():
            if child.deadline <= now and pid not in self._overstayed:
                self._overstayed.add(pid)
                _kill(pid)

    def _bear(self) -> bool:
        """Fork a child for the next call; tell whether there was one."""
        header, handles, _, _ = socket.recv_fds(self._control, HEADER.size, 2)
        if not header:
            return False
        seconds, length = HEADER.unpack(header)
        module = self._control.recv(length, socket.MSG_WAITALL).decode()
        channel, status = (socket.socket(fileno=handle) for handle in handles)
        with suppress(Exception):  # the child finds out as well, and can say so
            importlib.import_module(module)
        pid = os.fork()
        if not pid:
            self._become_child(channel, status)
        channel.close()
        self._children[pid] = _Child(status=status, deadline=time.monotonic() + seconds)
        return True

    def _become_child(self, channel: socket.socket, status: socket.socket) -> NoReturn:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setpgid(0, 0)
            others = [child.status for child in self._children.values()]
            for end in (self._control, self._bell, self._ringer, status, *others):
                end.close()
            _die_with(self._pid)
            code = live(channel)
        finally:
            os._exit(code)


def live(channel: socket.socket) -> int:
    """Do what the request over `channel` asks, reply, and return the exit code."""
    try:
        request: Request = pickle.loads(_all_of(channel))  # noqa: S301 - from the process that started us
        _limit(request)
        channel.sendall(packed(answer(request)))
    except MemoryError:
        return OUT_OF_MEMORY
    except Exception as error:  # noqa: BLE001 - such as a function that is not to be found
        channel.sendall(packed(_failed(error)))
    return 0


class _ReplyPickler(pickle.Pickler):
    """Names members of enumerations by their values, as the reader of replies wants them.

    The first releases of Python 3.11 name them by `getattr`, which no reply may call.
    """

    def reducer_override(self, value: object) -> Any:
        """Return a class and its arguments for a member, and leave all else to pickle."""
        return (type(value), (value.value,)) if isinstance(value, Enum) else NotImplemented


def packed(reply: object) -> bytes:
    """Return a reply as it is sent."""
    stream = BytesIO()
    _ReplyPickler(stream).dump(reply)
    return stream.getvalue()


def answer(request: Request) -> Reply:
    """Call the function and return what came of it."""
    try:
        returned = Returned(value=request.function(*request.args))
        packed(returned)
    except MemoryError:
        raise
    except CounterfoilError as error:
        return Raised(kind=type(error), args=error.args, state=vars(error))
    except BaseException as error:  # noqa: BLE001 - whatever it is, the caller gets to know
        return _failed(error)
    return returned


def _failed(error: BaseException) -> Failed:
    return Failed(kind=type(error).__name__, trace="".join(traceback.format_exception(error)))


def _all_of(channel: socket.socket) -> bytes:
    pieces = bytearray()
    while piece := channel.recv(_PIECE):
        pieces += piece
    return bytes(pieces)


def _limit(request: Request) -> None:
    """Let this process have no more than it was given, write no file, leave no core and gain no privileges."""
    seconds = int(request.seconds) + 1
    limits = {
        # RLIMIT_AS would count shared libraries and address space that is only reserved.
        resource.RLIMIT_DATA: (request.memory, request.memory),
        resource.RLIMIT_CPU: (seconds, seconds + 1),
        resource.RLIMIT_FSIZE: (0, 0),
        resource.RLIMIT_CORE: (0, 0),
    }
    for what, limit in limits.items():
        resource.setrlimit(what, limit)
    if sys.platform == "linux":
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def _die_with(parent: int) -> None:
    """Let the kernel end this process when its parent is gone, where it can."""
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _kill(pid: int) -> None:
    """End a child and whatever it has started."""
    for end in (os.kill, os.killpg):
        with suppress(ProcessLookupError, PermissionError):
            end(pid, signal.SIGKILL)


def main() -> None:
    """Serve the socket whose number is the argument."""
    # An interrupt of the terminal or a service manager's signal goes to all processes; our user decides what it means.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    Nursery(socket.socket(fileno=int(sys.argv[1]))).serve()
