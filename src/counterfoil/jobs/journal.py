"""What handlers say about their work, gathered so that many lines cost one statement, yet seen while they still run."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from counterfoil.jobs.domain import LogLine


@dataclass(slots=True)
class Journal:
    """The lines of one attempt that are not known to be kept.

    A line leaves it only after the commit that keeps it. Meanwhile another may write it as well, which does no harm:
    what is taken out before can be lost with its process, or with the server.
    """

    _lines: list[LogLine] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, line: LogLine) -> None:
        with self._lock:
            self._lines.append(line)

    def unkept(self) -> Sequence[LogLine]:
        """Return the lines that are to be written."""
        with self._lock:
            return tuple(self._lines)

    def kept(self, lines: Sequence[LogLine]) -> None:
        """Forget lines that are written for good."""
        ids = {line.id for line in lines}
        with self._lock:
            self._lines = [line for line in self._lines if line.id not in ids]
