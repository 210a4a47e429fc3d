"""Measures one contestant in a process of its own: `python -m benchmarks.peers.one WHAT CONTESTANT URL FOLDER OPTIONS`.

The answer is left in the folder as `result.json`, where no chatter of a library can get into it.
"""

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import measuring
from benchmarks.contestants import Contestant, Place, contestant_at
from benchmarks.crew import Crew
from benchmarks.measuring import Recovered
from benchmarks.work import no_ops

SPEED, RECOVERY = "speed", "recovery"
RATE = 100
RECOVERY_JOBS = 20
RECOVERY_JOB_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How much is done with each contestant."""

    jobs: int
    seconds: float
    drain_seconds: float
    recovery_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """How fast one contestant was, and how large its workers."""

    idle_mb: float
    p50: float
    p95: float
    p99: float
    enqueue: float
    bulk: float
    drain: float
    left: int
    busy_mb: float
    load: float


def speed(contestant: Contestant, place: Place, options: Options) -> Speed:
    """Measure everything in turn, on the one place."""
    load, _, _ = os.getloadavg()
    with Crew(contestant, place, 2) as crew:
        idle = measuring.idle_mb(contestant, place, crew)
        latency = measuring.start_latency(contestant, place, crew, rate=RATE, seconds=options.seconds)
    enqueue, waiting = measuring.enqueue_rate(contestant, options.seconds / 5)
    bulk = measuring.bulk_rate(contestant, no_ops(options.jobs))
    drained = measuring.drain(contestant, place, waiting + options.jobs, seconds=options.drain_seconds)
    return Speed(
        idle_mb=idle,
        **asdict(latency),
        enqueue=enqueue,
        bulk=bulk,
        drain=drained.rate,
        left=drained.left,
        busy_mb=drained.busy_mb,
        load=load,
    )


def recovery(contestant: Contestant, place: Place, options: Options) -> Recovered:
    """Kill workers, and see."""
    return measuring.recovery(
        contestant,
        place,
        jobs=RECOVERY_JOBS,
        each_seconds=RECOVERY_JOB_SECONDS,
        wait_seconds=options.recovery_seconds,
    )


def main() -> None:
    """Measure, and answer."""
    what, path, url, folder, options = sys.argv[1:]
    place = Place(url=url, folder=Path(folder))
    contestant = contestant_at(path, place)
    contestant.prepare()
    measure = speed if what == SPEED else recovery
    result = measure(contestant, place, Options(**json.loads(options)))
    (place.folder / "result.json").write_text(json.dumps(asdict(result)))


if __name__ == "__main__":
    main()
