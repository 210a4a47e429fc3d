"""What guarding a job costs: time for each, memory over many, memory of a worker that has nothing to do.

python -m benchmarks.guards --jobs 20000
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psutil

from benchmarks.noop import NOOP, runner
from counterfoil.access.domain import WorkspaceId
from counterfoil.foundation.ids import new_id
from counterfoil.jobs.domain import Backoff, Job, JobId, JobStatus, Lease
from counterfoil.jobs.infrastructure.children import ChildPool
from counterfoil.jobs.moves import Completed

REPORTS = 5
BIRTHS = 20
IDLE_SECONDS = 15.0
ROLES = ("worker", "supervisor", "template", "warm child")


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--jobs", type=int, default=20_000)
    jobs: int = arguments.parse_args().jobs
    _say(
        f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]}"
    )
    with tempfile.TemporaryDirectory() as folder:
        _measure_idle(Path(folder))
        pool = ChildPool(partial(runner, f"sqlite:///{folder}/noop.db"), preload=["benchmarks.noop"])
        try:
            _measure_jobs(pool, jobs)
            _measure_births(pool)
        finally:
            pool.close()


def _measure_idle(folder: Path) -> None:
    """Show what each process of an idle `counterfoil worker` holds."""
    with _worker(folder) as process:
        family = _await_family(process)
        time.sleep(IDLE_SECONDS)
        _say("\nAn idle worker's processes, MB resident (shared pages shared out):")
        for role, one in zip(ROLES, family, strict=True):
            _say(f"  {role:10} {_resident(one):6.1f} ({_shared_out(one):.1f})")
        _say(f"  worker and supervisor together {_resident(family[0]) + _resident(family[1]):.1f}")


@contextmanager
def _worker(folder: Path) -> Iterator[psutil.Process]:
    command = [str(Path(sys.executable).parent / "counterfoil"), "worker"]
    environment = os.environ | {"DATA_DIR": str(folder / "data"), "LOG_LEVEL": "ERROR"}
    with subprocess.Popen(command, env=environment) as process:  # noqa: S603 - our own program
        try:
            yield psutil.Process(process.pid)
        finally:
            process.terminate()


def _await_family(process: psutil.Process) -> list[psutil.Process]:
    """Wait until the worker has its warm child; return the processes, each the parent of the next."""
    while len(family := [process, *process.children(recursive=True)]) < len(ROLES):
        time.sleep(0.1)
    return family


def _measure_jobs(pool: ChildPool, jobs: int) -> None:
    """Run jobs one after the other on one warm child; show how long each took and what the processes held meanwhile."""
    _run(pool)
    family = _await_family(psutil.Process())
    _say(f"\n{jobs} jobs that do nothing, MB resident of " + ", ".join(ROLES).replace("worker", "pool"))
    seconds = array("d")  # a list of so many numbers would be taken for growth of the pool
    for part in range(REPORTS + 1):
        _say(f"  after {len(seconds):6} " + " ".join(f"{_resident(one):6.1f}" for one in family))
        if part < REPORTS:
            seconds.extend(_run(pool) for _ in range(jobs // REPORTS))
    points = statistics.quantiles(seconds, n=100)
    _say(f"  each took {points[49] * 1e3:.2f} ms (median), {points[94] * 1e3:.2f} (p95), {points[98] * 1e3:.2f} (p99)")


def _measure_births(pool: ChildPool) -> None:
    """Show how long a job takes whose child has to be born first."""
    seconds = [_run(pool, memory_mb=512 + number % 2) for number in range(1, BIRTHS + 1)]
    median = statistics.median(seconds) * 1e3
    _say(f"\nA job on a new child, once an old one has been let go: {median:.0f} ms (median)")


def _run(pool: ChildPool, memory_mb: int = 512) -> float:
    """Return the seconds that a job took from the call to its outcome."""
    job = _claimed(memory_mb)
    began = time.perf_counter()
    ended = pool.run(job)
    took = time.perf_counter() - began
    if not isinstance(ended, Completed):
        raise TypeError(ended)
    return took


def _claimed(memory_mb: int) -> Job:
    now = datetime.now(UTC)
    return Job(
        id=JobId(new_id()),
        workspace=WorkspaceId(new_id()),
        type=NOOP.name,
        queue="default",
        payload={},
        status=JobStatus.PROCESSING,
        priority=3,
        created_at=now,
        due_at=now,
        max_attempts=1,
        backoff=Backoff(),
        timeout_seconds=60,
        memory_mb=memory_mb,
        attempts=1,
        lease=Lease(new_id()),
    )


def _resident(process: psutil.Process) -> float:
    return float(process.memory_info().rss / 2**20)


def _shared_out(process: psutil.Process) -> float:
    with suppress(AttributeError):  # only Linux tells
        return float(process.memory_full_info().pss / 2**20)
    return float("nan")


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - what it is for


if __name__ == "__main__":
    main()
