"""What handlers say about their work, gathered so that many lines cost one statement, yet seen while they still run."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from counterfoil.jobs.domain import LogLine


@dataclass(slots=True)
class Journal:
    """The lines of one attempt that are not kept yet. The handler adds them; scribe and settlement take them."""

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

    def put_back(self, lines: Sequence[LogLine]) -> None:
        """Have lines again that could not be kept."""
        with self._lock:
            self._lines[:0] = lines
