"""Worker processes: `python -m benchmarks.crew CONTESTANT URL FOLDER` is one, and `Crew` starts and ends several."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from benchmarks.contestants import Contestant, Place, contestant_at, path_of
from benchmarks.work import MARKS_FOLDER

ROOT = Path(__file__).parents[1]
WORKER_NUMBER = "BENCHMARK_WORKER"
"""The environment variable that tells the workers of a crew apart, the same for those that take their places."""
READY_SECONDS = 600
ENDING_SECONDS = 15


class CrewFailed(RuntimeError):
    """A worker process ended by itself, or did not get ready."""

    def __init__(self, log: Path, status: int | None = None) -> None:
        what = "was not ready in time" if status is None else f"ended with {status}"
        super().__init__(f"A worker {what}:\n{log.read_text(errors='replace')[-2_000:]}")


class Crew:
    """So many workers on one place, at work as soon as all of them have been loaded."""

    def __init__(self, contestant: Contestant, place: Place, workers: int) -> None:
        self._path, self._place = path_of(type(contestant)), place
        self._size = workers
        self._count = max(1, workers // contestant.workers_a_process)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._log = place.folder / "workers.log"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def start(self) -> None:
        """Load all workers, then let them begin together."""
        gate = self._place.folder / "gate"
        for left in self._place.folder.glob("gate*"):
            left.unlink()
        self._processes = [self._started(number) for number in range(self._count)]
        try:
            self._await_all()
        except BaseException:
            self.kill()
            raise
        gate.touch()

    def _await_all(self) -> None:
        def ready() -> bool:
            return len(list(self._place.folder.glob("gate-*"))) == self._count

        if not wait_until(ready, READY_SECONDS, self.check):
            raise CrewFailed(self._log)

    def _started(self, number: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "benchmarks.crew", self._path, self._place.url, str(self._place.folder)]
        environment = os.environ | {MARKS_FOLDER: str(self._place.folder), WORKER_NUMBER: str(number)}
        with self._log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own program
                command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
            )

    def check(self) -> None:
        """Fail if a worker has ended."""
        for process in self._processes:
            if process.poll() is not None:
                raise CrewFailed(self._log, process.returncode)

    def memory_mb(self) -> float:
        """Return the resident memory of all processes, children too, divided by the number of workers."""
        total = 0
        for process in self._family():
            with suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
        return total / self._size / 1e6

    def kill(self) -> None:
        """Kill all processes and their children, as a power cut would."""
        family = self._family()
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(family, timeout=ENDING_SECONDS)
        for process in self._processes:
            process.wait()
        self._processes = []

    def end(self) -> None:
        """Ask all to end, and kill what does not."""
        family = self._family()
        for process in self._processes:
            process.terminate()
        over = time.monotonic() + ENDING_SECONDS
        with suppress(subprocess.TimeoutExpired):
            for process in self._processes:
                process.wait(max(0.1, over - time.monotonic()))
        _, alive = psutil.wait_procs(family, timeout=0.2)
        for one in alive:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        self._processes = []

    def _family(self) -> Sequence[psutil.Process]:
        """Find all in one look around: 64 workers looked through one by one would take longer than they are given."""
        everyone = [one for one in psutil.process_iter(["ppid"]) if one.info["ppid"]]
        pids = {process.pid for process in self._processes}
        while more := {one.pid for one in everyone if one.info["ppid"] in pids} - pids:
            pids |= more
        return [one for one in everyone if one.pid in pids]


def wait_until(condition: Callable[[], bool], seconds: float, check: Callable[[], None] = lambda: None) -> bool:
    """Return whether the condition came to hold in time; `check` may raise meanwhile."""
    over = time.monotonic() + seconds
    while not condition():
        check()
        if time.monotonic() > over:
            return False
        time.sleep(0.005)
    return True


def main() -> None:
    """Load everything, wait at the gate, and work."""
    path, url, folder = sys.argv[1:]
    place = Place(url=url, folder=Path(folder))
    contestant = contestant_at(path, place)
    (place.folder / f"gate-{os.getpid()}").touch()
    gate = place.folder / "gate"
    while not gate.exists():
        time.sleep(0.005)
    contestant.work()


if __name__ == "__main__":
    main()
