"""The measurements, the same for every contestant."""

import itertools
import math
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.contestants import Benched, Contestant, Place
from benchmarks.crew import Crew, wait_until
from benchmarks.work import Mark, Work, finished_in, started_in

SETTLING_SECONDS = 30
SAMPLE_SECONDS = 0.5
WARM_UP_JOBS = 20
BULK = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """From the commit of a job to the beginning of its handler, in milliseconds; infinite where it never began."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """How many jobs a second a crew went through, how many it left, and the most memory that a worker held."""

    rate: float
    left: int
    busy_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What became of jobs whose workers were killed, and when the last that was begun anew began."""

    running: int
    again: int
    after_seconds: float | None
    unfinished: int


def enqueue_rate(contestant: Contestant, seconds: float, threads: int = 1) -> tuple[float, int]:
    """Return how many jobs a second are enqueued one by one, and how many there are now."""
    contestant.enqueue(Work(number=0))  # connections and caches
    numbers = itertools.count(1)
    began = time.perf_counter()

    def enqueue_until_over(_: int) -> None:
        while time.perf_counter() - began < seconds:
            contestant.enqueue(Work(number=next(numbers)))

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(enqueue_until_over, range(threads)))
    total = next(numbers)
    return (total - 1) / (time.perf_counter() - began), total


def bulk_rate(contestant: Contestant, works: Sequence[Work]) -> float:
    """Return how many jobs a second are enqueued in bulk."""
    began = time.perf_counter()
    for first in range(0, len(works), BULK):
        contestant.enqueue_many(works[first : first + BULK])
    return len(works) / (time.perf_counter() - began)


def drain(contestant: Contestant, place: Place, jobs: int, *, workers: int = 2, seconds: float) -> Drained:
    """Let workers loose on jobs that are there already, until all have begun or time is up."""
    marks = started_in(place.folder)
    marks.clear()
    with Crew(contestant, place, workers) as crew:
        peak = Peak(crew)
        wait_until(lambda: marks.count() >= jobs, seconds, peak.look)
    return Drained(rate=_rate(marks.all()), left=max(0, jobs - marks.count()), busy_mb=peak.mb)


def drain_settled(contestant: Benched, place: Place, jobs: int, *, seconds: float) -> float:
    """Return the jobs a second of two workers, from the first that began until all are settled."""
    marks = started_in(place.folder)
    marks.clear()
    with Crew(contestant, place, 2) as crew:
        wait_until(lambda: marks.count() >= jobs, seconds, crew.check)
        wait_until(lambda: contestant.settled() >= jobs, SETTLING_SECONDS, crew.check)
        over = time.monotonic()
    return marks.count() / (over - marks.all()[0].at)


def idle_mb(contestant: Contestant, place: Place, crew: Crew) -> float:
    """Return the memory of a worker that has done some jobs and rests."""
    warm_up(contestant, place, crew)
    time.sleep(2)
    return crew.memory_mb()


def warm_up(contestant: Contestant, place: Place, crew: Crew) -> None:
    """Have some jobs done, so that connections are open and code is loaded on both sides."""
    marks = started_in(place.folder)
    marks.clear()
    for number in range(WARM_UP_JOBS):
        contestant.enqueue(Work(number=number))
    wait_until(lambda: marks.count() >= WARM_UP_JOBS, SETTLING_SECONDS, crew.check)
    marks.clear()


def start_latency(
    contestant: Contestant, place: Place, crew: Crew, *, rate: int, seconds: float, a_commit: int = 1
) -> Latency:
    """Enqueue at a steady pace, so many jobs in each commit, and see when their handlers begin."""
    marks = started_in(place.folder)
    committed = _paced(contestant, rate, int(rate * seconds), a_commit)
    wait_until(lambda: marks.count() >= len(committed), SETTLING_SECONDS, crew.check)
    began = {mark.number: mark.at for mark in reversed(marks.all())}
    waits = sorted(max(0.0, began.get(number, math.inf) - at) * 1_000 for number, at in enumerate(committed))
    return Latency(p50=quantile(waits, 0.5), p95=quantile(waits, 0.95), p99=quantile(waits, 0.99))


def _paced(contestant: Contestant, rate: int, jobs: int, a_commit: int) -> Sequence[float]:
    """Return when each job was committed. What comes late is not caught up with, so that no burst is measured."""
    committed: list[float] = []
    due = time.monotonic()
    for first in range(0, jobs, a_commit):
        time.sleep(max(0.0, due - time.monotonic()))
        works = [Work(number=number) for number in range(first, first + a_commit)]
        contestant.enqueue(works[0]) if a_commit == 1 else contestant.enqueue_many(works)
        committed += [time.monotonic()] * a_commit
        due = max(due + a_commit / rate, time.monotonic())
    return committed


def claim_p95_ms(contestant: Benched, *, claims: int, limit: int) -> float:
    """Return how long a claim takes, commit included."""
    took = []
    for _ in range(claims):
        began = time.perf_counter()
        claimed = contestant.claim(limit)
        took.append((time.perf_counter() - began) * 1_000)
        if claimed != limit:
            raise AssertionError(claimed)
    return quantile(sorted(took), 0.95)


@contextmanager
def removing(contestant: Benched, limit: int) -> Iterator[None]:
    """Remove finished jobs, so many in each commit and one commit after the other, while the context lasts."""
    over = threading.Event()

    def remove() -> int:
        return sum(iter(lambda: 0 if over.is_set() else contestant.remove(limit), 0))

    with ThreadPoolExecutor(1) as thread:
        removed = thread.submit(remove)
        yield
        over.set()
    if not removed.result():
        raise AssertionError(removed)


def recovery(contestant: Contestant, place: Place, *, jobs: int, each_seconds: float, wait_seconds: float) -> Recovered:
    """Kill all workers in the midst of jobs, start others at once, and see what becomes of the jobs."""
    started, finished = started_in(place.folder), finished_in(place.folder)
    crew = Crew(contestant, place, 2)
    with crew:
        warm_up(contestant, place, crew)
        contestant.enqueue_many([Work(number=number, seconds=each_seconds) for number in range(jobs)])
        wait_until(lambda: started.count() > 0, SETTLING_SECONDS, crew.check)
        time.sleep(each_seconds / 2)
        running = {mark.number for mark in started.all()} - {mark.number for mark in finished.all()}
        crew.kill()
        killed = time.monotonic()
        crew.start()
        wait_until(lambda: _numbers(finished.all()) >= jobs, wait_seconds, crew.check)
    again = [mark.at for mark in started.all() if mark.at > killed and mark.number in running]
    return Recovered(
        running=len(running),
        again=len(again),
        after_seconds=max(again) - killed if again else None,
        unfinished=jobs - _numbers(finished.all()),
    )


@dataclass(slots=True)
class Peak:
    """The most memory that a crew was seen to hold."""

    crew: Crew
    mb: float = 0.0
    _looked: float = field(default=0.0, init=False)

    def look(self) -> None:
        """Look again, now and then; fail if a worker has ended."""
        if time.monotonic() - self._looked >= SAMPLE_SECONDS:
            self.crew.check()
            self.mb = max(self.mb, self.crew.memory_mb())
            self._looked = time.monotonic()


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that so large a share does not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _rate(marks: Sequence[Mark]) -> float:
    times = sorted(mark.at for mark in marks)
    return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0


def _numbers(marks: Sequence[Mark]) -> int:
    return len({mark.number for mark in marks})
