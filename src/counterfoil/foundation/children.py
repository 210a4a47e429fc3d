"""Work that may go wrong in any way, such as decoding a stranger's file, in a child process with limits.

A call costs a few milliseconds: children are forked from a small process, the nursery, that has imported what they run.
It is our own and not `multiprocessing`'s fork server, whose children import the program's `__main__` anew each time (a
second and more for ours), outlive a parent that is killed, and cannot be had from a forked process.
"""

import atexit
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import is_dataclass
from enum import Enum
from io import BytesIO
from pathlib import Path
from typing import NoReturn, TypeVar, TypeVarTuple, assert_never, cast

from counterfoil.foundation.errors import CounterfoilError, ExecutionFailed, TimedOut
from counterfoil.foundation.nursery import (
    ENDED,
    HEADER,
    OUT_OF_MEMORY,
    OVERSTAYED,
    Failed,
    Raised,
    Reply,
    Request,
    Returned,
)

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")

MAX_REPLY_BYTES = 64 << 20
_GRACE_SECONDS = 5.0  # the nursery ends children by itself; this is for when the nursery is gone
_PIECE = 1 << 20
_START = "from counterfoil.foundation.nursery import main; main()"
_KEPT_ENVIRONMENT = ("LANG", "LC_", "LD_", "PATH", "PYTHON", "TZ")  # no secret of ours is for a child


class ChildTimedOut(TimedOut):
    """A child took longer than it was given."""

    code = "child_timed_out"

    def __init__(self, seconds: float) -> None:
        super().__init__(f"A part of the work took longer than the {seconds:g} s it was given and was ended.")


class ChildKilled(ExecutionFailed):
    """A child died: of too much memory, of a crash, or with the process that bore it."""

    code = "child_killed"

    def __init__(self, reason: str) -> None:
        super().__init__(f"A part of the work died: {reason}.")


class ChildFailed(ExecutionFailed):
    """A child met an error that nobody expected."""

    code = "child_failed"

    def __init__(self, kind: str) -> None:
        super().__init__(f"A part of the work failed with {kind}.")


def run_limited(function: Callable[[*Arguments], Result], *args: *Arguments, memory_mb: int, seconds: float) -> Result:
    """Call a top-level function in a child process and return its result; may be used from any thread or process.

    The child may allocate `memory_mb`, run for `seconds` by the wall and write no file. It gives back plain values,
    enums and dataclasses of this package. At most as many children as there are processors run at once; the others'
    callers wait.

    Raises:
        CounterfoilError: what the function raised, as it was.
        ChildTimedOut: it took longer than `seconds`.
        ChildKilled: it died, of too much memory or otherwise.
        ChildFailed: it raised something else.
    """
    request = Request(function=function, args=args, memory=memory_mb << 20, seconds=seconds)
    sent = pickle.dumps(request)
    with _nursery.slots, _nursery.child(function.__module__, seconds) as (channel, status):
        try:
            reply = _reply_to(sent, channel)
            ended = status.recv(ENDED.size)
        except TimeoutError:
            raise ChildTimedOut(seconds) from None
    if ended != ENDED.pack(0):
        _explain(ended, seconds)
    return cast("Result", _value(_opened(reply)))


def _reply_to(request: bytes, channel: socket.socket) -> bytes:
    pieces = bytearray()
    with suppress(ConnectionError):  # the child died over it; how, its status says
        channel.sendall(request)
        channel.shutdown(socket.SHUT_WR)
        while piece := channel.recv(_PIECE):
            pieces += piece
            if len(pieces) > MAX_REPLY_BYTES:
                raise ChildKilled("its reply is too long")
    return bytes(pieces)


def _explain(ended: bytes, seconds: float) -> NoReturn:
    """Raise the error that tells how a child ended."""
    if not ended:
        raise ChildKilled("the process that bore it is gone")
    (code,) = ENDED.unpack(ended)
    if code in (OVERSTAYED, -signal.SIGXCPU):
        raise ChildTimedOut(seconds)
    if code == OUT_OF_MEMORY:
        raise ChildKilled("it needed more memory than it was given")
    raise ChildKilled(f"ended by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}")


class _ReplyUnpickler(pickle.Unpickler):
    """Builds nothing but our own data: a child may have been taken over by the file it decoded."""

    def find_class(self, module: str, name: str) -> type:
        if module.startswith("counterfoil."):
            found = super().find_class(module, name)
            if isinstance(found, type) and (issubclass(found, CounterfoilError | Enum) or is_dataclass(found)):
                return found
        raise pickle.UnpicklingError(module, name)


def _opened(reply: bytes) -> Reply:
    try:
        return cast("Reply", _ReplyUnpickler(BytesIO(reply)).load())
    except Exception as error:
        raise ChildFailed("a reply that cannot be read") from error


def _value(reply: Reply) -> object:
    match reply:
        case Returned(value=value):
            return value
        case Raised(kind=kind, args=args, state=state):
            error = kind.__new__(kind, *args)
            vars(error).update(state)
            raise error
        case Failed(kind=kind, trace=trace):
            failed = ChildFailed(kind)
            failed.add_note(trace)
            raise failed
        case _:
            assert_never(reply)


class _Nursery:
    """The nursery of this process, started when it is first needed and again when it is gone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self.slots = threading.BoundedSemaphore(os.cpu_count() or 1)

    @contextmanager
    def child(self, module: str, seconds: float) -> Iterator[tuple[socket.socket, socket.socket]]:
        """Have a child born; give the sockets to speak with it and to hear how it ended."""
        channel, childs_channel = socket.socketpair()
        status, childs_status = socket.socketpair()
        with channel, status:
            with childs_channel, childs_status:
                self._send(module.encode(), seconds, [childs_channel.fileno(), childs_status.fileno()])
            for end in (channel, status):
                end.settimeout(seconds + _GRACE_SECONDS)
            yield channel, status

    def _send(self, module: bytes, seconds: float, handles: list[int]) -> None:
        with self._lock:
            try:
                self._ask(self._running(), module, seconds, handles)
            except BrokenPipeError:  # it was killed since we used it last
                self._stop()
                self._ask(self._running(), module, seconds, handles)

    @staticmethod
    def _ask(control: socket.socket, module: bytes, seconds: float, handles: list[int]) -> None:
        socket.send_fds(control, [HEADER.pack(seconds, len(module))], handles)
        control.sendall(module)

    def _running(self) -> socket.socket:
        if self._control and self._process and self._process.poll() is None:
            return self._control
        self._stop()
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own module by our own interpreter
                [sys.executable, "-P", "-c", _START, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,  # decoders write there what the file makes them say
            )
        return self._control

    def _stop(self) -> None:
        if self._control:
            self._control.close()
        if self._process:
            self._process.wait(_GRACE_SECONDS)
        self._control = self._process = None

    def close(self) -> None:
        """End the nursery and with it all children."""
        with self._lock:
            self._stop()

    def forget(self) -> None:
        """Leave the nursery to the process that started it: we are its fork."""
        if self._control:
            self._control.close()
        if self._process:
            self._process.returncode = 0  # not ours to wait for
        self.__init__()  # type: ignore[misc]  # the locks may be held by threads that are not here


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name.startswith(_KEPT_ENVIRONMENT)}
    return kept | {"PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)}


_nursery = _Nursery()


atexit.register(_nursery.close)
os.register_at_fork(after_in_child=_nursery.forget)
