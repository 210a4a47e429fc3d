"""Slots: threads that take up what a worker has claimed, no more of them awake than there is work for.

To wake a thread costs more than many a job. So quick jobs wake one thread, which takes one after the other; only while
some are left behind does `help` wake twice as many. Others wake a thread each.
"""

import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Slots(Generic[T]):
    """A buffer, and the threads that empty it; at most `number` of them."""

    number: int
    work: Callable[[T], None]
    _buffer: deque[T] = field(default_factory=deque, init=False)
    _bell: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0), init=False)
    _threads: int = field(default=0, init=False)
    _woken: int = field(default=1, init=False)
    _closed: bool = field(default=False, init=False)

    def put(self, items: Sequence[T], *, quick: bool) -> None:
        """Have these taken up; by one thread at first if they are quick."""
        if items:
            self._buffer.extend(items)
            self._woken = 1 if quick else len(items)
            self._wake(self._woken)

    def help(self) -> bool:
        """Wake more threads if something is left in the buffer; return whether there was."""
        if not self._buffer:
            return False
        self._wake(self._woken)
        self._woken *= 2
        return True

    def empty(self) -> Sequence[T]:
        """Take back what no thread has taken up."""
        left = []
        while (item := self._next()) is not None:
            left.append(item)
        return left

    def close(self) -> None:
        """Let the threads end that have nothing to do."""
        self._closed = True
        self._bell.release(self._threads or 1)

    def _wake(self, wanted: int) -> None:
        for _ in range(min(wanted, self.number) - self._threads):
            self._threads += 1
            # As a daemon: a handler that never ends must not keep the process from ending.
            threading.Thread(target=self._serve, name="slot", daemon=True).start()
        self._bell.release(min(wanted, self.number))

    def _serve(self) -> None:
        while not self._closed:
            self._bell.acquire()
            while (item := self._next()) is not None:
                self._do(item)

    def _do(self, item: T) -> None:
        try:
            self.work(item)
        except Exception:  # noqa: BLE001 - the others still need this thread; what logs the error may be what failed
            threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))

    def _next(self) -> T | None:
        try:
            return self._buffer.popleft()
        except IndexError:
            return None
