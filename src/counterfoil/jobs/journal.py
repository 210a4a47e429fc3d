"""What handlers say about their work, gathered so that many lines cost one statement, yet seen while they still run."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from counterfoil.jobs.domain import LogLine


@dataclass(slots=True)
class Journal:
    """The lines of one attempt that are not kept yet. The handler adds them; scribe and settlement take them."""

    being_written: threading.Lock = field(default_factory=threading.Lock)
    """Held while lines are written, for they must be there before their attempt is settled."""
    _lines: list[LogLine] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, line: LogLine) -> None:
        with self._lock:
            self._lines.append(line)

    def take(self) -> Sequence[LogLine]:
        """Return the lines and forget them."""
        with self._lock:
            lines, self._lines = self._lines, []
        return lines

    def rest(self) -> Sequence[LogLine]:
        """Return what is left once nobody writes any more."""
        with self.being_written:
            return self.take()

    def put_back(self, lines: Sequence[LogLine]) -> None:
        """Have lines again that could not be kept."""
        with self._lock:
            self._lines[:0] = lines
