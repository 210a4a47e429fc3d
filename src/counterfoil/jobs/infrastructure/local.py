"""The dispatcher for workers that look for themselves: it wakes those in this process at once, others find the row."""

import threading


class LocalDispatcher:
    """A bell for the threads of one process."""

    def __init__(self) -> None:
        self._rung = threading.Event()

    def ring(self) -> None:
        self._rung.set()

    def wait(self, seconds: float) -> None:
        self._rung.wait(seconds)
        self._rung.clear()
