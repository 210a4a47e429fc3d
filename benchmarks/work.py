"""The work that is measured, nothing at all unless told to sleep, and the marks by which its beginning is known."""

import asyncio
import json
import os
import struct
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

MARKS_FOLDER = "BENCHMARK_MARKS"
"""The environment variable by which handlers learn where to leave their marks, whatever calls them."""

_RECORD = struct.Struct("<qd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What one job is told. `line` asks for a line in the job's log, where there is such a thing."""

    number: int
    seconds: float = 0.0
    line: bool = False

    def dump(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str | bytes) -> "Work":
        return cls(**json.loads(text))


def no_ops(count: int, *, line: bool = False) -> Sequence[Work]:
    """Return so many jobs that do nothing."""
    return [Work(number=number, line=line) for number in range(count)]


@dataclass(frozen=True, slots=True)
class Mark:
    """A job's number, and when it left the mark, on the clock that all processes of a machine share."""

    number: int
    at: float


class Marks:
    """A file that any number of processes append to. A mark is so small that it is written whole."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._handle = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)

    def leave(self, number: int) -> None:
        os.write(self._handle, _RECORD.pack(number, time.monotonic()))

    def count(self) -> int:
        return self.file.stat().st_size // _RECORD.size

    def all(self) -> Sequence[Mark]:
        return [Mark(*one) for one in _RECORD.iter_unpack(self.file.read_bytes())]

    def clear(self) -> None:
        """Forget all marks. Processes that have the file open go on with an empty one."""
        os.truncate(self.file, 0)


def started_in(folder: Path) -> Marks:
    """Return the marks of jobs that began."""
    return Marks(folder / "started.marks")


def finished_in(folder: Path) -> Marks:
    """Return the marks of jobs that slept and came to their end."""
    return Marks(folder / "finished.marks")


@cache
def _marks_here() -> tuple[Marks, Marks]:
    folder = Path(os.environ[MARKS_FOLDER])
    return started_in(folder), finished_in(folder)


def do(number: int, seconds: float = 0.0) -> None:
    """Do a job's work."""
    started, finished = _marks_here()
    started.leave(number)
    if seconds:
        time.sleep(seconds)
        finished.leave(number)


async def do_async(number: int, seconds: float = 0.0) -> None:
    """Do a job's work on an event loop."""
    started, finished = _marks_here()
    started.leave(number)
    if seconds:
        await asyncio.sleep(seconds)
        finished.leave(number)
